"""One `make run` or `make demo` at a time on a state folder: two would share a database, keys and a broker."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings

from config.serve import SiteFailed

_FILE = "in-use"


@contextmanager
def hold_state_folder(command: str) -> Iterator[Callable[[str], None]]:
    """Hold the folder for this process, which may tell its address once it serves.

    command: what people call it. Raises SiteFailed where another process holds it; one that was killed holds nothing.
    """
    path = Path(settings.STATE_DIR) / _FILE
    with open(path, "a+", encoding="utf-8", opener=_private) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SiteFailed(_in_words(path)) from None
        _write(file, f"{command} (process {os.getpid()})")
        try:
            yield lambda address: _write(file, f"{command} at {address} (process {os.getpid()})")
        finally:
            _write(file, "")


def _in_words(path: Path) -> str:
    holder = path.read_text(encoding="utf-8").strip() or "another process"
    return (
        f"The state folder {path.parent} is in use by {holder}. Open that one, or stop it first. To have a second one "
        "beside it, give it a folder and a port of its own, for example: STATE_DIR=.state-2 PORT=8001 make run"
    )


def _write(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
