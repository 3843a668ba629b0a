"""The default price list of a company: a line for each product with the product's own price, kept by itself.

Its id and those of its lines follow from the company and the product, so that nothing has to be looked for and nothing
is made twice, whoever is killed when.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings

from connection_setup.connection.state import connection_of
from core.refusals import Refusal
from core.vocabulary import Direction
from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping
from coupling.rows import RemoteRow, WriteResult
from dataverse import odata
from jobs.models import Reason
from sync.engine.chunk import Chunk
from sync.engine.pairs import Pair
from sync.engine.related_rows import RelatedRows, default_list_id, row_id_of

_ACTIVE_STATES = (0, 2, 3)
"""Active, draft, under revision: a product that is retired may be on no price list."""
_RETIRED = 1
_PRODUCTS_PER_FILTER = 50


def line_id_of(company: Any, product: UUID) -> UUID:
    """Return the id of a product's line in the default price list."""
    return uuid5(default_list_id(company), str(product))


@dataclass(slots=True)
class Kept:
    """What became of lines: how many could not be written, and why the first; the seconds that Dataverse asked for."""

    refused: int = 0
    why: str = ""
    wait_s: float | None = None

    def take(self, results: Iterable[WriteResult]) -> None:
        """Add the results of a bulk write."""
        for result in results:
            if result.retry_after is not None:
                self.wait_s = max(self.wait_s or 0.0, result.retry_after)
            elif not result.ok:
                self.refused, self.why = self.refused + 1, self.why or result.message

    @property
    def sentence(self) -> str:
        """What people read about lines that could not be written; "" where all could."""
        if not self.refused:
            return ""
        return f"{self.refused:,} prices of the default price list could not be written. {self.why}"


class DefaultPrices:
    """Keeps the default price list while products are synchronized; does nothing for other tables."""

    def __init__(self, mapping: IntegrationTableMapping, gateway: Gateway, related: RelatedRows) -> None:
        self._gateway, self._related, self._company = gateway, related, mapping.company
        self.keeps = mapping.integration_table == "product" and mapping.direction != Direction.FROM
        self._lists = _mapping_of(mapping.company, "pricelevel", "name")
        self._lines = _mapping_of(mapping.company, "productpricelevel", "productnumber")
        self._is_there = False

    def prepare(self, chunk: Chunk) -> None:
        """Make the list where new products are about to name it. Raises Refusal where Dataverse refuses."""
        if self.keeps and chunk.remote_inserts:
            self._make_list()

    def withdraw(self, chunk: Chunk) -> None:
        """Take the lines of products out that are about to be retired: Dataverse retires none that is on a list.

        Those that other lists have, too, keep theirs, since they will be refused; so do those that runs leave out
        after two refusals. Otherwise each full run would take lines out and bring them back.
        """
        if not self.keeps:
            return
        pairs = [one.pair for one in chunk.remote_updates if _retires(one.columns)]
        retired = [pair.coupling.integration_id for pair in pairs if not _left_out(pair)]
        elsewhere = self._elsewhere(retired)
        lines = [(line_id_of(self._company, row_id), "") for row_id in retired if row_id not in elsewhere]
        if lines:
            self._gateway.delete(self._lines, lines)

    def _elsewhere(self, products: Sequence[UUID]) -> set[UUID]:
        """Return those of the products that have a line besides the one that is kept here."""
        product = odata.lookup("productid")
        filters = [
            odata.any_of(*(odata.eq(product, row_id) for row_id in products[start : start + _PRODUCTS_PER_FILTER]))
            for start in range(0, len(products), _PRODUCTS_PER_FILTER)
        ]
        own = {line_id_of(self._company, row_id) for row_id in products}
        lines = self._gateway.probe(self._lines, ["productid"], filters)
        return {UUID(row_id_of(line.values["productid"])) for line in lines if line.id not in own}

    def keep(self, products: Sequence[UUID]) -> Kept:
        """Give these products their lines, with the prices and units that they have in Dataverse."""
        kept = Kept()
        rows = self._gateway.rows_by_id(
            "product", ["price", "defaultuomid", "defaultuomscheduleid", "statecode"], products
        )
        wanted = {line_id_of(self._company, row.id): row for row in rows if row.values["statecode"] in _ACTIVE_STATES}
        if not wanted:
            return kept
        self._make_list()
        if not self._is_there:
            return kept  # Dataverse has no row of the local currency, which new products say
        known = {row.id: row for row in self._gateway.rows_by_id("productpricelevel", ["amount", "uomid"], wanted)}
        new = [(line, self._columns_of(row)) for line, row in wanted.items() if line not in known]
        changed = [
            (line, {name: _sent(row)[name] for name in ("amount", "uomid")}, "")
            for line, row in wanted.items()
            if line in known and not _alike(known[line], row)
        ]
        if new:
            kept.take(self._gateway.create(self._lines, new))
        if changed:
            kept.take(self._gateway.update(self._lines, changed))
        return kept

    def _columns_of(self, row: RemoteRow) -> dict[str, Any]:
        return {
            **_sent(row),
            "productid": ("product", str(row.id)),
            "pricelevelid": ("pricelevel", str(default_list_id(self._company))),
            "transactioncurrencyid": ("transactioncurrency", self._related.local_currency()),
            "pricingmethodcode": 1,
        }

    def _make_list(self) -> None:
        """Make the list unless it is there, in the local currency, as this company's."""
        currency, row_id = self._related.local_currency(), default_list_id(self._company)
        if self._is_there or not currency:
            return
        if not self._gateway.rows_by_id("pricelevel", [], [row_id]):
            columns: dict[str, Any] = {
                "name": f"{settings.PRODUCT_NAME} Default {self._company.name}"[:100],
                "transactioncurrencyid": ("transactioncurrency", currency),
            }
            company_row = connection_of(self._company).company_row_id
            if company_row is not None and "tandem_companyid" in self._gateway.table(self._lists).columns:
                columns["tandem_companyid"] = ("tandem_company", str(company_row))
            (result,) = self._gateway.create(self._lists, [(row_id, columns)])
            if not result.ok:
                raise Refusal(
                    Reason(result.reason or Reason.REFUSED),
                    f"The default price list, which products need, could not be made: {result.message}",
                    detail=result.detail,
                )
        self._is_there = True


def _sent(row: RemoteRow) -> dict[str, Any]:
    """Return what a line has of its product."""
    return {
        "amount": row.values.get("price") or 0,
        "uomid": ("uom", row.values.get("defaultuomid")),
        "uomscheduleid": ("uomschedule", row.values.get("defaultuomscheduleid")),
    }


def _alike(line: RemoteRow, product: RemoteRow) -> bool:
    price, unit = product.values.get("price") or 0, row_id_of(product.values.get("defaultuomid"))
    return (line.values.get("amount") or 0) == price and row_id_of(line.values.get("uomid")) == unit


def _retires(columns: Mapping[str, Any]) -> bool:
    return columns.get("statecode") == _RETIRED


def _left_out(pair: Pair) -> bool:
    """Return whether runs leave a pair out, and its record has not changed since it was refused."""
    coupling, local = pair.coupling, pair.local
    return coupling.skipped and (local is None or local.modified_at == coupling.local_modified_at)


def _mapping_of(company: Any, table: str, name: str) -> IntegrationTableMapping:
    """Return what the gateway addresses a table by that no mapping is about; it is not stored."""
    return IntegrationTableMapping(
        company=company, integration_table=table, entity_set=f"{table}s", uid_column=f"{table}id", name_column=name
    )
