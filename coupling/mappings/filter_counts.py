"""What a filter that is being built would find: counted on its side, with what would leave or enter, also uncoupled."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from core.refusals import NotUsable
from coupling import filters, local_filters, local_records
from coupling.filters import FilterField, Node
from coupling.gateway import PAGE_SIZE, Gateway
from coupling.mappings.filter_form import FilterForm, Row
from coupling.models import Coupling, IntegrationTableMapping
from coupling.records.lists import card_url
from ui.kit import Link

MAX_COUNTED = 12
"""Conditions that are counted one by one, each by a request or query of its own; of more only the whole is."""
MAX_NAMED = 10
"""Couplings that are named of those that would leave or enter."""
MAX_PAGES = 4
"""Pages of rows outside a filter that are looked through for coupled ones."""


TABLE, INTEGRATION = "table", "integration"
"""The side that a filter is of."""
LEAVING, ENTERING = "leaving", "entering"
"""What a filter does to couplings: they are outside it, or not any more."""


@dataclass(slots=True)
class Moved:
    """Couplings that a filter would move. links: to the first of their records; url: of the list of all."""

    count: int = 0
    links: Sequence[Link] = ()
    url: str = ""


@dataclass(frozen=True, slots=True)
class Uncoupled:
    """How much that is not coupled a filter would move; None for more than is counted, coupled ones among them.

    at_most: not all couplings were looked at, so some of these may be coupled.
    """

    leaving: int | None = 0
    entering: int | None = 0
    at_most: bool = False

    def sentence(self, leave: str = "would leave", enter: str = "would take part") -> str:
        """Return it in words, "" for nothing. leave, enter: what they do."""
        told = []
        for count, verb in ((self.leaving, leave), (self.entering, enter)):
            if count is None:
                told.append(f"{PAGE_SIZE:,} or more {verb}, coupled and uncoupled.")
            elif count:
                told.append(f"{'At most ' if self.at_most else ''}{count:,} uncoupled {verb}.")
        return " ".join(told)


@dataclass(slots=True)
class Found:
    """What a filter finds. inside and total: None for more than were counted; at_least: not all rows were looked at."""

    inside: int | None = None
    total: int | None = None
    counted: bool = False
    leaving: Moved = field(default_factory=Moved)
    entering: Moved = field(default_factory=Moved)
    uncoupled: Uncoupled = Uncoupled()
    at_least: bool = False

    @property
    def left_out(self) -> int | None:
        """How many are outside; None where that is not known."""
        return self.total - self.inside if self.total is not None and self.inside is not None else None

    @property
    def moves(self) -> str:
        """How many would leave or enter, coupled and not, in words; "" for none."""
        least = "At least " if self.at_least else ""
        told = []
        if self.leaving.count:
            told.append(
                f"{least}{self.leaving.count:,} coupled would leave: they stay coupled, and runs leave them out."
            )
        if self.entering.count:
            told.append(f"{least}{self.entering.count:,} coupled would take part again.")
        return " ".join([*told, self.uncoupled.sentence()]).strip()

    def number(self, count: int | None) -> str:
        """Return a count as it is shown."""
        return f"{PAGE_SIZE:,} or more" if count is None else f"{count:,}"

    @property
    def inside_text(self) -> str:
        """How many are inside, as it is shown."""
        return self.number(self.inside)

    @property
    def total_text(self) -> str:
        """How many there are, as it is shown."""
        return self.number(self.total)


def resolved_rows(form: FilterForm) -> list[tuple[Row, Node]]:
    """Return the form's rows whose values fit, each with its condition, to be counted one by one; not of many rows."""
    found: list[tuple[Row, Node]] = []
    if sum(1 for _ in form.rows()) > MAX_COUNTED:
        return found
    for row in form.rows():
        try:
            found.append((row, resolved(form, row.stored())))
        except NotUsable:
            continue
    return found


def resolved(form: FilterForm, stored: dict[str, Any]) -> Node:
    """Return a filter of the form's fields with values as they have them. Raises NotUsable."""

    def field_of(name: str) -> FilterField:
        try:
            return form.fields[name]
        except KeyError:
            raise filters.BadFilter(f"There is no field {name!r} any more.") from None

    return filters.resolve(filters.parse(stored), field_of)


def count_records(mapping: IntegrationTableMapping, form: FilterForm) -> Found:
    """Count what a table filter finds here, and each of its conditions. Raises NotUsable for one that does not fit."""
    table = local_records.get_table(mapping)
    records = table.records(mapping.company)
    for row, node in resolved_rows(form):
        row.hits = records.filter(local_filters.records_q(table, node)).count()
    new = local_filters.records_q(table, resolved(form, form.stored())) & local_records.company_q(mapping)
    found = Found(records.filter(new).count(), records.count(), counted=True)
    if not mapping.pk:  # a mapping that is being made couples nothing yet
        return found
    try:
        moved = moved_by_records(mapping, new)
        found.uncoupled = _uncoupled_records(mapping, local_records.table_filter_q(mapping), new)
    except NotUsable:
        return found
    found.leaving, found.entering = _moved(mapping, moved[LEAVING]), _moved(mapping, moved[ENTERING])
    return found


def with_filter(mapping: IntegrationTableMapping, name: str, stored: Any) -> IntegrationTableMapping:
    """Return the mapping with another filter, not stored."""
    changed = copy.copy(mapping)
    setattr(changed, name, stored)
    return changed


def moved_by_records(mapping: IntegrationTableMapping, new: Q) -> "dict[str, QuerySet[Coupling]]":
    """Return the couplings that a table filter would move. Raises NotUsable where the stored filter does not fit."""
    records = local_records.get_table(mapping).records(mapping.company)
    old = local_records.table_filter_q(mapping)

    def there(condition: Q) -> Exists:
        return Exists(records.filter(condition, system_id=OuterRef("local_id")))

    couplings = Coupling.objects.filter(mapping=mapping)
    return {LEAVING: couplings.filter(there(old), ~there(new)), ENTERING: couplings.filter(there(new), ~there(old))}


def uncoupled_records_moved(before: IntegrationTableMapping, after: IntegrationTableMapping) -> Uncoupled:
    """Return how many uncoupled records another table filter moves. Raises NotUsable where one does not fit."""
    return _uncoupled_records(before, local_records.table_filter_q(before), local_records.table_filter_q(after))


def _uncoupled_records(mapping: IntegrationTableMapping, old: Q, new: Q) -> Uncoupled:
    records = local_records.get_table(mapping).rows(mapping.company).filter(~local_records.coupled_q(mapping))

    def count(inside: Q, outside: Q) -> int:
        return records.filter(inside).exclude(pk__in=records.filter(outside).values("pk")).count()

    return Uncoupled(count(old, new), count(new, old))


def _moved(mapping: IntegrationTableMapping, couplings: "QuerySet[Coupling]") -> Moved:
    ids = couplings.order_by("pk").values_list("local_id", flat=True)
    return Moved(couplings.count(), _links(mapping, ids[:MAX_NAMED]))


def count_rows(mapping: IntegrationTableMapping, form: FilterForm, gateway: Gateway) -> Found:
    """Count what an integration table filter finds in Dataverse, and each of its conditions.

    Raises NotUsable for a filter that does not fit, DataverseError.
    """
    rows = resolved_rows(form)
    changed = copy.copy(mapping)
    problem: NotUsable | None = None
    wanted = [node for _, node in rows]
    try:
        changed.integration_filter = form.stored()
        wanted = [filters.EVERYTHING, gateway.row_filter(changed), *wanted]
    except NotUsable as error:
        problem = error
    counts = gateway.counts(mapping, wanted)
    for (row, _), count in zip(rows, counts[len(counts) - len(rows) :], strict=True):
        row.hits = PAGE_SIZE if count is None else count
    if problem is not None:
        raise problem
    found = Found(counts[1], counts[0], counted=True)
    if not mapping.pk or changed.integration_filter == mapping.integration_filter:
        return found
    try:
        moved, found.at_least = moved_by_rows(mapping, changed, gateway)
        found.uncoupled = _uncoupled_rows(gateway.count_moved(mapping, changed), moved, found.at_least)
    except NotUsable:
        return found
    found.leaving, found.entering = (
        Moved(len(moved[how]), _links(mapping, moved[how][:MAX_NAMED])) for how in (LEAVING, ENTERING)
    )
    return found


def moved_by_rows(
    mapping: IntegrationTableMapping, changed: IntegrationTableMapping, gateway: Gateway
) -> tuple[dict[str, list[UUID]], bool]:
    """Return the records of the couplings that another integration table filter would move, and whether there may be
    more of them. changed: the mapping with that filter.

    Raises NotUsable where the stored filter does not fit, DataverseError.
    """
    new, new_is_all = _coupled_outside(changed, gateway)
    old, old_is_all = _coupled_outside(mapping, gateway)
    leaving = [record for row, record in new.items() if row not in old]
    entering = [record for row, record in old.items() if row not in new]
    return {LEAVING: leaving, ENTERING: entering}, not (new_is_all and old_is_all)


def uncoupled_rows_moved(
    before: IntegrationTableMapping, after: IntegrationTableMapping, gateway: Gateway
) -> Uncoupled:
    """Return how many uncoupled rows another integration table filter moves.

    Raises NotUsable or Invalid where one does not fit, DataverseError.
    """
    moved, at_least = moved_by_rows(before, after, gateway)
    return _uncoupled_rows(gateway.count_moved(before, after), moved, at_least)


def _uncoupled_rows(rows: Sequence[int | None], coupled: Mapping[str, Sequence[UUID]], at_least: bool) -> Uncoupled:
    """Return how many of the rows that leave and that enter are not coupled.

    at_least: not all coupled ones are known.
    """
    leaving, entering = (
        None if count is None else max(count - len(coupled[how]), 0)
        for count, how in zip(rows, (LEAVING, ENTERING), strict=True)
    )
    return Uncoupled(leaving, entering, at_most=at_least)


def _coupled_outside(mapping: IntegrationTableMapping, gateway: Gateway) -> tuple[dict[UUID, UUID], bool]:
    """Return the coupled rows outside a mapping's filter with their records, and whether all rows were looked at."""
    couplings = Coupling.objects.filter(mapping=mapping, company=mapping.company_id, table=mapping.table)
    if not couplings.exists():
        return {}, True
    found: dict[UUID, UUID] = {}
    pages = 0
    for page in gateway.scan_outside(mapping, [], MAX_PAGES):
        pages += 1
        ids = [UUID(row_id) for row_id in page.ids]
        for start in range(0, len(ids), 500):
            part = couplings.filter(integration_id__in=ids[start : start + 500])
            found |= dict(part.values_list("integration_id", "local_id"))
    return found, pages < MAX_PAGES


def _links(mapping: IntegrationTableMapping, ids: Iterable[UUID]) -> list[Link]:
    table = local_records.get_table(mapping)
    named = local_records.read_keys_and_names(mapping, ids)
    return [Link(" ".join(one).strip(), card_url(mapping.company, table, row_id)) for row_id, one in named.items()]
