"""Page Assisted Setup: every guide and how far it is. Rooms register theirs with `register_setup`."""

from collections.abc import Callable
from dataclasses import dataclass

from masterdata.models import Company
from ui.kit import FastTab, Link, Page, Status, Table, Tip
from ui.links import company_url

TITLE = "Assisted Setup"
NOT_COMPLETED = Status("Not Completed", "warn")
COMPLETED = Status("Completed", "ok")


@dataclass(frozen=True, slots=True)
class Setup:
    """One guide: its title, what it does, how many minutes it takes, its address, and how far a company is with it."""

    title: str
    text: str
    minutes: int
    url_name: str
    status: Callable[[Company], Status]
    group: str = "Connect"
    help: str = ""
    """A page of docs/, as ui.kit.Page.help."""


_setups: list[Setup] = []


def register_setup(setup: Setup) -> None:
    """Add a guide to the list; called while an app loads."""
    if setup not in _setups:
        _setups.append(setup)


def build_page(company: Company) -> Page:
    """Return the list for a company, a FastTab for each group."""
    groups = dict.fromkeys(setup.group for setup in _setups)
    return Page(
        TITLE,
        company=company,
        help="assisted-setup",
        tip=Tip(
            "One step after the other",
            "A guide asks one thing at a time. You can leave it at any step, and continue there when you open it "
            "again.",
        ),
        fast_tabs=tuple(_group_tab(company, group) for group in groups),
    )


def _group_tab(company: Company, group: str) -> FastTab:
    setups = [setup for setup in _setups if setup.group == group]
    return FastTab(
        group.lower().replace(" ", "-"),
        group,
        gist=f"{len(setups)}",
        table=Table(
            f"Guides: {group}",
            ("Name", "Status", "What it does", "Takes"),
            [
                (
                    Link(setup.title, company_url(setup.url_name, company)),
                    setup.status(company),
                    setup.text,
                    f"{setup.minutes} minutes",
                )
                for setup in setups
            ],
            wrap=frozenset({0, 2}),
        ),
    )
