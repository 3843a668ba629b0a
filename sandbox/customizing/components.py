"""Components of solutions: what a definition brings into the solution that its request names."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sandbox.base.errors import ServiceError, invalid_argument
from sandbox.base.values import from_json, parse_guid
from sandbox.data.store import Transaction
from sandbox.environment import Environment

TABLE, COLUMN, RELATIONSHIP, CHOICE, KEY, ROLE = 1, 2, 10, 9, 14, 20
"""Component types."""
WITH_SUBCOMPONENTS, WITHOUT_SUBCOMPONENTS = 0, 1
"""Behaviors of a table's component."""
ACTIONS = frozenset({"AddSolutionComponent", "RemoveSolutionComponent"})


def add(
    environment: Environment, solution: str, kind: int, object_id: str, transaction: Transaction,
    behavior: int = WITH_SUBCOMPONENTS,
) -> None:  # fmt: skip
    """Add a component to a solution by its unique name, unless it is in it; "" names none."""
    solution_id = _solution_id(environment, solution) if solution else ""
    if not solution_id or _find(environment, solution_id, kind, object_id) is not None:
        return
    row = {
        "componenttype": b"%d" % kind, "objectid": f'"{object_id}"'.encode(),
        "rootcomponentbehavior": b"%d" % behavior, "solutionid": f'"{solution_id}"'.encode(),
    }  # fmt: skip
    environment.store.insert("solutioncomponent", str(uuid4()).encode(), row, transaction)


def change(environment: Environment, action: str, body: Mapping[str, Any], transaction: Transaction) -> dict[str, Any]:
    """Carry out AddSolutionComponent or RemoveSolutionComponent; return its answer. Raises ServiceError."""
    solution = str(body.get("SolutionUniqueName") or "")
    solution_id, kind = _solution_id(environment, solution), body.get("ComponentType")
    given = body.get("ComponentId")
    if action == "RemoveSolutionComponent":
        component = body.get("SolutionComponent")
        given = component.get("solutioncomponentid") if isinstance(component, Mapping) else None
    object_id = parse_guid(given)
    if not solution_id or not isinstance(kind, int) or object_id is None:
        raise invalid_argument(f"The action '{action}' needs a solution, a component's type and its id.")
    if action == "AddSolutionComponent":
        bare = body.get("DoNotIncludeSubcomponents") is True
        behavior = WITHOUT_SUBCOMPONENTS if bare else WITH_SUBCOMPONENTS
        add(environment, solution, kind, object_id, transaction, behavior)
        return {"id": object_id}
    position = _find(environment, solution_id, kind, object_id)
    if position is None:
        raise ServiceError(404, "0x80040217", f"The component {object_id} is not in the solution {solution}.")
    environment.store.delete("solutioncomponent", position, transaction)
    return {"id": object_id}


def _solution_id(environment: Environment, name: str) -> str:
    rows = environment.store.rows["solution"]
    names = rows.column_values("uniquename")
    found = next((i for i in rows.live_positions() if names[i] == name.casefold()), None)
    return "" if found is None else rows.ids[found].decode()


def _find(environment: Environment, solution_id: str, kind: int, object_id: str) -> int | None:
    rows = environment.store.rows["solutioncomponent"]
    wanted = (solution_id, kind, object_id)
    for position in rows.live_positions():
        row = rows.fragments(position)
        if tuple(from_json(row.get(one, b"null")) for one in ("solutionid", "componenttype", "objectid")) == wanted:
            return position
    return None
