"""Pages of a long list, at a cost that does not grow with the page's number.

Next and previous carry the last and first row's id, and the database seeks there. For a page asked for by number alone
it skips over the columns in order (an index holds them), never over whole rows, to the row before the page, and seeks
from there; where the caller knows that row's place, it skips nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField, F, ForeignKey, Model, Q, QuerySet, Subquery
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
    among: "QuerySet[Any] | None" = None,
    last: int | None = None,
    place: Place | None = None,
) -> Slice:
    """Return one page of ordered rows. `after` and `before` are ids of rows beside it; else rows are skipped.

    among: where the row beside the page is looked up, for it may have left `rows`; last: the last page that can be
    asked for by its number alone, where skipping to a later one costs too much; place: where the rows before a page of
    any number end, if the caller knows it.
    """
    number, terms = max(number, 1), _plain_terms(rows)
    beside = rows if among is None else among
    if number > 1 and after and terms is not None and (values := _values(beside, terms, after)) is not None:
        found = _first(rows, _parts(rows.model, terms, values, forward=True), size + 1)
        if found:
            return Slice(found[:size], number, len(found) > size)
    elif before and terms is not None and (values := _values(beside, terms, before)) is not None:
        found = _first(rows.reverse(), _parts(rows.model, terms, values, forward=False), size)[::-1]
        if len(found) == size:
            return Slice(found, number, has_next=True)
        # Rows before the first page are gone: what is left of them, and what follows, is the first page now.
        following = _parts(rows.model, terms, values, forward=True, including=True)
        found += _first(rows, following, size + 1 - len(found))
        return Slice(found[:size], 1, len(found) > size)
    if last is not None:
        number = min(number, last)
    if number > 1:
        skipped = (number - 1) * size
        found = _skip_to(rows, terms, skipped, size + 1, place)
        if found:
            return Slice(found[:size], number, len(found) > size, skipped)
    found = list(rows[: size + 1])
    return Slice(found[:size], 1, len(found) > size)


def page_of(source: Any, *, number: int, size: int) -> Slice:
    """Return one page of rows found by their places (listing.Source); the first where there is no such page."""
    for wanted in (max(number, 1), 1):
        skipped = (wanted - 1) * size
        found = source[skipped : skipped + size + 1]
        if found:
            return Slice(found[:size], wanted, len(found) > size, skipped)
    return Slice([], 1, has_next=False)


def _skip_to(
    rows: "QuerySet[Any]", terms: Sequence[tuple[str, bool]] | None, start: int, number: int, place: Place | None
) -> list[Any]:
    """Return that many rows behind the first `start`; none where there are none."""
    if terms is None:
        return _by_ids(rows, list(rows.values_list("pk", flat=True)[start : start + number]))
    if place and (known := place(start)) is not None:
        found = _from(rows, terms, known, number + 1)
        if found:
            return found[1:]
    names = [name for name, _ in terms]
    last = rows.values_list(*names)[start - 1 : start]
    values = [Subquery(last)] if len(names) == 1 else next(iter(last), None)
    return _first(rows, _parts(rows.model, terms, values, forward=True), number) if values is not None else []


def _from(rows: "QuerySet[Any]", terms: Sequence[tuple[str, bool]], known: Mapping[str, Any], number: int) -> list[Any]:
    """Return that many rows from the one on that is known to hold these values; none where there is no such row."""
    first = [(name, descending) for name, descending in terms if name in known]
    values = [known[name] for name, _ in first]
    found = _first(rows, _parts(rows.model, first, values, forward=True, including=True), number)
    return found if found and [getattr(found[0], name) for name, _ in first] == values else []


def _by_ids(rows: "QuerySet[Any]", ids: list[Any]) -> list[Any]:
    """Return the rows of these ids, in their order; one that is gone is left out."""
    found = {row.pk: row for row in rows.order_by().filter(pk__in=ids)} if ids else {}
    return [found[pk] for pk in ids if pk in found]


def _first(rows: "QuerySet[Any]", parts: list[Q], number: int) -> list[Any]:
    """Return the first rows of those that a part holds, part after part."""
    found: list[Any] = []
    for part in parts:
        found += rows.filter(part)[: number - len(found)]
        if len(found) == number:
            break
    return found


def _values(rows: "QuerySet[Any]", terms: Sequence[tuple[str, bool]], pk: str) -> Sequence[Any] | None:
    """Return what the columns in order hold in the row of that id; None where there is no such row."""
    own = rows.model._meta.pk
    # Rows known by another one's id: the id itself is compared, which finds nothing for a number too large for it.
    by = f"{own.name}__{own.target_field.name}" if isinstance(own, ForeignKey) else "pk"
    try:
        chosen = rows.order_by().filter(**{by: pk})
        found: Sequence[Any] | None = chosen.values_list(*(name for name, _ in terms)).first()
    except (ValueError, TypeError):
        return None
    return found


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
