"""Who changed rows in Dataverse, for the history of what comes from there: the names of users, each asked for once."""

from collections.abc import Iterable

from coupling.gateway import Gateway
from coupling.rows import RemoteRow
from sync.engine.chunk import ChunkChanges
from sync.engine.last_changes import read_names

MODIFIED_BY = "modifiedby"


def editor_of(row: RemoteRow | None) -> str:
    """Return the id of the user who changed a row last, as it was read; "" where it was not."""
    return str(row.values.get(MODIFIED_BY) or "") if row is not None else ""


class RowEditors:
    """The names of users as far as they were learned: of another one, and where names may not be read, it is blank."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._names: dict[str, str] = {"": ""}

    def learn(self, changes: ChunkChanges) -> None:
        """Ask for who changed the rows from which records here are written; one request for those not known yet."""
        found = [editor_of(one.pair.remote) for one in changes.local_updates]
        self._learn([*found, *(one.changed_by for one in changes.local_inserts)])

    def _learn(self, ids: Iterable[str]) -> None:
        if missing := set(ids) - self._names.keys():
            self._names |= dict.fromkeys(missing, "") | read_names(self._gateway, missing)

    def name(self, user_id: str) -> str:
        """Return a user's name."""
        return self._names.get(user_id, "")
