"""Runs of enabling: the enabling of a connection in visible steps, stored so that a page shows it and it resumes.

A page (or the guide) shows a run and has it take its steps, one per request or all at once; both end in the same:

    run = enabling.begin(company=company, user=request.user, page_url=here, done_url=there)   # or resumes one
    report = enabling.take_next_step(run, user=request.user, session_key=request.session.session_key)   # None: ended
    enabling.waiting_for(run)     # "consent", "administrator" or "": what somebody must do before the next step
    enabling.failed_step(run)     # the step that failed, with cause and fix; take_next_step tries it again
    enabling.current_run(company) # the run about the present settings, if there is one

`consent.give(company=..., user=...)` gives the consent that a run waits for; `sign_in.begin(..., return_url=
run.page_url)` begins the sign-in it waits for. `page.steps_tab(run)` shows the steps as a FastTab, and the template
`steps_table.TEMPLATE` with `page.steps_context(...)` has the page take them one by one.

`services.enable(...)` takes all steps at once and asks nobody; it is what the command uses.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from connection_setup.connection import state
from connection_setup.enabling import preparing
from connection_setup.enabling.steps import BY_JOB, PREPARED, RULES, STEPS
from connection_setup.enabling.work import Enabling
from connection_setup.models import AdministratorSignIn, EnablingRun
from connection_setup.provisioning import preparation, sign_in, steps
from connection_setup.provisioning.steps import StepReport
from core.refusals import Refusal
from dataverse.errors import SignInError
from masterdata.models import Company

JOB = "job"
"""What a step waits for that a job takes: the page only shows it."""
RUN_LIFETIME = timedelta(hours=1)
"""After this time a run starts over, since what it found may be out of date."""


def begin(*, company: Company, user: Any, page_url: str, done_url: str, with_defaults: bool = False) -> EnablingRun:
    """Begin a run about the present settings, or resume the one there is. Raises Refusal while enabled.

    page_url: the page that shows it, where an administrator's sign-in comes back to; done_url: where it leads at the
    end. with_defaults: apply the default synchronization setup; else the setup page asks about it afterwards.
    """
    with transaction.atomic():
        connection = state.lock_connection(company)
        if connection.enabled:
            raise Refusal(
                "configuration",
                "The connection is enabled already.",
                "To make anything again, turn Enabled off first.",
            )
        found = EnablingRun.objects.select_for_update().filter(company=company).first()
        resumes = found is not None and _is_current(found, connection.changed_at)
        run = found if found is not None and resumes else _start_over(company, found)
        run.settings_of, run.page_url, run.done_url = connection.changed_at, page_url, done_url
        run.user = user if user is not None and user.pk else None
        run.with_defaults, run.in_progress = with_defaults, True
        run.save()
    return run


def current_run(company: Company) -> EnablingRun | None:
    """Return the run about the present settings, open or the one that enabled the connection; None without one."""
    run = EnablingRun.objects.select_related("company").filter(company=company).first()
    if run is None:
        return None
    connection = state.connection_of(company)
    if run.ended_at is not None:
        return run if connection.enabled else None
    return run if _is_current(run, connection.changed_at) else None


def step_reports(run: EnablingRun) -> list[StepReport]:
    """Return the reports of the steps taken so far, in the order of STEPS."""
    by_name = {one.name: one for one in steps.from_json(run.steps)}
    return [by_name[step.name] for step in STEPS if step.name in by_name]


def failed_step(run: EnablingRun) -> StepReport | None:
    """Return the step that failed and is tried again next; None when none did."""
    return next((one for one in step_reports(run) if one.state == steps.FAILED), None)


def failed_by_administrator(run: EnablingRun, session_key: str | None) -> bool:
    """Whether a step failed that this session's administrator took, so that it may work without that sign-in."""
    failed = failed_step(run)
    return failed is not None and failed.name in PREPARED and _signed_in(run.company, session_key) is not None


def ask_again(run: EnablingRun) -> None:
    """Have the run wait for an administrator's sign-in where it failed by that of another."""
    failed = failed_step(run)
    if failed is not None and failed.name in PREPARED:
        text = ("Somebody else has to sign in.", "An administrator of the environment signs in once.")
        report = StepReport(failed.name, failed.caption, steps.WAITING, *text, steps.ADMINISTRATOR)
        store_report(run, report)


def waiting_step(run: EnablingRun) -> StepReport | None:
    """Return the step that waits for somebody; None when none does."""
    return steps.waiting_step(step_reports(run))


def waiting_for(run: EnablingRun) -> str:
    """Return what the run waits for: "consent", "administrator" (a sign-in), or ""."""
    waiting = waiting_step(run)
    return waiting.reason if waiting is not None else ""


def take_next_step(run: EnablingRun, *, user: Any, session_key: str | None = None) -> StepReport | None:
    """Take the next step and store its report; return it, None when the run has ended or its settings changed.

    session_key: the browser session, whose administrator's sign-in is used where objects are missing; the company's
    sign-ins are dropped once the connection is enabled. Where two requests take the same step, the first one's report
    counts; nothing is made twice. What is made with an administrator's sign-in, a job makes: the step waits for it.
    """
    if run.ended_at is not None:
        return None
    signed_in = _signed_in(run.company, session_key)
    step = steps.next_step(STEPS, step_reports(run))
    if step is not None and _is_for_a_job(run, step.name, signed_in):
        if signed_in is not None:
            preparing.start(signed_in, user=user, run=run)
        return StepReport(step.name, step.caption, steps.WAITING, "A job prepares the environment.", "", JOB)
    return _take(run, user=user, signed_in=signed_in, in_job=False)


def take_in_job(run: EnablingRun, *, user: Any, signed_in: AdministratorSignIn | None) -> StepReport | None:
    """Take the next step as take_next_step does, in the job. Raises what the job itself waits for (is_temporary)."""
    return _take(run, user=user, signed_in=signed_in, in_job=True)


def _take(run: EnablingRun, *, user: Any, signed_in: AdministratorSignIn | None, in_job: bool) -> StepReport | None:
    connection = state.connection_of(run.company)
    if connection.enabled:  # the process that enabled it was stopped before it stored that
        _end_enabled(run)
        return None
    if not _is_current(run, connection.changed_at):
        return None
    step = steps.next_step(STEPS, step_reports(run))
    if step is None:
        _store(run, run.steps, run.found, ended=True)
        return None
    work = Enabling(
        run.company, user=user, interactive=True, with_defaults=run.with_defaults, found=dict(run.found),
        signed_in=signed_in, in_job=in_job,
    )  # fmt: skip
    if work.version != run.settings_of:  # they were changed after connection_of above
        return None
    report, error = steps.run_step(step, work)
    if in_job and error is not None and steps.is_temporary(error):
        _store(run, run.steps, work.found)
        raise error
    if isinstance(error, SignInError) and signed_in is not None and _asks_administrator(step.name):
        sign_in.forget(signed_in)
        report = steps.sign_in_over(step)
    if not _store(run, steps.to_json(steps.with_report(step_reports(run), report)), work.found):
        report = _settle_race(run, report, work.found)
    if report.state == steps.FAILED and state.connection_of(run.company).enabled:  # by the other window
        _end_enabled(run)
        return None
    if report.state == steps.FAILED and step.name in RULES:
        state.store_report(work.connection, work.report)
    if work.connection.enabled:
        _finish(run, work)
    return report


def take_all_steps(run: EnablingRun, *, user: Any, session_key: str | None = None) -> StepReport | None:
    """Take the remaining steps, up to one that fails or waits; return the report of the last one."""
    last = None
    while (report := take_next_step(run, user=user, session_key=session_key)) is not None:
        last = report
        if not report.ended:
            break
    return last


def store_report(run: EnablingRun, report: StepReport) -> None:
    """Store a report that another rule made of a step's."""
    _store(run, steps.to_json(steps.with_report(step_reports(run), report)), run.found)


def pause(run: EnablingRun) -> None:
    """Have the page take no further step by itself."""
    run.in_progress = False
    EnablingRun.objects.filter(pk=run.pk).update(in_progress=False)


# -- inside ----------------------------------------------------------------------------------------------------------


def _finish(run: EnablingRun, work: Enabling) -> None:
    """Take the steps after the switch and end the run."""
    while (step := steps.next_step(STEPS, step_reports(run))) is not None:
        report, _ = steps.run_step(step, work)
        run.steps = steps.to_json(steps.with_report(step_reports(run), report))
        if not report.ended:
            break
    if work.signed_in is not None and "there" not in work.found:
        work.found["prepared"] = True
    _store(run, run.steps, work.found, ended=True)


def _end_enabled(run: EnablingRun) -> None:
    """End a run whose connection is enabled: steps without a report count as done."""
    known = [one for one in step_reports(run) if one.ended]
    names = {one.name for one in known}
    done = [
        StepReport(step.name, step.caption, steps.DONE, "The connection is enabled.")
        for step in STEPS
        if step.name not in names
    ]
    _store(run, steps.to_json([*known, *done]), run.found, ended=True)
    sign_in.drop_preparations(run.company)


def _start_over(company: Company, found: EnablingRun | None) -> EnablingRun:
    """Return a run without steps: the company's row, emptied, or a new one."""
    run = found or EnablingRun(company=company)
    run.company, run.steps, run.found = company, [], {}
    run.began_at, run.ended_at = timezone.now(), None
    run.version += 1
    return run


def _is_current(run: EnablingRun, changed_at: datetime) -> bool:
    """Whether the run is open, about these settings, and younger than RUN_LIFETIME."""
    young = run.began_at > timezone.now() - RUN_LIFETIME
    return run.ended_at is None and run.settings_of == changed_at and young


def _is_for_a_job(run: EnablingRun, name: str, signed_in: AdministratorSignIn | None) -> bool:
    """Return whether a job takes a step: one is under way, or it makes what only an administrator may make.

    One of another purpose that waits for a person takes none.
    """
    job = preparing.open_job(run.company)
    if job is not None and not (job.needs_person and preparing.purpose_of(job) != "prepare"):
        return True
    return name in BY_JOB and signed_in is not None and "there" not in run.found


def _asks_administrator(name: str) -> bool:
    """Return whether a step signs in as the administrator, where somebody signed in."""
    return name in PREPARED and name != preparation.SELF_TEST


def _signed_in(company: Company, session_key: str | None) -> AdministratorSignIn | None:
    """Return who signed in, in this session, to prepare the environment; not who only looks for one."""
    found = sign_in.current(company, session_key)
    return found if found is not None and found.signed_in_at is not None and found.purpose == "prepare" else None


def _settle_race(run: EnablingRun, report: StepReport, found: dict[str, Any]) -> StepReport:
    """Return the report that counts of a step that two windows took: the one that did it, whichever was stored first.

    Who comes second may meet what the first is making, which is no failure of the step.
    """
    stored = next((one for one in step_reports(run) if one.name == report.name), None)
    if report.ended and stored is not None and not stored.ended:
        _store(run, steps.to_json(steps.with_report(step_reports(run), report)), found)
        return report
    return stored or report


def _store(run: EnablingRun, rows: list[dict[str, Any]], found: dict[str, Any], *, ended: bool = False) -> bool:
    """Store the reports, unless another request was first; the run then holds what is stored. Return whether it was."""
    columns = {"steps": rows, "found": found, "version": run.version + 1}
    if ended:
        columns |= {"ended_at": timezone.now(), "in_progress": False}
    stored = EnablingRun.objects.filter(pk=run.pk, version=run.version).update(**columns)
    run.refresh_from_db(fields=["steps", "found", "version", "ended_at", "in_progress"])
    return bool(stored)
