"""Match as many local records as there are Dataverse rows, by three priorities, against a plain dict and polars.

All are fed the same pages of rows, normalise in the same way and find the same pairs; each run is a process of its
own, in turn. Memory is what a run keeps beyond the rows it was given: polars its peak, the dict what it ends with, the
matcher what it ends with once it has let go what only matching needs. The floor of time is the better of the two in
each repeat; that of memory is the dict.
"""

import gc
import json
import resource
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.rows import COLUMNS, CRITERIA, FIELDS, accounts, customers
from benchmarks.telling import Line
from core.free_memory import give_back_memory
from coupling.matching.match import Matcher, group_by_priority


def by_matcher(local: list, remote: list) -> tuple[int, object]:
    matcher = Matcher(group_by_priority(CRITERIA))
    for part in local:
        ids, *columns = zip(*part, strict=True)
        matcher.add(ids, dict(zip(FIELDS, columns, strict=True)))
    for page in remote:
        matcher.add_remote_page(
            [row["accountid"] for row in page],
            [row["name"] for row in page],
            {column: [row[column] for row in page] for column in COLUMNS},
        )
    decisions = matcher.decide()
    decisions.let_go()
    give_back_memory()
    return decisions.count_coupled(), decisions


def plain(value: str | None) -> str:
    """Return the same normal form as the matcher's, value by value."""
    return unicodedata.normalize("NFC", value).strip().casefold() if value else ""


def by_dict(local: list, remote: list) -> tuple[int, object]:
    known: list[dict] = [{}, {}, {}]
    for part in local:
        for row_id, phone, name, city, mail in part:
            for keys, key in zip(known, (plain(phone), (plain(name), plain(city)), plain(mail)), strict=True):
                if key:
                    keys.setdefault(key, []).append(row_id)
    found: list[dict] = [{}, {}, {}]
    for page in remote:
        for row in page:
            keys_of = (
                plain(row["telephone1"]),
                (plain(row["name"]), plain(row["address1_city"])),
                plain(row["emailaddress1"]),
            )
            for keys, rows, key in zip(known, found, keys_of, strict=True):
                if key and key in keys:
                    rows.setdefault(key, []).append((row["accountid"], row["name"]))
    return len(pairs := joined(known, found)), (known, found, pairs)


def joined(known: list[dict], found: list[dict]) -> dict:
    """Return the pairs of a plain join: priority by priority, the first record in key order gets its one row."""
    pairs: dict[Any, tuple] = {}
    taken: set[str] = set()
    for keys, rows in zip(known, found, strict=True):
        for key, ids in keys.items():
            met = rows.get(key)
            if met is None or len(met) > 1 or met[0][0] in taken:
                continue
            for row_id in ids:
                if row_id not in pairs:
                    pairs[row_id] = met[0]
                    taken.add(met[0][0])
                    break
    return pairs


def by_polars(local: list, remote: list) -> tuple[int, object]:
    import polars as pl

    def text(name: str) -> Any:
        return pl.col(name).fill_null("").str.normalize("NFC").str.strip_chars().str.to_lowercase()

    here = pl.concat(
        [pl.DataFrame(dict(zip(("id", *FIELDS), zip(*part, strict=True), strict=True))) for part in local]
    ).with_row_index("at")
    wanted = ["accountid", *dict.fromkeys(COLUMNS)]
    there = pl.concat(
        [
            pl.DataFrame({c: [row[c] for row in page] for c in wanted}, dict.fromkeys(wanted, pl.String))
            for page in remote
        ]
    ).with_row_index("row")
    here = here.with_columns([text(name) for name in FIELDS])
    there = there.with_columns(name_=pl.col("name")).with_columns([text(name) for name in wanted[1:]])
    made = []
    for ours, theirs in ((["phone_no"], ["telephone1"]), (["name", "city"], ["name", "address1_city"]),
                         (["e_mail"], ["emailaddress1"])):  # fmt: skip
        filled = pl.all_horizontal([pl.col(name) != "" for name in theirs])
        unique = there.filter(filled).select("row", *theirs).filter(pl.struct(theirs).is_unique())
        met = here.select("at", *ours).join(unique, left_on=ours, right_on=theirs)
        if made:
            before = pl.concat(made)
            met = met.join(before, on="at", how="anti").join(before, on="row", how="anti")
        made.append(met.select("at", "row").sort("at").unique("row", keep="first", maintain_order=True))
    pairs = (
        pl.concat(made).join(here.select("at", "id"), on="at").join(there.select("row", "accountid", "name_"), on="row")
    )
    return pairs.height, (here, there, pairs.rows())


IDS = 32
"""Bytes of the two ids of a pair."""
WAYS: dict[str, Callable[[list, list], tuple[int, object]]] = {
    "matcher": by_matcher, "dict": by_dict, "polars": by_polars,
}  # fmt: skip


def measure(way: str, size: int) -> dict[str, float]:
    """Return seconds and megabytes of one run in this process."""
    if way == "polars":
        import polars  # noqa: F401 - loading it is nobody's cost
    local = [[(number.encode().rjust(16), *rest) for number, *rest in part] for part in customers(size)]
    remote = list(accounts(size))
    gc.collect()
    gc.freeze()
    before, began = _resident(), time.perf_counter()
    coupled, kept = WAYS[way](local, remote)
    seconds, memory = time.perf_counter() - began, _resident() - before
    del kept
    if way == "polars":
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    return {"coupled": coupled, "seconds": seconds, "megabytes": memory}


def _resident() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:  # noqa: ARG001 - no database here
    size, repeats = (50_000, repeats or 1) if quick else (1_000_000, repeats or 3)
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(repeats):
        for way in WAYS:
            command = [sys.executable, "-m", "benchmarks.match", way, str(size)]
            runs[way].append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    assert len({one["coupled"] for way in runs.values() for one in way}) == 1, "they do not agree"
    ours, plain_, frames = runs["matcher"], runs["dict"], runs["polars"]

    def ratios(what: str, floors: list[float]) -> list[float]:
        return [one[what] / floor for one, floor in zip(ours, floors, strict=True)]

    seconds = {way: [one["seconds"] for one in found] for way, found in runs.items()}
    what = f"match {size:,} x {size:,}, three priorities"
    best = [min(two) for two in zip(seconds["dict"], seconds["polars"], strict=True)]
    return [
        Line(f"{what}: time", "best of dict and polars", ratios("seconds", best), 1.0),
        Line(f"{what}: time", "plain dict", ratios("seconds", seconds["dict"])),
        Line(f"{what}: time", "polars fed rows", ratios("seconds", seconds["polars"])),
        Line(f"{what}: memory", "plain dict", ratios("megabytes", [one["megabytes"] for one in plain_]), 0.5),
        Line(f"{what}: memory", "two lists of ids", [one["megabytes"] * 1e6 / (IDS * size) for one in ours], 4.5),
        Line(f"{what}: memory", "polars fed rows", ratios("megabytes", [one["megabytes"] for one in frames])),
    ]


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
