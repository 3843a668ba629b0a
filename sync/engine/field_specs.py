"""A mapping's fields made ready for a run: field mappings, the table's metadata and couplings become FieldSpecs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db.models import Field, Model

from connection_setup.models import DataverseConnection
from core.refusals import NotUsable, Refusal
from core.vocabulary import ConflictOption, Direction
from coupling.models import Coupling, IntegrationFieldMapping, IntegrationTableMapping, OptionMapping
from dataverse.types import TableInfo
from jobs.models import Reason
from masterdata import catalog
from masterdata.catalog import LocalTable
from sync.rules.canonical import FieldSpec, canonical_local
from sync.rules.plan import FieldRule, intersect_direction
from sync.rules.values import Links, LocalColumn, Problem, Value


@dataclass
class Fields:
    """The fields of a mapping in one run, by name; `links_loaders` fill the links of its references."""

    specs: dict[str, FieldSpec]
    links_loaders: "list[LinksLoader]" = field(default_factory=list)

    @property
    def rules(self) -> list[FieldRule]:
        """The rules of the plan, in the mapping's order."""
        return [spec.rule for spec in self.specs.values()]

    @property
    def local_names(self) -> list[str]:
        """The local fields that are read, once each."""
        return list(dict.fromkeys(spec.field.name for spec in self.specs.values() if spec.field is not None))

    @property
    def written_names(self) -> list[str]:
        """The local fields that a synchronization may write, once each."""
        written = (spec for spec in self.specs.values() if spec.direction != Direction.TO)
        return list(dict.fromkeys(spec.field.name for spec in written if spec.field is not None))

    def prepare(self, local: Sequence[Mapping[str, Any]], remote: Iterable[Mapping[str, Any]]) -> None:
        """Look up, in few queries, the partners of every reference in these local records and Dataverse rows."""
        rows = list(remote)
        for loader in self.links_loaders:
            loader.load(
                {str(record[loader.field]) for record in local if record.get(loader.field)},
                {str(row[loader.column]) for row in rows if row.get(loader.column)},
            )

    def local_defaults(self, model: type[Model]) -> dict[str, Value]:
        """Return the canonical values that a new local record has in the one-way fields to Dataverse."""
        defaults: dict[str, Value] = {}
        for name, spec in self.specs.items():
            if spec.direction == Direction.TO and spec.field is not None:
                value = canonical_local(spec, default_of(model, spec.field.name))
                if not isinstance(value, Problem):
                    defaults[name] = value
        return defaults

    def numbers(self, key: str) -> dict[str, Value]:
        """Return the canonical values that a new local record's key has in the fields that are sent to Dataverse only.

        They are its base: a row keeps the number it has there.
        """
        found = {name: canonical_local(spec, key) for name, spec in self.specs.items() if spec.rule.keeps_numbers}
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
        key, records = self._table.key, self._table.model._default_manager.filter(company=self._company)
        couplings = Coupling.objects.filter(company=self._company, table=self._table.name, pending=False)
        if new_codes:
            found = dict(records.filter(**{f"{key}__in": new_codes}).values_list("system_id", key))
            for local_id, row in couplings.filter(local_id__in=list(found)).values_list("local_id", "integration_id"):
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
    connection: DataverseConnection,
) -> Fields:
    """Return the fields of a mapping. Raises Refusal (configuration, unknown_column) for one that cannot be used."""
    table = catalog.table(mapping.table)
    fields = Fields({})
    for row in rows:
        direction = intersect_direction(Direction(row.direction), Direction(mapping.direction))
        if direction is None:
            continue
        column = table_info.columns.get(row.integration_field)
        if column is None:
            raise Refusal(
                Reason.UNKNOWN_COLUMN,
                f"The mapping {mapping.name} uses the column {row.integration_field}, which the table "
                f"{table_info.name} does not have in Dataverse.",
                "Disable the field on Integration Field Mapping List, or add the column in Dataverse.",
            )
        if column.type == "EntityName":
            continue  # it follows from the lookup beside it and cannot be written
        local = _local_column(table, row.field, mapping) if row.field else None
        spec = FieldSpec(
            name=f"{row.field}:{row.integration_field}",
            column=column,
            field=local,
            direction=direction if local is not None else Direction.TO,
            conflict=ConflictOption(row.update_conflict),
            constant=row.constant,
            clear_on_failed=row.clear_on_failed,
            not_null=row.not_null,
            identifies=row.field == table.key,
        )
        references = table.field(row.field).references if row.field else ""
        if references:
            spec = _with_links(spec, references, mapping, connection, fields.links_loaders)
        fields.specs[spec.name] = spec
    if not fields.specs:
        raise NotUsable(
            f"The mapping {mapping.name} has no enabled field for its direction, so there is nothing to synchronize.",
            "Enable fields on Integration Field Mapping List.",
        )
    return fields


def _local_column(table: LocalTable, name: str, mapping: IntegrationTableMapping) -> LocalColumn:
    try:
        known = table.field(name)
    except LookupError as error:
        raise NotUsable(
            f"The mapping {mapping.name} cannot be used: {error}",
            "Disable the field on Integration Field Mapping List.",
        ) from None
    return LocalColumn(
        known.name, known.caption, known.type, known.max_length, known.required, known.choices, known.decimals,
        known.name in table.model.code_fields,
    )  # fmt: skip


def _with_links(
    spec: FieldSpec,
    references: str,
    mapping: IntegrationTableMapping,
    connection: DataverseConnection,
    loaders: list[LinksLoader],
) -> FieldSpec:
    """Return a reference's spec with its links; those of lookups are filled by a loader, which is added."""
    company = mapping.company
    table = catalog.table(references)
    related = list(IntegrationTableMapping.objects.filter(company=company, table=references).order_by("position"))
    options = next((one for one in related if one.uid_kind == "option"), None)
    rows = next((one for one in related if one.uid_kind == "guid" and one.integration_table in spec.column.binds), None)
    if spec.column.type in ("Picklist", "State", "Status"):
        return replace(spec, links=_option_links(table, options)) if options is not None else spec
    if not spec.column.binds or rows is None:
        return spec
    blank_row, blank_code = "", ""
    if references == "currency":
        blank_code = company.currency_code
        blank_row = _local_currency_row(company, connection)
    loader = LinksLoader(company, spec, table)
    loaders.append(loader)
    links = Links(
        caption=table.caption.lower() if table.caption.istitle() else table.caption,
        partners=loader.partners, codes=loader.codes, target=rows.integration_table, table=references,
        blank_partner=blank_row or None, blank_code=blank_code,
    )  # fmt: skip
    return replace(spec, links=links)


def _option_links(table: LocalTable, mapping: IntegrationTableMapping) -> Links:
    values = dict(OptionMapping.objects.filter(mapping=mapping).values_list("local_id", "value"))
    codes = table.model._default_manager.filter(system_id__in=list(values)).values_list("system_id", table.key)
    pairs = {str(code): values[local_id] for local_id, code in codes}
    return Links(table.caption, pairs, {value: code for code, value in pairs.items()}, table=table.name)


def _local_currency_row(company: Any, connection: DataverseConnection) -> str:
    """Return the GUID of the row that a blank currency code stands for, "" where it is not known."""
    if connection.base_currency_id and connection.base_currency_code == company.currency_code:
        return str(connection.base_currency_id)
    currency = catalog.table("currency")
    own = currency.records(company).filter(**{currency.key: company.currency_code}).values("system_id")
    row: UUID | None = (
        Coupling.objects.filter(company=company, table="currency", pending=False, local_id__in=own)
        .values_list("integration_id", flat=True)
        .first()
    )
    return str(row) if row else ""
