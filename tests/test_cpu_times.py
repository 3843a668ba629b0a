"""What folders of tests take: counted with their processes, and held against the budget."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cpu_times import TESTS, cpu_seconds, folder_of

SPIN = "while True: pass"
SCRIPT = TESTS.parent / ".ci" / "times.py"


def test_a_child_s_processor_time_counts_while_it_runs_and_when_it_has_ended() -> None:
    before = cpu_seconds()
    with subprocess.Popen([sys.executable, "-c", SPIN]) as child:
        deadline = time.monotonic() + 30
        while cpu_seconds() - before < 0.3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        child.kill()
    assert cpu_seconds() - before >= 0.3


def test_a_file_counts_for_the_folder_it_is_in() -> None:
    assert folder_of(TESTS / "jobs" / "running" / "test_worker.py") == "jobs"
    assert folder_of(TESTS / "test_wording.py") == "test_wording.py"


@pytest.mark.parametrize(
    ("cpu_s", "code", "says"),
    [
        (100, 0, ""),
        (1e6, 1, "test: jobs took 1000000 CPU seconds; its budget is"),
    ],
)
def test_a_folder_over_its_margin_fails(tmp_path: Path, cpu_s: float, code: int, says: str) -> None:
    allowed = json.loads((TESTS / "budget.json").read_text())["test"]["jobs"]
    taken = min(cpu_s, 1.4 * allowed) if code == 0 else cpu_s
    for part in ("test+1", "test+2"):
        numbers = {"jobs": {"cpu_s": taken / 2, "clock_s": 60, "tests": 10}}
        (tmp_path / f"{part}.json").write_text(json.dumps(numbers))
    done = subprocess.run([sys.executable, SCRIPT, tmp_path, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr[: len(says)]) == (code, says)
    table = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False).stdout
    assert f"jobs{' ' * 28}     20      2.0 {taken:>7.0f} {allowed:>7.0f}" in table


@pytest.mark.parametrize(("slower", "code"), [(0.5, 1), (1, 1), (1.5, 0), (4, 0)])
def test_a_slower_machine_has_a_larger_budget_and_a_quicker_one_no_smaller(
    tmp_path: Path, slower: float, code: int
) -> None:
    budget = json.loads((TESTS / "budget.json").read_text())
    numbers = {
        "(machine)": {"loop_s": 3 * slower * budget["loop_ms"] / 1000, "loops": 3},
        "jobs": {"cpu_s": 2 * budget["test"]["jobs"], "clock_s": 60, "tests": 10},
    }
    (tmp_path / "test.json").write_text(json.dumps(numbers))
    done = subprocess.run([sys.executable, SCRIPT, tmp_path, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr


def test_a_folder_without_a_budget_fails(tmp_path: Path) -> None:
    (tmp_path / "test.json").write_text(json.dumps({"new": {"cpu_s": 1, "clock_s": 1, "tests": 1}}))
    done = subprocess.run([sys.executable, SCRIPT, tmp_path, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "test: new has no budget (1 CPU seconds): give it one in tests/budget.json.\n"
