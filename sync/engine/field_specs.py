"""A mapping's fields made ready for a run: rows of the mapping, the table's metadata and couplings into FieldSpecs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from connection_setup.models import DataverseConnection
from core.refusals import Refusal
from core.vocabulary import ConflictOption, Direction
from coupling.models import Coupling, IntegrationFieldMapping, IntegrationTableMapping, OptionMapping
from dataverse.types import TableInfo
from jobs.models import Reason
from masterdata import catalog
from masterdata.catalog import LocalTable
from sync.rules.canonical import FieldSpec
from sync.rules.plan import FieldRule, intersect_direction
from sync.rules.values import Links, LocalColumn


class MappingNotUsable(Refusal):
    """The mapping cannot be run as it is."""

    def __init__(self, message: str, fix: str = "", *, reason: str = Reason.CONFIGURATION) -> None:
        super().__init__(reason, message, fix)


@dataclass
class Fields:
    """The fields of a mapping in one run, by name; `rules` are the plan's view of them."""

    specs: dict[str, FieldSpec]
    linkers: "list[Linker]" = field(default_factory=list)

    @property
    def rules(self) -> list[FieldRule]:
        """The rules, in the mapping's order."""
        return [spec.rule for spec in self.specs.values()]

    @property
    def local_names(self) -> list[str]:
        """The local fields that are read, once each."""
        return list(dict.fromkeys(spec.field.name for spec in self.specs.values() if spec.field is not None))

    @property
    def written_names(self) -> list[str]:
        """The local fields that a synchronization may write."""
        return list(
            dict.fromkeys(
                spec.field.name
                for spec in self.specs.values()
                if spec.field is not None and spec.direction != Direction.TO
            )
        )

    def prepare(self, local: Sequence[Mapping[str, Any]], remote: Iterable[Mapping[str, Any]]) -> None:
        """Look up, in few queries, the partners of every reference in these rows."""
        rows = list(remote)
        for linker in self.linkers:
            linker.prepare(
                {str(row[linker.field]) for row in local if row.get(linker.field)},
                {str(row[linker.column]) for row in rows if row.get(linker.column)},
            )


class Linker:
    """Fills one reference field's Links as rows come by: codes to GUIDs and back, through the couplings."""

    def __init__(self, company: Any, spec: FieldSpec, table: LocalTable, links: Links) -> None:
        assert spec.field is not None
        self.field, self.column = spec.field.name, spec.column.name
        self._company, self._table = company, table
        self._partners: dict[str, str | int] = links.partners  # type: ignore[assignment]  # made here, as a dict
        self._codes: dict[str | int, str] = links.codes  # type: ignore[assignment]
        self._asked: set[str] = set()

    def prepare(self, codes: set[str], ids: set[str]) -> None:
        """Look up what was not asked before."""
        new_codes, new_ids = codes - self._asked, {key.lower() for key in ids} - self._asked
        self._asked |= new_codes | new_ids
        key, records = self._table.key, self._table.model._default_manager.filter(company=self._company)
        couplings = Coupling.objects.filter(company=self._company, table=self._table.name, pending=False)
        if new_codes:
            found = dict(records.filter(**{f"{key}__in": new_codes}).values_list("system_id", key))
            for local_id, row in couplings.filter(local_id__in=list(found)).values_list("local_id", "integration_id"):
                self._know(str(found[local_id]), str(row))
        if new_ids:
            pairs = dict(couplings.filter(integration_id__in=new_ids).values_list("local_id", "integration_id"))
            for local_id, code in records.filter(system_id__in=list(pairs)).values_list("system_id", key):
                self._know(str(code), str(pairs[local_id]))

    def _know(self, code: str, row: str) -> None:
        self._partners[code] = row
        self._codes[row] = code


def build(
    mapping: IntegrationTableMapping,
    rows: Sequence[IntegrationFieldMapping],
    info: TableInfo,
    connection: DataverseConnection,
) -> Fields:
    """The fields of a mapping. Raises MappingNotUsable naming the first field that cannot be used."""
    table = catalog.table(mapping.table)
    result = Fields({})
    for row in rows:
        direction = intersect_direction(Direction(row.direction), Direction(mapping.direction))
        column = info.columns.get(row.integration_field)
        if direction is None:
            continue
        if column is None:
            raise MappingNotUsable(
                f"The mapping {mapping.name} uses the column {row.integration_field}, which the table "
                f"{info.name} does not have in Dataverse.",
                "Correct it on Integration Field Mapping List, or disable it.",
                reason=Reason.UNKNOWN_COLUMN,
            )
        if column.type == "EntityName":
            continue  # it follows from the lookup beside it and cannot be written
        local = _local(table, row.field, mapping) if row.field else None
        spec = FieldSpec(
            name=f"{row.field}:{row.integration_field}",
            column=column,
            field=local,
            direction=direction if local is not None else Direction.TO,
            conflict=ConflictOption(row.update_conflict),
            constant=row.constant,
            clear_on_failed=row.clear_on_failed,
            not_null=row.not_null,
        )
        references = table.field(row.field).references if row.field else ""
        if references:
            spec = _with_links(spec, references, mapping, connection, result.linkers)
        result.specs[spec.name] = spec
    if not result.specs:
        raise MappingNotUsable(
            f"The mapping {mapping.name} has no enabled field for its direction, so there is nothing to synchronize.",
            "Enable fields on Integration Field Mapping List.",
        )
    return result


def _local(table: LocalTable, name: str, mapping: IntegrationTableMapping) -> LocalColumn:
    try:
        known = table.field(name)
    except LookupError as error:
        raise MappingNotUsable(
            f"The mapping {mapping.name} cannot be used: {error}",
            "Correct it on Integration Field Mapping List.",
        ) from None
    return LocalColumn(
        known.name, known.caption, known.type, known.max_length, known.required, known.choices, known.decimals
    )


def _with_links(
    spec: FieldSpec,
    references: str,
    mapping: IntegrationTableMapping,
    connection: DataverseConnection,
    linkers: list[Linker],
) -> FieldSpec:
    company = mapping.company
    table = catalog.table(references)
    related = list(IntegrationTableMapping.objects.filter(company=company, table=references).order_by("position"))
    options = next((one for one in related if one.uid_kind == "option"), None)
    rows = next((one for one in related if one.uid_kind == "guid" and one.integration_table in spec.column.binds), None)
    if spec.column.type in ("Picklist", "State", "Status"):
        return replace(spec, links=_option_links(table, options)) if options is not None else spec
    if not spec.column.binds or rows is None:
        return spec
    blank, code = "", ""
    if references == "currency":
        code = company.currency_code
        blank = _local_currency_row(company, connection)
    links = Links(
        caption=table.caption.lower() if table.caption.istitle() else table.caption,
        partners={}, codes={}, target=rows.integration_table,
        blank_partner=blank or None, blank_code=code,
    )  # fmt: skip
    linked = replace(spec, links=links)
    linkers.append(Linker(company, linked, table, links))
    return linked


def _option_links(table: LocalTable, mapping: IntegrationTableMapping) -> Links:
    values = dict(OptionMapping.objects.filter(mapping=mapping).values_list("local_id", "value"))
    codes = table.model._default_manager.filter(system_id__in=list(values)).values_list("system_id", table.key)
    pairs = {str(code): values[local_id] for local_id, code in codes}
    return Links(table.caption, pairs, {value: code for code, value in pairs.items()})


def _local_currency_row(company: Any, connection: DataverseConnection) -> str:
    """The GUID of the row that a blank currency code stands for, or blank when it is not known."""
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
