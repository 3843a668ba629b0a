"""Files that wait for their import: in the state folder, a folder each, for us alone to read, until they are imported.

A name that comes back from a browser is one given out here, or there is no such file.
"""

import os
import re
import secrets
import shutil
import time
from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec
from django.conf import settings

from masterdata.files.reader import Contents
from masterdata.files.types import LIMITS, Limits, Options, Unreadable

KEPT_S = 24 * 3600
"""How long a file waits that no job needs."""
_PART = 2**20


class _Read(msgspec.Struct):
    """What was found when the file was read, and the choices it was read with."""

    options: Options
    contents: Contents


class KeptFile:
    """A file that waits."""

    def __init__(self, name: str) -> None:
        if not re.fullmatch(r"[0-9a-f]{32}", name):
            raise _gone()
        self.name = name
        self.folder = _folder() / name

    @property
    def path(self) -> Path:
        """The file as it came. Raises Unreadable where it has gone."""
        found = self.folder / "file"
        if not found.is_file():
            raise _gone()
        return found

    @property
    def rows(self) -> Path:
        """Where its rows are, once it was read."""
        return self.folder / "rows"

    def contents(self) -> Contents | None:
        """Return what was found in it, whatever it was read with; None where it was not read."""
        read = self._read()
        return read.contents if read else None

    def contents_for(self, options: Options) -> Contents | None:
        """Return what was found in it, read with these choices; None where it must be read."""
        read = self._read()
        return read.contents if read and read.options == _reading(options) else None

    def store(self, options: Options, contents: Contents) -> None:
        """Note what was found."""
        read = _Read(_reading(options), contents)
        _write(self.folder / "read", [msgspec.json.encode(read)], LIMITS)

    def remove(self) -> None:
        """Remove the file, which has been imported or is not wanted."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self) -> _Read | None:
        try:
            return msgspec.json.decode((self.folder / "read").read_bytes(), type=_Read)
        except (OSError, msgspec.MsgspecError):
            return None


def keep(parts: Iterable[bytes], *, limits: Limits = LIMITS) -> KeptFile:
    """Keep a file under a new name. Raises Unreadable where it is larger than the limit, or empty."""
    kept = KeptFile(secrets.token_hex(16))
    kept.folder.mkdir(mode=0o700, parents=True)
    try:
        size = _write(kept.folder / "file", parts, limits)
    except BaseException:
        kept.remove()
        raise
    if not size:
        kept.remove()
        raise Unreadable("The file is empty.", "It must begin with a header that names the columns.")
    return kept


def keep_path(path: Path) -> KeptFile:
    """Keep a copy of a file of this machine. Raises Unreadable."""
    try:
        with path.open("rb") as file:
            return keep(iter(lambda: file.read(_PART), b""))
    except FileNotFoundError:
        raise Unreadable(f"There is no file {path}.", "Check the path.") from None
    except IsADirectoryError:
        raise Unreadable(f"{path} is a folder.", "Name the file in it.") from None
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from None


def remove_old(*, needed: Collection[str]) -> None:
    """Remove the files that waited longer than KEPT_S, but those that open jobs need."""
    if not _folder().is_dir():
        return
    for folder in _folder().iterdir():
        if folder.name not in needed and folder.stat().st_mtime < time.time() - KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)


def _reading(options: Options) -> Options:
    """Return the choices that change what is read; the others change what the rows mean."""
    return Options(encoding=options.encoding, separator=options.separator, sheet=options.sheet)


def _write(path: Path, parts: Iterable[bytes], limits: Limits) -> int:
    """Write a file that nobody else may read; its size. Raises Unreadable where it is larger than the limit."""
    size = 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        for part in parts:
            size += len(part)
            if size > limits.bytes:
                raise Unreadable(
                    f"The file has more than {limits.bytes // 2**20:,} MB, which is the most that is read.",
                    "Split it, and import the parts one after the other.",
                )
            file.write(part)
    return size


def _folder() -> Path:
    return Path(settings.STATE_DIR) / "imports"


def _gone() -> Unreadable:
    return Unreadable("The file has been imported already, or waited too long.", "Choose it again.")
