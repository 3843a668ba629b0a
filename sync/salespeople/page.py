"""The page Couple Dataverse Users with Salespeople: a list of users, a choice of salesperson for each, the actions."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company as company_of
from connection_setup.connection.state import NotConnected, connection_of, unavailable_text
from connection_setup.guide import links as guide
from connection_setup.models import OwnershipModel
from connection_setup.provisioning import team_members
from core.refusals import Explained, Refusal
from core.roles import Can, may, requires
from dataverse.errors import DataverseError
from masterdata.models import Company
from sync.salespeople import services as salespeople
from sync.salespeople.services import Saved, User
from ui import render
from ui.kit import Action, FactBox, Link, Menu, Notice, Page, Tip
from ui.links import company_url

TITLE = "Couple Dataverse Users with Salespeople"
SIZE = 25
FEW = 200
"""Up to so many salespeople are offered as a menu; more are typed, with suggestions."""
EXPLAINED = (Refusal, NotConnected, DataverseError)
MANY = 1000


@requires(Can.READ)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """The page."""
    return _page(request, company_of(request, company))


@requires(Can.OPERATE)
@require_http_methods(["GET", "HEAD", "POST"])
def save(request: HttpRequest, company: str) -> HttpResponse:
    """Save what was chosen; OK then asks about the users who are left."""
    owner = company_of(request, company)
    if request.method != "POST":
        return HttpResponseRedirect(company_url("sync:salespeople", owner))
    try:
        known = salespeople.users(owner)
        refused = _choose(request, owner, known)
        if refused is not None:
            return refused
        if request.POST.get("way") != "ok":
            return HttpResponseRedirect(_here(request, owner))
        known = salespeople.users(owner)
    except EXPLAINED as error:
        return _told(request, owner, error)
    left = sum(not one.code for one in known)
    after = guide.return_url(request, owner)
    if not left:
        return HttpResponseRedirect(after)
    word = "salesperson is" if left == 1 else "salespeople are"
    return render.confirm(
        request,
        title="Create salespeople for the rest?",
        text=f"{len(known) - left:,} of {len(known):,} Dataverse users are coupled. {left:,} {word} created for the "
        "rest, with name, e-mail and phone number, and coupled with them.",
        action=Action("Create Salesperson", company_url("sync:salespeople-create", owner), "post", values={"all": "1"}),
        back=after,
        company=owner,
    )


@requires(Can.OPERATE)
@require_POST
def create(request: HttpRequest, company: str) -> HttpResponse:
    """Create Salesperson: for the selected users, or for all that have none."""
    owner = company_of(request, company)
    everybody = request.POST.get("all") == "1"
    chosen = _selected(request)
    if not everybody and not chosen:
        return _nothing(request, owner)
    try:
        known = salespeople.users(owner)
        if (refused := _choose(request, owner, known)) is not None:
            return refused
        made = salespeople.create(company=owner, known=known, user_ids=None if everybody else chosen, user=request.user)
    except EXPLAINED as error:
        return _told(request, owner, error)
    told = f"{_many(made, 'salesperson is', 'salespeople are')} created and coupled."
    messages.success(request, told if made else "Every one of them is coupled already, so nobody was created.")
    return HttpResponseRedirect(_here(request, owner))


@requires(Can.OPERATE)
@require_POST
def delete_couplings(request: HttpRequest, company: str) -> HttpResponse:
    """Delete Coupling of the selected users; nobody is deleted on either side."""
    owner = company_of(request, company)
    chosen = _selected(request)
    if not chosen:
        return _nothing(request, owner)
    count = salespeople.delete_couplings(company=owner, user_ids=chosen, user=request.user)
    messages.success(
        request,
        f"{_many(count, 'coupling is', 'couplings are')} deleted; users and salespeople stay."
        if count
        else "None of them is coupled, so nothing was deleted.",
    )
    return HttpResponseRedirect(_here(request, owner))


@requires(Can.OPERATE)
@require_http_methods(["GET", "HEAD", "POST"])
def match(request: HttpRequest, company: str) -> HttpResponse:
    """Match-Based Coupling by e-mail: ask, then couple."""
    owner = company_of(request, company)
    if request.method != "POST":
        return render.confirm(
            request,
            title="Match-Based Coupling",
            text="Dataverse users and salespeople who are not coupled and have the same e-mail address are coupled. "
            "Where several share an address nothing is done, and they are named.",
            action=Action("Couple", company_url("sync:salespeople-match", owner), "post", primary=True),
            back=company_url("sync:salespeople", owner),
            company=owner,
        )
    try:
        found = salespeople.match(company=owner, known=salespeople.users(owner), user=request.user)
    except EXPLAINED as error:
        return _told(request, owner, error)
    messages.success(
        request,
        f"{_many(found.coupled, 'user is', 'users are')} coupled by e-mail. "
        f"{_many(found.without, 'user has', 'users have')} no salesperson with the same address."
        if found.coupled or found.without
        else "Every user is coupled already.",
    )
    if found.unclear:
        names = ", ".join(found.unclear[:10]) + (" and more" if len(found.unclear) > 10 else "")
        messages.warning(request, f"Several share an e-mail address, so nothing was done: {names}. Choose by hand.")
    return HttpResponseRedirect(company_url("sync:salespeople", owner))


@requires(Can.ADMINISTER)
@require_POST
def add_to_team(request: HttpRequest, company: str) -> HttpResponse:
    """Add Coupled Users to Team: as the application; where it may not, an administrator signs in."""
    owner = company_of(request, company)
    if why := why_not_team(owner):
        messages.warning(request, why)
        return HttpResponseRedirect(company_url("sync:salespeople", owner))
    try:
        results = salespeople.add_to_team(company=owner)
    except EXPLAINED as error:
        return _told(request, owner, error)
    if not results:
        messages.info(request, "Every coupled user is in the owning team already, or no user is coupled yet.")
        return HttpResponseRedirect(company_url("sync:salespeople", owner))
    if any(one.denied for one in results):
        messages.warning(
            request,
            "The application may not add users to a team. An administrator of the environment signs in once and does.",
        )
        setup = company_url("connection_setup:administrator", owner)
        return HttpResponseRedirect(f"{setup}?purpose=team")
    told, failed = team_members.summarize(results)
    messages.success(request, told)
    if failed:
        messages.warning(request, failed)
    return HttpResponseRedirect(company_url("sync:salespeople", owner))


def why_not(company: Company) -> str:
    """Why salespeople cannot be coupled now, as a sentence; "" when they can."""
    if why := unavailable_text(company):
        return why
    if not salespeople.ready(company):
        return "There is no integration table mapping SALESPEOPLE yet. Use the default synchronization setup first."
    return ""


def why_not_team(company: Company) -> str:
    """Why users are not added to the team, as a sentence; "" when they may be."""
    if why := why_not(company):
        return why
    if connection_of(company).ownership_model != OwnershipModel.PERSON:
        return "With the ownership model Team nobody needs to be in the team. Choose Person to have users own rows."
    return ""


# -- inside ----------------------------------------------------------------------------------------------------------


def _page(
    request: HttpRequest,
    owner: Company,
    *,
    typed: Mapping[UUID, str] | None = None,
    problems: Mapping[UUID, str] | None = None,
) -> HttpResponse:
    off = why_not(owner)
    known: Sequence[User] = ()
    notices = []
    if off:
        setup = Action("Dataverse Connection Setup", company_url("connection_setup:setup", owner))
        notices.append(Notice(off, "warn", actions=(setup,)))
    else:
        try:
            known = salespeople.users(owner)
        except EXPLAINED as error:
            off = error.user_message
            again = Action("Try again", company_url("sync:salespeople", owner))
            notices.append(Notice(off, "bad", title="The users cannot be read.", actions=(again,)))
    operates = may(request.user, Can.OPERATE)
    person = connection_of(owner).ownership_model == OwnershipModel.PERSON
    if known and not person:
        notices.append(
            Notice("The ownership model is Team, so no user owns rows. Couplings made here count once it is Person.")
        )
    return render.page(
        request,
        Page(
            TITLE,
            company=owner,
            crumbs=(Link("Dataverse Connection Setup", company_url("connection_setup:setup", owner)),),
            help="connection#salespeople",
            tip=Tip(
                "What this page does",
                "It couples users of Dataverse with your salespeople. With the ownership model Person, the user "
                "coupled with a record's salesperson owns the record's row.",
            ),
            notices=notices,
            actions=_actions(request, owner, off),
            fact_boxes=_facts(known),
            template="sync/salespeople/page.html",
            context=_context(request, owner, known, operates and not off, typed or {}, problems or {}),
        ),
    )


def _context(
    request: HttpRequest,
    owner: Company,
    known: Sequence[User],
    editable: bool,
    typed: Mapping[UUID, str],
    problems: Mapping[UUID, str],
) -> dict[str, Any]:
    given = request.POST if request.method == "POST" else request.GET
    text = str(given.get("q", "")).replace("\x00", "").strip()[:200]
    only = str(given.get("coupled", ""))
    found = [one for one in known if not text or one.holds(text)]
    if only in ("yes", "no"):
        found = [one for one in found if bool(one.code) is (only == "yes")]
    last = max(1, -(-len(found) // SIZE))
    asked = str(given.get("page", "1"))
    number = min(max(1, int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 8 else 1, last)
    people = salespeople.salespeople(owner) if editable else []
    rows = [
        {
            "user": one,
            "value": typed.get(one.id, one.code),
            "problem": problems.get(one.id, ""),
            "member": {True: "Yes", False: "No", None: "Not known"}[one.member],
        }
        for one in found[(number - 1) * SIZE : number * SIZE]
    ]
    here = company_url("sync:salespeople", owner)

    def page(at: int) -> str:
        asked = {"q": text, "coupled": only if only in ("yes", "no") else "", "page": at}
        return f"{here}?{urlencode({name: value for name, value in asked.items() if value})}"

    return {
        "rows": rows, "people": people, "menu": len(people) <= FEW, "editable": editable, "text": text, "only": only,
        "number": number, "last": last, "count": len(found), "total": len(known), "here": here,
        "save_url": company_url("sync:salespeople-save", owner), "previous": page(number - 1) if number > 1 else "",
        "next": page(number + 1) if number < last else "", "narrowed": bool(text or only in ("yes", "no")),
        "cancel_url": guide.return_url(request, owner),
    }  # fmt: skip


def _actions(request: HttpRequest, owner: Company, off: str) -> tuple[Action | Menu, ...]:
    why = "Users cannot be coupled now." if off else ""
    why = why or ("" if may(request.user, Can.OPERATE) else "Your role may look, not change.")
    team = "" if may(request.user, Can.ADMINISTER) else "Only an Administrator may do this."
    return (
        Action(
            "Create Salesperson",
            company_url("sync:salespeople-create", owner),
            "post",
            "add",
            off=why,
            with_form=not why,
        ),
        Action(
            "Delete Coupling",
            company_url("sync:salespeople-delete", owner),
            "post",
            "uncouple",
            off=why,
            with_form=not why,
        ),
        Action(
            "Match-Based Coupling", company_url("sync:salespeople-match", owner), icon="couple", off=why, dialog=True
        ),
        Action(
            "Add Coupled Users to Team",
            company_url("sync:salespeople-team", owner),
            "post",
            "people",
            off=team or ("" if not off and not why_not_team(owner) else why or why_not_team(owner)),
        ),
    )


def _facts(known: Sequence[User]) -> tuple[FactBox, ...]:
    if not known:
        return ()
    coupled = [one for one in known if one.code]
    members = sum(bool(one.member) for one in coupled)
    return (
        FactBox(
            "Users",
            (
                ("Dataverse users", f"{len(known):,}"),
                ("Coupled", f"{len(coupled):,}"),
                ("Coupled, in the team", f"{members:,}"),
            ),
        ),
    )


def _choose(request: HttpRequest, owner: Company, known: Sequence[User]) -> HttpResponse | None:
    """Save what was chosen on the page; the page again, or a question, where something is in the way."""
    shown = _by_user(request, "was-")
    # What was left as it stood is no choice: it may be another by now.
    typed = {key: code for key, code in _by_user(request, "code-").items() if shown.get(key) != code}
    if not typed:
        return None
    saved: Saved = salespeople.choose(
        company=owner, known=known, choices=typed, shown=shown, move=request.POST.get("move") == "1", user=request.user
    )
    if saved.problems:
        messages.error(request, "Nothing was saved: what was chosen for some users cannot be.")
        return _page(request, owner, typed=typed, problems=saved.problems)
    if saved.moves:
        named = " ".join(f"{who} is coupled with {before} and moves to {after}." for who, before, after in saved.moves)
        values = {f"code-{key}": code for key, code in typed.items()}
        values |= {f"was-{key}": shown[key] for key in typed if key in shown}
        values |= {name: str(request.POST.get(name, "")) for name in ("q", "page", "coupled", "way")}
        return render.confirm(
            request,
            title="Move the coupling?",
            text=f"{named} Each salesperson has one user.",
            action=Action(
                "Move",
                company_url("sync:salespeople-save", owner),
                "post",
                primary=True,
                values={**values, "move": "1"},
            ),
            back=company_url("sync:salespeople", owner),
            company=owner,
        )
    if saved.coupled or saved.uncoupled:
        told = [f"{_many(saved.coupled, 'user is', 'users are')} coupled"] if saved.coupled else []
        told += [f"{_many(saved.uncoupled, 'coupling is', 'couplings are')} deleted"] if saved.uncoupled else []
        messages.success(request, f"{', '.join(told)}.")
    return None


def _by_user(request: HttpRequest, prefix: str) -> dict[UUID, str]:
    """The codes on the page, by user: those chosen (`code-`), or those that stood there (`was-`)."""
    found: dict[UUID, str] = {}
    for name, value in request.POST.items():
        key = _uuid(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if key is not None and len(found) < MANY:
            found[key] = str(value).replace("\x00", "")[:40]
    return found


def _selected(request: HttpRequest) -> set[UUID]:
    return {key for text in request.POST.getlist("selected")[:MANY] if (key := _uuid(text)) is not None}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _here(request: HttpRequest, owner: Company) -> str:
    """The page as it was narrowed and turned."""
    kept = {name: request.POST.get(name, "") for name in ("q", "coupled", "page")}
    asked = urlencode({name: value for name, value in kept.items() if value})
    return f"{company_url('sync:salespeople', owner)}?{asked}" if asked else company_url("sync:salespeople", owner)


def _nothing(request: HttpRequest, owner: Company) -> HttpResponse:
    messages.warning(request, "No user is selected, so nothing was done. Tick users first.")
    return HttpResponseRedirect(_here(request, owner))


def _told(request: HttpRequest, owner: Company, error: Explained) -> HttpResponse:
    messages.error(request, f"Nothing was changed. {error.user_message}")
    return HttpResponseRedirect(_here(request, owner))


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
