"""What each folder of tests takes: processor seconds, its processes' included, and seconds of the clock.

`--times FILE` writes it; `.ci/times.py` holds it against `tests/budget.json`. Processor time, not the clock's: waiting
makes no folder dearer. What a second of a processor does differs between machines, and on one that others share from
minute to minute: so how long the same loop takes is measured all the while, under the name MACHINE. Workers of
pytest-xdist send theirs to the controller.
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
COLLECTING = "(collecting)"
MACHINE = "(machine)"
"""Where a folder's name stands: the seconds that loops took (loop_s), and how many ran (loops)."""


def loop_seconds() -> float:
    """Processor seconds of work that is the same everywhere, with more memory than a processor keeps near: 20 ms."""
    began = time.process_time()
    rows = [{"id": number, "name": f"Customer {number}", "known": True} for number in range(8_000)]
    assert len(json.loads(json.dumps(rows))) == len({row["name"] for row in rows})
    return time.process_time() - began


def cpu_seconds() -> float:
    """Processor seconds of this process, of its children that have ended, and (on Linux) of those that run."""
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system + _of_running_children("self")


def _of_running_children(pid: str) -> float:
    seconds = 0.0
    try:
        children = " ".join((task / "children").read_text() for task in Path("/proc", pid, "task").iterdir())
    except OSError:  # it ended meanwhile, or this is no Linux
        return 0.0
    for child in children.split():
        try:
            # Behind the name in brackets: the state, then numbers; user and system time, its own and its children's.
            fields = Path("/proc", child, "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        seconds += sum(map(int, fields[11:15])) / TICKS_PER_S + _of_running_children(child)
    return seconds


def folder_of(file: Path) -> str:
    """Return the folder of tests that a file is in; its own name where it stands beside the folders."""
    return file.relative_to(TESTS).parts[0] if file.is_relative_to(TESTS) else file.name


class Times:
    """Adds up what the folders take. One per process; the controller's has everything at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._folder, self._since = COLLECTING, 0.0
        self._cpu_s: dict[str, float] = defaultdict(float)
        self._clock_s: dict[str, float] = defaultdict(float)
        self._tests: dict[str, int] = defaultdict(int)
        self._loops: list[float] = []

    def add(self, folder: str, cpu_s: float) -> None:
        """Count what was done for a folder outside the workers."""
        self._cpu_s[folder] += cpu_s

    def _enter(self, folder: str) -> None:
        if folder != self._folder:
            now = cpu_seconds()
            self._cpu_s[self._folder] += max(0.0, now - self._since)
            self._loops.append(loop_seconds())
            self._folder, self._since = folder, now + self._loops[-1]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        self._enter(folder_of(item.path))
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        folder = folder_of(self._config.rootpath / report.nodeid.partition("::")[0])
        self._clock_s[folder] += report.duration
        self._tests[folder] += report.when == "call"

    def pytest_sessionfinish(self) -> None:
        if self._config.pluginmanager.hasplugin("dsession"):
            return  # the controller, whose children are the workers
        self._enter("")
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput["cpu_s"] = dict(self._cpu_s)
            self._config.workeroutput["loops"] = self._loops

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        for folder, seconds in getattr(node, "workeroutput", {}).get("cpu_s", {}).items():
            self._cpu_s[folder] += seconds
        self._loops += getattr(node, "workeroutput", {}).get("loops", [])

    def pytest_unconfigure(self) -> None:
        file = self._config.getoption("times")
        if file and not hasattr(self._config, "workerinput"):
            Path(file).write_text(json.dumps(self._folders(), indent=2) + "\n")

    def _folders(self) -> dict[str, dict[str, float]]:
        machine = {"loop_s": round(sum(self._loops), 4), "loops": len(self._loops)}
        return {MACHINE: machine} | {
            name: {
                "cpu_s": round(self._cpu_s[name], 1),
                "clock_s": round(self._clock_s[name], 1),
                "tests": self._tests[name],
            }
            for name in sorted({*self._cpu_s, *self._clock_s})
        }


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--times", metavar="FILE", help="write what each folder of tests takes to this file")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Times(config), "cpu-times")
