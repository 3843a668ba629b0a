"""A rule for more pairs than a page can plan it for: asked once, then carried out by jobs, pair by pair."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from core.refusals import Refusal
from core.words import counted
from jobs.errors import EmptySelection
from masterdata.models import Company
from sync.conflicts import resolving
from sync.conflicts.resolving import fields_in_conflict
from sync.rules.resolving import Rule
from sync.start.pages import redirect_to_jobs
from ui import listing, render
from ui.kit import Action
from ui.links import company_url

_LOOKED_AT = 1000


def by_job(
    request: HttpRequest, owner: Company, selected: listing.Selection, rule: Rule, name: str = ""
) -> HttpResponse:
    """Ask before a rule chooses for so many pairs; carry it out once the person has said so. name: of a field."""
    back = company_url("sync:conflicts", owner)
    if request.POST.get("confirmed") != "yes":
        return _ask(request, owner, selected, rule, name)
    try:
        started = resolving.resolve_by_job(couplings=selected.rows, rule=rule, field_name=name, user=request.user)
    except EmptySelection:
        messages.warning(request, "These pairs do not wait for a choice any more, so nothing was done.")
        return HttpResponseRedirect(back)
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(back)
    return redirect_to_jobs(request, owner, started, back)


def _ask(request: HttpRequest, owner: Company, selected: listing.Selection, rule: Rule, name: str) -> HttpResponse:
    caption = fields_in_conflict(selected.rows[:_LOOKED_AT]).get(name, name) if name else "all fields"
    values = {"selection": selected.token, "rule": rule.value, "field": name, "confirmed": "yes"}
    text = (
        f"{rule.label}, for {caption} of {counted(selected.count, 'pair')}. That many are not previewed here: a job "
        "for each mapping looks at every pair as it comes to it and says what came of each. What the rule cannot tell "
        "goes on waiting. To see the result first, filter the list by mapping or select fewer."
    )
    return render.confirm(
        request,
        title="Resolve by Rule",
        text=text,
        action=Action(
            "Resolve by Rule", company_url("sync:resolve-rule", owner), "post", "check", values=values, primary=True
        ),
        back=company_url("sync:conflicts", owner),
        company=owner,
        careful=True,
    )
