"""Records that the pure modules of coupling and synchronization share. No Django."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from core.vocabulary import CompareAs

DELETED_HERE = "a record that was deleted here"
"""What the partner of a row is called that is gone."""


def field_key(local: str, column: str) -> str:
    """Return what a field mapping is known by among those of its mapping, in drift and runs: "city:address1_city"."""
    return f"{local}:{column}"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One field to match on. Fields of equal priority are ANDed; lower priorities are tried first."""

    local: str
    integration: str
    priority: int = 0
    case_sensitive: bool = False
    compare_as: CompareAs = CompareAs.TEXT


class TooManyRows(Exception):
    """A filter that was to find few rows found more pages of them than are read."""


@dataclass(frozen=True, slots=True)
class RemoteRow:
    """A Dataverse row as the pure modules see it: values by column, lookups as GUIDs, `version` its etag."""

    id: UUID
    name: str
    values: dict[str, Any] = field(default_factory=dict)
    version: str = ""


@dataclass(frozen=True, slots=True)
class ScanPage:
    """One page of a table. `delta_link` comes with the last page of a tracked scan; `deleted` with changes."""

    rows: list[RemoteRow]
    next_link: str | None = None
    delta_link: str | None = None
    deleted: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnPage:
    """One page by column: ids, names, and per column its values; for those who read millions of rows."""

    ids: list[str]
    names: list[str | None]
    columns: dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of one row of a bulk write.

    version: the row's new version where the service returns it ("" otherwise: the changes that follow bring it);
    reason: a word of jobs' closed list; message: for the user; detail: for support; mismatch: the row changed since
    the version that was sent; retry_after: set when the service's limit stopped it (nothing was done to this row);
    unknown: whether it was carried out is not known, and reading back did not find it done.
    """

    id: UUID
    ok: bool
    version: str = ""
    reason: str = ""
    message: str = ""
    detail: str = ""
    mismatch: bool = False
    retry_after: float | None = None
    unknown: bool = False
