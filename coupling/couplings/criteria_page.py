"""Page Select Coupling Criteria, as data."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from connection_setup.connection.state import unavailable_text
from core.roles import Can, may
from core.vocabulary import CompareAs
from coupling import local_records
from coupling.couplings import services
from coupling.couplings.criteria_facts import measured_text, sets_box
from coupling.couplings.criteria_form import CriteriaForm
from coupling.couplings.criteria_state import stored_state
from coupling.couplings.preview_page import preview_url
from coupling.job_parameters import CouplingParameters
from coupling.mappings.filter_words import integration_filter_text, table_filter_text
from coupling.matching import criteria
from coupling.matching.previewed import Found
from coupling.models import CouplingPreview, IntegrationTableMapping
from coupling.page_parts import NOT_ENABLED, crumbs, job_log_url, mapping_url, permission_reason
from coupling.records import lists as records
from coupling.records import selections
from masterdata.models import Company
from ui.cells import time_ago
from ui.kit import Action, Cue, FactBox, FastTab, Field, Link, Menu, Notice, Page, State, Table, Tip
from ui.links import company_url, optional_url

TITLE = "Select Coupling Criteria"
RETURN_PAGES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "review": ("sync:review", {}),
    "guide": ("connection_setup:guide-step", {"step": "recommendations"}),
}
"""Where the page was opened from, by a word in its address, and where it leads back to. The guide only chooses
criteria; everywhere else Couple starts at once."""
NOTHING_CHOSEN = "Nothing chosen yet"

_HELP = "coupling.md#criteria"
_TIP = Tip(
    "About matching",
    "Fields of equal priority must all be equal. Lower priorities are tried first, for all records; a blank priority "
    "counts as 0. Text compares without regard to case, unless you say so.",
)


def choose_page(company: Company) -> Page:
    """Return the page that asks for which mapping."""
    lines = [
        (Link(mapping.name, mapping_url("criteria", mapping)), services.description(mapping), _stored(mapping))
        for mapping in IntegrationTableMapping.objects.filter(company=company).select_related("company")
    ]
    table = Table(
        "Integration table mappings",
        ("Name", "Tables", "Match on"),
        lines,
        wrap=frozenset({2}),
        empty="The mappings of this company are made when its connection to Dataverse is enabled.",
    )
    tab = FastTab("mappings", "For which mapping?", table=table)
    return Page(TITLE, crumbs=crumbs(company), company=company, help=_HELP, fast_tabs=[tab])


def _stored(mapping: IntegrationTableMapping) -> str:
    return criteria.readable(mapping, criteria.stored_criteria(mapping)) or NOTHING_CHOSEN


def criteria_page(request: HttpRequest, form: CriteriaForm, within: str) -> Page:
    """Return the page of a mapping's criteria. within: a word of RETURN_PAGES, or ""."""
    mapping, off = form.mapping, unavailable_text(form.mapping.company)
    operates = may(request.user, Can.OPERATE, mapping.company)
    measured = measured_text(form)
    couple_off = NOT_ENABLED if off else permission_reason(request, mapping.company, Can.OPERATE)
    notices = [*_about_selection(form), *_about_entries(form), *([Notice(off, "warn")] if off else []), *form.notices]
    return Page(
        TITLE,
        crumbs=crumbs(mapping.company, mapping),
        company=mapping.company,
        tip=_TIP,
        help=_HELP,
        notices=notices,
        actions=_actions(request, form, NOT_ENABLED if off else "", within),
        fast_tabs=[
            FastTab(
                "matches",
                "What happens with the matches",
                [Field(form_field=form.settings_form[name]) for name in form.settings_form.fields],
                gist=_gist(form),
            ),
            FastTab(
                "filters",
                "Filters",
                [
                    Field("Table Filter", table_filter_text(mapping)),
                    Field("Integration Table Filter", integration_filter_text(mapping)),
                ],
                gist="Which records and rows take part",
            ),
            FastTab(
                "fields",
                "Fields to match on",
                template="coupling/couplings/criteria_fields.html",
                context={
                    "rows": form.rows,
                    "measured": measured,
                    "compare": CompareAs.choices,
                    "locked": not (operates or may(request.user, Can.MAP, mapping.company)),
                    "kept": {**form_values(form, within), "seen": stored_state(mapping)},
                },
                gist=", ".join(row.caption for row in form.rows if row.use) or NOTHING_CHOSEN,
            ),
        ],
        form_url=mapping_url("save-criteria" if within == "guide" else "start", mapping),
        submit=Action("OK", primary=True)
        if within == "guide"
        else Action("Couple", icon="couple", off=couple_off, primary=True),
        cancel=Link("Cancel", return_url(form, within)),
        fact_boxes=[*_preview_boxes(form), sets_box(request, form, form_values(form, within))],
    )


def return_url(form: CriteriaForm, within: str) -> str:
    """Return the address that the page leads back to."""
    company = form.mapping.company
    if within and (url := optional_url(RETURN_PAGES[within][0], company, **dict(RETURN_PAGES[within][1]))):
        return url
    if form.selection is not None:
        return records.list_url(company, local_records.get_table(form.mapping))
    return company_url("coupling:mappings", company)


def form_values(form: CriteriaForm, within: str) -> Mapping[str, str]:
    """Return what every form of the page carries along."""
    values = {"selection": str(form.selection.pk) if form.selection else "", "within": within}
    return {name: value for name, value in values.items() if value}


def _actions(request: HttpRequest, form: CriteriaForm, not_enabled: str, within: str) -> list[Action | Menu]:
    mapping = form.mapping
    no_preview, no_map = (permission_reason(request, mapping.company, can) for can in (Can.PREVIEW, Can.MAP))

    def act(label: str, page: str, icon: str, off: str) -> Action:
        return Action(label, mapping_url(page, mapping), "post", icon, with_form=True, off=off)

    return [
        act("Preview", "preview", "preview", not_enabled or no_preview),
        act("Suggest Criteria", "suggest", "suggest", not_enabled or no_preview),
        act("Save Criteria", "save-criteria", "save", no_map),
        Action(
            "Reset Criteria",
            mapping_url("reset-criteria", mapping),
            "post",
            "reset",
            off=no_map,
            values=form_values(form, within),
        ),
        Action(
            "Integration Coupling Job Log",
            job_log_url(mapping.company, type="coupling", mapping=mapping.name),
            icon="job",
        ),
    ]


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


def _about_entries(form: CriteriaForm) -> list[Notice]:
    wrong = [row.refusal or f"{row.caption}: {row.error}" for row in form.rows if row.error or row.refusal]
    if not wrong:
        return []
    title = "One entry needs another look." if len(wrong) == 1 else f"{len(wrong)} entries need another look."
    return [Notice(" ".join(wrong), "bad", title)]


def _preview_boxes(form: CriteriaForm) -> list[FactBox]:
    """Return the fact boxes about the newest preview of the mapping, which leads to its page."""
    mapping = form.mapping
    kept = CouplingPreview.objects.filter(mapping=mapping, complete=True, kept_until__gte=timezone.now())
    found = kept.select_related("job").order_by("-pk").first()
    if found is None:
        text = "Choose Preview to see how many records would be coupled. Nothing is written by it."
        return [FactBox("Preview", text=text)]
    found.job.company = mapping.company

    def cue(words: str, tab: str, look: State, *what: Found) -> Cue:
        count = sum(int(found.numbers.get(one, 0)) for one in what)
        return Cue(f"{count:,}", words, preview_url(found.job, tab=tab), look if count else "")

    cues = [
        cue("will be coupled", "couple", "ok", Found.COUPLE),
        cue("have several matches", "several", "warn", Found.SEVERAL),
        cue("find no match", "create", "", Found.NEW, Found.NEAR),
        cue("match is taken", "taken", "warn", Found.TAKEN),
    ]
    asked = CouplingParameters.load(found.job.parameters)
    some = " of selected records" if found.job.selection_only else ""
    text = f"Made {time_ago(found.job.ended_at)}{some}, on {criteria.readable(mapping, asked.criteria)}."
    order = [(f"{at}. {fields}", f"{coupled:,} coupled") for at, (fields, coupled) in enumerate(found.orders, 1)]
    return [
        FactBox(
            "Preview", cues=cues, text=text, action=Action("Open the preview", preview_url(found.job), icon="preview")
        ),
        FactBox("In this order", facts=order),
    ]
