"""How well criteria find the records that belong together, on data whose truth is known: precision and recall.

    python -m benchmarks linkage

The data are not part of this repository: FEBRL's made persons (data sets 2 and 3: originals on this side, their
damaged duplicates on the other) and the product lists of Abt and Buy. They are looked for in linkage/ below the folder
TANDEM_DATA, or ../shared/data. Everything goes through coupling.match, as a coupling job does.
"""

import csv
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.vocabulary import CompareAs
from coupling.matching.decisions import Result
from coupling.matching.match import Matcher, group_by_priority
from coupling.rows import Criterion

Record = dict[str, str]

PERSONS: list[tuple[str, list[list[str]]]] = [
    ("social security number", [["soc_sec_id"]]),
    ("given name + surname", [["given_name", "surname"]]),
    ("surname + date of birth", [["surname", "date_of_birth"]]),
    ("given name + surname + date of birth", [["given_name", "surname", "date_of_birth"]]),
    ("given name + surname + postcode", [["given_name", "surname", "postcode"]]),
    ("street number + street + postcode", [["street_number", "address_1", "postcode"]]),
    (
        "1. social security number, 2. given name + surname + date of birth",
        [["soc_sec_id"], ["given_name", "surname", "date_of_birth"]],
    ),
    (
        "1. social security number, 2. surname + date of birth, 3. given name + surname + postcode, 4. given name + "
        "date of birth, 5. street number + street + postcode",
        [
            ["soc_sec_id"], ["surname", "date_of_birth"], ["given_name", "surname", "postcode"],
            ["given_name", "date_of_birth"], ["street_number", "address_1", "postcode"],
        ],
    ),
]  # fmt: skip
PERSONS_AS = {
    "date_of_birth": CompareAs.DATE, "street_number": CompareAs.NUMBER, "postcode": CompareAs.NUMBER,
    "soc_sec_id": CompareAs.NUMBER, "given_name": CompareAs.COMPANY_NAME, "surname": CompareAs.COMPANY_NAME,
    "address_1": CompareAs.COMPANY_NAME,
}  # fmt: skip
PRODUCTS: list[tuple[str, list[list[str]]]] = [
    ("title", [["title"]]),
    ("title + price", [["title", "price"]]),
    ("price", [["price"]]),
    ("1. title, 2. description, 3. price", [["title"], ["description"], ["price"]]),
]
PRODUCTS_AS = {"title": CompareAs.COMPANY_NAME, "description": CompareAs.COMPANY_NAME, "price": CompareAs.NUMBER}


@dataclass
class Found:
    """What a set of criteria gave. `there`: records here that have a partner at all."""

    coupled: int
    right: int
    several: int
    there: int

    @property
    def precision(self) -> str:
        return f"{self.right / self.coupled:.3f}" if self.coupled else "-"

    @property
    def recall(self) -> str:
        return f"{self.right / self.there:.3f}"


def link(
    ours: Sequence[tuple[str, Record]], theirs: Sequence[tuple[str, Record]], criteria: list[Criterion], **options: bool
) -> Found:
    """Match two lists of (truth, record)."""
    matcher = Matcher(group_by_priority(criteria), **options)
    names = sorted({criterion.local for criterion in criteria})
    matcher.add(
        [at.to_bytes(16, "big") for at in range(len(ours))],
        {name: [record[name] for _, record in ours] for name in names},
    )
    matcher.add_remote_page(
        [uuid.UUID(int=at).hex for at in range(len(theirs))],
        [""] * len(theirs),
        {name: [record[name] for _, record in theirs] for name in names},
    )
    known = {truth for truth, _ in theirs}
    found = Found(0, 0, 0, sum(truth in known for truth, _ in ours))
    for decision in matcher.decide():
        if decision.result is Result.COUPLED:
            found.coupled += 1
            found.right += theirs[decision.candidates[0].id.int][0] == ours[decision.position][0]
        found.several += decision.result is Result.MULTIPLE
    return found


def folder() -> Path | None:
    """Return where the data are, if they are here."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    found = Path(os.environ.get("TANDEM_DATA", beside)) / "linkage"
    return found if found.is_dir() else None


def records(path: Path) -> list[Record]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [
            {(name or "").strip(): (value or "").strip() for name, value in row.items()} for row in csv.DictReader(file)
        ]


def persons(path: Path) -> tuple[list[tuple[str, Record]], list[tuple[str, Record]]]:
    """Originals and duplicates; the truth is the number in rec-NUMBER-org, rec-NUMBER-dup-0."""
    sides: tuple[list[tuple[str, Record]], list[tuple[str, Record]]] = ([], [])
    for record in records(path):
        _, number, kind, *_ = record["rec_id"].split("-")
        sides[kind == "dup"].append((number, record))
    return sides


def rewritten(record: Record) -> Record:
    """Return the record as another system writes it: capitals, a sign more in addresses, dates with dashes, a leading
    zero.
    """
    day = record["date_of_birth"]
    dashed = f"{day[:4]}-{day[4:6]}-{day[6:]}" if len(day) == 8 else day
    return {
        **{name: value.upper() for name, value in record.items()},
        "date_of_birth": dashed,
        "address_1": record["address_1"].title() + "," if record["address_1"] else "",
        "postcode": record["postcode"].rjust(6, "0") if record["postcode"] else "",
        "street_number": record["street_number"] + ".0" if record["street_number"].isdecimal() else "",
    }


WAYS: dict[str, tuple[bool, bool]] = {
    "text": (False, False), "with Compare As": (True, False), "Compare As, blanks don't match": (True, True),
}  # fmt: skip


def measured(where: Path) -> Iterator[tuple[str, str, list[Found]]]:
    """Yield (data, criteria, what each of WAYS gives) for every set of criteria."""
    products = [[(one["unique_id"], one) for one in records(where / f"abtbuy_{name}.csv")] for name in ("abt", "buy")]
    second, third = (persons(where / f"febrl_dataset{number}.csv") for number in (2, 3))
    other = second[0], [(truth, rewritten(record)) for truth, record in second[1]]
    for data, (ours, theirs), sets, kinds in (
        ("FEBRL 2", second, PERSONS, PERSONS_AS),
        ("FEBRL 3", third, PERSONS, PERSONS_AS),
        ("FEBRL 2, duplicates in another writing", other, PERSONS, PERSONS_AS),
        ("Abt-Buy", products, PRODUCTS, PRODUCTS_AS),
    ):
        for said, by_priority in sets:
            found = []
            for typed, strict in WAYS.values():
                criteria = [
                    Criterion(name, name, priority, compare_as=kinds[name] if typed else CompareAs.TEXT)
                    for priority, names in enumerate(by_priority)
                    for name in names
                ]
                found.append(link(ours, theirs, criteria, blank_is_no_match=strict))
            yield data, said, found


def told() -> str:
    """Return the tables, one for each set of data, or why there is none."""
    where = folder()
    if where is None:
        return "Left out: the data are not here. Name the folder that has linkage/ in it with TANDEM_DATA."
    lines: list[str] = []
    before = ""
    for data, said, found in measured(where):
        if data != before:
            lines += ["", f"### {data}", ""] if lines else [f"### {data}", ""]
            lines.append("| Criteria | " + " | ".join(f"{way}: precision | recall | several" for way in WAYS) + " |")
            lines.append("| --- |" + " ---: |" * 3 * len(WAYS))
            before = data
        cells = [cell for one in found for cell in (one.precision, one.recall, f"{one.several:,}")]
        lines.append(f"| {said} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
