"""How a run takes columns that changed: which fields take part, and what the bases of pairs are worth."""

from collections.abc import Callable, Mapping

from core.refusals import Refusal
from coupling.mappings.column_looks import Drift
from coupling.models import IntegrationTableMapping
from coupling.rows import field_key
from dataverse.types import TableInfo
from jobs.models import Reason
from sync.engine.field_specs import Fields, build_fields, stopped_fields
from sync.engine.field_values import SideValues
from sync.engine.pairs import Pair
from sync.rules.bases import base_after_emptying, without_fields
from sync.rules.canonical import remote_reader
from sync.rules.plan import Conflict, Decision, Write
from sync.rules.values import Problem, Value


def usable_fields(
    mapping: IntegrationTableMapping, table_info: TableInfo, local_currency: Callable[[], str], drift: Drift
) -> Fields:
    """Return the fields that take part, and those that are stopped. Raises Refusal where no field is left."""
    rows = list(mapping.fields.filter(enabled=True).exclude(integration_field="", constant=""))
    stopped = [row for row in rows if field_key(row.field, row.integration_field) in drift.stopped]
    if stopped and len(stopped) == len(rows):
        change = next(change for change in drift.changes if change.stopped)
        raise Refusal(Reason.UNKNOWN_COLUMN, f"No field of {mapping.name} is left. {change.message}", change.fix)
    fields = build_fields(mapping, [row for row in rows if row not in stopped], table_info, local_currency)
    fields.stopped = stopped_fields(mapping, stopped, drift.then)
    return fields


class ChangedColumns:
    """What changed columns mean for the pairs of a run."""

    def __init__(self, fields: Fields, drift: Drift) -> None:
        self._stopped = fields.stopped.keys()
        self._blank = {name: remote_reader(spec)(None) for name, spec in fields.specs.items()}
        columns = {name: spec.column.name for name, spec in fields.specs.items()}
        self._emptied = {name: drift.emptied[column] for name, column in columns.items() if column in drift.emptied}

    def active(self, base: Mapping[str, Value]) -> Mapping[str, Value]:
        """Return a base without the fields that are stopped."""
        return without_fields(base, self._stopped)

    def base_of(self, pair: Pair, sides: SideValues) -> Mapping[str, Value]:
        """Return a pair's base; where columns were made anew since it was settled, that they are blank is no change."""
        if not self._emptied or pair.remote is None:
            return pair.base
        settled = pair.coupling.synchronized_at
        blank = {
            name: value
            for name, at in self._emptied.items()
            if (settled is None or settled < at)
            and not isinstance(value := self._blank[name], Problem)
            and sides.remote_values[name] == value
        }
        return base_after_emptying(pair.base, blank) if blank else pair.base

    def takes_blanks(self, decision: Decision) -> bool:
        """Return whether a blank in Dataverse counts as a change: the column may have been made anew since it was read
        that it is there.
        """
        match decision:
            case Write():
                return any(value == self._blank[name] for name, value in decision.to_local.items())
            case Conflict():
                return any(one.remote == self._blank[one.name] for one in decision.fields)
        return False
