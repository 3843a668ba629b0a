"""What every page's shell shows. Nothing is read before a template asks for it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from core.roles import Can, Role, capabilities, may, may_somewhere
from ui import preferences
from ui.links import company_url
from ui.registry import Entry, registry

_OWN = {"pk", "system_id", "mapping"}
"""Parts of an address that name something of one company, which the others may not have."""


@dataclass(frozen=True, slots=True)
class Item:
    """A link of the shell."""

    text: str
    url: str
    current: bool = False


class Shell:
    """The frame around a page for one request."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @property
    def user(self) -> Any:
        """Who is signed in, or None."""
        user = getattr(self.request, "user", None)
        return user if user is not None and user.is_authenticated else None

    @cached_property
    def companies(self) -> list[Any]:
        """Every company the person may see; asked for once in a request."""
        cache = vars(self.request)
        found: list[Any] | None = cache.get("_companies")
        if found is None:
            found = list(registry.company_source(self.user)) if self.user else []
            if self.user:
                cache["_companies"] = found
        return found

    @cached_property
    def company(self) -> Any:
        """The company the page is about; outside a company's pages the one seen last, else the first."""
        match = getattr(self.request, "resolver_match", None)
        slug = match.kwargs.get("company") if match else None
        wanted = slug or (self.request.session.get("company") if hasattr(self.request, "session") else None)
        found = next((company for company in self.companies if company.slug == wanted), None)
        return found or (self.companies[0] if self.companies else None)

    @cached_property
    def navigation(self) -> list[Item]:
        """The main navigation: what the person may see, the page's own entry marked."""
        company = self.company
        entries = sorted(
            (entry for entry in registry.all_entries() if entry.navigation is not None),
            key=lambda entry: entry.navigation or 0,
        )
        found = [(entry, url) for entry in entries if self._shows(entry) and (url := entry_url(entry, company))]
        here = self.request.path
        start = company_url("ui:role-center", company) if company else ""
        inside = [url for _, url in found if here == url or (url != start and here.startswith(url.split("?")[0]))]
        current = max(inside, key=len, default="")
        return [Item(entry.title, url, url == current) for entry, url in found]

    def _shows(self, entry: Entry) -> bool:
        return (
            self.user is not None
            and may_open(self.user, entry, self.company)
            and (not entry.per_company or self.company is not None)
        )

    @cached_property
    def switch(self) -> list[Item]:
        """The same page of every company, where there is one; else its role center."""
        match = getattr(self.request, "resolver_match", None)
        items = []
        for company in self.companies:
            url = company_url("ui:role-center", company)
            if match and "company" in match.kwargs and not _OWN & match.kwargs.keys() and self.request.method == "GET":
                with suppress(NoReverseMatch):
                    url = reverse(match.view_name, kwargs={**match.kwargs, "company": company.slug})
            items.append(Item(company.name, url, self.company is not None and company.slug == self.company.slug))
        return items

    @property
    def search_url(self) -> str:
        """Where Tell Me looks."""
        return company_url("ui:search", self.company) if self.company else ""

    @cached_property
    def role(self) -> str:
        """What the person is in the company, in a word."""
        mine = capabilities(self.user, self.company) if self.user else frozenset()
        if Can.ADMINISTER in mine:
            return str(Role.ADMINISTRATOR)
        names = [
            str(role)
            for role in (Role.MAPPER, Role.OPERATOR)
            if {Can.MAP if role == Role.MAPPER else Can.OPERATE} <= mine
        ]
        return " and ".join(names) or (str(Role.VIEWER) if mine else "No role yet")

    @property
    def may_enter_admin(self) -> bool:
        """Whether the Django admin is open to the person."""
        return admin.site.has_permission(self.request)

    @property
    def new_password_url(self) -> str:
        """Where a link for a new password is asked for; "" where no mail is sent, or no room offers it."""
        if not settings.MAIL_IS_SET_UP:
            return ""
        try:
            return reverse("accounts:password-forgotten")
        except NoReverseMatch:
            return ""

    @property
    def theme(self) -> str:
        """light, dark, or "" for the system's."""
        return str(preferences.preferences_of(self.request).get("theme") or "")

    @property
    def density(self) -> str:
        """compact or ""."""
        return str(preferences.preferences_of(self.request).get("density") or "")

    @property
    def themes(self) -> Sequence[tuple[str, str, bool]]:
        """The choices of light and dark: value, caption, whether it is the one in force."""
        return [
            (value, text, self.theme == value)
            for value, text in (("", "As the system"), ("light", "Light"), ("dark", "Dark"))
        ]

    @property
    def densities(self) -> Sequence[tuple[str, str, bool]]:
        """The choices of row height: value, caption, whether it is the one in force."""
        return [(value, text, self.density == value) for value, text in (("", "Comfortable"), ("compact", "Compact"))]


def may_open(user: Any, entry: Entry, company: Any) -> bool:
    """Return whether the user may open an entry's page: of the company, or one that belongs to none."""
    return may(user, entry.needs, company) if entry.per_company else may_somewhere(user, entry.needs)


def entry_url(entry: Entry, company: Any) -> str:
    """Return where an entry leads for a company; "" where its page does not exist (an app that is not installed)."""
    try:
        kwargs = {**dict(entry.arguments), **({"company": company.slug} if entry.per_company else {})}
        url = reverse(entry.url_name, kwargs=kwargs)
    except NoReverseMatch:
        return ""
    return f"{url}?{entry.query}" if entry.query else url


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return the product's name and the frame."""
    return {"product_name": settings.PRODUCT_NAME, "shell": Shell(request)}
