"""The benchmarks run seldom, and import what they measure where they use it: all of it is there."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.floors import kept_now, name_of, slower
from benchmarks.telling import Line

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def imported(file: Path) -> Iterator[tuple[str, str]]:
    """Yield module and name of everything that a file imports by name."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, one.name) for one in node.names)


@pytest.mark.parametrize("file", sorted(BENCHMARKS.glob("*.py")), ids=lambda file: file.stem)
def test_what_a_benchmark_imports_is_there(file: Path) -> None:
    gone = []
    for module, name in imported(file):
        if not hasattr(import_module(module), name):
            try:
                import_module(f"{module}.{name}")
            except ModuleNotFoundError:
                gone.append(f"{module}.{name}")
    assert not gone


def line(loops: float, *, void: str = "") -> Line:
    return Line("couple 5 customers", "lean", [1.0], floor_loops=loops, void=void)


@pytest.mark.parametrize(("loops", "void", "told"), [(12.4, "", 0), (12.6, "", 1), (99.0, "load 3.0", 0), (0.0, "", 0)])
def test_a_floor_that_gets_slower_is_told_unless_the_machine_was_busy(loops: float, void: str, told: int) -> None:
    kept = {name_of(line(10)): 10.0}
    found = slower([line(loops, void=void)], kept)
    assert len(found) == told
    assert all("couple 5 customers: lean takes 1.26 times as long" in sentence for sentence in found)
    assert not slower([line(loops)], {})


def test_floors_are_kept_as_measured_and_those_of_a_busy_machine_as_they_were() -> None:
    kept = {"another": 3.0, name_of(line(10)): 10.0}
    assert kept_now([line(12.345)], kept) == {"another": 3.0, name_of(line(10)): 12.35}
    assert kept_now([line(12.345, void="load 2.0")], kept) == kept
    assert kept_now([line(0)], kept) == kept
