"""The read-only questions: those of Test Connection, of each mapped table, and of the reading of rows and changes.

Not among them: what an administrator's sign-in, Test Dynamics 365 and the web hook ask, and the prices of price lists.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connection_setup.checks import batch
from connection_setup.provisioning.role import NEEDED_RIGHTS
from connection_setup.types import Expectations
from dataverse import metadata, odata
from dataverse.types import WhoAmI

TRACKED = ("accounts", "contacts")
"""Entity sets whose changes are asked for."""
ROWS: Mapping[str, tuple[str, ...]] = {
    "accounts": ("accountid", "name", "modifiedon", "statecode", "_ownerid_value"),
    "contacts": ("contactid", "fullname", "modifiedon", "statecode", "_parentcustomerid_value"),
    "systemusers": ("systemuserid", "fullname", "internalemailaddress", "isdisabled", "islicensed"),
    "products": ("productid", "name", "productnumber", "statecode", "_defaultuomid_value"),
    "pricelevels": ("pricelevelid", "name", "statecode"),
    "opportunities": ("opportunityid", "name", "statecode"),
    "transactioncurrencies": ("transactioncurrencyid", "isocurrencycode", "exchangerate"),
    "uomschedules": ("uomscheduleid", "name"),
    "uoms": ("uomid", "name", "quantity"),
}
"""Entity set -> columns of a page as a synchronization reads it."""


SALES = {
    "product": "products", "pricelevel": "pricelevels", "productpricelevel": "productpricelevels",
    "opportunity": "opportunities", "uom": "uoms", "uomschedule": "uomschedules",
}  # fmt: skip
"""Tables that an environment without the sales tables lacks, with their entity sets."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and what asks it: the answer's JSON. Raises DataverseError. optional: its table may not be there."""

    name: str
    ask: Callable[[Any], Any]
    optional: bool = False


def questions(who: WhoAmI, expected: Expectations) -> Iterator[Question]:
    """Yield every question in the order of a connection's life; the client is given when one is asked."""
    yield Question("Who am I", lambda client: client.function("WhoAmI"))
    for name, path in batch.paths(who, expected).items():
        yield Question(f"Test Connection: {name}", _get(path))
    yield Question("Languages", _get("RetrieveProvisionedLanguages()"))
    yield Question("Names of all tables", _get(metadata.TABLES))
    for table in NEEDED_RIGHTS:
        for number, request in enumerate(metadata.requests_for(table), 1):
            yield Question(f"Definition of {table}, part {number}", _get(request.path), table in SALES)
    for entity_set, columns in ROWS.items():
        optional = entity_set in SALES.values()
        yield Question(f"A page of {entity_set}", _page(entity_set, columns), optional)
        yield Question(f"Number of {entity_set}", _count(entity_set), optional)
    for entity_set in TRACKED:
        yield Question(f"Changes of {entity_set}", _changes(entity_set, ROWS[entity_set]))


def _get(path: str) -> Callable[[Any], Any]:
    return lambda client: client.function(path)


def _page(entity_set: str, columns: tuple[str, ...]) -> Callable[[Any], Any]:
    path = odata.rows_path(entity_set, select=columns) + "&$top=5"
    return lambda client: client.function(path)


def _count(entity_set: str) -> Callable[[Any], Any]:
    return lambda client: {"count": client.count(entity_set)}


def _changes(entity_set: str, columns: tuple[str, ...]) -> Callable[[Any], Any]:
    def ask(client: Any) -> Any:
        found = client.first_page(entity_set, select=[columns[0]], page_size=5, track_changes=True)
        while found.next_link:
            found = client.page(found.next_link, page_size=5000, track_changes=True, goes_on=True)
        again = client.page(found.delta_link, track_changes=True) if found.delta_link else None
        return {
            "delta link": bool(found.delta_link) or None,
            "a second question": None if again is None else bool(again.delta_link),
        }

    return ask
