"""A mapping's fields made ready for a run: field mappings, the table's metadata and couplings become FieldSpecs."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from django.db.models import Field, Model

from core.refusals import NotUsable, Refusal
from core.vocabulary import BlankPolicy, ConflictOption, Direction
from coupling.mappings.drift import Columns
from coupling.mappings.transformations import look_up_tables
from coupling.models import (
    Coupling,
    IntegrationFieldMapping,
    IntegrationTableMapping,
    OptionMapping,
    couplings_of_table,
)
from coupling.rows import field_key
from dataverse.types import ColumnInfo, TableInfo
from jobs.models import Reason
from masterdata import catalog
from masterdata.catalog import LocalTable
from masterdata.models import Company
from sync.engine.local_validation import local_check
from sync.local_columns import local_column
from sync.rules.canonical import FieldSpec, local_reader, remote_reader
from sync.rules.plan import FieldRule, intersect_direction
from sync.rules.transfer import field_rule
from sync.rules.transformations import BadRule, Tables, Target, chain
from sync.rules.values import Links, LocalColumn, Problem, Side, Value, ValueOrProblem


@dataclass
class Fields:
    """The fields of a mapping in one run, by name; `links_loaders` fill the links of its references.

    stopped: fields that take no part while their columns cannot be used; what both sides agreed on about them stays.
    template: what new local records begin with, by field; template_problem: why that is not known; first_key: the
    number that theirs begin at, blank for the table's own series. also_written: local fields that special rules write.
    """

    specs: dict[str, FieldSpec]
    links_loaders: "list[LinksLoader]" = field(default_factory=list)
    stopped: dict[str, FieldSpec] = field(default_factory=dict)
    template: dict[str, Any] = field(default_factory=dict)
    template_problem: Problem | None = None
    first_key: str = ""
    also_written: list[str] = field(default_factory=list)

    @property
    def rules(self) -> list[FieldRule]:
        """The rules of the plan, in the mapping's order."""
        return [field_rule(spec) for spec in self.specs.values()]

    @cached_property
    def two_way_rules(self) -> list[FieldRule]:
        """The bidirectional fields with transformation rules: a new record or row may be read as another value."""
        return [rule for rule in self.rules if rule.reread is not None]

    @property
    def columns(self) -> list[str]:
        """The columns that are read and written, once each."""
        return list(dict.fromkeys(spec.column.name for spec in self.specs.values() if not spec.constant_here))

    @property
    def local_names(self) -> list[str]:
        """The local fields that are read, once each."""
        return list(dict.fromkeys(spec.field.name for spec in self.specs.values() if spec.field is not None))

    @property
    def written_names(self) -> list[str]:
        """The local fields that a synchronization may write, once each."""
        written = (spec for spec in self.specs.values() if spec.direction != Direction.TO)
        return list(dict.fromkeys(spec.field.name for spec in written if spec.field is not None))

    @property
    def stored_names(self) -> list[str]:
        """The local fields that a synchronization may write, those of special rules among them."""
        return list(dict.fromkeys([*self.written_names, *self.also_written]))

    @cached_property
    def _number_readers(self) -> dict[str, Callable[[Any], ValueOrProblem]]:
        return {name: local_reader(spec) for name, spec in self.specs.items() if field_rule(spec).keeps_numbers}

    def alike_when_created(self, side: Side) -> bool:
        """Return whether a pair is alike once its record on `side` is created from the other one.

        It is not where the other one is to get a constant: the next run gives it that.
        """
        if side == Side.INTEGRATION:
            return not any(spec.constant_here for spec in self.specs.values())
        return not any(spec.constant and spec.field is None for spec in self.specs.values())

    @property
    def know_their_choices(self) -> bool:
        """Whether the columns have all choices that records are coupled with: new ones may have come since."""
        coupled = (
            (spec.column.choices, spec.links.partners.values())
            for spec in self.specs.values()
            if spec.links is not None and spec.column.choices
        )
        return all(value in choices for choices, values in coupled for value in values)

    def prepare(self, local: Sequence[Mapping[str, Any]], remote: Iterable[Mapping[str, Any]]) -> None:
        """Look up, in few queries, the partners of every reference in these local records and Dataverse rows."""
        rows = list(remote)
        for loader in self.links_loaders:
            loader.load(
                {str(record[loader.field]) for record in local if record.get(loader.field)},
                {str(row[loader.column]) for row in rows if row.get(loader.column)},
            )

    def local_defaults(self, model: type[Model]) -> dict[str, Value]:
        """Return the canonical values that a new local record has in fields it gets no value in: those that only go to
        Dataverse, and those that are stopped.
        """
        defaults: dict[str, Value] = {}
        for name, spec in (*self.specs.items(), *self.stopped.items()):
            if (spec.direction == Direction.TO or name in self.stopped) and spec.field is not None:
                begins_with = self.template.get(spec.field.name, default_of(model, spec.field.name))
                value = local_reader(spec)(begins_with)
                if not isinstance(value, Problem):
                    defaults[name] = value
        return defaults

    def remote_blanks(self) -> dict[str, Value]:
        """Return the canonical values that a new row has in columns it gets no value in: of fields that only come from
        Dataverse, and of those that are stopped.
        """
        found = {
            name: remote_reader(spec)(None)
            for name, spec in (*self.specs.items(), *self.stopped.items())
            if (spec.direction == Direction.FROM or name in self.stopped) and not spec.constant_here
        }
        return {name: value for name, value in found.items() if not isinstance(value, Problem)}

    def numbers(self, key: str) -> dict[str, Value]:
        """Return the canonical values that a new local record's key has in the fields that are sent to Dataverse only.

        They are its base: a row keeps the number it has there.
        """
        found = {name: read(key) for name, read in self._number_readers.items()}
        return {name: value for name, value in found.items() if not isinstance(value, Problem)}


class LinksLoader:
    """Fills one reference field's Links as records and rows come by: codes to GUIDs and back, through the couplings."""

    def __init__(self, company: Any, spec: FieldSpec, table: LocalTable) -> None:
        assert spec.field is not None
        self.field, self.column = spec.field.name, spec.column.name
        self.partners: dict[str, str | int] = {}
        self.codes: dict[str | int, str] = {}
        self._company, self._table = company, table
        self._looked_up: set[str] = set()

    def load(self, codes: set[str], row_ids: set[str]) -> None:
        """Look up what was not looked up before."""
        codes = {self._table.normal_key(code) for code in codes}
        new_codes, new_ids = codes - self._looked_up, {row_id.lower() for row_id in row_ids} - self._looked_up
        self._looked_up |= new_codes | new_ids
        key, records = self._table.key, self._table.rows(self._company)
        couplings = Coupling.objects.filter(company=self._company, table=self._table.name, pending=False)
        if new_codes:
            found = dict(records.filter(**{f"{key}__in": new_codes}).values_list("system_id", key))
            own = couplings_of_table(self._company, self._table.name).filter(pending=False, local_id__in=list(found))
            for local_id, row in own.values_list("local_id", "integration_id"):
                self._add(str(found[local_id]), str(row))
        if new_ids:
            pairs = dict(couplings.filter(integration_id__in=new_ids).values_list("local_id", "integration_id"))
            for local_id, code in records.filter(system_id__in=list(pairs)).values_list("system_id", key):
                self._add(str(code), str(pairs[local_id]))

    def _add(self, code: str, row_id: str) -> None:
        self.partners[code] = row_id
        self.codes[row_id] = code


def default_of(model: type[Model], name: str) -> Any:
    """Return what a new record of a model holds in a field."""
    column = model._meta.get_field(name)
    assert isinstance(column, Field)
    return column.get_default()


def build_fields(
    mapping: IntegrationTableMapping,
    rows: Sequence[IntegrationFieldMapping],
    table_info: TableInfo,
    local_currency: Callable[[], str],
) -> Fields:
    """Return the fields of a mapping; `local_currency` gives the id of the row that a blank currency code stands for.

    Raises Refusal (configuration, unknown_column) for a field that cannot be used.
    """
    table = catalog.table(mapping.table)
    fields = Fields({})
    tables = look_up_tables(mapping.company) if any(row.rules for row in rows) else {}
    related = _related_mappings(mapping.company, table, rows)
    for row in rows:
        direction = intersect_direction(Direction(row.direction), Direction(mapping.direction))
        local = _local_column(table, row.field, mapping) if row.field else None
        if not row.integration_field:
            direction = intersect_direction(Direction.FROM, Direction(mapping.direction))
        elif local is None and direction is not None:
            direction = intersect_direction(Direction.TO, Direction(mapping.direction))
        if direction is None:
            continue
        column = _column(mapping, row, table_info, local)
        if column.type == "EntityName":
            continue  # it follows from the lookup beside it and cannot be written
        spec = FieldSpec(
            name=field_key(row.field, row.integration_field),
            column=column,
            field=local,
            direction=direction,
            conflict=ConflictOption(row.update_conflict),
            constant=row.constant,
            clear_on_failed=row.clear_on_failed,
            not_null=row.not_null,
            identifies=row.field == table.key,
            constant_here=not row.integration_field,
            keep_blank=(row.blanks or mapping.blanks) == BlankPolicy.KEEP,
            check=local_check(table.model, local.name, validate=row.validate_field) if local is not None else None,
        )
        references = table.field(row.field).references if row.field and row.integration_field else ""
        if references:
            spec = _with_links(spec, mapping, references, related[references], local_currency, fields.links_loaders)
        if row.rules:
            spec = _with_rules(spec, row, mapping, tables)
        fields.specs[spec.name] = spec
    if not fields.specs:
        raise NotUsable(
            f"The mapping {mapping.name} has no enabled field for its direction, so there is nothing to synchronize.",
            "Enable fields on Integration Field Mapping List.",
        )
    return fields


def stopped_fields(
    mapping: IntegrationTableMapping, rows: Sequence[IntegrationFieldMapping], then: Columns
) -> dict[str, FieldSpec]:
    """Return the fields that are stopped, by name, with their columns as they were before they changed."""
    table, found = catalog.table(mapping.table), {}
    for row in rows:
        name, state = field_key(row.field, row.integration_field), then.get(row.integration_field)
        local = _local_column(table, row.field, mapping) if row.field else None
        column = ColumnInfo(row.integration_field, state.type if state is not None else "String")
        found[name] = FieldSpec(name, column, local, Direction(row.direction), constant=row.constant)
    return found


def _column(
    mapping: IntegrationTableMapping, row: IntegrationFieldMapping, table_info: TableInfo, local: LocalColumn | None
) -> ColumnInfo:
    """Return a field's column; for a constant that goes to the local field, one of that field's kind."""
    if not row.integration_field and local is not None:
        return ColumnInfo("", _COLUMN_OF.get(local.type, "String"), date_only=local.type == "date")
    column = table_info.columns.get(row.integration_field)
    if column is None:
        raise Refusal(
            Reason.UNKNOWN_COLUMN,
            f"The mapping {mapping.name} uses the column {row.integration_field}, which the table "
            f"{table_info.name} does not have in Dataverse.",
            "Disable the field on Integration Field Mapping List, or add the column in Dataverse.",
        )
    return column


_COLUMN_OF = {"number": "Decimal", "integer": "BigInt", "boolean": "Boolean", "date": "DateTime",
              "datetime": "DateTime"}  # fmt: skip
"""By the type of a local field, a column that holds the same values; String for all others."""


def _with_rules(
    spec: FieldSpec, row: IntegrationFieldMapping, mapping: IntegrationTableMapping, tables: Tables
) -> FieldSpec:
    """Return a spec whose values the field's transformation rules rewrite, where they go its way.

    Raises NotUsable for rules that cannot be used.
    """
    direction = Direction(row.transformation_direction)
    if Direction(row.direction) != Direction.BIDIRECTIONAL:
        direction = Direction(row.direction)
    if intersect_direction(direction, spec.direction) is None or spec.field is None or spec.constant_here:
        return spec
    to_dataverse = direction == Direction.TO
    if spec.kind == "link" or (spec.kind == "choice" and not to_dataverse and spec.direction != Direction.FROM):
        raise _rules_unusable(mapping, spec, "its values are references or choices, which go by what is coupled")
    if not to_dataverse and spec.direction == Direction.FROM:
        # Nothing goes to the column: what the rules make of it is compared as the local field's own kind.
        own = ColumnInfo("", _COLUMN_OF.get(spec.field.type, "String"), date_only=spec.field.type == "date")
        column = replace(spec.column, type=own.type, date_only=own.date_only, max_length=None, precision=None)
        spec = replace(spec, column=column)
    try:
        rewrite = chain(row.rules, _target(spec), tables)
    except BadRule as error:
        raise _rules_unusable(mapping, spec, str(error)) from None
    return replace(spec, rewrite=rewrite, rewrites=Side.LOCAL if to_dataverse else Side.INTEGRATION)


def _target(spec: FieldSpec) -> Target:
    kinds: dict[str, Target] = {"integer": "number", "number": "number", "date": "date", "datetime": "date"}
    return kinds.get(spec.kind, "text")


def _rules_unusable(mapping: IntegrationTableMapping, spec: FieldSpec, why: str) -> NotUsable:
    return NotUsable(
        f"The transformation rules of {spec.caption} in {mapping.name} cannot be used: {why.rstrip('.')}.",
        "Change them on Integration Field Mapping List.",
    )


def _local_column(table: LocalTable, name: str, mapping: IntegrationTableMapping) -> LocalColumn:
    try:
        return local_column(table, name)
    except LookupError as error:
        raise NotUsable(
            f"The mapping {mapping.name} cannot be used: {error}",
            "Disable the field on Integration Field Mapping List.",
        ) from None


def _related_mappings(
    company: Company, table: LocalTable, rows: Sequence[IntegrationFieldMapping]
) -> dict[str, list[IntegrationTableMapping]]:
    """Return the mappings of every table that a field refers to, by table, in their order."""
    found: dict[str, list[IntegrationTableMapping]] = defaultdict(list)
    used = {row.field for row in rows}
    names = {field.references for field in table.fields if field.references and field.name in used}
    for mapping in IntegrationTableMapping.objects.filter(company=company, table__in=names).order_by("position"):
        found[mapping.table].append(mapping)
    return found


def _with_links(
    spec: FieldSpec,
    mapping: IntegrationTableMapping,
    references: str,
    related: Sequence[IntegrationTableMapping],
    local_currency: Callable[[], str],
    loaders: list[LinksLoader],
) -> FieldSpec:
    """Return a reference's spec with its links; those of lookups are filled by a loader, which is added.

    related: the mappings of the table that is referred to.
    """
    table, company = catalog.table(references), mapping.company
    rows = next((one for one in related if one.uid_kind == "guid" and one.integration_table in spec.column.binds), None)
    if spec.column.type in ("Picklist", "State", "Status"):
        options = _mapping_of_choices(spec, mapping, table, related)
        return replace(spec, links=_option_links(table, options)) if options is not None else spec
    if not spec.column.binds or rows is None:
        return spec
    blank_row, blank_code = "", ""
    if references == "currency":
        blank_code = company.currency_code
        blank_row = local_currency()
    loader = LinksLoader(company, spec, table)
    loaders.append(loader)
    links = Links(
        caption=table.caption.lower() if table.caption.istitle() else table.caption,
        partners=loader.partners, codes=loader.codes, target=rows.integration_table, table=references,
        blank_partner=blank_row or None, blank_code=blank_code,
    )  # fmt: skip
    return replace(spec, links=links)


def _mapping_of_choices(
    spec: FieldSpec, mapping: IntegrationTableMapping, table: LocalTable, related: Sequence[IntegrationTableMapping]
) -> IntegrationTableMapping | None:
    """Return the mapping that couples records with the choices of a field's column, None where there is none.

    The only one of its table goes for other columns, too: the same choices stand on several tables. Of several, one
    that is about another column would give wrong values. Raises NotUsable.
    """
    options = {(one.integration_table, one.uid_column): one for one in related if one.uid_kind == "option"}
    fits = options.get((mapping.integration_table, spec.column.name))
    if fits is None and len(options) > 1:
        raise NotUsable(
            f"{spec.caption} in {mapping.name} cannot be used: none of the mappings "
            f"{', '.join(one.name for one in options.values())} couples {table.caption_plural} with its choices.",
            f"Create one whose unique identifier is {spec.column.name}, or disable the field.",
        )
    return fits or next(iter(options.values()), None)


def _option_links(table: LocalTable, mapping: IntegrationTableMapping) -> Links:
    values = dict(OptionMapping.objects.filter(mapping=mapping).values_list("local_id", "value"))
    codes = table.everywhere().filter(system_id__in=list(values)).values_list("system_id", table.key)
    pairs = {str(code): values[local_id] for local_id, code in codes}
    return Links(table.caption, pairs, {value: code for code, value in pairs.items()}, table=table.name)
