"""Words and records shared by the pure modules of coupling and sync. No Django here."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from core.vocabulary import CompareAs


@dataclass(frozen=True, slots=True)
class Criterion:
    """One field to match on. Fields of equal priority are ANDed; lower priorities are tried first."""

    local: str
    integration: str
    priority: int = 0
    case_sensitive: bool = False
    compare_as: CompareAs = CompareAs.TEXT


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a mapping's table filter or integration filter; all are ANDed.

    operator: eq, ne, in. A None among the values of `in` matches a blank.
    """

    column: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class LocalRow:
    """A local record as the pure modules see it: its id, what people call it, and the values of the asked fields."""

    id: UUID
    key: str
    name: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RemoteRow:
    """A Dataverse row as the pure modules see it: values by column, lookups as GUIDs, `version` its etag."""

    id: UUID
    name: str
    values: dict[str, Any] = field(default_factory=dict)
    version: str = ""
