"""Addresses of a company's pages."""

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse


class HasSlug(Protocol):
    """A company, as addresses name it."""

    slug: str


def company_url(page: str, company: HasSlug, /, *, query: Mapping[str, Any] | None = None, **parts: Any) -> str:
    """Return the address of a company's page.

    page: its name, with its room ("coupling:mappings"); parts: what the address names beside the company; query:
    what follows the "?", blank values left out. Raises NoReverseMatch where there is no such page.
    """
    url = reverse(page, kwargs={"company": company.slug, **parts})
    asked = urlencode({key: value for key, value in (query or {}).items() if value not in ("", None)})
    return f"{url}?{asked}" if asked else url


def help_url(name: str) -> str:
    """Return the help page's address: "coupling.md#criteria" names a page of docs/ and a heading on it; "" the first
    page.
    """
    page, _, heading = (name or "index").partition("#")
    url = reverse("ui:help", kwargs={"name": page.removesuffix(".md")})
    return f"{url}#{heading}" if heading else url


def optional_url(page: str, company: HasSlug, /, *, query: Mapping[str, Any] | None = None, **parts: Any) -> str:
    """Return the address of a page of a room above, which that room brings; "" while no app offers it."""
    try:
        return company_url(page, company, query=query, **parts)
    except NoReverseMatch:
        return ""
