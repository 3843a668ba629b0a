"""The coupling job over data as people keep them, against the floors of benchmarks.couple.

Four of ten records have no row, some rows are there twice, some have blanks where the others have values, and the table
holds as many records of another company. What fails has an outcome of its own in every design, so that the lean floor,
which writes the pairs alone, is further away than where nearly all couple.
"""

from benchmarks import effort, rows
from benchmarks.couple import measured
from benchmarks.house import house
from benchmarks.telling import Line


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:
    size, times = (5_000, repeats or 1) if quick else (100_000, repeats or 3)
    load = effort.load()
    with house(database) as own:
        own.customers(size)
        own.neighbour(size)
        own.accounts(size, rows.disagreeing)
        own.keep()
        one = measured(own, size, times, load)
        what = f"couple {size:,} customers, data that disagree, on {database}"
        return [
            one.line(what, "lean: the pairs alone", one.lean, None),
            one.line(what, "same pages and tables, dict join, raw insert", one.same, None),
            Line(f"{what}: bytes with the failed ones", "lean: the pairs alone", one.with_failed, None),
        ]
