"""Coupled contacts whose row has lost its company in Dataverse: it gets the one back that the contact has here.

Without one a row is outside the mapping's filter. A blank company is filled whether or not the contact was changed.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from core.vocabulary import Direction
from coupling import filters
from coupling.contact_accounts import PARENT
from sync.engine.contact_links import COMPANY_NO, CompanyLinks
from sync.engine.field_specs import Fields
from sync.engine.pairs import Pair
from sync.rules.values import Problem, Value, ValueOrProblem

_TYPE = f"{PARENT}type"
"""The column with the kind of row that a contact belongs to: blank with the company."""


class LostCompanies:
    """Finds such pairs, as far as a run may write in Dataverse."""

    def __init__(
        self, fields: Fields, links: CompanyLinks | None, row_filter: filters.Node, allowed: Direction
    ) -> None:
        self._links, self._filter = links, row_filter
        self._name = next(
            (
                rule.name
                for rule in fields.rules
                if links is not None and fields.specs[rule.name].local_name == COMPANY_NO
                and Direction.FROM not in (rule.direction, allowed)
            ),
            "",
        )  # fmt: skip
        self._found: set[UUID] = set()

    def find(self, pairs: Iterable[Pair]) -> set[UUID]:
        """Return the rows of these pairs that only their blank company holds outside, and that get theirs back."""
        self._found = {pair.remote.id for pair in pairs if pair.remote is not None and self._is_lost(pair)}
        return self._found

    def _is_lost(self, pair: Pair) -> bool:
        if not self._name or self._links is None or pair.local is None or pair.remote is None:
            return False
        row, company = pair.remote.values, str(pair.local.values.get(COMPANY_NO) or "")
        if row.get(PARENT) or not pair.local.matches_filter or company not in self._links.partners:
            return False
        given_back = {**row, PARENT: self._links.partners[company], _TYPE: "account"}
        return bool(filters.unmet(self._filter, row.get)) and not filters.unmet(self._filter, given_back.get)

    def base_of(
        self, pair: Pair, base: Mapping[str, Value], remote: Mapping[str, ValueOrProblem]
    ) -> Mapping[str, Value]:
        """Return the base by which the company here is sent: as if both sides had last agreed on none."""
        if pair.remote is None or pair.remote.id not in self._found:
            return base
        blank = remote[self._name]
        return base if isinstance(blank, Problem) else {**base, self._name: blank}
