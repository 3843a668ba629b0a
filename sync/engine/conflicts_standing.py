"""Conflicts as they stand: the fields of a pair that wait for a person, as the last run that compared them saw them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Func, IntegerField, QuerySet

from core.moments import read_moment
from coupling.models import CouplingBase
from masterdata.models import Company
from sync.rules.changes import code_of, told
from sync.rules.resolving import Choice, Rule, Take, newer, take_by_rule
from sync.rules.values import Side, Value


@dataclass(frozen=True, slots=True)
class StandingField:
    """A field that both sides changed: its values, as a person reads them and as they are compared, who and when."""

    name: str
    local: str
    caption: str
    column: str
    here: str
    there: str
    base: str
    has_base: bool
    here_code: str
    here_value: Value
    there_value: Value
    here_at: datetime | None
    here_by: str
    there_at: datetime | None
    there_by: str
    base_at: datetime | None
    of_row: bool = False
    """Whether `there_at` is when the row was changed, maybe in another column."""
    known: bool = True
    """Whether what both sides hold is known as it is compared; else the next run finds it out."""

    @property
    def newer(self) -> Side | None:
        """The side that was changed last, as far as that is known."""
        return None if self.of_row else newer(self.here_at, self.there_at)

    def choice(self, take: Take, text: str = "") -> Choice:
        """Return a choice on what both sides hold here."""
        return Choice(take, self.here_value, self.there_value, text.replace("\0", ""))


@dataclass(frozen=True, slots=True)
class Standing:
    """A pair that conflicts: its fields, and since when."""

    coupling_id: int
    mapping_id: int
    since: datetime | None
    fields: tuple[StandingField, ...]

    @property
    def known(self) -> bool:
        """Whether what both sides hold is known as it is compared, of all fields; else the next run finds it out."""
        return all(one.known for one in self.fields)


def read_conflict(coupling_id: int, mapping_id: int, conflict: Mapping[str, Any] | None) -> Standing:
    """Return what a pair keeps of its conflict."""
    stored = conflict or {}
    fields = tuple(_field(one) for one in stored.get("fields", ()))
    return Standing(coupling_id, mapping_id, read_moment(stored.get("at")), fields)


def _field(one: Mapping[str, Any]) -> StandingField:
    base = one.get("base_value")
    return StandingField(
        str(one.get("name") or f"{one.get('local')}:{one.get('integration')}"), str(one.get("local") or ""),
        str(one.get("caption") or ""), str(one.get("integration") or ""),
        told(one["here"]) if "here" in one else _text(one.get("local_value")),
        told(one["there"]) if "there" in one else _text(one.get("integration_value")),
        told(one["base"]) if one.get("base") else _text(base), base is not None, code_of(one.get("here")),
        one.get("here_value", one.get("local_value")), one.get("there_value", one.get("integration_value")),
        read_moment(one.get("here_at")), str(one.get("here_by") or ""),
        read_moment(one.get("there_at")), str(one.get("there_by") or ""), read_moment(one.get("base_at")),
        bool(one.get("there_of_row")), "here_value" in one,
    )  # fmt: skip


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def choices_by_rule(standing: Standing, rule: Rule, *, field_name: str = "", local: str = "") -> dict[str, Choice]:
    """Return what a rule chooses for the fields of a pair, by name. field_name, local: for this field alone."""
    return {one.name: one.choice(take) for one, take in taken_by_rule(standing, rule, field_name, local) if take}


def taken_by_rule(
    standing: Standing, rule: Rule, field_name: str, local: str
) -> Iterator[tuple[StandingField, Take | None]]:
    """Yield the fields that a rule looks at, and what each takes; None where it cannot tell."""
    for one in standing.fields:
        if (not field_name or one.name == field_name) and (not local or one.local == local):
            yield one, take_by_rule(rule, one.newer, has_base=one.has_base) if one.known else None


def conflicts_of(company: Company) -> "QuerySet[CouplingBase]":
    """Return the bases of the company's pairs with conflicts, with pairs and mappings, in the order they were made."""
    bases = CouplingBase.objects.filter(company=company, conflict__isnull=False)
    return bases.select_related("coupling", "mapping__company").order_by("pk")


def read_standing(bases: "QuerySet[CouplingBase]") -> Iterator[Standing]:
    """Yield the conflicts of these pairs, in parts."""
    rows = bases.order_by("pk").values_list("coupling_id", "mapping_id", "conflict")
    for coupling_id, mapping_id, conflict in rows.iterator(chunk_size=2000):
        yield read_conflict(coupling_id, mapping_id, conflict)


class FieldCount(Func):
    """How many fields of a pair wait."""

    output_field = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        """Return it as SQLite counts a list in JSON."""
        template = "json_array_length(%(expressions)s, '$.fields')"
        return self.as_sql(compiler, connection, template=template, **more)

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        """Return it as PostgreSQL counts a list in JSON."""
        return self.as_sql(compiler, connection, template="jsonb_array_length(%(expressions)s -> 'fields')", **more)
