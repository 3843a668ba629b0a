"""The real URL table as data: every endpoint of the application, what it asks for, and how to come to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from core.roles import Can

WITHOUT_SIGN_IN = {
    "ui:sign-in", "accounts:password-forgotten", "accounts:password-sent", "accounts:password-new",
    "accounts:password-done", "sync:web-hook",
}  # fmt: skip
"""Endpoints for somebody who is not signed in."""

FOR_DATAVERSE = {"sync:web-hook"}
"""Of these, what is for who proves to be Dataverse: to anybody else it is not there."""

PERSONAL = {"accounts:password", "ui:home", "ui:sign-out", "ui:columns", "ui:appearance", "ui:tab", "ui:tip"}
"""Endpoints for everybody signed in: they show or change nothing but the person's own choices and session."""


@dataclass(frozen=True)
class Endpoint:
    """One address of the table. `needs`: the capability its view names; `parameters`: what its address is made of."""

    name: str
    pattern: str
    view: Callable[..., Any]
    parameters: frozenset[str]

    @property
    def capability(self) -> Can | None:
        return getattr(self.view, "requires", None)

    @property
    def is_admin(self) -> bool:
        return self.name.startswith("admin:")

    def url(self, given: dict[str, Any]) -> str:
        """Its address with these parameters, as many of them as it has."""
        return reverse(self.name, kwargs={name: given[name] for name in self.parameters})


def _walk(resolver: Any, spaces: tuple[str, ...] = (), prefix: str = "") -> Iterator[Endpoint]:
    for entry in resolver.url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry, (*spaces, entry.namespace) if entry.namespace else spaces, pattern)
        elif isinstance(entry, URLPattern):
            name = ":".join((*spaces, entry.name or ""))
            yield Endpoint(name, pattern, entry.callback, frozenset(_parameters(pattern)))


def _parameters(pattern: str) -> Iterator[str]:
    while "<" in pattern:
        inside, _, pattern = pattern.partition("<")[2].partition(">")
        yield inside.partition(":")[2] or inside


ENDPOINTS = [endpoint for endpoint in _walk(get_resolver()) if not endpoint.is_admin]
ADMIN_ENDPOINTS = [endpoint for endpoint in _walk(get_resolver()) if endpoint.is_admin and endpoint.name != "admin:"]
COMPANY_ENDPOINTS = [endpoint for endpoint in ENDPOINTS if "company" in endpoint.parameters]
_OBJECTS = {"pk", "system_id", "mapping", "table_id", "template_id"}
OBJECT_ENDPOINTS = [endpoint for endpoint in COMPANY_ENDPOINTS if endpoint.parameters & _OBJECTS]
