"""Views of the page People: who has which role, saving choices, deactivating somebody."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import people, roles
from accounts.access import company_or_404
from accounts.decisions import CHOICES, choice_of
from accounts.models import CompanyRole
from accounts.pages import changes_page, people_page
from accounts.pages.people_form import Change, changes_in
from core.refusals import Refusal
from core.roles import Can, may, requires
from masterdata.models import Company
from ui import render
from ui.kit import Action
from ui.links import company_url


@require_safe
@requires(Can.ADMINISTER)
def show(request: HttpRequest, company: str) -> HttpResponse:
    """Show everybody's roles."""
    return render.page(request, people_page.people_page(request, company_or_404(request, company)))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.ADMINISTER)
def save(request: HttpRequest, company: str) -> HttpResponse:
    """Save what was chosen; what could not be saved stands on the page with the reason."""
    owner = company_or_404(request, company)
    if request.method != "POST":
        return HttpResponseRedirect(company_url("accounts:people", owner))
    changes = changes_in(request.POST.dict())
    problems = {change.cell: why for change in changes if (why := _save(request, change))}
    saved = len(changes) - len(problems)
    if saved:
        messages.success(request, f"{saved} {'role is' if saved == 1 else 'roles are'} changed, from now on.")
    elif not changes:
        messages.info(request, "Nothing was chosen anew, so nothing was changed.")
    if not may(_user(request), Can.ADMINISTER, owner):
        return HttpResponseRedirect(reverse("ui:home"))
    if problems:
        count = f"{len(problems)} {'role is' if len(problems) == 1 else 'roles are'}"
        messages.warning(request, f"{count} not changed; the reason stands below each.")
        typed = {change.cell: change.choice for change in changes if change.cell in problems}
        return render.page(request, people_page.people_page(request, owner, typed=typed, problems=problems))
    query = {name: request.POST.get(name, "") for name in ("q", "company", "page")}
    return HttpResponseRedirect(company_url("accounts:people", owner, query=query))


@require_POST
@requires(Can.ADMINISTER_ALL)
def activate(request: HttpRequest, company: str) -> HttpResponse:
    """Deactivate somebody, after asking, or let them sign in again."""
    owner = company_or_404(request, company)
    key = request.POST.get("person", "")
    person = User.objects.filter(pk=key).first() if key.isascii() and key.isdigit() and len(key) < 16 else None
    if person is None:
        raise Http404("There is no such person.")
    here = company_url("accounts:people", owner)
    if person.is_active and request.POST.get("sure") != "yes":
        return render.confirm(
            request,
            title=f"Deactivate {person}?",
            text=f"{person} is signed out everywhere at once and cannot sign in any more. Roles are kept; jobs that "
            f"{person} started go on. You can activate {person} again.",
            action=Action(
                "Deactivate",
                company_url("accounts:people-activate", owner),
                "post",
                values={"person": key, "sure": "yes"},
            ),
            back=here,
            company=owner,
        )
    try:
        people.set_active(person=person, active=not person.is_active, by=_user(request))
        messages.success(
            request, f"{person} {'can sign in again' if person.is_active else 'is signed out and inactive'}."
        )
    except Refusal as refusal:
        messages.error(request, f"Nothing was changed. {refusal.user_message}")
    return HttpResponseRedirect(here)


@require_safe
@requires(Can.ADMINISTER)
def changes(request: HttpRequest, company: str) -> HttpResponse:
    """Show who gave and took which role, and when."""
    return render.page(request, changes_page.build_page(request, company_or_404(request, company)))


# -- saving ------------------------------------------------------------------------------------------------------------


def _user(request: HttpRequest) -> User:
    """Return who is signed in, with the roles of now: they may just have changed their own."""
    return User.objects.get(pk=cast(User, request.user).pk)


def _save(request: HttpRequest, change: Change) -> str:
    """Carry out one change. Return why it was not, "" where it was."""
    columns = people_page.columns_of(request)
    column = next((one for one in columns if one.key == change.cell.company), None)
    shown = people_page.people_of(request, columns, people_page.searched(request))
    person = shown.filter(pk=change.cell.person).first()
    if column is None or person is None:
        return "This person or company is not there any more."
    try:
        with roles.changing():
            _refuse_stale(person, column.company, change)
            wanted = CHOICES[change.choice]
            roles.set_roles(person=person, company=column.company, roles=wanted, by=_user(request))
    except Refusal as refusal:
        return refusal.user_message
    return ""


def _refuse_stale(person: User, company: Company | None, change: Change) -> None:
    """Refuse to replace a role that somebody else gave meanwhile. Raises Refusal."""
    rows = list(CompanyRole.objects.filter(person=person, company=company).order_by("given_at"))
    now = choice_of(row.role for row in rows)
    if now != change.was:
        raise Refusal(
            "configuration",
            f"Meanwhile it was changed to {now or people_page.NO_ROLE}"
            f"{f' ({people_page.given_text(rows[-1])})' if rows else ''}.",
            "Choose again.",
        )
