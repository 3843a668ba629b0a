"""Page Resolve Update Conflicts as data: pairs whose same field was changed on both sides, and those of which a side
was deleted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import Count, Subquery, Sum
from django.http import HttpRequest

from connection_setup.connection.state import connection_for_request, disabled_reason
from core.words import counted
from coupling.undone import left_undone
from jobs.mentions import Reader
from masterdata.models import Company
from sync.conflicts.coupling_rows import CouplingCells, mapping_filter, not_connected
from sync.conflicts.pair_lines import NOTHING, READY, Given, PairLine, PairLines
from sync.conflicts.resolving import FIRST, RulePlan, fields_in_conflict
from sync.conflicts.services import DELETED
from sync.conflicts.skipped_page import deleted_listing
from sync.engine.conflicts_standing import FieldCount, StandingField, conflicts_of
from sync.rules.resolving import Rule, Take
from ui import listing
from ui.bound_list import Bound
from ui.kit import Action, Cell, FastTab, Link, Notice, Page, Status, Table, Tip
from ui.links import company_url

TITLE = "Resolve Update Conflicts"
PREVIEW = "Preview the Rule"
PAIRS_SHOWN = 10
_FIELDS_FROM = 1000
"""Of so many pairs the fields are offered for a rule."""
_TIP = Tip(
    "Both sides changed the same field",
    "Nothing of these pairs is written until you choose. Choose the value of each field, or select pairs and have a "
    "rule choose for all of them at once. Edits of their other fields are kept from both sides, and go with the first "
    "choice.",
)


def conflicts_page(
    request: HttpRequest,
    company: Company,
    reader: Reader,
    *,
    off: str,
    off_deleting: str,
    given: Given | None = None,
) -> Page:
    """Return the page; off, off_deleting: why the actions are off; given: what could not be taken as it was sent."""
    connection = connection_for_request(request, company)
    unavailable = disabled_reason(connection)
    conflicts = conflicts_of(company)
    pairs, fields, gone = _counts(company)
    show_deleted = request.GET.get("show") == "deleted" or (not pairs and gone > 0 and "show" not in request.GET)
    url = company_url("sync:conflicts", company)
    segments = [
        ("Changed on both sides", pairs, f"{url}?show=changed", not show_deleted),
        ("Deleted on one side", gone, f"{url}?show=deleted", show_deleted),
    ]
    context: dict[str, Any] = {"segments": segments, "fields_count": counted(fields, "field"), "off": off}
    if show_deleted:
        shown: Any = deleted_listing(company, reader, None if off else connection)
        actions = _deletion_actions(company, off, off_deleting)
    else:
        shown, actions = _bound(request, company, PairLines(company, connection, given), pairs), _actions(company, off)
        context |= {
            "fields": fields_in_conflict(shown.slice.rows if pairs <= PAIRS_SHOWN else conflicts[:_FIELDS_FROM]),
            "rules": Rule.choices,
            "rule_url": company_url("sync:resolve-rule", company),
            "resolve_url": _with_query(company_url("sync:resolve", company), request),
            "policy": _policy_link(request, company, shown),
            **_chosen([row.line for row in shown.slice.rows], given or Given()),
        }
    waiting = f"{counted(pairs + gone, 'pair')} {'waits' if pairs + gone == 1 else 'wait'} for you"
    return Page(
        TITLE,
        company=company,
        state=Status(waiting, "warn") if pairs + gone else Status("No conflicts", "ok"),
        tip=_TIP,
        help="synchronization#conflicts",
        actions=actions,
        notices=not_connected(unavailable.user_message if unavailable is not None else ""),
        listing=shown,
        lead="sync/conflicts/lead.html",
        context=context,
    )


def _counts(company: Company) -> tuple[int, int, int]:
    """Return how many pairs were changed on both sides, in how many fields, and how many have a deleted side."""

    def of(rows: Any, value: Any) -> Subquery:
        return Subquery(rows.order_by().values("company").annotate(found=value).values("found"))

    conflicts, deleted = conflicts_of(company), left_undone(company).filter(reason__in=DELETED)
    pairs, fields, gone = Company.objects.filter(pk=company.pk).values_list(
        of(conflicts, Count("pk")), of(conflicts, Sum(FieldCount("conflict"))), of(deleted, Count("pk"))
    )[0]  # in one query
    return pairs or 0, fields or 0, gone or 0


def _bound(request: HttpRequest, company: Company, lines: PairLines, pairs: int) -> Bound:
    bound = Bound(request, replace(conflicts_listing(company, lines.load), total=pairs))
    bound.path = company_url("sync:conflicts", company)  # also where the form came back with what is wrong
    return bound


def _chosen(lines: Sequence[PairLine], given: Given) -> dict[str, Any]:
    """Return what the page says of the choices made on it: its parts, and what would come of them."""
    parts = [("all", "All pairs", len(lines))]
    for word, caption in ((NOTHING, "Nothing chosen"), (READY, "Ready to resolve")):
        parts.append((word, caption, sum(line.segment == word for line in lines)))
    fields = sum(len(line.fields) for line in lines)
    there, here = sum(line.writes("there") for line in lines), sum(line.writes("here") for line in lines)
    sentence = (
        f"{sum(line.chosen for line in lines):,} of {counted(fields, 'field')} chosen. {counted(here, 'record')} here "
        f"and {counted(there, 'row')} in Dataverse would be written."
    )
    return {"parts": parts, "part": given.segment, "sentence": sentence if given.result else "", "result": given.result}


def _with_query(url: str, request: HttpRequest) -> str:
    query = request.GET.urlencode()
    return f"{url}?{query}" if query else url


def _actions(company: Company, off: str) -> list[Action]:
    def act(label: str, choice: str, icon: str) -> Action:
        url = company_url("sync:resolve", company)
        return Action(label, url, "post", icon, selection=True, off=off, values={"choice": choice})

    set_up = company_url("sync:set-up-coupling-conflicts", company)
    return [
        act("Send Data Update to Dataverse", "send", "import"),
        act("Get Data Update from Dataverse", "get", "export"),
        Action("Set Up Coupling", set_up, "post", "edit", selection=True, off=off),
    ]


def _deletion_actions(company: Company, off: str, off_deleting: str) -> list[Action]:
    values = {"list": "deleted"}

    def act(label: str, name: str, icon: str, why: str = off) -> Action:
        return Action(label, company_url(f"sync:{name}", company), "post", icon, selection=True, off=why, values=values)

    find = company_url("sync:find-deleted", company, query=values)
    return [
        act("Restore Records", "restore", "reset"),
        act("Delete Couplings", "delete-couplings", "uncouple"),
        act("Delete Records", "delete-records", "delete", off_deleting),
        Action("Find for Deleted", find, icon="search", off=off, dialog=True),
    ]


def _policy_link(request: HttpRequest, company: Company, shown: Bound) -> Link | None:
    """Return where the rule is made the mapping's own, where one mapping is meant."""
    by_mapping = [one for one in shown.listing.filters if one.name == "mapping"]
    rows = shown.slice.rows
    name = request.GET.get("mapping", "") if by_mapping else rows[0].mapping.name if rows else ""
    if not name or not all(one.chosen(name) for one in by_mapping):
        return None
    return Link("Make it the rule of the mapping", company_url("coupling:mapping", company, mapping=name))


def conflicts_listing(company: Company, decorate: "Callable[[list[Any]], None] | None" = None) -> listing.Listing:
    """Return the list of pairs with conflicts."""
    lines = PairLines(company)
    return listing.Listing(
        id="update-conflicts",
        caption="Pairs changed on both sides",
        rows=conflicts_of(company),
        columns=[listing.Column("record", "Record", lines.cells.record)],
        filters=mapping_filter(company),
        key="coupling_id",
        selectable=True,
        row_label=lines.cells.text,
        page_size=PAIRS_SHOWN,
        rows_template="sync/conflicts/rows.html",
        decorate=decorate or lines.load,
        empty=Notice("No pair was changed on both sides in the same field.", "ok", "No conflicts"),
    )


# -- a rule -----------------------------------------------------------------------------------------------------------

_TAKES = (Take.HERE.value, Take.THERE.value, Take.COMMON.value, "")
_PAIR_HEAD = ("Record", "Field", "Value here", "Value in Dataverse", "Result")
_HEAD = ("Field", "Value here", "Value in Dataverse", "Last common value", "Goes on waiting")


def rule_page(company: Company, plan: RulePlan, *, what: str, carried: Mapping[str, str], back: str, off: str) -> Page:
    """Return the preview of a rule: how many fields take which side, and what would be written.

    what: which pairs and fields it is for; carried: what comes back with the answer; off: why it cannot be carried out.
    """
    rows: list[list[Any]] = [
        [caption, *(found[take] for take in _TAKES)] for caption, found in sorted(plan.fields.items())
    ]
    table = Table("What each field takes", _HEAD, rows, numeric=frozenset({1, 2, 3, 4}), empty="No field waits.")
    waiting = ""
    if plan.waiting:
        waiting = (
            f"{counted(plan.waiting, 'field')} would go on waiting: it is not known which side is newer, or the two "
            "were never alike."
        )
    label = f"Resolve {counted(plan.count, 'Field')}"
    why = off or ("" if plan.count else "The rule chooses nothing.")
    return Page(
        PREVIEW,
        company=company,
        crumbs=(Link(TITLE, back),),
        help="synchronization#conflicts",
        notices=[Notice(waiting, "warn")] if waiting else [],
        fast_tabs=[
            FastTab(
                "plan",
                f"{plan.rule.label}, {what}",
                template="sync/conflicts/plan.html",
                context={"sentence": plan.sentence, "carried": [*carried.items(), ("seen", plan.digest)]},
            ),
            FastTab("fields", "Fields", table=table),
            FastTab("pairs", _caption_of_pairs(plan), table=_first_pairs(company, plan)),
        ],
        form_url=company_url("sync:resolve-rule", company),
        submit=Action(label, icon="check", off=why),
        cancel=Link("Cancel", back),
    )


def _caption_of_pairs(plan: RulePlan) -> str:
    return f"The first {FIRST} of {plan.pairs:,} pairs" if plan.pairs > len(plan.first) else "Pairs"


def _first_pairs(company: Company, plan: RulePlan) -> Table:
    """Return each field of the first pairs: its values, and what the rule makes of them."""
    bases = list(conflicts_of(company).filter(coupling_id__in=list(plan.first)))
    cells = CouplingCells(company)
    cells.load(bases)
    rows: list[list[Any]] = [
        [cells.record(base), one.caption, one.here or "blank", one.there or "blank", _result(one, take)]
        for base in bases
        for one, take in plan.first[base.coupling_id]
    ]
    return Table(
        "What each pair gets",
        _PAIR_HEAD,
        rows,
        wrap=frozenset({2, 3, 4}),
        cards=True,
        halves=frozenset({2, 3}),
        empty="No pair waits.",
    )


def _result(one: StandingField, take: Take | None) -> Cell:
    """Return the value that both sides get; or that the field goes on waiting."""
    if take is None:
        return Status("Goes on waiting", "warn")
    return {Take.HERE: one.here, Take.THERE: one.there, Take.COMMON: one.base}[take] or "blank"
