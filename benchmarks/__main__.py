"""Run the benchmarks, each in a process of its own, and print what they found as one table.

    python -m benchmarks [NAME ...] [--quick] [--repeats N] [--markdown FILE] [--keep-floors] [--size N]

Benchmarks that use a database run on SQLite, and on PostgreSQL too when TEST_DATABASE_URL names a server; they make
databases of their own there and drop them again. --quick runs a tenth of the size or less, to see that all work.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.floors import kept_now, slower
from benchmarks.telling import Line, table

NAMES = (
    "match", "couple", "disagreeing", "ladder", "asking", "reading", "sync", "update", "idle", "written", "durability",
    "pages", "throttled", "waits", "far", "estimated",
)  # fmt: skip
KEPT_FLOORS = Path(__file__).parent / "floors.json"
WITH_DATABASE = frozenset(NAMES) - {"match", "asking", "reading"}


def main(given: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)} (default: all), or linkage")
    parser.add_argument("--quick", action="store_true", help="small sizes, one repeat")
    parser.add_argument("--repeats", type=int, default=0, help="how often each pair is run (default: its own number)")
    parser.add_argument("--markdown", metavar="FILE", help="write the table there too")
    parser.add_argument("--keep-floors", action="store_true", help="keep what floors took, for later runs to compare")
    parser.add_argument("--size", type=int, default=0, help="records of the benchmark far (default: its own number)")
    parser.add_argument("--one", metavar="DATABASE", help=argparse.SUPPRESS)
    options = parser.parse_args(given)
    if unknown := set(options.names) - {*NAMES, "linkage"}:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)} and linkage")
    if options.one:
        return _one(options)
    if options.names == ["linkage"]:
        from benchmarks.linkage import told

        print(told())
        return 0
    lines: list[Line] = []
    for name in options.names or NAMES:
        for database in _databases(name):
            lines += _measured(name, database, options)
    text = table(lines)
    print(text)
    if options.markdown:
        Path(options.markdown).write_text(text + "\n")
    return _compare_floors(lines, keep=options.keep_floors)


def _compare_floors(lines: list[Line], *, keep: bool) -> int:
    """Return 1 where a floor takes longer than it was kept, having said so; or keep what was measured."""
    kept = json.loads(KEPT_FLOORS.read_text()) if KEPT_FLOORS.exists() else {}
    if keep:
        KEPT_FLOORS.write_text(json.dumps(kept_now(lines, kept), indent=2) + "\n")
        return 0
    found = slower(lines, kept)
    for sentence in found:
        print(sentence, file=sys.stderr)
    return 1 if found else 0


def _databases(name: str) -> list[str]:
    if name not in WITH_DATABASE or not os.environ.get("TEST_DATABASE_URL"):
        return ["sqlite"]
    return ["sqlite", "postgresql"]


def _measured(name: str, database: str, options: argparse.Namespace) -> list[Line]:
    on = f" on {database}" if name in WITH_DATABASE else ""
    print(f"{name}{on} ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks", name, "--one", database, "--repeats", str(options.repeats)]
    command += [*(["--quick"] if options.quick else []), *(["--size", str(options.size)] if options.size else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"The benchmark {name}{on} failed.")
    lines = [Line(**found) for found in json.loads(done.stdout.splitlines()[-1])]
    print(table(lines), file=sys.stderr, flush=True)
    return lines


def _one(options: argparse.Namespace) -> int:
    module = importlib.import_module(f"benchmarks.{options.names[0]}")
    sized = {"size": options.size} if options.size and options.names[0] == "far" else {}
    lines = module.run(database=options.one, quick=options.quick, repeats=options.repeats, **sized)
    print(json.dumps([line.as_json() for line in lines]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
