"""Control calls about how the service behaves, and what a table is."""

from collections.abc import Mapping

from sandbox.base.messages import Request, Response
from sandbox.data import web_hooks
from sandbox.data.store import Transaction
from sandbox.environment import Environment
from sandbox.metadata.model import TABLE_TYPES
from sandbox.service.control_bodies import InvalidCall, check_names, json_answer, read_object


def get_behavior(environment: Environment) -> Response:
    """Answer the switches."""
    return json_answer(environment.behavior.to_json())


def set_behavior(environment: Environment, request: Request) -> Response:
    """Set the switches that a body names. Raises InvalidCall."""
    try:
        environment.behavior.change(read_object(request))
    except ValueError as error:
        raise InvalidCall(str(error)) from None
    return json_answer(environment.behavior.to_json())


def change_table(environment: Environment, request: Request) -> Response:
    """Make a table standard, virtual or elastic. Raises InvalidCall."""
    given: Mapping[str, object] = read_object(request)
    check_names(dict(given), "table", "type")
    table = environment.tables.get(str(given.get("table")))
    if table is None:
        raise InvalidCall(f"There is no table '{given.get('table')}'.")
    if given.get("type") not in TABLE_TYPES:
        raise InvalidCall(f"A table is one of {', '.join(TABLE_TYPES)}.")
    with environment.lock:
        transaction = Transaction()
        web_hooks.remove_message_filters(environment.store, table, transaction)
        table.table_type = str(given["type"])
        web_hooks.add_message_filters(environment.store, table, transaction)
    return json_answer({"table": table.name, "type": table.table_type})
