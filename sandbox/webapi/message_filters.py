"""Which messages a table takes: the one query of sdkmessagefilters that clients are told to ask."""

import re
from uuid import NAMESPACE_URL, uuid5

import msgspec

from sandbox.base.errors import not_covered
from sandbox.base.messages import Response, json_response
from sandbox.odata.options import parse_pairs
from sandbox.odata.paths import Segment
from sandbox.webapi.context import Context, Operation

SET = "sdkmessagefilters"
_QUERY = re.compile(
    r"sdkmessageid/name eq '(?P<message>\w+)' and primaryobjecttypecode eq '(?P<table>\w+)'"
    r"|primaryobjecttypecode eq '(?P<table2>\w+)' and sdkmessageid/name eq '(?P<message2>\w+)'"
)
_EVERYWHERE = frozenset({"Create", "Update", "Delete", "Retrieve", "RetrieveMultiple", "Upsert"})
_BULK = frozenset({"CreateMultiple", "UpdateMultiple", "UpsertMultiple"})


def answer(context: Context, operation: Operation, steps: list[Segment]) -> Response:
    """Answer whether a table takes a message. Raises ServiceError (501) for any other question."""
    pairs = dict(parse_pairs(operation.query))
    text = pairs.get("$filter", "")
    for name, value in pairs.items():
        if name.startswith("@"):
            text = text.replace(name, value)
    found = _QUERY.fullmatch(text.strip())
    select = pairs.get("$select", "sdkmessagefilterid")
    if operation.method != "GET" or len(steps) > 1 or steps[0].key or not found or select != "sdkmessagefilterid":
        raise not_covered(f"'{SET}' but for $select=sdkmessagefilterid with a message's name and a table")
    message, name = found["message"] or found["message2"], found["table"] or found["table2"]
    table = context.environment.tables.get(name)
    takes = table is not None and (message in _EVERYWHERE or (message in _BULK and table.takes_bulk))
    if table is not None and message not in _EVERYWHERE | _BULK:
        raise not_covered(f"whether tables take the message '{message}'")
    row_id = str(uuid5(NAMESPACE_URL, f"{message} {name}"))
    rows = [{"@odata.etag": 'W/"1"', "sdkmessagefilterid": row_id}] if takes else []
    document = {"@odata.context": f"{context.base}$metadata#{SET}(sdkmessagefilterid)", "value": rows}
    return json_response(msgspec.json.encode(document))
