"""Views of Resolve Update Conflicts: the page, choices field by field, and choices by a rule."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST, require_safe

from accounts.access import company_or_404
from connection_setup.connection.state import connection_for_request, disabled_reason, unavailable_text
from core.refusals import Refusal
from core.roles import ONLY_ADMINISTRATORS, Can, may, requires
from core.words import counted
from jobs.errors import EmptySelection
from jobs.mentions import PersonReading
from masterdata.models import Company
from sync.conflicts import resolving
from sync.conflicts.by_job import by_job
from sync.conflicts.conflicts_page import conflicts_listing, conflicts_page, rule_page
from sync.conflicts.coupling_rows import off_reason
from sync.conflicts.given_choices import GivenChoices, read_choices
from sync.conflicts.pair_lines import NOTHING, READY, Given
from sync.conflicts.resolving import fields_in_conflict
from sync.rules.resolving import Rule, Take
from sync.start.pages import redirect_to_jobs
from ui import listing, render
from ui.links import company_url

_SIDES = {"send": Rule.HERE, "get": Rule.THERE}
_CHANGED_SHOWN = 5


@require_safe
@requires(Can.READ)
def conflicts(request: HttpRequest, company: str) -> HttpResponse:
    """Show pairs whose same field was changed on both sides, with the choice for each field; and what was deleted."""
    return _show(request, company_or_404(request, company))


def _show(request: HttpRequest, owner: Company, given: Given | None = None) -> HttpResponse:
    disabled = disabled_reason(connection_for_request(request, owner))
    off = off_reason(request.user, owner, disabled.user_message if disabled is not None else "")
    off_deleting = off or ("" if may(request.user, Can.ADMINISTER, owner) else ONLY_ADMINISTRATORS)
    page = conflicts_page(request, owner, PersonReading(request.user), off=off, off_deleting=off_deleting, given=given)
    return render.page(request, page)


@require_POST
@requires(Can.OPERATE)
def resolve(request: HttpRequest, company: str) -> HttpResponse:
    """Carry out what was chosen for fields; or, for the selected pairs, one side for all of them."""
    owner = company_or_404(request, company)
    if (side := _SIDES.get(request.POST.get("choice", ""))) is not None:
        return _resolve_selected(request, owner, side)
    given = read_choices(owner, request.POST.dict())
    if part := request.POST.get("show", ""):
        return _show_result(request, owner, given, part)
    if given.given.errors:
        messages.error(request, "Nothing was resolved: a value that was entered does not fit its field.")
        return _show(request, owner, given.given)
    for sentence in given.changed[:_CHANGED_SHOWN]:
        messages.error(request, sentence)
    if not given.chosen:
        if not given.changed:
            messages.warning(request, "No value was chosen for a field, so nothing was done.")
        return HttpResponseRedirect(company_url("sync:conflicts", owner))
    return _start(request, owner, given)


def _show_result(request: HttpRequest, owner: Company, given: GivenChoices, part: str) -> HttpResponse:
    """Show what would come of the choices, and the part of the pairs that is asked for; nothing is saved."""
    shown = given.given
    shown.result, shown.segment = True, part if part in (NOTHING, READY) else ""
    for sentence in given.changed[:_CHANGED_SHOWN]:
        messages.error(request, sentence)
    return _show(request, owner, shown)


def _start(request: HttpRequest, owner: Company, given: GivenChoices) -> HttpResponse:
    back = company_url("sync:conflicts", owner)
    try:
        started = resolving.resolve(company=owner, chosen=given.chosen, user=request.user)
    except EmptySelection:
        messages.warning(request, "These pairs do not wait for a choice any more, so nothing was done.")
        return HttpResponseRedirect(back)
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(back)
    messages.success(request, f"{counted(given.count, 'field')} chosen: the job that was started writes the result.")
    return redirect_to_jobs(request, owner, started, back)


def _resolve_selected(request: HttpRequest, owner: Company, rule: Rule) -> HttpResponse:
    back = company_url("sync:conflicts", owner)
    selected = listing.selected(request, conflicts_listing(owner))
    if not selected:
        return listing.nothing_selected(request, back)
    if selected.count > resolving.MOST_ON_A_PAGE:
        return by_job(request, owner, selected, rule)
    chosen = resolving.plan_rule(selected.rows, rule).chosen
    if not selected.all_matching:  # of pairs on the page it is known what the person saw
        given = read_choices(owner, request.POST.dict(), whole=Take(rule.value), among=set(selected.ids))
        for sentence in given.changed[:_CHANGED_SHOWN]:
            messages.error(request, sentence)
        chosen = {pk: fields for pk, fields in chosen.items() if pk not in given.seen} | given.chosen
    try:
        started = resolving.resolve(company=owner, chosen=chosen, user=request.user, text=rule.label)
    except EmptySelection:
        messages.warning(request, "Nothing was chosen.")
        return HttpResponseRedirect(back)
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(back)
    return redirect_to_jobs(request, owner, started, back)


def _carry_out(
    request: HttpRequest, owner: Company, selected: listing.Selection, rule: Rule, name: str, seen: str
) -> HttpResponse | None:
    """Carry out a rule as the person saw it in its preview; return None where the preview is to be shown anew."""
    back = company_url("sync:conflicts", owner)
    try:
        started = resolving.resolve_by_rule(
            company=owner, couplings=selected.rows, rule=rule, field_name=name, seen=seen, user=request.user
        )
    except EmptySelection:
        messages.warning(request, "The rule chooses nothing for these pairs, so nothing was done.")
        return HttpResponseRedirect(back)
    except Refusal as error:
        messages.error(request, error.user_message)
        return None
    return redirect_to_jobs(request, owner, started, back)


@require_POST
@requires(Can.OPERATE)
def resolve_rule(request: HttpRequest, company: str) -> HttpResponse:
    """Show what a rule would choose for the selected pairs; carry it out once the person has seen that."""
    owner = company_or_404(request, company)
    back = company_url("sync:conflicts", owner)
    selected = listing.selected(request, conflicts_listing(owner))
    if not selected:
        return listing.nothing_selected(request, back)
    word, name = request.POST.get("rule", ""), request.POST.get("field", "")
    rule = Rule(word) if word in Rule.values else Rule.NEWEST
    if selected.count > resolving.MOST_ON_A_PAGE:
        return by_job(request, owner, selected, rule, name)
    if (seen := request.POST.get("seen", "")) and (done := _carry_out(request, owner, selected, rule, name, seen)):
        return done
    plan = resolving.plan_rule(selected.rows, rule, field_name=name)
    caption = fields_in_conflict(selected.rows[:1000]).get(name, name) if name else "all fields"
    carried = {"selection": selected.token, "rule": rule.value, "field": name}
    off = off_reason(request.user, owner, unavailable_text(owner))
    page = rule_page(
        owner, plan, what=f"{caption} of {counted(selected.count, 'pair')}", carried=carried, back=back, off=off
    )
    return render.page(request, page)
