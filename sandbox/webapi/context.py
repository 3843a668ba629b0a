"""DOC."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Operation:
    """`path` is relative to the root of the Web API and decoded; header names are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
