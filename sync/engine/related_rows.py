"""Rows of other tables that rows of known tables need, each read once in a slice of a job and again for what is new."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from coupling.gateway import Gateway
from coupling.models import Coupling, couplings_of_table
from masterdata import catalog
from masterdata.models import PriceListLine, SalesPrice, Vendor
from masterdata.models.sales import AmountType, SalesType
from masterdata.models.units import source_key
from sync.rules.values import Problem

ColumnsOrProblem = dict[str, Any] | Problem
Source = tuple[str, str]
"""An item or a resource: the name of its table, and its number."""
_USUAL_PRECISION = 2
"""The decimal places of a currency where the organization does not say."""


def default_list_id(company: Any) -> UUID:
    """Return the id of a company's default price list: it follows from the company, so it is never looked for."""
    return uuid5(company.system_id, "default price list")


def row_id_of(value: Any) -> str:
    """Return the id of the row that a lookup is sent with, as text in small letters; "" for none."""
    return str(value[1] if isinstance(value, tuple | list) else value or "").lower()


def row_ids_of(name: str, sent: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the ids of the rows that a lookup leads to in the columns of many rows."""
    return [row_id for columns in sent if (row_id := row_id_of(columns.get(name)))]


class ProductUnit(NamedTuple):
    """The unit that a product is sold in where nobody says otherwise, and the group it belongs to; ids as text."""

    unit: str
    group: str


class RelatedRows:
    """What new and changed rows point to: units, currencies, products, price lists, vendors."""

    def __init__(self, gateway: Gateway, company: Any, *, own_groups: bool = False) -> None:
        """Begin with nothing read. own_groups: whether a unit group belongs to one record of one company."""
        self._gateway, self.company, self._own_groups = gateway, company, own_groups
        self._units: dict[tuple[str, str], str] = {}
        self._unit_bases: dict[str, str] = {}
        self._unit_groups: dict[str, str] = {}
        self._inactive_groups: dict[str, str] = {}
        self._looked_for: set[str] = set()
        self._currencies: dict[str, str] = {}
        self._products: dict[str, ProductUnit] = {}
        self._list_currencies: dict[str, str] = {}
        self._price_lines: dict[str, dict[tuple[str, str], UUID]] = {}
        self._group_currencies: dict[str, set[str]] = {}
        self._line_currencies: dict[str, set[str]] = {}
        self._base_units: dict[Source, str] = {}

    @property
    def currency_code(self) -> str:
        """The code of the company's local currency."""
        return str(self.company.currency_code)

    def _read_units(self) -> None:
        """Read all units of the environment: by their groups and names, and the base unit of each group; and which
        groups are inactive.
        """
        inactive = self._gateway.rows("uomschedule", ["name"], {"statecode": 1})
        self._inactive_groups = {str(row.id).lower(): str(row.values.get("name") or "") for row in inactive}
        self._units, self._unit_bases, self._unit_groups = {}, {}, {}
        for row in self._gateway.rows("uom", ["uomscheduleid", "name", "isschedulebaseuom"], {}):
            unit, group = str(row.id).lower(), str(row.values["uomscheduleid"]).lower()
            self._units[group, str(row.values.get("name") or "").casefold()] = unit
            self._unit_groups[unit] = group
            if row.values.get("isschedulebaseuom"):
                self._unit_bases[group] = unit

    def base_unit(self, group: str) -> str:
        """Return the id of the unit that a unit group counts in; "" where the group has none."""
        self._know(group, self._unit_bases)
        return self._unit_bases.get(group.lower(), "")

    def inactive_group(self, group: str) -> str:
        """Return what a unit group is called that is inactive; "" for one that is active."""
        self._know(group, self._unit_bases)
        return self._inactive_groups.get(group.lower(), "")

    @cached_property
    def _groups_by_name(self) -> dict[str, UUID]:
        rows = self._gateway.rows("uomschedule", ["name"], {})
        others = self._groups_of_others() if self._own_groups else set[UUID]()
        return {str(row.values.get("name") or "").casefold(): row.id for row in reversed(rows) if row.id not in others}

    def _groups_of_others(self) -> set[UUID]:
        """Return the unit groups of other companies' items and resources: by name alone they may be this one's."""
        coupled = Coupling.objects.filter(table="unit_group").exclude(company=self.company)
        return set(coupled.values_list("integration_id", flat=True))

    def unit_group(self, name: str) -> UUID | None:
        """Return the unit group of that name, None where there is none."""
        return self._groups_by_name.get(name.casefold())

    def unit_of_group(self, group: str, name: str) -> UUID | None:
        """Return the unit of that name in a group, None where it has none."""
        self._know(group, self._unit_bases)
        unit = self._units.get((group.lower(), name.casefold()))
        return UUID(unit) if unit else None

    def group_of_unit(self, unit: str) -> str:
        """Return the id of the group that a unit belongs to, "" where it is not there."""
        self._know(unit, self._unit_groups)
        return self._unit_groups.get(unit.lower(), "")

    def _know(self, row_id: str, known: Mapping[str, str]) -> None:
        """Read the units again, once for an id that is not known: it may be new."""
        if row_id.lower() not in known and row_id.lower() not in self._looked_for:
            self._looked_for.add(row_id.lower())
            self._read_units()

    def local_currency(self) -> str:
        """Return the id of the row of the company's local currency; "" where Dataverse has none.

        It is the organization's base currency, or else the row with that ISO code, or the one it is coupled with.
        """
        if self.currency_code not in self._currencies:
            connection = self._gateway.connection
            if connection.base_currency_id and connection.base_currency_code == self.currency_code:
                self._currencies[self.currency_code] = str(connection.base_currency_id)
            else:
                row = self.currency_row(self.currency_code)
                self._currencies[self.currency_code] = str(row) if row else self._coupled_currency(self.currency_code)
        return self._currencies[self.currency_code]

    @cached_property
    def _currency_rows(self) -> dict[str, UUID]:
        rows = reversed(self._gateway.rows("transactioncurrency", ["isocurrencycode"], {}))
        return {str(row.values.get("isocurrencycode") or "").upper(): row.id for row in rows}

    def currency_row(self, iso_code: str) -> UUID | None:
        """Return the currency with that ISO code, None where Dataverse has none."""
        return self._currency_rows.get(iso_code.upper())

    @cached_property
    def currency_precision(self) -> int:
        """How many decimal places the organization gives its currencies."""
        found = self._gateway.rows("organization", ["currencydecimalprecision"], {})
        precision = found[0].values.get("currencydecimalprecision") if found else None
        return int(precision) if precision is not None else _USUAL_PRECISION

    def currency(self, code: str) -> str:
        """Return the id of the row that a currency is coupled with, blank being the local one; "" where it is not."""
        if code in ("", self.currency_code):
            return self.local_currency()
        if code not in self._currencies:
            self._currencies[code] = self._coupled_currency(code)
        return self._currencies[code]

    def _coupled_currency(self, code: str) -> str:
        return self._partner_of("currency", code=code)

    def _partner_of(self, table: str, **key: str) -> str:
        """Return the id of the row that a record is coupled with; "" where it is not."""
        known = catalog.table(table).records(self.company).filter(**key).values("system_id")
        pairs = couplings_of_table(self.company, table).filter(pending=False, local_id__in=known)
        row = pairs.values_list("integration_id", flat=True).first()
        return str(row) if row else ""

    @cached_property
    def _vendor_names(self) -> dict[str, str]:
        return dict(Vendor.objects.filter(company=self.company).values_list("no", "name"))

    def vendor_name(self, number: str) -> str:
        """Return what a vendor is called, "" for none."""
        return self._vendor_names.get(number, "") if number else ""

    @property
    def default_price_list(self) -> UUID:
        """The id of the company's default price list, which a run makes before it sends products."""
        return default_list_id(self.company)

    # -- prices -----------------------------------------------------------------------------------------------------

    def load_products(self, ids: Iterable[str]) -> None:
        """Read the units of these products, in few requests, where they are not known."""
        wanted = sorted({one.lower() for one in ids} - self._products.keys())
        rows = self._gateway.rows_by_id("product", ["defaultuomid", "defaultuomscheduleid"], map(UUID, wanted))
        for row in rows:
            unit, group = (str(row.values.get(name) or "") for name in ("defaultuomid", "defaultuomscheduleid"))
            self._products[str(row.id).lower()] = ProductUnit(unit, group)

    def product(self, row_id: str) -> ProductUnit | None:
        """Return the unit of a product that was loaded; None where the product is gone."""
        return self._products.get(row_id.lower())

    def load_sources(self, sources: Iterable[Source]) -> None:
        """Look up the base units of these items and resources, where they are not known."""
        wanted = set(sources) - self._base_units.keys()
        for table in ("item", "resource"):
            numbers = [number for of, number in wanted if of == table]
            known = catalog.table(table).records(self.company).order_by().filter(no__in=numbers)
            for number, unit in known.values_list("no", "base_unit_of_measure"):
                self._base_units[table, number] = unit

    def base_unit_code(self, source: Source) -> str:
        """Return the code of the base unit of an item or resource that was loaded; "" for none."""
        return self._base_units.get(source, "")

    def unit_row(self, source: Source, unit: str) -> str:
        """Return the id of the row that a unit of an item or resource is coupled with; "" where it is not."""
        table, number = source
        return self._partner_of(f"{table}_unit_of_measure", key=source_key(number, unit))

    def load_price_lists(self, ids: Iterable[str]) -> None:
        """Read the currencies and lines of these price lists, where they are not known."""
        wanted = sorted({one.lower() for one in ids} - self._list_currencies.keys())
        for row in self._gateway.rows_by_id("pricelevel", ["transactioncurrencyid"], map(UUID, wanted)):
            self._list_currencies[str(row.id).lower()] = str(row.values.get("transactioncurrencyid") or "").lower()
        for one in wanted:
            lines = self._gateway.rows("productpricelevel", ["productid", "uomid"], {"pricelevelid": UUID(one)})
            self._price_lines[one] = {
                (str(line.values["productid"]).lower(), str(line.values["uomid"]).lower()): line.id for line in lines
            }

    def list_currency(self, price_list: str) -> str:
        """Return the id of the currency that a price list which was loaded is in; "" where it has none."""
        return self._list_currencies.get(price_list.lower(), "")

    def price_line(self, price_list: str, product: str, unit: str) -> UUID | None:
        """Return the line that a price list which was loaded has for a product and a unit; None where it has none."""
        return self._price_lines.get(price_list.lower(), {}).get((product.lower(), unit.lower()))

    def load_group_currencies(self, codes: Iterable[str]) -> None:
        """Look up the currencies that the prices of these customer price groups are in, where they are not known."""
        wanted = sorted(set(codes) - self._group_currencies.keys())
        self._group_currencies |= {code: set[str]() for code in wanted}
        prices = SalesPrice.objects.filter(
            company=self.company, sales_type=SalesType.CUSTOMER_PRICE_GROUP, sales_code__in=wanted
        )
        for code, currency in prices.order_by().values_list("sales_code", "currency_code").distinct():
            self._group_currencies[code].add(self.plain_currency(currency))

    def load_line_currencies(self, codes: Iterable[str]) -> None:
        """Look up the currencies that the lines of these price lists are in, where they are not known."""
        wanted = sorted(set(codes) - self._line_currencies.keys())
        self._line_currencies |= {code: set[str]() for code in wanted}
        lines = PriceListLine.objects.filter(
            company=self.company, price_list_code__in=wanted, amount_type=AmountType.PRICE
        )
        for code, currency in lines.order_by().values_list("price_list_code", "currency_code").distinct():
            self._line_currencies[code].add(self.plain_currency(currency))

    def line_currencies(self, code: str) -> set[str]:
        """Return the currencies that the lines of a price list which was loaded are in, blank for the local one."""
        return self._line_currencies.get(code, set())

    def plain_currency(self, code: str) -> str:
        """Return a currency code, blank for the local currency."""
        return "" if code == self.currency_code else code

    def group_currencies(self, code: str) -> list[str]:
        """Return the currencies that the prices of a group which was loaded are in, blank for the local one."""
        return sorted(self._group_currencies.get(code, ()))
