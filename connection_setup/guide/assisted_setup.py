"""The list Assisted Setup: every guide with how far it is. Rooms bring theirs with `add` while their apps load."""

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.access import company as company_of
from core.roles import Can, requires
from masterdata.models import Company
from ui import render
from ui.kit import FastTab, Link, Page, Status, Table, Tip

TITLE = "Assisted Setup"
NOT_COMPLETED = Status("Not Completed", "warn")
COMPLETED = Status("Completed", "ok")


@dataclass(frozen=True, slots=True)
class Setup:
    """One guide: what it is called, what it does, how long it takes, where it is, and how far a company is with it."""

    title: str
    text: str
    minutes: int
    url_name: str
    status: Callable[[Company], Status]
    group: str = "Connect"
    help: str = ""
    """A page of docs/, as ui.kit.Page.help."""


_setups: list[Setup] = []


def add(setup: Setup) -> None:
    """Bring a guide to the list."""
    if setup not in _setups:
        _setups.append(setup)


@requires(Can.ADMINISTER)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """The list."""
    owner = company_of(request, company)
    groups = dict.fromkeys(setup.group for setup in _setups)
    return render.page(
        request,
        Page(
            TITLE,
            company=owner,
            help="assisted-setup",
            tip=Tip(
                "One step after the other",
                "A guide asks one thing at a time and can be left at any step: it goes on there when it is opened "
                "again.",
            ),
            fast_tabs=tuple(_section(owner, group) for group in groups),
        ),
    )


def _section(company: Company, group: str) -> FastTab:
    found = [setup for setup in _setups if setup.group == group]
    return FastTab(
        group.lower().replace(" ", "-"),
        group,
        gist=f"{len(found)}",
        table=Table(
            f"Guides: {group}",
            ("Name", "Status", "What it does", "Takes"),
            [
                (
                    Link(setup.title, reverse(setup.url_name, kwargs={"company": company.slug})),
                    setup.status(company),
                    setup.text,
                    f"{setup.minutes} minutes",
                )
                for setup in found
            ],
            wrap=frozenset({0, 2}),
        ),
    )
