"""Views of Couple Dataverse Users with Salespeople: the page, saving choices, and its actions."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_or_404
from connection_setup.guide import links as guide
from connection_setup.provisioning import team_members
from core.refusals import Explained
from core.roles import Can, requires
from masterdata.models import Company
from sync.salespeople import services as salespeople
from sync.salespeople.page import EXPLAINED, salespeople_page, team_blocked_reason
from sync.salespeople.services import User
from ui import render
from ui.kit import Action
from ui.links import company_url

MAX_CHOICES = 1000
"""How many choices or ticks of one request are read at most."""


@requires(Can.READ)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """Show the page."""
    return render.page(request, salespeople_page(request, company_or_404(request, company)))


@requires(Can.OPERATE)
@require_http_methods(["GET", "HEAD", "POST"])
def save(request: HttpRequest, company: str) -> HttpResponse:
    """Save what was chosen; OK then asks about the users without a salesperson."""
    owner = company_or_404(request, company)
    if request.method != "POST":
        return HttpResponseRedirect(company_url("sync:salespeople", owner))
    try:
        refused = _save_choices(request, owner, salespeople.read_users(owner))
        if refused is not None:
            return refused
        if request.POST.get("way") != "ok":
            return HttpResponseRedirect(_current_url(request, owner))
        users = salespeople.read_users(owner)
    except EXPLAINED as error:
        return _explain(request, owner, error)
    uncoupled = sum(not one.code for one in users)
    if not uncoupled:
        return HttpResponseRedirect(guide.return_url(request, owner))
    return render.confirm(
        request,
        title="Create salespeople for the rest?",
        text=f"{len(users) - uncoupled:,} of {len(users):,} Dataverse users are coupled. "
        f"{_count(uncoupled, 'salesperson is', 'salespeople are')} created for the rest, with name, e-mail and phone "
        "number, and coupled with them.",
        action=Action("Create Salesperson", company_url("sync:salespeople-create", owner), "post", values={"all": "1"}),
        back=guide.return_url(request, owner),
        company=owner,
    )


@requires(Can.OPERATE)
@require_POST
def create(request: HttpRequest, company: str) -> HttpResponse:
    """Create Salesperson: for the selected users, or for all that have none."""
    owner = company_or_404(request, company)
    everybody = request.POST.get("all") == "1"
    selected = _selected(request)
    if not everybody and not selected:
        return _nothing_selected(request, owner)
    try:
        users = salespeople.read_users(owner)
        if (refused := _save_choices(request, owner, users)) is not None:
            return refused
        created = salespeople.create_salespeople(
            company=owner, users=users, user_ids=None if everybody else selected, user=request.user
        )
    except EXPLAINED as error:
        return _explain(request, owner, error)
    text = f"{_count(created, 'salesperson is', 'salespeople are')} created and coupled."
    messages.success(request, text if created else "Every one of them is coupled already, so nobody was created.")
    return HttpResponseRedirect(_current_url(request, owner))


@requires(Can.OPERATE)
@require_POST
def delete_couplings(request: HttpRequest, company: str) -> HttpResponse:
    """Delete Coupling of the selected users; nobody is deleted on either side."""
    owner = company_or_404(request, company)
    selected = _selected(request)
    if not selected:
        return _nothing_selected(request, owner)
    count = salespeople.delete_couplings(company=owner, user_ids=selected, user=request.user)
    messages.success(
        request,
        f"{_count(count, 'coupling is', 'couplings are')} deleted; users and salespeople stay."
        if count
        else "None of them is coupled, so nothing was deleted.",
    )
    return HttpResponseRedirect(_current_url(request, owner))


@requires(Can.OPERATE)
@require_http_methods(["GET", "HEAD", "POST"])
def match(request: HttpRequest, company: str) -> HttpResponse:
    """Match-Based Coupling by e-mail: ask, then couple."""
    owner = company_or_404(request, company)
    here = company_url("sync:salespeople", owner)
    if request.method != "POST":
        return render.confirm(
            request,
            title="Match-Based Coupling",
            text="Dataverse users and salespeople who are not coupled and have the same e-mail address are coupled. "
            "Where several share an address nothing is done, and they are named.",
            action=Action("Couple", company_url("sync:salespeople-match", owner), "post", primary=True),
            back=here,
            company=owner,
        )
    try:
        found = salespeople.couple_by_email(company=owner, users=salespeople.read_users(owner), user=request.user)
    except EXPLAINED as error:
        return _explain(request, owner, error)
    messages.success(
        request,
        f"{_count(found.coupled, 'user is', 'users are')} coupled by e-mail. "
        f"{_count(found.unmatched, 'user has', 'users have')} no salesperson with the same address."
        if found.coupled or found.unmatched
        else "Every user is coupled already.",
    )
    if found.ambiguous:
        names = ", ".join(found.ambiguous[:10]) + (" and more" if len(found.ambiguous) > 10 else "")
        messages.warning(request, f"Several share an e-mail address, so nothing was done: {names}. Choose by hand.")
    return HttpResponseRedirect(here)


@requires(Can.ADMINISTER)
@require_POST
def add_to_team(request: HttpRequest, company: str) -> HttpResponse:
    """Add Coupled Users to Team: as the application; where it may not, an administrator signs in."""
    owner = company_or_404(request, company)
    here = company_url("sync:salespeople", owner)
    if why := team_blocked_reason(owner):
        messages.warning(request, why)
        return HttpResponseRedirect(here)
    try:
        results = salespeople.add_to_team(company=owner)
    except EXPLAINED as error:
        return _explain(request, owner, error)
    if not results:
        messages.info(request, "Every coupled user is in the owning team already, or no user is coupled yet.")
        return HttpResponseRedirect(here)
    if any(one.denied for one in results):
        messages.warning(
            request,
            "The application may not add users to a team. An administrator of the environment signs in once to do it.",
        )
        return HttpResponseRedirect(company_url("connection_setup:administrator", owner, query={"purpose": "team"}))
    added, failed = team_members.summarize(results)
    messages.success(request, added)
    if failed:
        messages.warning(request, failed)
    return HttpResponseRedirect(here)


# -- what was chosen and selected --------------------------------------------------------------------------------------


def _save_choices(request: HttpRequest, company: Company, users: list[User]) -> HttpResponse | None:
    """Save what was chosen on the page. Return the page again, or a question, where something stands in the way."""
    shown = _codes_by_user(request, "was-")
    # A code that stands as it was shown was not chosen: it may be another by now.
    typed = {user_id: code for user_id, code in _codes_by_user(request, "code-").items() if shown.get(user_id) != code}
    if not typed:
        return None
    result = salespeople.save_choices(
        company=company, users=users, choices=typed, shown=shown, move=request.POST.get("move") == "1",
        user=request.user,
    )  # fmt: skip
    if result.problems:
        messages.error(request, "Nothing was saved: what was chosen for some users cannot be.")
        return render.page(request, salespeople_page(request, company, typed=typed, problems=result.problems))
    if result.moves:
        moves = " ".join(
            f"{one.salesperson} is coupled with {one.from_user} and moves to {one.to_user}." for one in result.moves
        )
        values = {f"code-{user_id}": code for user_id, code in typed.items()}
        values |= {f"was-{user_id}": shown[user_id] for user_id in typed if user_id in shown}
        values |= {name: str(request.POST.get(name, "")) for name in ("q", "page", "coupled", "way")}
        return render.confirm(
            request,
            title="Move the coupling?",
            text=f"{moves} Each salesperson has one user.",
            action=Action(
                "Move",
                company_url("sync:salespeople-save", company),
                "post",
                primary=True,
                values={**values, "move": "1"},
            ),
            back=company_url("sync:salespeople", company),
            company=company,
        )
    done = [f"{_count(result.coupled, 'user is', 'users are')} coupled"] if result.coupled else []
    done += [f"{_count(result.uncoupled, 'coupling is', 'couplings are')} deleted"] if result.uncoupled else []
    if done:
        messages.success(request, f"{', '.join(done)}.")
    return None


def _codes_by_user(request: HttpRequest, prefix: str) -> dict[UUID, str]:
    """Return the codes on the page, by user: those chosen (`code-`), or those that were shown (`was-`)."""
    found: dict[UUID, str] = {}
    for name, value in request.POST.items():
        user_id = _uuid(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if user_id is not None and len(found) < MAX_CHOICES:
            found[user_id] = str(value).replace("\x00", "")[:40]
    return found


def _selected(request: HttpRequest) -> set[UUID]:
    ticked = request.POST.getlist("selected")[:MAX_CHOICES]
    return {user_id for text in ticked if (user_id := _uuid(text)) is not None}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


# -- answers -----------------------------------------------------------------------------------------------------------


def _current_url(request: HttpRequest, company: Company) -> str:
    """Return the address of the page with the search, the filter and the page number in force."""
    given = {name: str(request.POST.get(name, "")) for name in ("q", "coupled", "page")}
    return company_url("sync:salespeople", company, query=given)


def _nothing_selected(request: HttpRequest, company: Company) -> HttpResponse:
    messages.warning(request, "No user is selected, so nothing was done. Select users first.")
    return HttpResponseRedirect(_current_url(request, company))


def _explain(request: HttpRequest, company: Company, error: Explained) -> HttpResponse:
    messages.error(request, f"Nothing was changed. {error.user_message}")
    return HttpResponseRedirect(_current_url(request, company))


def _count(count: int, one: str, more: str) -> str:
    """Return the number with its words: "1 user is", "2 users are"."""
    return f"{count:,} {one if count == 1 else more}"
