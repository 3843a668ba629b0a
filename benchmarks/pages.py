"""Pages of a company with a million customers, couplings and outcomes: page 1,000 against page 1, in the same run.

There is no floor from outside: what is printed is how much dearer a late page is than the first, in seconds and in
processor time, and how many queries a page asks. How the company is filled: benchmarks.page_filling.

The lists of coupled and of uncoupled records pass by every record that they leave out, so they are measured by other
rules, and with nine tenths of the customers coupled in two ways: the first by number, the worst, where a page may lie
beyond 900,000 records; and spread. No page by Next or Previous may cost more than 1.2 times the dearest first page, and
one whose records stand close together at most 5 ms of the database's time.
"""

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import effort
from benchmarks.effort import Effort
from benchmarks.house import house
from benchmarks.page_filling import PAGE, Filled, couple, fill
from benchmarks.page_reader import Reader
from benchmarks.telling import Line


def numbered(url: str, number: int) -> str:
    return f"{url}{'&' if '?' in url else '?'}page={number}"


@dataclass(frozen=True)
class Beside:
    """A page of coupled or uncoupled customers by Next or Previous."""

    what: str
    url: str
    gap: bool
    """Whether records that the list leaves out stand between its own, more than a page of them."""


def beside(filled: Filled, *, spread: bool) -> Iterator[Beside]:
    """Time the pages by Next and Previous at both ends of each list and in the middle, in both directions."""
    from django.urls import reverse

    from masterdata.models import Customer

    size, coupled = filled.size, filled.coupled
    base = reverse("records:list", kwargs={"company": filled.company.slug, "table": "customer"})
    places = {
        "yes": (coupled, lambda n: n + (n - 1) // 9 if spread else n),
        "no": (size - coupled, lambda n: n * 10 if spread else coupled + n),
    }
    for value, (count, place) in places.items():
        last = -(-count // PAGE)
        for sort in ("no", "-no"):

            def key(n: int, sort: str = sort, count: int = count, place: Any = place) -> int:
                """Return the id of the n-th row of the list."""
                number = place(n if sort == "no" else count + 1 - n)
                return int(Customer.objects.get(company=filled.company, no=f"C{number:08}").pk)

            # The rows left out stand before the uncoupled ones by number, behind the coupled ones, where not spread.
            before, behind = ((value == "no") == (sort == "no"), (value == "yes") == (sort == "no"))
            name = f"{'coupled' if value == 'yes' else 'uncoupled'} customers by {sort}"
            url = f"{base}?coupled={value}&sort={sort}"
            middle = min(filled.last, last // 2)
            for page, way, beside_it, gap in (
                (2, "Next", key(PAGE), False),
                (middle, "Next", key((middle - 1) * PAGE), False),
                (middle, "Previous", key(middle * PAGE + 1), False),
                (last, "Next", key((last - 1) * PAGE), behind),
                # Somebody coupled, or uncoupled, the rows of the first page meanwhile.
                (2, "Previous", key(1), before),
            ):
                side = "after" if way == "Next" else "before"
                yield Beside(
                    f"{name}: page {page:,} by {way}", f"{url}&page={page}&{side}={beside_it}", gap and not spread
                )


def narrowed(filled: Filled, reader: Reader, repeats: int, on: str) -> list[Line]:
    """Measure the lists of coupled and of uncoupled customers, coupled in both ways."""
    from django.core.cache import cache
    from django.urls import reverse

    from coupling.records import counts

    counts.STORED_S = 86_400  # counting is measured by itself, not in pages by chance
    base = reverse("records:list", kwargs={"company": filled.company.slug, "table": "customer"})
    lines = []
    for spread in (False, True):
        couple(filled, spread=spread)
        how = "spread" if spread else "the first by number coupled"
        firsts: dict[str, float] = {}
        counting: list[float] = []
        for value in ("yes", "no"):
            for sort in ("no", "-no"):
                url = f"{base}?coupled={value}&sort={sort}"
                cache.clear()
                counted = reader.cpu_seconds(url)
                firsts[url] = min(reader.cpu_seconds(url) for _ in range(2))
                counting.append(counted - firsts[url])
        dearest = max(firsts, key=lambda url: firsts[url])
        pages = list(beside(filled, spread=spread))
        assert max([reader.queries(one.url) for one in pages][1:]) <= 12
        seconds: list[float] = []
        ratios: dict[str, list[float]] = {one.what: [] for one in pages}
        database: dict[str, list[float]] = {one.what: [] for one in pages if not one.gap}
        for _ in range(repeats):
            seconds.append(reader.cpu_seconds(dearest))
            for one in pages:
                ratios[one.what].append(reader.cpu_seconds(one.url) / seconds[-1])
                if not one.gap:
                    database[one.what].append(reader.database_ms(one.url))
        what, worst = f"coupled and uncoupled, {how}, {on}", _dearest(ratios)
        first = f"dearest first page ({statistics.median(seconds) * 1000:,.0f} ms)"
        goal = None if spread else 1.2  # where they are spread, the next line's goal is the tighter one
        lines.append(Line(f"{what}: the dearest page by Next or Previous", first, ratios[worst], goal, note=worst))
        worst = _dearest(database)
        lines.append(
            Line(f"{what}: milliseconds of the database for a page without a gap", "", database[worst], 5, note=worst)
        )
        lines.append(Line(f"{what}: milliseconds to count, once a minute", "", [max(counting) * 1000]))
    return lines


def _dearest(measured: Mapping[str, list[float]]) -> str:
    return max(measured, key=lambda what: statistics.median(measured[what]))


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:
    size, repeats = (30_000, repeats or 3) if quick else (1_000_000, repeats or 9)
    with house(database):
        filled = fill(size)
        reader = Reader()
        lines, most, dearest = [], 0, ""
        for name, url in {**filled.lists, **filled.pages}.items():
            if (asked := reader.queries(reader.landing(url))) > most:
                most, dearest = asked, name
        on = f"{size:,} customers on {database}"
        lines.append(Line(f"queries of the page that asks most, {on}", "", [most], 12, note=dearest))
        for name, url in filled.lists.items():
            ways = {
                "by its number": numbered(url, filled.last),
                "by Next": reader.following(numbered(url, filled.last - 1)),
            }
            most = max(reader.queries(deep) for deep in ways.values())
            assert most <= 12, (name, most)
            load = effort.load()
            firsts: list[Effort] = []
            deeps: dict[str, list[Effort]] = {way: [] for way in ways}
            for _ in range(repeats):
                firsts.append(reader.effort(url))
                for way, deep in ways.items():
                    deeps[way].append(reader.effort(deep))
            void = effort.void(load, [one.wall for one in firsts])
            for way, found in deeps.items():
                pairs = list(zip(found, firsts, strict=True))
                lines.append(
                    Line(
                        f"{name}: page {filled.last:,} {way}, {on}",
                        f"page 1 ({statistics.median(one.wall for one in firsts) * 1000:.0f} ms)",
                        [deep.wall / first.wall for deep, first in pairs],
                        1.2,
                        processor=[deep.processor / first.processor for deep, first in pairs],
                        void=void,
                    )
                )
        return lines + narrowed(filled, reader, repeats, on)
