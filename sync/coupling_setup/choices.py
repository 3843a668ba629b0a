"""The radio buttons of Set Up Coupling: the rows that may be coupled, Create New, and what follows the coupling."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from core.vocabulary import Direction
from coupling.couplings.by_hand import SeenRow
from coupling.models import IntegrationTableMapping
from coupling.records import lists as records
from masterdata.catalog import LocalTable
from sync.coupling_setup.asked import NEW
from sync.coupling_setup.comparison import Effect
from sync.coupling_setup.services import FROM, NONE, TO, WAYS
from sync.rules.plan import intersect_direction
from ui.kit import Link

_MOST_NAMED = 8
"""Fields that a hint names one by one."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A radio button. end: how the row stands, with a link to its partner; note: what else there is to know."""

    value: str
    label: str
    hint: str = ""
    checked: bool = False
    disabled: bool = False
    end: str = ""
    link: Link | None = None
    note: str = ""


def row_choices(
    mapping: IntegrationTableMapping,
    table: LocalTable,
    rows: Iterable[SeenRow],
    telling: Sequence[str],
    chosen: UUID | None,
) -> list[Choice]:
    """Return a choice for each row. telling: the columns that tell rows of one name apart; chosen: the row compared."""
    return [_row_choice(mapping, table, one, telling, checked=one.row.id == chosen) for one in rows]


def _row_choice(
    mapping: IntegrationTableMapping, table: LocalTable, seen: SeenRow, telling: Sequence[str], *, checked: bool
) -> Choice:
    row, refusal = seen.row, seen.refusal
    partner, note, end = None, "", "uncoupled"
    if seen.partner is not None and seen.standing.of_row is not None:
        end = "coupled to"
        partner = Link(seen.standing.of_row.record, records.card_url(mapping.company, table, seen.partner))
    elif refusal is not None:
        end, note = "not possible", refusal.message
    if seen.elsewhere and not note:
        note = f"It is coupled to {', '.join(seen.elsewhere)}, of another table, too."
    held = bool(seen.standing.held)  # what the row holds is for the other company's people
    hint = ", ".join(str(value) for name in telling if not held and (value := row.values.get(name)))
    return Choice(
        str(row.id), seen.label, hint, checked=checked and refusal is None, disabled=refusal is not None,
        end=end, link=partner, note=note,
    )  # fmt: skip


def new_choice(mapping: IntegrationTableMapping, *, checked: bool) -> Choice:
    """Return the choice that creates a row."""
    off = mapping.direction == Direction.FROM
    hint = f"a new {mapping.integration_table} with the data from here"
    if off:
        hint = f"{mapping.name} only takes data from Dataverse"
    return Choice(NEW, "Create New", hint, checked=checked and not off, disabled=off)


def way_choices(mapping: IntegrationTableMapping, asked: str, effects: Mapping[str, Effect]) -> list[Choice]:
    """Return the choices of Synchronize After Coupling. asked: the way that was chosen before, "" for the default."""
    direction = Direction(mapping.direction)
    initial = asked or (FROM if direction == Direction.FROM else TO)
    captions = {
        NONE: "No", TO: f"Yes - Use the {settings.PRODUCT_NAME} data", FROM: "Yes - Use the Dataverse data",
    }  # fmt: skip
    found = []
    for way, caption in captions.items():
        off = way in WAYS and intersect_direction(WAYS[way][0], direction) is None
        hint = f"{mapping.name} is not synchronized that way." if off else hint_of(way, effects.get(way))
        found.append(Choice(way, caption, hint, checked=way == initial and not off, disabled=off))
    return found


def hint_of(way: str, effect: Effect | None) -> str:
    """Return what a choice of Synchronize After Coupling would do. effect: None where no row is compared yet."""
    if way == NONE:
        return _hint_of_none(effect)
    if effect is None:
        return f"{'Our' if way == TO else 'Its'} values win wherever the two sides differ."
    if effect.why:
        return f"Nothing would be written: {effect.why}"
    names = effect.there if way == TO else effect.here
    where = "there" if way == TO else "here"
    parts = ((f"Writes {where}", False), (f"Clears {where}", True))
    written = [(verb, [name for name in names if (name in effect.cleared) is cleared]) for verb, cleared in parts]
    sentences = [f"{verb}: {_named(some)}" for verb, some in written if some]
    return " ".join(sentences) or "Nothing differs that would be written."


def _hint_of_none(effect: Effect | None) -> str:
    if effect is None:
        return "Couple only."
    if effect.conflicts:
        fields = (
            "1 field that differs waits" if effect.conflicts == 1 else f"{effect.conflicts} fields that differ wait"
        )
        return f"Couple only. After the next synchronization {fields} on Resolve Update Conflicts."
    if effect.why:
        return f"Couple only. The next synchronization leaves the pair out: {effect.why}"
    count = len({*effect.there, *effect.here})
    if not count:
        return "Couple only. Nothing differs that would be written."
    return f"Couple only. The next synchronization brings {'1 field' if count == 1 else f'{count} fields'} into line."


def _named(names: Sequence[str]) -> str:
    """Return the names as the end of a sentence; captions like "Phone No." have its full stop already."""
    more = len(names) - _MOST_NAMED
    text = ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return text if text.endswith(".") else f"{text}."
