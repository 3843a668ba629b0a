"""The real URL table as data: every door of the application, what it asks for, and how to come to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from core.roles import Can

OPEN = {"ui:sign-in"}
"""Doors for somebody who is not signed in."""

OWN = {"ui:home", "ui:sign-out", "ui:columns", "ui:appearance", "ui:tab", "ui:tip"}
"""Doors for everybody signed in: they show or change nothing but the person's own choices and session."""


@dataclass(frozen=True)
class Door:
    """One address of the table. `needs`: the capability its view names; `parameters`: what its address is made of."""

    name: str
    pattern: str
    view: Callable[..., Any]
    parameters: frozenset[str]

    @property
    def needs(self) -> Can | None:
        return getattr(self.view, "requires", None)

    @property
    def of_admin(self) -> bool:
        return self.name.startswith("admin:")

    def url(self, given: dict[str, Any]) -> str:
        """Its address with these parameters, as many of them as it has."""
        return reverse(self.name, kwargs={name: given[name] for name in self.parameters})


def _walk(resolver: Any, spaces: tuple[str, ...] = (), prefix: str = "") -> Iterator[Door]:
    for entry in resolver.url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry, (*spaces, entry.namespace) if entry.namespace else spaces, pattern)
        elif isinstance(entry, URLPattern):
            name = ":".join((*spaces, entry.name or ""))
            yield Door(name, pattern, entry.callback, frozenset(_parameters(pattern)))


def _parameters(pattern: str) -> Iterator[str]:
    while "<" in pattern:
        inside, _, pattern = pattern.partition("<")[2].partition(">")
        yield inside.partition(":")[2] or inside


DOORS = [door for door in _walk(get_resolver()) if not door.of_admin]
ADMIN = [door for door in _walk(get_resolver()) if door.of_admin and door.name != "admin:"]
IN_COMPANY = [door for door in DOORS if "company" in door.parameters]
OF_OBJECTS = [door for door in IN_COMPANY if door.parameters & {"pk", "system_id", "mapping"}]
