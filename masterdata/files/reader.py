"""Read a file in a process of its own, under limits: memory, processor time, time, size. No Django.

    python -m masterdata.files.reader FILE ROWS < options and limits as JSON

writes the rows to ROWS, a line of JSON each, and prints what was found out, or the refusal. Whatever a file does to
its reader, nothing else is harmed.
"""

import json
import os
import resource
import signal
import subprocess  # nosec B404 - this interpreter, with arguments of our own
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from masterdata.files.reading import check_size, read_content
from masterdata.files.types import LIMITS, FileFacts, Limits, Line, Options, Unreadable

_POLL_S = 0.05
_ROOT = Path(__file__).resolve().parents[2]


class Contents(msgspec.Struct):
    """What a file holds: its columns, how many rows, what was found out about it."""

    columns: list[str]
    rows: int
    facts: FileFacts


def read_file(
    path: Path,
    rows: Path,
    options: Options,
    *,
    limits: Limits = LIMITS,
    poll: Callable[[], None] = lambda: None,
) -> Contents:
    """Read a file into `rows`, in a process of its own; `rows_from` reads them.

    poll: called again and again while it is read; what it raises ends the reading. Raises Unreadable, also where a
    limit was met.
    """
    check_size(path.stat().st_size, limits)
    asked = msgspec.json.encode({"options": options, "limits": limits})
    command = [sys.executable, "-m", "masterdata.files.reader", str(path), str(rows)]
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8"}
    process = subprocess.Popen(  # noqa: S603  # nosec B603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd=_ROOT
    )
    try:
        answer = _communicate(process, asked, limits, poll)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            cast("BinaryIO", pipe).close()
    return _answer(answer, process.returncode, limits)


def _communicate(process: "subprocess.Popen[bytes]", asked: bytes, limits: Limits, poll: Callable[[], None]) -> bytes:
    """Return what the process answers; it is read while the process runs, which would wait for a reader otherwise."""
    until = time.monotonic() + limits.wall_s
    given: bytes | None = asked
    while True:
        try:
            return process.communicate(given, timeout=_POLL_S)[0]
        except subprocess.TimeoutExpired:
            given = None  # it is kept, and goes on being written
        if time.monotonic() > until:
            raise _too_long(limits.wall_s)
        poll()


def rows_from(rows: Path, offset: int = 0) -> Iterator[tuple[Line, int]]:
    """Yield each row from an offset on, with the offset behind it."""
    decoder = msgspec.json.Decoder(Line)
    with rows.open("rb") as file:
        file.seek(offset)
        for text in file:
            offset += len(text)
            yield decoder.decode(text), offset


def _answer(answer: bytes, code: int, limits: Limits) -> Contents:
    if code == -signal.SIGXCPU:
        raise _too_long(limits.cpu_s)
    try:
        found = json.loads(answer)
    except ValueError:
        # Killed by the system, or out of memory where not even that could be said.
        raise _too_much(limits) from None
    if "refused" in found:
        raise Unreadable(*found["refused"])
    return msgspec.convert(found, Contents)


def _too_much(limits: Limits) -> Unreadable:
    return Unreadable(
        f"Reading the file takes more than {limits.memory // 2**20:,} MB of memory, which no list of records needs.",
        "Save the sheet as CSV, or split it, and try again.",
    )


def _too_long(seconds: int) -> Unreadable:
    return Unreadable(
        f"Reading the file takes longer than {seconds:,} seconds, which no list of records needs.",
        "Save the sheet as CSV, or split it, and try again.",
    )


def _limit(limits: Limits) -> None:
    """Take the limits on for this process, for good."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 5))
    most = limits.unpacked + limits.bytes
    resource.setrlimit(resource.RLIMIT_FSIZE, (most * 4, most * 4))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read(path: Path, rows: Path, asked: dict[str, Any]) -> dict[str, Any]:
    limits = msgspec.convert(asked["limits"], Limits)
    _limit(limits)
    try:
        sheet = read_content(path.read_bytes(), msgspec.convert(asked["options"], Options), limits)
        encoder = msgspec.json.Encoder()
        count = 0
        with os.fdopen(os.open(rows, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for line in sheet.lines:
                file.write(encoder.encode(line) + b"\n")
                count += 1
    except Unreadable as refused:
        return {"refused": [refused.message, refused.fix]}
    except MemoryError:
        refusal = _too_much(limits)
        return {"refused": [refusal.message, refusal.fix]}
    return cast("dict[str, Any]", msgspec.to_builtins(Contents(sheet.columns, count, sheet.facts)))


if __name__ == "__main__":
    print(json.dumps(_read(Path(sys.argv[1]), Path(sys.argv[2]), json.load(sys.stdin))))  # noqa: T201
