"""Hold what the tests took (`pytest --times FILE`) against tests/budget.json, folder by folder.

    python .ci/times.py FOLDER [--check]

FOLDER has a file for each run: PASS.json, or PASS+PART.json where a pass is more than one run. Prints a table for each
pass, with --check only what costs too much. Ends with 1 when a folder takes more than 1.5 times its budget of processor
seconds, or has none. Budgets are those of a machine on which the loop of tests/cpu_times.py takes `loop_ms`; on a
slower one they grow as that loop does.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

BUDGET = Path(__file__).parents[1] / "tests" / "budget.json"
MARGIN = 1.5
MACHINE = "(machine)"


def main(folder: str, *options: str) -> int:
    """Print the tables or the complaints; the exit code."""
    budget = json.loads(BUDGET.read_text())
    complaints = []
    for name, folders in passes(Path(folder)).items():
        slower = slowness(folders.pop(MACHINE, {}), budget["loop_ms"])
        allowed = {one: seconds * slower for one, seconds in budget[name].items()} if name in budget else None
        if "--check" not in options:
            print_table(name, folders, allowed or {})
        if allowed is not None:
            complaints += [f"{name}: {text}" for text in too_dear(folders, allowed)]
    for text in complaints:
        sys.stderr.write(f"{text}\n")
    return 1 if complaints else 0


def passes(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Return what each folder of tests took, by pass; the runs of a pass added up."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for file in sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime):
        taken = found.setdefault(file.stem.partition("+")[0], {})
        for name, numbers in json.loads(file.read_text()).items():
            sums = taken.setdefault(name, defaultdict(float))
            for what, number in numbers.items():
                sums[what] += number
    return found


def slowness(measured: dict[str, float], loop_ms: float) -> float:
    """Return how many times as long as on the machine of the budgets a processor took for the same; at least 1."""
    if not measured:
        return 1.0
    return max(1.0, 1000 * measured["loop_s"] / measured["loops"] / loop_ms)


def too_dear(folders: dict[str, dict[str, float]], allowed: dict[str, float]) -> list[str]:
    """Return what takes more processor time than its margin lets it."""
    found = []
    for name, taken in folders.items():
        if name not in allowed:
            found.append(f"{name} has no budget ({taken['cpu_s']:.0f} CPU seconds): give it one in tests/budget.json.")
        elif taken["cpu_s"] > MARGIN * allowed[name]:
            found.append(f"{name} took {taken['cpu_s']:.0f} CPU seconds; its budget is {allowed[name]:.0f}.")
    return found


def print_table(name: str, folders: dict[str, dict[str, float]], allowed: dict[str, float]) -> None:
    """Print a pass, the dearest folder first, and its sums."""
    sys.stdout.write(f"\n{name:<34} {'tests':>6} {'minutes':>8} {'CPU s':>7} {'budget':>7}\n")
    sums: dict[str, float] = defaultdict(float)
    for folder, taken in sorted(folders.items(), key=lambda item: -item[1]["cpu_s"]):
        print_row(folder, taken, allowed.get(folder))
        for what, number in taken.items():
            sums[what] += number
    print_row("all", sums, sum(allowed.values()) if allowed else None)


def print_row(name: str, taken: dict[str, float], allowed: float | None) -> None:
    """Print a folder's numbers. Minutes are those of the clock, added up over runs side by side."""
    budget = "" if allowed is None else f"{allowed:.0f}"
    numbers = f"{taken['tests']:>6.0f} {taken['clock_s'] / 60:>8.1f} {taken['cpu_s']:>7.0f} {budget:>7}"
    sys.stdout.write(f"  {name:<32} {numbers}\n")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
