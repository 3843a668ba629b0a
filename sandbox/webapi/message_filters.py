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
_MESSAGE = r"sdkmessageid/name eq '(\w+)'"
_MESSAGES = rf"(?:{_MESSAGE}|\((?:{_MESSAGE})(?: or {_MESSAGE})*\))"
_TABLE = r"primaryobjecttypecode eq '(?P<table>\w+)'"
_QUERY = re.compile(rf"{_MESSAGES} and {_TABLE}|{_TABLE.replace('table', 'first')} and {_MESSAGES}")
_EXPAND = "sdkmessageid($select=name)"
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
    select, expand = pairs.get("$select", "sdkmessagefilterid"), pairs.get("$expand", "")
    is_usual = select == "sdkmessagefilterid" and expand in {"", _EXPAND}
    if operation.method != "GET" or len(steps) > 1 or steps[0].key or not found or not is_usual:
        raise not_covered(f"'{SET}' but for $select=sdkmessagefilterid with messages' names and a table")
    name = found["table"] or found["first"]
    table = context.environment.tables.get(name)
    messages = list(dict.fromkeys(re.findall(_MESSAGE, text)))
    unknown = [one for one in messages if one not in _EVERYWHERE | _BULK]
    if unknown:
        raise not_covered(f"whether tables take the message '{unknown[0]}'")
    taken = [one for one in messages if table is not None and (one in _EVERYWHERE or table.takes_bulk)]
    rows = [_row(one, name, with_message=bool(expand)) for one in taken]
    document = {"@odata.context": f"{context.base}$metadata#{SET}(sdkmessagefilterid)", "value": rows}
    return json_response(msgspec.json.encode(document))


def _row(message: str, table: str, *, with_message: bool) -> dict[str, object]:
    row: dict[str, object] = {
        "@odata.etag": 'W/"1"',
        "sdkmessagefilterid": str(uuid5(NAMESPACE_URL, f"{message} {table}")),
    }
    if with_message:
        row["sdkmessageid"] = {"sdkmessageid": str(uuid5(NAMESPACE_URL, message)), "name": message}
    return row
