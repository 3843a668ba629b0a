"""Pages of undo as data: the offer on a coupling job's card, and the preview that asks before anything is undone."""

from collections.abc import Iterator, Mapping

from django import forms
from django.http import HttpRequest

from core.roles import Can
from core.words import counted
from coupling.couplings.preview_page import bars, quick
from coupling.models import IntegrationTableMapping
from coupling.page_parts import permission_reason
from jobs import display, services
from jobs.models import Job, State, Type
from jobs.pages.lists import job_url
from jobs.pages.page import card_link, list_link
from sync.models import UndoPreview
from sync.undo.listing import TABS, Tab, UndoList, count_of
from sync.undo.previewed import ENDS, FAILS
from sync.undo.store import Numbers
from ui.cells import time_ago
from ui.kit import Action, FastTab, Field, Link, Notice, Page
from ui.links import company_url

TITLE = "Undo This Job"
BACK, KEEP = "back", "keep"
_HELP = "coupling.md#undo"


class UndoForm(forms.Form):
    """Asks whether what synchronization wrote goes back."""

    values = forms.ChoiceField(
        label="Values that synchronization wrote",
        widget=forms.RadioSelect,
        choices=[
            (BACK, "Go back, on the side where they were written. What somebody changed since stays, and is told."),
            (KEEP, "Stay on both sides as they are. Only the couplings end."),
        ],
    )


def preview_url(job: Job, **query: str) -> str:
    """Return the address of a preview. job: the one that makes it."""
    return company_url("sync:undo-preview", job.company, undo=job.pk, query=query)


def job_actions(request: HttpRequest, job: Job) -> Iterator[Action]:
    """Yield what is offered on the card of a coupling job, and of a preview: for jobs.registry.job_actions."""
    if job.type == Type.UNDO_PREVIEW:
        yield Action("Open the Preview", preview_url(job), icon="preview", primary=True)
        return
    if job.type == Type.UNDO and job.parameters.get("preview"):
        found = Job.objects.filter(pk=job.parameters["preview"], company=job.company, type=Type.UNDO_PREVIEW).first()
        if found is not None:
            yield Action("Open the Preview", preview_url(found), icon="preview")
    if job.type != Type.COUPLING or (job.ended and not _may_have_coupled(job)):
        return
    off = permission_reason(request, job.company, Can.OPERATE) or ("" if job.ended else "when finished")
    yield Action(TITLE, company_url("sync:undo", job.company, pk=job.pk), "post", "reset", off=off)


def _may_have_coupled(job: Job) -> bool:
    """Return whether a job coupled something, or had something created."""
    return bool(job.counters.get("coupled") or job.reasons.get("create_queued"))


def unfinished_page(request: HttpRequest, job: Job, undone: Job | None, *, kept: bool) -> Page:
    """Return the page of a preview that is still made, that failed, or that is no longer kept."""
    notices = []
    if job.state in (State.FAILED, State.CANCELLED):
        text = job.message or str(job.get_state_display())
        notices.append(Notice(text, "bad" if job.state == State.FAILED else "warn", "No preview"))
    elif job.ended and not kept:
        notices.append(
            Notice("Previews are kept for a day. Preview again to see what undoing would do now.", "", "No longer kept")
        )
    progress = display.progress(job, poll_url=preview_url(job), waits_for=services.waits_for(job))
    return Page(
        _title(job, undone),
        company=job.company,
        crumbs=_crumbs(job, undone),
        state=display.status(job),
        help=_HELP,
        actions=_actions(request, job, undone),
        notices=notices,
        progress=None if progress is None else quick(progress),
    )


def preview_page(
    request: HttpRequest, preview: UndoPreview, mapping: IntegrationTableMapping, tab: Tab, form: UndoForm
) -> Page:
    """Return the page that asks before a job is undone, with what undoing it would do."""
    job, numbers = preview.job, Numbers(preview)
    given = request.GET.dict()
    off = permission_reason(request, job.company, Can.OPERATE)
    if preview.is_carried_out:
        off = f"Undone by job {preview.carried_out_by_id}."
    elif not numbers.of(ENDS) + numbers.of(FAILS):
        off = "nothing of it can end"
    return Page(
        _title(job, preview.undone),
        company=job.company,
        crumbs=_crumbs(job, preview.undone),
        help=_HELP,
        actions=_actions(request, job, preview.undone, tab, given),
        notices=_notices(preview),
        fast_tabs=[_undone(numbers, form, asks=not preview.is_carried_out)],
        form_url=company_url("sync:undo-carry-out", job.company, undo=job.pk),
        submit=Action(TITLE, icon="reset", primary=True, off=off),
        cancel=Link("Cancel", job_url(preview.undone, job.company)),
        lead="coupling/couplings/preview_lead.html",
        listing=UndoList(preview, mapping, tab, given).listing(),
        context=_lead(preview, tab, numbers),
    )


def _title(job: Job, undone: Job | None) -> str:
    return f"Undo {display.title(undone)}" if undone is not None else display.title(job)


def _crumbs(job: Job, undone: Job | None) -> tuple[Link, ...]:
    if undone is None:
        return (list_link(job, job.company), Link(TITLE, ""))
    return (list_link(undone, job.company), card_link(undone, job.company), Link(TITLE, ""))


def _actions(
    request: HttpRequest, job: Job, undone: Job | None, tab: Tab | None = None, given: Mapping[str, str] | None = None
) -> list[Action]:
    company, off = job.company, permission_reason(request, job.company, Can.OPERATE)
    actions: list[Action] = []
    if not job.ended:
        stopping = "Stops after the batch in hand." if job.cancel_requested else off
        url = company_url("sync:undo-cancel", company, undo=job.pk)
        actions.append(Action("Cancel", url, "post", "cancel", off=stopping))
    elif undone is not None:
        actions.append(
            Action("Preview Again", company_url("sync:undo", company, pk=undone.pk), "post", "preview", off=off)
        )
    if tab is not None:
        query = {"tab": tab.name, **{name: (given or {}).get(name, "") for name in ("q", "reason")}}
        url = company_url("sync:undo-export", company, undo=job.pk, query=query)
        actions.append(Action("Export to CSV", url, icon="export"))
        actions.append(Action("Copy Link", preview_url(job, tab=tab.name), icon="copy", copies=True))
    actions.append(Action("Job", job_url(job, company), icon="job"))
    return actions


def _notices(preview: UndoPreview) -> list[Notice]:
    done = preview.carried_out_by
    if done is None or not preview.is_carried_out:
        return []
    see = [Action("See the job", job_url(done, preview.job.company))]
    return [Notice(f"Job {done.pk} undoes this, exactly as it stands here.", "ok", "", see)]


def _undone(numbers: Numbers, form: UndoForm, *, asks: bool) -> FastTab:
    ends, created = numbers.of(ENDS), numbers.of("created")
    facts = [Field("What happens", _what_happens(numbers))]
    if created:
        rows = "The row" if created == 1 else f"The {created:,} rows"
        stay = "stays" if created == 1 else "stay"
        facts.append(Field("Rows that the job created", f"{rows} that Create New made in Dataverse {stay} there."))
    if numbers.of(FAILS):
        count = counted(numbers.of(FAILS), "coupling")
        text = f"{count} cannot end while values go back: see why on its tab. Where values stay, these end as well."
        facts.append(Field("Cannot be undone", text))
    if asks and (numbers.back or numbers.kept):
        facts.append(Field(form_field=form["values"]))
    return FastTab("undone", "What is undone", facts, gist=f"{counted(ends, 'coupling')} ending")


def _what_happens(numbers: Numbers) -> str:
    ends = numbers.of(ENDS)
    if not ends:
        return "Nothing ends: every coupling that the job made was ended, or touched by somebody since."
    count = "The coupling ends" if ends == 1 else f"{ends:,} couplings end"
    return (
        f"{count} that the job made and nobody touched since, exactly as shown below. Records and rows stay; the rows "
        "are released from this company. A pair that changes before it is undone stays, and the job says so."
    )


def _lead(preview: UndoPreview, tab: Tab, numbers: Numbers) -> dict[str, object]:
    job = preview.job
    here, back = numbers.of("here"), numbers.back
    keys = [
        ("ok", f"{counted(numbers.of(ENDS), 'coupling')} ending", numbers.of(ENDS)),
        ("bad", f"{numbers.of(FAILS):,} that cannot be undone", numbers.of(FAILS)),
        ("warn", f"{numbers.stay:,} that stay", numbers.stay),
    ]
    values = f"{counted(here, 'value')} here and {back - here:,} in Dataverse can go back" if back else ""
    stay = f"{numbers.kept:,} that synchronization wrote stay" if numbers.kept else ""
    told = ", ".join(filter(None, (values, stay))) or "Synchronization wrote nothing of them since"
    nothing = "Nothing was changed by looking" if not preview.is_carried_out else "Carried out since"
    return {
        "preview_heading": f"{counted(numbers.total, 'coupling')} that the job made",
        "preview_note": f"{told}. {nothing}, {time_ago(job.ended_at)}",
        "preview_keys": [(look, text) for look, text, count in keys if count],
        "preview_bars": bars([(look, count) for look, _, count in keys], numbers.total),
        "preview_tabs": [
            (one.caption, f"{count_of(one, numbers):,}", preview_url(job, tab=one.name), one is tab)
            for one in TABS
            if count_of(one, numbers) or one is tab or one.name == "ends"
        ],
        "preview_tick_all": [],
    }
