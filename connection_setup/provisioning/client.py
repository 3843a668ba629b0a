"""The part of the client that makes definitions, and small questions that several steps ask."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID, uuid5

from connection_setup.provisioning.settling import is_absent
from dataverse import odata
from dataverse.errors import ConfigurationError, DataverseError
from dataverse.types import Page, PartResult, Request, Row, TableInfo, WhoAmI


class Definer(Protocol):
    """The part of the client that makes definitions."""

    def who_am_i(self) -> WhoAmI: ...  # noqa: D102
    def forget_tables(self) -> None: ...  # noqa: D102
    def table(self, logical_name: str) -> TableInfo: ...  # noqa: D102
    def first_page(self, entity_set: str, *, select: Sequence[str], filter: str = "") -> Page: ...  # noqa: A002, D102
    def create(self, entity_set: str, row: Mapping[str, Any], *, primary_id: str = "") -> UUID: ...  # noqa: D102
    def update(self, entity_set: str, row_id: UUID | str, changes: Mapping[str, Any]) -> str | None: ...  # noqa: D102
    def define(self, path: str, body: Mapping[str, Any], *, solution: str) -> None: ...  # noqa: D102
    def batch(self, requests: Sequence[Request]) -> list[PartResult]: ...  # noqa: D102
    def function(self, path: str, **headers: str) -> Any: ...  # noqa: D102
    def action(self, path: str, body: Mapping[str, Any], *, repeatable: bool = False) -> Any: ...  # noqa: D102
    def associate(  # noqa: D102
        self, entity_set: str, row_id: UUID | str, navigation: str, other_set: str, other_id: UUID | str
    ) -> None: ...


def first_row(client: Definer, entity_set: str, columns: Sequence[str], filter_text: str) -> Row | None:
    """Return the first row of a filter; None where there is none."""
    return next(iter(client.first_page(entity_set, select=columns, filter=filter_text).rows), None)


def root_unit(client: Definer) -> UUID:
    """Return the id of the root business unit. Raises ConfigurationError where it is not shown."""
    found = first_row(client, "businessunits", ["businessunitid"], f"{odata.lookup('parentbusinessunitid')} eq null")
    if found is None:
        raise ConfigurationError(
            "Dataverse shows no root business unit to you.",
            "Sign in as a System Administrator.",
        )
    return UUID(found["businessunitid"])


def own_id(client: Definer, what: str) -> UUID:
    """Return the same id each time, so that a lost answer cannot make a second row."""
    return uuid5(client.who_am_i().organization_id, f"tandem {what}")


def read_definition(client: Definer, path: str) -> Any:
    """Return what stands at a path of the metadata, as it is now and not as it was cached; None where nothing does.

    Raises DataverseError.
    """
    try:
        return client.function(path, Consistency="Strong")
    except DataverseError as error:
        if is_absent(error):
            return None
        raise
