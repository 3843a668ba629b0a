"""Which kinds of Dataverse tables can be mapped: standard ones alone."""

from core.refusals import NotUsable
from dataverse.types import TableInfo

_KINDS = {
    "Virtual": (
        "is a virtual table: its rows come from another system, so Dataverse neither tells what changed in it nor "
        "takes many rows at once.",
        "Map a standard table, or the other system itself.",
    ),
    "Elastic": (
        "is an elastic table, which Dataverse pages, counts and writes otherwise than standard ones, and whose changes "
        "it does not tell.",
        "Map a standard table.",
    ),
}


def problem_of(info: TableInfo) -> tuple[str, str]:
    """Return why a table cannot be mapped, and what to do; blank where it can."""
    if info.kind not in _KINDS:
        return "", ""
    why, fix = _KINDS[info.kind]
    return f"{info.name} {why}", fix


def require_standard(info: TableInfo) -> None:
    """Raise NotUsable for a table that cannot be mapped."""
    why, fix = problem_of(info)
    if why:
        raise NotUsable(why, fix, field="integration_table")
