"""Pages of a long list, at a cost that does not grow with the page's number.

Next and previous carry the last and first row's id, and the database seeks there. A page asked for by number alone
skips over ids only (an index holds them), never over whole rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField, F, Model, Q, QuerySet
from django.db.models.expressions import Col
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan, TupleLookupMixin
from django.db.models.lookups import Exact

COUNT_LIMIT = 10_000
"""Rows are counted up to here; beyond, a list says "more than 10,000"."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows of one page, in order, and whether others follow."""

    rows: list[Any]
    number: int
    has_next: bool


def ordered(rows: "QuerySet[Any]", sort: Sequence[str] = ()) -> "QuerySet[Any]":
    """The rows in the order asked for, else in their own, made total by the id."""
    terms: list[Any] = list(sort) or list(rows.query.order_by) or list(rows.model._meta.ordering)
    names = {str(term).lstrip("-") for term in terms if isinstance(term, str)}
    if not names & {"pk", rows.model._meta.pk.name}:
        last = terms[-1] if terms else ""
        terms.append("-pk" if isinstance(last, str) and last.startswith("-") else "pk")
    return rows.order_by(*terms)


def counted(rows: "QuerySet[Any]") -> tuple[int, bool]:
    """How many rows there are, counted up to COUNT_LIMIT, and whether that is all of them."""
    count = rows.order_by()[: COUNT_LIMIT + 1].count()
    return min(count, COUNT_LIMIT), count <= COUNT_LIMIT


def page(rows: "QuerySet[Any]", *, number: int, size: int, after: str = "", before: str = "") -> Slice:
    """One page of ordered rows. `after` and `before` are ids of rows beside it; else ids are skipped."""
    number = max(number, 1)
    if number > 1 and after and (parts := _beyond(rows, after, forward=True)) is not None:
        found = _first(rows, parts, size + 1)
        if found:
            return Slice(found[:size], number, len(found) > size)
    elif before and (parts := _beyond(rows, before, forward=False)) is not None:
        found = _first(rows.reverse(), parts, size)[::-1]
        if len(found) == size:
            return Slice(found, number, has_next=True)
        number = 1  # the list's head: rows before the first page have come in meanwhile
    if number == 1:
        found = list(rows[: size + 1])
        return Slice(found[:size], number, len(found) > size)
    start = (number - 1) * size
    ids = list(rows.values_list("pk", flat=True)[start : start + size + 1])
    if not ids:
        return page(rows, number=1, size=size)
    by_id = {row.pk: row for row in rows.order_by().filter(pk__in=ids[:size])}
    return Slice([by_id[pk] for pk in ids[:size] if pk in by_id], number, len(ids) > size)


def _first(rows: "QuerySet[Any]", parts: list[Q], number: int) -> list[Any]:
    """The first rows of those that a part holds, part after part."""
    found: list[Any] = []
    for part in parts:
        found += rows.filter(part)[: number - len(found)]
        if len(found) == number:
            break
    return found


def _beyond(rows: "QuerySet[Any]", pk: str, *, forward: bool) -> list[Q] | None:
    """What holds for the rows past the row of that id, the nearest rows' part first.

    Each part is one stretch of an index on the columns in order. A column of few values comes as a part of its own:
    as one comparison of many columns, SQLite would read on from the first row of the same value.
    None where the order cannot be sought in, or the row is gone.
    """
    terms = _plain_terms(rows)
    if terms is None:
        return None
    names = [name for name, _ in terms]
    try:
        values = rows.order_by().filter(pk=pk).values_list(*names).first()
    except (ValueError, TypeError):
        return None
    if values is None:
        return None
    one_way = len({descending for _, descending in terms}) == 1
    alone = (
        next((at for at, name in enumerate(names) if not _few_values(rows.model, name)), 0) if one_way else len(names)
    )
    parts: list[Q] = []
    if one_way and len(names) - alone > 1:
        # Compared as a row of values, which an index on these columns seeks by.
        compare = _Less if terms[0][1] == forward else _Greater
        same = Q(**dict(zip(names[:alone], values[:alone], strict=True)))
        parts.append(same & Q(compare(Tuple(*map(F, names[alone:])), values[alone:])))
    else:
        alone = len(names)
    for at in reversed(range(alone)):
        way = "lt" if terms[at][1] == forward else "gt"
        same = Q(**dict(zip(names[:at], values[:at], strict=True)))
        parts.append(same & Q(**{f"{names[at]}__{way}": values[at]}))
    return parts


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
    """The order as (column, descending) where each is a column of the table's own that is never null.

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
    """The columns of the table's own that the rows are filtered to one value of."""
    where = rows.query.where
    if where.negated or where.connector != "AND":
        return set()
    exact = (child for child in where.children if isinstance(child, Exact) and isinstance(child.lhs, Col))
    return {child.lhs.target.name for child in exact if child.lhs.alias == rows.query.base_table}
