"""The action Merge: the loser becomes inactive, keeps its id, and names the winner."""

from collections.abc import Mapping

from sandbox.base.errors import not_covered, payload_error, query_error, row_not_found
from sandbox.base.messages import Response
from sandbox.base.values import parse_guid
from sandbox.data import rules
from sandbox.data.privileges import require_row_access
from sandbox.data.store import Transaction
from sandbox.metadata.model import Table
from sandbox.webapi.context import Context

_MERGEABLE = ("account", "contact")


def answer(context: Context, body: Mapping[str, object], transaction: Transaction) -> Response:
    """Merge Subordinate into Target. Raises ServiceError."""
    unknown = sorted(set(body) - {"Target", "Subordinate", "UpdateContent", "PerformParentingChecks"})
    if unknown:
        raise payload_error("Merge", f"The parameter '{unknown[0]}' isn't a parameter of 'Merge'")
    table, winner = _read_row(context, body.get("Target"))
    other, loser = _read_row(context, body.get("Subordinate"))
    if table is not other or winner == loser:
        raise query_error("Merge takes two rows of one table.")
    writer = context.make_writer(transaction)
    content = body.get("UpdateContent")
    positions = [context.find_position(table, one) for one in (winner, loser)]
    for position in positions:
        require_row_access(context.environment.store, context.caller, "update", table, position)
    if isinstance(content, dict):
        rules.update(writer, table, positions[0], {name: value for name, value in content.items() if "@" not in name})
    marks = {"merged": b"true", "masterid": b'"%b"' % winner.encode(), "statecode": b"1", "statuscode": b"2"}
    writer.apply_changes(table, positions[1], marks)
    return Response(204)


def _read_row(context: Context, given: object) -> tuple[Table, str]:
    if not isinstance(given, dict):
        raise payload_error("Merge", "'Target' and 'Subordinate' must be rows")
    name = str(given.get("@odata.type", "")).lstrip("#").removeprefix("Microsoft.Dynamics.CRM.")
    if name not in _MERGEABLE:
        raise not_covered(f"merging rows of '{name}'")
    table = context.environment.tables[name]
    row_id = parse_guid(given.get(table.primary_id))
    if row_id is None or row_id.encode() not in context.environment.store.rows[name].index:
        raise row_not_found(name, str(row_id or given.get(table.primary_id)))
    return table, row_id
