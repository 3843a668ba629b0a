"""What the owners of Dataverse rows are called: teams and users of the company's own, others by a request.

A name that was asked for is known for ten minutes.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.core.cache import cache

from coupling import local_records
from coupling.gateway import Gateway
from coupling.models import Coupling, IntegrationTableMapping

_NAMED_BY = (("systemuser", "fullname"), ("team", "name"))
"""Tables of owners and the columns of their names, in the order in which they are asked."""
_USERS = "systemuser"
OWNING_TEAM = "Owning team"
KNOWN_S = 600
"""Seconds for which a name is known that was asked for."""


class OwnerNames:
    """The names of owners, each asked for once."""

    def __init__(self, company: Any, gateway: Gateway) -> None:
        self.company, self.gateway = company, gateway
        self._names: dict[UUID, str] = {}

    def read(self, owners: Iterable[Any]) -> None:
        """Read the names of owners by their ids; at most two requests. Raises DataverseError."""
        wanted = {UUID(str(one)) for one in owners if one}
        team = self.gateway.connection.owning_team_id
        if team is not None:
            self._names[team] = OWNING_TEAM
        self._names |= self._salespeople(wanted)
        keys = {self._key(one): one for one in wanted if one not in self._names}
        self._names |= {keys[key]: name for key, name in cache.get_many(list(keys)).items()}
        for table, column in _NAMED_BY:
            if unknown := [one for one in wanted if one not in self._names]:
                rows = self.gateway.rows_by_id(table, [column], unknown)
                found = {row.id: str(row.values.get(column) or "") for row in rows}
                cache.set_many({self._key(one): name for one, name in found.items()}, KNOWN_S)
                self._names |= found

    def _key(self, owner: UUID) -> str:
        return f"coupling.failures.owners.{self.company.pk}.{owner}"

    def _salespeople(self, wanted: set[UUID]) -> dict[UUID, str]:
        """Return the salespeople that some of the owners are coupled with."""
        coupled = Coupling.objects.filter(
            company=self.company, mapping__integration_table=_USERS, integration_id__in=list(wanted)
        ).select_related("mapping__company")
        by_mapping: dict[IntegrationTableMapping, dict[UUID, UUID]] = {}
        for one in coupled:
            by_mapping.setdefault(one.mapping, {})[one.integration_id] = one.local_id
        found: dict[UUID, str] = {}
        for mapping, pairs in by_mapping.items():
            known = local_records.read_keys_and_names(mapping, pairs.values())
            found |= {row_id: known[local_id][1] for row_id, local_id in pairs.items() if local_id in known}
        return found

    def name_of(self, owner: Any) -> str:
        """Return an owner's name; "" for none that is known."""
        return self._names.get(UUID(str(owner)), "") if owner else ""
