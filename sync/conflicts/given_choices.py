"""What the form of Resolve Update Conflicts sent: the choices, as far as both sides are as the person saw them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from coupling.models import CouplingBase
from masterdata.models import Company
from sync.conflicts.coupling_rows import CouplingCells
from sync.conflicts.pair_lines import CHOICE, SEEN, TYPED, Given, column_of, key_of, unsign
from sync.engine.conflicts_standing import StandingField, conflicts_of, read_conflict
from sync.rules.quotes import quote
from sync.rules.resolving import Choice, Take, typed


@dataclass
class GivenChoices:
    """chosen: by pair and field; changed: what changed since the page was made, in sentences; given: for the page that
    shows what is wrong.
    """

    chosen: dict[int, dict[str, Choice]] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    given: Given = field(default_factory=Given)
    seen: set[int] = field(default_factory=set)
    """The pairs whose values the person saw."""

    @property
    def count(self) -> int:
        """How many fields are chosen."""
        return sum(map(len, self.chosen.values()))


def read_choices(
    company: Company, values: Mapping[str, str], *, whole: Take | None = None, among: Collection[int] | None = None
) -> GivenChoices:
    """Return the choices that a form's values hold; whole: this one for every field; among: of these pairs alone."""
    found = GivenChoices(given=Given(values))
    seen = [one for name, text in values.items() if name.startswith(SEEN) and (one := unsign(text)) is not None]
    seen = [one for one in seen if among is None or one[0] in among]
    found.seen = {pk for pk, _ in seen}
    rows = {row.pk: row for row in conflicts_of(company).filter(pk__in=[pk for pk, _ in seen])}
    cells = CouplingCells(company)
    cells.load(list(rows.values()))
    for pk, fields in seen:
        row = rows.get(pk)
        standing = {} if row is None else {
            one.name: one for one in read_conflict(pk, row.mapping_id, row.conflict).fields
        }  # fmt: skip
        for name, here, there, here_told, there_told in fields:
            take, text = (whole, "") if whole is not None else _given(values, key_of(pk, name))
            if take is None:
                continue
            now = standing.get(name)
            label = cells.text(row) if row is not None else "A pair"
            if row is None or now is None:
                found.changed.append(f"{label}: {name.split(':')[0]} does not wait for a choice any more.")
            elif not now.known:
                found.changed.append(f"{label}: {now.caption} is compared by the next run. Choose after it.")
            elif (now.here_value, now.there_value) != (here, there):
                found.changed.append(_changed(label, now, here_told, there_told))
            else:
                _take(found, row, now, key_of(pk, name), take, text)
    return found


def _given(values: Mapping[str, str], key: str) -> tuple[Take | None, str]:
    """Return what is chosen for a field; a value that was typed is chosen where nothing else is."""
    text, word = values.get(TYPED + key, ""), values.get(CHOICE + key, "")
    if word in Take.values:
        return Take(word), text if word == Take.VALUE else ""
    return (Take.VALUE, text) if text.strip() else (None, "")


def _take(found: GivenChoices, row: CouplingBase, now: StandingField, key: str, take: Take, text: str) -> None:
    if take is Take.VALUE:
        column = column_of(row, now)
        if column is None:
            found.given.errors[key] = f"{now.caption} is no field of the record any more."
            return
        try:
            typed(column, text)
        except ValueError as error:
            found.given.errors[key] = str(error)
            return
    found.chosen.setdefault(row.pk, {})[now.name] = now.choice(take, text)


def _changed(label: str, now: StandingField, here: str, there: str) -> str:
    parts = [
        f"{now.caption} {where} was {_quoted(before)} and is {_quoted(after)} now"
        for where, before, after in (("here", here, now.here), ("in Dataverse", there, now.there))
        if before != after
    ]
    return f"{label}: {' and '.join(parts) or f'{now.caption} changed'}. Choose again."


def _quoted(text: str) -> str:
    return quote(text) if text else "blank"
