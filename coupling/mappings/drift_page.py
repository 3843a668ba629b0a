"""What pages tell about columns that changed in Dataverse: on the mapping's card, in lists, and on the role center."""

from collections.abc import Iterable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from accounts import access
from core.refusals import joined
from core.roles import Can, requires
from coupling.gateway import Gateway
from coupling.mappings import column_looks
from coupling.mappings.column_looks import Drift
from coupling.mappings.drift import Change, Kind, Stops
from coupling.models import IntegrationTableMapping
from coupling.page_parts import EXPLAINED, mapping_or_404, mapping_url, show_error
from masterdata.models import Company
from ui.cells import text_of, time_ago
from ui.kit import Action, Cue, FastTab, Link, Notice, State, Status, Table
from ui.links import company_url

TITLE = "Changes in Dataverse"
_LOOKS: dict[Stops, State] = {
    Stops.NOTHING: "warn", Stops.FIELDS: "bad", Stops.CREATION: "bad", Stops.MAPPING: "bad",
}  # fmt: skip
_BETWEEN = "|"
_NAMED = 3
"""Mappings that a notice names."""
_SAY_IT_THEMSELVES = frozenset({"coupling:mappings", "coupling:fields", "jobs:alerts"})
"""Lists with a notice of their own about it."""
_IN_FEW_WORDS = {Kind.GONE: "is gone", Kind.RETYPED: "is {change.now}, no longer {change.was},"}
_KINDS = {Kind.GONE: "Gone", Kind.RETYPED: "Other type", Kind.SHORTENED: "Shorter", Kind.REQUIRED: "Required now"}


def headline(drift: Drift) -> str:
    """Return in a few words what stops because of changed columns."""
    if drift.stops is Stops.MAPPING:
        return "Stopped"
    if drift.stopped:
        return f"{len(drift.stopped)} field{'s' if len(drift.stopped) > 1 else ''} stopped"
    if drift.no_new_rows is not None:
        return "No new rows"
    if not drift.changes:
        return "As it should be"
    return f"{len(drift.changes)} column{'s' if len(drift.changes) > 1 else ''} changed"


def notice(drift: Drift, *, off: str) -> list[Notice]:
    """Return what the mapping's card says above its settings; none where no column changed. off: why nobody may map."""
    if not drift.changes:
        return []
    shown = next(change for change in drift.changes if _headlines(change, drift))
    more = len(drift.changes) - 1
    text = shown.message if not more else f"{shown.message} {more} more below."
    tokens = [change.token for change in drift.changes if change.acceptable]
    accept = Action(
        "Accept Column Changes", mapping_url("accept-columns", drift.mapping), "post", "check", off=off,
        values={"shown": _BETWEEN.join(tokens)},
    )  # fmt: skip
    return [Notice(text, _LOOKS[drift.stops], headline(drift), [accept] if tokens else [])]


def tab(drift: Drift) -> list[FastTab]:
    """Return the card's tab of changed columns, with since when and what to do; none where no column changed."""
    if not drift.changes:
        return []
    rows = [
        (change.column, Status(_KINDS[change.kind], _LOOKS[change.stops]), _told(change, drift))
        for change in drift.changes
    ]
    table = Table(TITLE, ("Column", "Change", "What it means and what to do"), rows, wrap=frozenset({2}), stack=True)
    return [FastTab("columns", TITLE, gist=f"{headline(drift)}, looked at {time_ago(drift.looked_at)}", table=table)]


def _headlines(change: Change, drift: Drift) -> bool:
    """Return whether a change is what the headline is about."""
    if drift.stops is Stops.MAPPING:
        return change.stops is Stops.MAPPING
    if drift.stopped:
        return bool(change.stopped)
    return change.no_new_rows or drift.no_new_rows is None


def why_stopped(drift: Drift, name: str) -> str:
    """Return why a field is stopped and since when, in few words; "" where it is not."""
    said = [
        f"{change.column} {_IN_FEW_WORDS[change.kind].format(change=change)} in Dataverse since "
        f"{text_of(drift.since[change.key])}."
        for change in drift.changes
        if name in change.stopped
    ]
    return " ".join([*said, "The mapping's card says what to do."] if said else [])


def _told(change: Change, drift: Drift) -> str:
    return joined(f"{change.message} Since {text_of(drift.since[change.key])}.", change.fix)


def list_notice(drifts: Iterable[Drift]) -> list[Notice]:
    """Return what the list of mappings and the role center say about all of them; none where no column changed."""
    found = list(drifts)
    if not found:
        return []
    names = "; ".join(f"{drift.mapping.name}: {headline(drift).lower()}" for drift in found[:_NAMED])
    more = f"; {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    bad = any(drift.stops is not Stops.NOTHING for drift in found)
    text = f"{names}{more}. The card of each says what that means and what to do."
    ways = [Action(drift.mapping.name, _card_url(drift.mapping)) for drift in found[:_NAMED]]
    return [Notice(text, "bad" if bad else "warn", "Columns changed in Dataverse.", ways)]


def role_center_notice(request: HttpRequest, company: Company) -> Notice | None:
    """Return what the role center says; None where no column changed."""
    return next(iter(list_notice(_found(request, company).values())), None)


def other_lists_notice(request: HttpRequest, company: Company) -> Notice | None:
    """Return what lists of anything else say, where something is stopped: it concerns whoever works with records."""
    if request.resolver_match is not None and request.resolver_match.view_name in _SAY_IT_THEMSELVES:
        return None
    stopped = [drift for drift in _found(request, company).values() if drift.stops is not Stops.NOTHING]
    return next(iter(list_notice(stopped)), None)


def _found(request: HttpRequest, company: Company) -> dict[int, Drift]:
    """Return what the last looks found; asked for once in a request."""
    cache = vars(request)
    if "_drifts" not in cache:
        cache["_drifts"] = column_looks.read_all(company)
    found: dict[int, Drift] = cache["_drifts"]
    return found


def _card_url(mapping: IntegrationTableMapping) -> str:
    return f"{mapping_url('mapping', mapping)}#tab-columns"


def cell(drift: Drift | None) -> Link | str:
    """Return the cell of the list of mappings."""
    if drift is None:
        return ""
    return Link(headline(drift), _card_url(drift.mapping), _LOOKS[drift.stops])


def cue(request: HttpRequest, company: Company) -> Cue:
    """Return how many mappings have columns that changed, for the role center; one leads to its card."""
    found = list(_found(request, company).values())
    stops = any(drift.stops is not Stops.NOTHING for drift in found)
    state: State = "bad" if stops else "warn" if found else "ok"
    url = _card_url(found[0].mapping) if len(found) == 1 else company_url("coupling:mappings", company)
    return Cue(
        f"{len(found):,}", "Mappings with changed columns", url, state, "Changed",
        "Their columns in Dataverse are not as they were", "See what changed",
    )  # fmt: skip


@require_POST
@requires(Can.MAP)
def look_at_columns(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Look at the mapping's columns in Dataverse now."""
    one = mapping_or_404(access.company_or_404(request, company), mapping)
    try:
        found = column_looks.look(one, Gateway(one.company).table_again(one).columns)
    except EXPLAINED as error:
        show_error(request, error)
    else:
        if not found.changes:
            messages.success(request, f"The columns of {one.name} are as they should be.")
    return HttpResponseRedirect(mapping_url("mapping", one))


@require_POST
@requires(Can.MAP)
def accept_columns(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Take the mapping's columns as they are now, where the changes are those that the card showed."""
    one = mapping_or_404(access.company_or_404(request, company), mapping)
    try:
        taken = column_looks.accept(mapping=one, shown=request.POST.get("shown", "").split(_BETWEEN))
    except EXPLAINED as error:
        show_error(request, error)
    else:
        messages.success(request, f"Accepted: {', '.join(dict.fromkeys(change.column for change in taken))}.")
    return HttpResponseRedirect(mapping_url("mapping", one))
