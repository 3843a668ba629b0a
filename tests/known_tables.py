"""Metadata that a scene has read: tests of the scene know it too, as long as nobody changes the tables."""

from collections.abc import Callable, Mapping

from connection_setup.connection.clients import client_for
from coupling.models import IntegrationTableMapping
from dataverse import metadata_cache
from dataverse.metadata_cache import TableCache
from dataverse.types import TableInfo
from masterdata.models import Company
from sandbox.environment import Snapshot


class KnownTables(TableCache):
    """A cache that holds what was read in the scene. A table that is another now is read, as are all once forgotten."""

    def __init__(self, known: Mapping[str, TableInfo], then: Snapshot) -> None:
        super().__init__()
        self._known, self._then = dict(known), then

    def get(self, name: str, read: Callable[[], TableInfo]) -> TableInfo:
        if name in self._known and name not in self._entries and self._then.definitions[name].is_in_force():
            return self._known[name]
        return super().get(name, read)

    def forget(self) -> None:
        self._known.clear()
        super().forget()


def read_mapped(company: Company) -> dict[str, TableInfo]:
    """Return the metadata of the tables that the company's mappings name."""
    client = client_for(company)
    mappings = IntegrationTableMapping.objects.filter(company=company)
    names = sorted(set(mappings.values_list("integration_table", flat=True)))
    return {name: client.table(name) for name in names}


def put(origin: str, known: Mapping[str, TableInfo], then: Snapshot) -> None:
    """Have this process know these tables of the environment at an origin, which were as `then` when they were read."""
    metadata_cache._caches[origin] = KnownTables(known, then)
