"""Select Coupling Criteria: choose what to match on, see what would happen, then couple. Nothing is kept on leaving."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from connection_setup.connection.state import unavailable_text
from core.roles import Can, may, requires
from core.vocabulary import CompareAs
from coupling import local_records
from coupling.couplings import services
from coupling.couplings.criteria_form import CriteriaForm, CriterionRow
from coupling.couplings.preview import Preview
from coupling.couplings.preview_lock import preview_lock
from coupling.mappings import services as mappings_services
from coupling.matching import criteria as matching_criteria
from coupling.matching import suggestion
from coupling.matching.field_statistics import FieldStatistics, field_statistics
from coupling.models import IntegrationTableMapping, Selection
from coupling.page_parts import (
    EXPLAINED,
    NOT_ENABLED,
    crumbs,
    error_notice,
    job_log_url,
    mapping_or_404,
    mapping_url,
    permission_reason,
)
from coupling.records import keep_selection, selections
from coupling.records import lists as records
from jobs.models import Reason
from ui import render
from ui.kit import Action, Cue, FactBox, FastTab, Field, Link, Notice, Page, Table, Tip
from ui.links import company_url, optional_url

TITLE = "Select Coupling Criteria"
PREVIEW_S = 20.0
"""Seconds a preview may take on a page; a larger table is for the job."""
_SALT = "coupling.matching.criteria"
WITHIN: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "review": ("sync:review", {}),
    "guide": ("connection_setup:guide-step", {"step": "recommendations"}),
}
"""Where the page was opened from, by a word in its address, and where it leads back to. The guide only chooses
criteria; everywhere else Couple starts at once."""


class TooLong(Exception):
    """The preview takes longer than a page should."""


# -- ways in ------------------------------------------------------------------------------------------------------


@require_safe
@requires(Can.READ)
def choose(request: HttpRequest, company: str) -> HttpResponse:
    """Tell Me leads here: for which mapping?"""
    owner = access.company(request, company)
    lines = [
        (Link(mapping.name, mapping_url("criteria", mapping)), services.description(mapping), _stored(mapping))
        for mapping in IntegrationTableMapping.objects.filter(company=owner).select_related("company")
    ]
    table = Table(
        "Integration table mappings",
        ("Name", "Tables", "Match on"),
        lines,
        wrap=frozenset({2}),
        empty="The mappings of this company are made when its connection to Dataverse is enabled.",
    )
    tab = FastTab("mappings", "For which mapping?", table=table)
    return render.page(request, Page(TITLE, crumbs=crumbs(owner), company=owner, help=_HELP, fast_tabs=[tab]))


def _stored(mapping: IntegrationTableMapping) -> str:
    return matching_criteria.readable(mapping, matching_criteria.stored_criteria(mapping)) or "Nothing form yet"


@require_POST
@requires(Can.OPERATE)
def from_selection(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """A list's Match-Based Coupling: keep the selection, and go on to the criteria of the table's mapping."""
    owner = access.company(request, company)
    one = records.table_or_404(table)
    selection = keep_selection.store_from_list(request, owner, one, without="they cannot be coupled")
    if not isinstance(selection, Selection):
        return selection
    if selections.count_coupled(selection) == selection.count:
        why = "All selected records are coupled already, so there is nothing to match. Select uncoupled ones."
        return keep_selection.back_to_list(request, selection, one, why)
    return HttpResponseRedirect(mapping_url("criteria", selection.mapping, selection=selection.pk))


# -- the page -----------------------------------------------------------------------------------------------------

_HELP = "coupling.md#criteria"
_TIP = Tip(
    "About matching",
    "Fields of equal priority must all be equal. Lower priorities are tried first, for all records; a blank priority "
    "counts as 0. Text compares without regard to case, unless you say so.",
)


@require_safe
@requires(Can.READ)
def criteria(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """The page, as stored on the mapping."""
    owner = access.company(request, company)
    one = mapping_or_404(owner, mapping)
    selection = selections.get_selection(one, request.user, request.GET.get("selection", ""))
    return _shown(request, CriteriaForm.from_mapping(one, selection))


@require_POST
@requires(Can.PREVIEW)
def preview(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Show what would happen; nothing is written and nothing is kept."""
    form = CriteriaForm.from_request(mapping_or_404(access.company(request, company), mapping), request)
    if not form.valid:
        return _shown(request, form, status=400)
    try:
        found = _preview(form)
    except TooLong:
        form.notices.append(
            Notice(
                "The tables are too large for a preview on a page. Start the coupling: its job shows the same numbers, "
                "and couplings can be deleted again.",
                "warn",
                "No preview",
            )
        )
        return _shown(request, form)
    except EXPLAINED as error:
        form.notices.append(error_notice(error, "No preview"))
        return _shown(request, form, status=400)
    said = (
        f"{found.coupled:,} of {found.total:,} would be coupled; {found.multiple:,} have several matches, "
        f"{found.no_match:,} find no match, {found.already_coupled:,} find one that is taken."
    )
    see = [Action("See the preview", "#facts")]
    form.notices.append(Notice(said, "ok" if found.coupled else "warn", "Preview", see))
    return _shown(request, form, found)


def _preview(form: CriteriaForm) -> Preview:
    until = time.monotonic() + PREVIEW_S

    def stop(_phase: str, _done: int, _total: int | None) -> None:
        if time.monotonic() > until:
            raise TooLong

    local_ids = None if form.selection is None else list(selections.iter_ids(form.selection))
    with preview_lock(form.mapping.company):
        found: Preview = services.preview(
            mapping=form.mapping, selection=local_ids, criteria=form.settings().criteria, on_part=stop
        )
    return found


@require_POST
@requires(Can.PREVIEW)
def suggest(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Fill in criteria that suit the records here; nothing is kept."""
    form = CriteriaForm.from_request(mapping_or_404(access.company(request, company), mapping), request)
    try:
        statistics = field_statistics(form.mapping, matching_criteria.available_criteria(form.mapping))
    except local_records.Unusable as error:
        form.notices.append(error_notice(error))
        return _shown(request, form, status=400)
    found = {one.local: one for one in suggestion.suggest_criteria(form.mapping, statistics)}
    for row in form.rows:
        one = found.get(row.field)
        row.use, row.case, row.error = one is not None, False, ""
        row.priority = str(one.priority or "") if one else ""
        row.compare = one.compare_as.value if one else CompareAs.TEXT.value
    said = matching_criteria.readable(form.mapping, list(found.values()))
    if found:
        text = f"{said}. These fields are well filled here and tell the records apart. See what they find by Preview."
        form.notices.append(Notice(text, "ok", "Suggested"))
    else:
        text = "No field is well filled and tells the records apart. Choose several fields of one priority yourself."
        form.notices.append(Notice(text, "warn", "Nothing to suggest"))
    return _shown(request, form)


@require_POST
@requires(Can.MAP)
def save(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Keep the criteria on the mapping, without starting anything."""
    form = CriteriaForm.from_request(mapping_or_404(access.company(request, company), mapping), request)
    if not form.valid:
        return _shown(request, form, status=400)
    mappings_services.save_criteria(mapping=form.mapping, settings=form.settings())
    messages.success(request, f"The matching criteria of {form.mapping.name} are saved.")
    within = _within(request)
    return HttpResponseRedirect(_back(form, within) if within == "guide" else _again(form, within))


@require_POST
@requires(Can.MAP)
def reset(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Reset Criteria: nothing is matched on any more."""
    one = mapping_or_404(access.company(request, company), mapping)
    mappings_services.reset_criteria(mapping=one)
    messages.success(request, f"No field of {one.name} is matched on any more.")
    form = CriteriaForm.from_mapping(one, selections.get_selection(one, request.user, request.POST.get("selection", "")))
    return HttpResponseRedirect(_again(form, _within(request)))


@require_POST
@requires(Can.OPERATE)
def start(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Start the coupling with what is on the page, or with what was previewed, and show its job."""
    one = mapping_or_404(access.company(request, company), mapping)
    form, settings = _asked(request, one)
    if settings is None:
        return _shown(request, form, status=400)
    try:
        job = services.start_coupling(
            mapping=one,
            selection=None if form.selection is None else selections.iter_ids(form.selection),
            criteria=settings.criteria,
            create_new=settings.create_new,
            synchronize=settings.synchronize,
            conflicts=settings.conflicts,
            user=request.user,
        )
    except EXPLAINED as error:
        title = "Nothing to match on" if getattr(error, "reason", "") == Reason.NO_CRITERIA else "Not started"
        form.notices.append(error_notice(error, title))
        return _shown(request, form, status=400)
    if may(request.user, Can.MAP):
        mappings_services.save_criteria(mapping=one, settings=settings)
    if form.selection is not None:
        selections.delete_selection(form.selection)
    return HttpResponseRedirect(company_url("jobs:job", one.company, pk=job.pk))


def _asked(
    request: HttpRequest, mapping: IntegrationTableMapping
) -> tuple[CriteriaForm, mappings_services.Settings | None]:
    """What a start asks for: the previewed settings by their token, else the page's fields; None where these are not
    valid."""
    if token := request.POST.get("settings"):
        form = CriteriaForm.from_mapping(
            mapping, selections.get_selection(mapping, request.user, request.POST.get("selection", ""))
        )
        try:
            kept = signing.loads(token, salt=_SALT)
        except signing.BadSignature:
            kept = {}
        if kept.get("mapping") == mapping.pk:
            return form, mappings_services.Settings(
                matching_criteria.from_json(kept["criteria"]), kept["synchronize"], kept["create_new"], kept["conflicts"]
            )
        form.notices.append(Notice("The preview does not belong to this page. Make it again.", "bad"))
        return form, None
    form = CriteriaForm.from_request(mapping, request)
    return form, form.settings() if form.valid else None


def _within(request: HttpRequest) -> str:
    """Where the page was opened from: a word of WITHIN, "" from the mappings or a list."""
    said = request.POST.get("within") or request.GET.get("within", "")
    return said if said in WITHIN else ""


def _again(form: CriteriaForm, within: str) -> str:
    return mapping_url("criteria", form.mapping, **_kept_values(form, within))


def _shown(request: HttpRequest, form: CriteriaForm, found: Preview | None = None, status: int = 200) -> HttpResponse:
    mapping = form.mapping
    company = mapping.company
    off = unavailable_text(company)
    operates, maps = may(request.user, Can.OPERATE), may(request.user, Can.MAP)
    no_try = permission_reason(request, Can.PREVIEW)
    within = _within(request)
    if off:
        form.notices.insert(0, Notice(off, "warn"))
    if wrong := [f"{row.caption}: {row.error}" for row in form.rows if row.error]:
        title = "One entry needs another look." if len(wrong) == 1 else f"{len(wrong)} entries need another look."
        form.notices.insert(0, Notice(" ".join(wrong), "bad", title))
    try:
        statistics = field_statistics(mapping, matching_criteria.available_criteria(mapping))
    except local_records.Unusable as error:
        form.notices.append(error_notice(error))
        statistics = FieldStatistics(0, False, {})
    _tell_measures(form.rows, statistics)
    page = Page(
        TITLE,
        crumbs=crumbs(company, mapping),
        company=company,
        tip=_TIP,
        help=_HELP,
        notices=[*_about_selection(form), *form.notices],
        actions=[
            Action(
                "Preview",
                mapping_url("preview", mapping),
                "post",
                "preview",
                with_form=True,
                off=NOT_ENABLED if off else no_try,
            ),
            Action("Suggest Criteria", mapping_url("suggest", mapping), "post", "suggest", with_form=True, off=no_try),
            Action(
                "Save Criteria",
                mapping_url("save-criteria", mapping),
                "post",
                "save",
                with_form=True,
                off=permission_reason(request, Can.MAP),
            ),
            Action(
                "Reset Criteria",
                mapping_url("reset-criteria", mapping),
                "post",
                "reset",
                off=permission_reason(request, Can.MAP),
                values=_kept_values(form, within),
            ),
            Action(
                "Integration Coupling Job Log", job_log_url(company, type="coupling", mapping=mapping.name), icon="job"
            ),
        ],
        fast_tabs=[
            FastTab(
                "matches",
                "What happens with the matches",
                [Field(form_field=form.settings_form[name]) for name in form.settings_form.fields],
                gist=_gist(form),
            ),
            FastTab(
                "fields",
                "Fields to match on",
                template="coupling/couplings/criteria_fields.html",
                context={
                    "rows": form.rows,
                    "measured": _measured(mapping, statistics),
                    "compare": CompareAs.choices,
                    "locked": not (operates or maps),
                    "kept": _kept_values(form, within),
                },
                gist=", ".join(row.caption for row in form.rows if row.use) or "Nothing form yet",
            ),
        ],
        form_url=mapping_url("save-criteria" if within == "guide" else "start", mapping),
        submit=Action("OK", primary=True)
        if within == "guide"
        else Action(
            "Couple", icon="couple", off=NOT_ENABLED if off else permission_reason(request, Can.OPERATE), primary=True
        ),
        cancel=Link("Cancel", _back(form, within)),
        fact_boxes=_boxes(form, found, operates and within != "guide", within),
    )
    return render.page(request, page, status=status)


def _back(form: CriteriaForm, within: str) -> str:
    company = form.mapping.company
    if within and (url := optional_url(WITHIN[within][0], company, **dict(WITHIN[within][1]))):
        return url
    if form.selection is not None:
        return records.list_url(company, local_records.get_table(form.mapping))
    return company_url("coupling:mappings", company)


def _kept_values(form: CriteriaForm, within: str) -> Mapping[str, str]:
    """What every form of the page carries along."""
    found = {"selection": str(form.selection.pk) if form.selection else "", "within": within}
    return {name: value for name, value in found.items() if value}


def _gist(form: CriteriaForm) -> str:
    settings = form.settings() if form.valid or not form.settings_form.is_bound else None
    if settings is None:
        return ""
    parts = ["Synchronize" if settings.synchronize else "Couple only"]
    if settings.create_new:
        parts.append("create what finds no match")
    return ", ".join(parts)


def _about_selection(form: CriteriaForm) -> list[Notice]:
    if form.selection is None:
        return []
    table = local_records.get_table(form.mapping)
    coupled = selections.count_coupled(form.selection)
    some = f"; {coupled:,} of them are coupled already and stay as they are" if coupled else ""
    what = table.caption.lower() if form.selection.count == 1 else table.caption_plural.lower()
    return [Notice(f"{form.selection.count:,} selected {what}{some}.", "")]


def _tell_measures(rows: Sequence[CriterionRow], statistics: FieldStatistics) -> None:
    for row in rows:
        if row.field in statistics.fields and statistics.records:
            row.filled, row.distinct = statistics.fields[row.field]


def _measured(mapping: IntegrationTableMapping, statistics: FieldStatistics) -> str:
    try:
        what = local_records.get_table(mapping).caption_plural.lower()
    except local_records.Unusable:
        return ""
    first = "the first " if statistics.is_sample else ""
    return f"Filled and Distinct statistics on {first}{statistics.records:,} {what}"


def _boxes(form: CriteriaForm, found: Preview | None, starts: bool, within: str) -> list[FactBox]:
    if found is None:
        return [
            FactBox(
                "Preview",
                text="Choose Preview to see how many records would be coupled. Nothing is written by it.",
            )
        ]
    settings = form.settings()
    cues = [
        Cue(f"{found.coupled:,}", "will be coupled", "", "ok" if found.coupled else ""),
        Cue(f"{found.multiple:,}", "have several matches", "", "warn" if found.multiple else ""),
        Cue(f"{found.no_match:,}", "find no match"),
        Cue(f"{found.already_coupled:,}", "match is taken", "", "warn" if found.already_coupled else ""),
    ]
    text = (
        f"Compared {found.total:,} uncoupled records with {found.rows_compared:,} rows, in {found.requests:,} requests."
    )
    if found.outside:
        text += f" {found.outside:,} selected records are coupled already or outside the mapping's filter."
    if settings.create_new and found.unmatched:
        text += (
            f" {found.unmatched:,} rows would be created in Dataverse, {found.multiple + found.already_coupled:,} of "
            "them likely duplicates."
        )
    token = signing.dumps(
        {
            "mapping": form.mapping.pk, "criteria": matching_criteria.to_json(settings.criteria),
            "synchronize": settings.synchronize, "create_new": settings.create_new, "conflicts": settings.conflicts,
        },
        salt=_SALT, compress=True,
    )  # fmt: skip
    action = None
    if starts and (found.coupled or (settings.create_new and found.unmatched)):
        label = f"Couple these {found.coupled:,}" if found.coupled else f"Create these {found.unmatched:,}"
        values = {"settings": token, **_kept_values(form, within)}
        action = Action(label, mapping_url("start", form.mapping), "post", "couple", primary=True, values=values)
    order = [(f"{at}. {one.caption}", f"{one.coupled:,} coupled") for at, one in enumerate(found.order, 1)]
    return [FactBox("Preview", cues=cues, text=text, action=action), FactBox("In this order", facts=order)]
