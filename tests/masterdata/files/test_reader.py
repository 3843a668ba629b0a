"""Reading a file in a process of its own."""

from pathlib import Path

import pytest

from masterdata.files.reader import read_file
from masterdata.files.types import LIMITS, Options, Unreadable

NAMES = [f"{number} " + "x" * 200 for number in range(400)]
"""Column names longer, all together, than what a pipe holds."""


def written(folder: Path, *lines: str) -> Path:
    path = folder / "file.csv"
    path.write_text("\n".join(lines))
    return path


def test_what_was_found_out_may_be_longer_than_a_pipe_holds(tmp_path: Path) -> None:
    path = written(tmp_path, ",".join(NAMES), ",".join(["1"] * len(NAMES)))
    found = read_file(path, tmp_path / "rows", Options())
    assert (found.columns, found.rows) == (NAMES, 1)


def test_a_long_header_is_refused_by_what_is_wrong_with_it(tmp_path: Path) -> None:
    for names, said in (([*NAMES, *NAMES], "names 800 columns; at most 500"), (NAMES[:250] * 2, "and 245 others more")):
        with pytest.raises(Unreadable, match=said):
            read_file(written(tmp_path, ",".join(names), "1"), tmp_path / "rows", Options())


def test_who_waits_is_asked_meanwhile_and_may_end_it(tmp_path: Path) -> None:
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        read_file(written(tmp_path, "no", "1"), tmp_path / "rows", Options(), limits=LIMITS, poll=stop)
