"""Pages of a long list, at a cost that does not grow with the page's number.

Next and previous carry the last and first row's id, and the database seeks there. For a page asked for by number alone
it skips over the columns in order (an index holds them), never over whole rows, to the row before the page, and seeks
from there; where the caller knows that row's place, it skips nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField, F, Model, Q, QuerySet, Subquery
from django.db.models.expressions import Col
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan, TupleLookupMixin
from django.db.models.lookups import Exact

COUNT_LIMIT = 10_000
"""Rows are counted up to here; beyond, a list says "more than 10,000"."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows of one page, in order, whether others follow, and how many before it were counted on the way."""

    rows: list[Any]
    number: int
    has_next: bool
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Through:
    """A narrow table that holds the rows that pass, in order, where the rows' own table has no index for both.

    rows: one company's, unordered; columns: the own table's columns -> the narrow one's, the order's first and the
    row's unique id last. Its order goes by these columns.
    """

    rows: "QuerySet[Any]"
    columns: Mapping[str, str]

    @property
    def id(self) -> tuple[str, str]:
        """The unique id: its name in the rows' own table, and in the narrow one."""
        return list(self.columns.items())[-1]

    def ordered(self, descending: bool) -> "QuerySet[Any]":
        """Return the narrow rows in order."""
        return self.rows.order_by(*(f"{'-' if descending else ''}{name}" for name in self.columns.values()))


Place = Callable[[int], Mapping[str, Any] | None]
"""Given a number of rows: what the first columns in order hold in the last of so many; None if it is not known."""


def ordered(rows: "QuerySet[Any]", sort: Sequence[str] = ()) -> "QuerySet[Any]":
    """Return the rows in the order asked for, else in their own, made total by the id where it is not."""
    terms: list[Any] = list(sort) or list(rows.query.order_by) or list(rows.model._meta.ordering)
    names = {str(term).lstrip("-") for term in terms if isinstance(term, str)}
    if not names & {"pk", rows.model._meta.pk.name} and not _is_total_order(rows, names):
        last = terms[-1] if terms else ""
        terms.append("-pk" if isinstance(last, str) and last.startswith("-") else "pk")
    return rows.order_by(*terms)


def counted(rows: "QuerySet[Any]") -> tuple[int, bool]:
    """Return how many rows there are, counted up to COUNT_LIMIT, and whether that is all of them."""
    count = rows.order_by()[: COUNT_LIMIT + 1].count()
    return min(count, COUNT_LIMIT), count <= COUNT_LIMIT


def page(
    rows: "QuerySet[Any]",
    *,
    number: int,
    size: int,
    after: str = "",
    before: str = "",
    through: Through | None = None,
    descending: bool = False,
    place: Place | None = None,
) -> Slice:
    """Return one page of ordered rows. `after` and `before` are ids of rows beside it; else rows are skipped.

    through: which of the rows are meant, and their order, `descending` or not; those of `rows` do not count then.
    place: where the rows before a page of any number end, if the caller knows it.
    """
    number = max(number, 1)
    order = through.ordered(descending) if through else rows
    if number > 1 and after and (parts := _seek_from(rows, after, order, through, forward=True)) is not None:
        found = _first(order, parts, size + 1)
        if found:
            return Slice(_own(rows, found[:size], through), number, len(found) > size)
    elif before and (parts := _seek_from(rows, before, order, through, forward=False)) is not None:
        found = _first(order.reverse(), parts, size)[::-1]
        if len(found) == size:
            return Slice(_own(rows, found, through), number, has_next=True)
        number = 1  # the list's head: rows before the first page have come in meanwhile
    if number > 1:
        skipped = (number - 1) * size
        found = _skip_to(rows, order, skipped, size + 1, through, place)
        if found:
            return Slice(found[:size], number, len(found) > size, skipped)
    found = list(order[: size + 1])
    return Slice(_own(rows, found[:size], through), 1, len(found) > size)


def _skip_to(
    rows: "QuerySet[Any]", order: "QuerySet[Any]", start: int, number: int, through: Through | None, place: Place | None
) -> list[Any]:
    """Return that many rows behind the first `start`; none where there are none."""
    terms = _plain_terms(order)
    if through or terms is None:
        own, name = through.id if through else ("pk", "pk")
        return _by_ids(rows, own, list(order.values_list(name, flat=True)[start : start + number]))
    if place and (known := place(start)) is not None:
        found = _from(order, terms, known, number + 1)
        if found:
            return found[1:]
    names = [name for name, _ in terms]
    last = order.values_list(*names)[start - 1 : start]
    values = [Subquery(last)] if len(names) == 1 else next(iter(last), None)
    return _first(order, _parts(order.model, terms, values, forward=True), number) if values is not None else []


def _from(
    order: "QuerySet[Any]", terms: Sequence[tuple[str, bool]], known: Mapping[str, Any], number: int
) -> list[Any]:
    """Return that many rows from the one on that is known to hold these values; none where there is no such row."""
    first = [(name, descending) for name, descending in terms if name in known]
    values = [known[name] for name, _ in first]
    found = _first(order, _parts(order.model, first, values, forward=True, including=True), number)
    return found if found and [getattr(found[0], name) for name, _ in first] == values else []


def _own(rows: "QuerySet[Any]", found: list[Any], through: Through | None) -> list[Any]:
    """Return the rows themselves, where those of the narrow table were found."""
    if through is None:
        return found
    own, name = through.id
    return _by_ids(rows, own, [getattr(one, name) for one in found])


def _by_ids(rows: "QuerySet[Any]", own: str, ids: list[Any]) -> list[Any]:
    """Return the rows of these ids, in their order; one that is gone is left out."""
    found = {getattr(row, own): row for row in rows.order_by().filter(**{f"{own}__in": ids})} if ids else {}
    return [found[pk] for pk in ids if pk in found]


def _first(rows: "QuerySet[Any]", parts: list[Q], number: int) -> list[Any]:
    """Return the first rows of those that a part holds, part after part."""
    found: list[Any] = []
    for part in parts:
        found += rows.filter(part)[: number - len(found)]
        if len(found) == number:
            break
    return found


def _seek_from(
    rows: "QuerySet[Any]", pk: str, order: "QuerySet[Any]", through: Through | None, *, forward: bool
) -> list[Q] | None:
    """Return what holds for the rows past the row of that id (see _parts).

    None where the order cannot be sought in, or the row is gone.
    """
    terms = _plain_terms(order)
    if terms is None:
        return None
    names = through.columns if through else [name for name, _ in terms]
    try:
        values = rows.order_by().filter(pk=pk).values_list(*names).first()
    except (ValueError, TypeError):
        return None
    return None if values is None else _parts(order.model, terms, values, forward=forward)


def _parts(
    model: type[Model],
    terms: Sequence[tuple[str, bool]],
    values: Sequence[Any],
    *,
    forward: bool,
    including: bool = False,
) -> list[Q]:
    """Return what holds for the rows past the one that has these values in the columns in order, the nearest rows' part
    first.

    `including`: for that one, too.

    Each part is one stretch of an index on these columns. A column of few values comes as a part of its own: as one
    comparison of many columns, SQLite would read on from the first row of the same value.
    """
    names = [name for name, _ in terms]
    one_way = len({descending for _, descending in terms}) == 1
    alone = next((at for at, name in enumerate(names) if not _few_values(model, name)), 0) if one_way else len(names)
    parts: list[Q] = []
    if one_way and len(names) - alone > 1 and not including:
        # Compared as a row of values, which an index on these columns seeks by.
        compare = _Less if terms[0][1] == forward else _Greater
        same = Q(**dict(zip(names[:alone], values[:alone], strict=True)))
        parts.append(same & Q(compare(Tuple(*map(F, names[alone:])), values[alone:])))
    else:
        alone = len(names)
    for at in reversed(range(alone)):
        way = "lt" if terms[at][1] == forward else "gt"
        same = Q(**dict(zip(names[:at], values[:at], strict=True)))
        equal = "e" if including and at == len(names) - 1 else ""
        parts.append(same & Q(**{f"{names[at]}__{way}{equal}": values[at]}))
    return parts


def _is_total_order(rows: "QuerySet[Any]", names: set[str]) -> bool:
    """Return whether no two of the rows can have the same values in these columns of their own table."""
    meta, known = rows.model._meta, names | _fixed(rows)
    unique = [set(one.fields) for one in meta.total_unique_constraints]
    unique += [{field.name} for field in meta.concrete_fields if field.unique]
    return any(fields <= known and not any(meta.get_field(name).null for name in fields) for fields in unique)


def _few_values(model: type[Model], name: str) -> bool:
    field = None if name == "pk" else model._meta.get_field(name)
    return isinstance(field, BooleanField) or bool(getattr(field, "choices", None))


class _Greater(TupleGreaterThan):
    """SQLite compares rows of values too. Spelled out with OR, as Django does for it, no index is sought in."""

    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        return super(TupleLookupMixin, self).as_sql(compiler, connection)


class _Less(TupleLessThan):
    """As _Greater."""

    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        return super(TupleLookupMixin, self).as_sql(compiler, connection)


def _plain_terms(rows: "QuerySet[Any]") -> list[tuple[str, bool]] | None:
    """Return the order as (column, descending) where each is a column of the table's own that is never null.

    A column that the rows are filtered to one value of orders nothing, and would hide the next one from an index.
    """
    model: type[Model] = rows.model
    fixed = _fixed(rows)
    terms: list[tuple[str, bool]] = []
    for term in rows.query.order_by:
        if not isinstance(term, str):
            return None
        name = term.lstrip("-")
        if name != "pk":
            try:
                field = model._meta.get_field(name)
            except FieldDoesNotExist:
                return None
            if getattr(field, "null", True) or field.is_relation:
                return None
            if name in fixed:
                continue
        terms.append((name, term.startswith("-")))
    return terms


def _fixed(rows: "QuerySet[Any]") -> set[str]:
    """Return the columns of the table's own that the rows are filtered to one value of."""
    where = rows.query.where
    if where.negated or where.connector != "AND":
        return set()
    exact = (child for child in where.children if isinstance(child, Exact) and isinstance(child.lhs, Col))
    return {child.lhs.target.name for child in exact if child.lhs.alias == rows.query.base_table}
