"""The control call that changes a column as an update of a solution does."""

from sandbox.base.messages import Request, Response
from sandbox.customizing.solution_update import CHANGES, NotPossible, update_column
from sandbox.environment import Environment
from sandbox.service.control_bodies import InvalidCall, check_names, json_answer, read_object


def change_column(environment: Environment, request: Request) -> Response:
    """Change a column; answer what it is then. Raises InvalidCall."""
    given = read_object(request)
    check_names(given, "table", "column", *CHANGES)
    try:
        column = update_column(environment, str(given.get("table")), str(given.get("column")), given)
    except NotPossible as error:
        raise InvalidCall(str(error)) from None
    if column is None:
        return json_answer({"gone": True})
    return json_answer({"type": column.type, "max_length": column.max_length, "required": column.required})
