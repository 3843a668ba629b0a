"""Page Couple Dataverse Users with Salespeople as data: users, a choice of salesperson for each, facts, actions."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from connection_setup.connection.state import NotConnected, connection_of, unavailable_text
from connection_setup.guide import links as guide
from connection_setup.models import OwnershipModel
from core.refusals import Refusal
from core.roles import ONLY_ADMINISTRATORS, Can, may
from dataverse.errors import DataverseError
from masterdata.models import Company
from sync.salespeople import services as salespeople
from sync.salespeople.services import User
from ui.kit import Action, FactBox, Link, Menu, Notice, Page, Tip
from ui.links import company_url
from ui.searched import Choice, Pages, Search, searched_text

TITLE = "Couple Dataverse Users with Salespeople"
PAGE_SIZE = 25
MAX_MENU = 200
"""Up to how many salespeople are offered as a menu; more are typed, with suggestions."""
EXPLAINED = (Refusal, NotConnected, DataverseError)
"""The errors that explain themselves to the user."""


def blocked_reason(company: Company) -> str:
    """Return why salespeople cannot be coupled now, "" where they can."""
    if why := unavailable_text(company):
        return why
    if not salespeople.has_mapping(company):
        return (
            "There is no integration table mapping SALESPEOPLE yet. Choose Use Default Synchronization Setup on "
            "Dataverse Connection Setup first."
        )
    return ""


def team_blocked_reason(company: Company) -> str:
    """Return why coupled users cannot be added to the team now, "" where they can."""
    if why := blocked_reason(company):
        return why
    if connection_of(company).ownership_model != OwnershipModel.PERSON:
        return "With the ownership model Team nobody needs to be in the team. Choose Person to have users own rows."
    return ""


def salespeople_page(
    request: HttpRequest,
    company: Company,
    *,
    typed: Mapping[UUID, str] | None = None,
    problems: Mapping[UUID, str] | None = None,
) -> Page:
    """Return the page; `typed`: codes that were chosen and not saved, `problems`: why, both by user."""
    off = blocked_reason(company)
    users: Sequence[User] = ()
    notices = []
    if off:
        setup = Action("Dataverse Connection Setup", company_url("connection_setup:setup", company))
        notices.append(Notice(off, "warn", actions=(setup,)))
    else:
        try:
            users = salespeople.read_users(company)
        except EXPLAINED as error:
            off = error.user_message
            again = Action("Try again", company_url("sync:salespeople", company))
            notices.append(Notice(off, "bad", title="The users cannot be read.", actions=(again,)))
    if users and connection_of(company).ownership_model != OwnershipModel.PERSON:
        notices.append(
            Notice("The ownership model is Team, so no user owns rows. Couplings made here count once it is Person.")
        )
    editable = may(request.user, Can.OPERATE, company) and not off
    return Page(
        TITLE,
        company=company,
        crumbs=(Link("Dataverse Connection Setup", company_url("connection_setup:setup", company)),),
        help="connection#salespeople",
        tip=Tip(
            "What this page does",
            "It couples users of Dataverse with your salespeople. With the ownership model Person, the user "
            "coupled with a record's salesperson owns the record's row.",
        ),
        notices=notices,
        actions=_actions(request, company, off),
        fact_boxes=_facts(users),
        template="sync/salespeople/page.html",
        context=_context(request, company, users, editable=editable, typed=typed or {}, problems=problems or {}),
    )


def _context(
    request: HttpRequest,
    company: Company,
    users: Sequence[User],
    *,
    editable: bool,
    typed: Mapping[UUID, str],
    problems: Mapping[UUID, str],
) -> dict[str, Any]:
    """Return what the template shows: the users of one page, searched and filtered, and the links to others."""
    given = request.POST if request.method == "POST" else request.GET
    text = searched_text(given)
    only = str(given.get("coupled", ""))
    found = [one for one in users if not text or one.contains(text)]
    if only in ("yes", "no"):
        found = [one for one in found if bool(one.code) is (only == "yes")]
    here = company_url("sync:salespeople", company)

    def page_url(at: int) -> str:
        query = {"q": text, "coupled": only if only in ("yes", "no") else "", "page": at}
        return company_url("sync:salespeople", company, query=query)

    pages = Pages.of("Dataverse users", str(given.get("page", "1")), len(found), PAGE_SIZE, page_url)
    coupled = Choice("coupled", "Coupled", only, [("yes", "Yes"), ("no", "No")])
    people = salespeople.list_salespeople(company) if editable else []
    rows = [
        {
            "user": one,
            "caption": f"Salesperson of {one.name}",
            "value": typed.get(one.id, one.code),
            "problem": problems.get(one.id, ""),
            "member": {True: "Yes", False: "No", None: "Not known"}[one.is_member],
        }
        for one in found[pages.shown]
    ]

    return {
        "rows": rows, "people": people, "menu": len(people) <= MAX_MENU, "editable": editable,
        "options": [("", ""), *((code, f"{code} {name}") for code, name in people)],
        "only": only, "count": len(found), "total": len(users), "pages": pages,
        "search": Search("users", "Dataverse users", here, text, "Search by name or e-mail", coupled),
        "save_url": company_url("sync:salespeople-save", company),
        "narrowed": bool(text or only in ("yes", "no")), "cancel_url": guide.return_url(request, company),
    }  # fmt: skip


def _actions(request: HttpRequest, company: Company, off: str) -> tuple[Action | Menu, ...]:
    why = "Users cannot be coupled now." if off else ""
    why = why or ("" if may(request.user, Can.OPERATE, company) else "Your role may look, not change.")
    denied = "" if may(request.user, Can.ADMINISTER, company) else ONLY_ADMINISTRATORS
    team_off = denied or (why if off else team_blocked_reason(company))
    return (
        Action(
            "Create Salesperson",
            company_url("sync:salespeople-create", company),
            "post",
            "add",
            off=why,
            with_form=not why,
        ),
        Action(
            "Delete Coupling",
            company_url("sync:salespeople-delete", company),
            "post",
            "uncouple",
            off=why,
            with_form=not why,
        ),
        Action(
            "Match-Based Coupling", company_url("sync:salespeople-match", company), icon="couple", off=why, dialog=True
        ),
        Action(
            "Add Coupled Users to Team", company_url("sync:salespeople-team", company), "post", "people", off=team_off
        ),
    )


def _facts(users: Sequence[User]) -> tuple[FactBox, ...]:
    if not users:
        return ()
    coupled = [one for one in users if one.code]
    members = sum(bool(one.is_member) for one in coupled)
    return (
        FactBox(
            "Users",
            (
                ("Dataverse users", f"{len(users):,}"),
                ("Coupled", f"{len(coupled):,}"),
                ("Coupled, in the team", f"{members:,}"),
            ),
        ),
    )
