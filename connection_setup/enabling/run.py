"""Enabling a connection in visible steps: what a page, the assisted setup guide and the command all run.

A page (or the guide) shows a run and has it go on, one step per request or all at once; both end in the same:

    run = enabling.begin(company=company, user=request.user, page_url=here, done_url=there)   # or goes on with one
    told = enabling.go_on(run, user=request.user, session_key=request.session.session_key)     # one step; None: ended
    enabling.asks(run)       # "consent", "administrator" or "": what somebody must do before it goes on
    enabling.failed(run)     # the step that failed, with cause and fix; go_on tries it again
    enabling.of(company)     # the run about the present settings, if there is one

`consent.give(company=..., user=...)` gives the consent that a run asks for; `administrator.begin(...,
return_url=run.page_url)` begins the sign-in it asks for. `enabling_pages.steps_tab(run)` shows the steps as a FastTab,
and the template connection_setup/going.html with `enabling_pages.going_context(...)` has the page go on by itself.

`enable(...)` takes all steps at once and asks nobody; it is what services.enable and the command use.
"""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from connection_setup.connection import state
from connection_setup.enabling.steps import PREPARED, RULES, STEPS, Enabling
from connection_setup.models import AdministratorSignIn, EnablingRun
from connection_setup.provisioning import sign_in, steps
from connection_setup.provisioning.steps import StepReport
from core.refusals import Refusal
from masterdata.models import Company

RUN_LIFETIME = timedelta(hours=1)
"""What was found is asked for anew after this time."""


def begin(*, company: Company, user: Any, page_url: str, done_url: str, with_defaults: bool = False) -> EnablingRun:
    """Begin a run about the settings as they are, or go on with the one there is. Raises Refusal while enabled.

    page_url: the page that shows it, where an administrator's sign-in comes back to; done_url: where it leads at the
    end. with_defaults: apply the default synchronization setup; else the setup page asks about it afterwards.
    """
    with transaction.atomic():
        connection = state.locked(company)
        if connection.enabled:
            raise Refusal(
                "configuration",
                "The connection is enabled already.",
                "To make anything anew, turn Enabled off first.",
            )
        found = EnablingRun.objects.select_for_update().filter(company=company).first()
        run = found if found is not None and _current(found, connection.changed_at) else _fresh(company, found)
        run.settings_of, run.page_url, run.done_url = connection.changed_at, page_url, done_url
        run.user = user if user is not None and user.pk else None
        run.with_defaults, run.going = with_defaults, True
        run.save()
    return run


def current_run(company: Company) -> EnablingRun | None:
    """The run about the present settings: one that goes on, or the one that enabled the connection; None without."""
    run = EnablingRun.objects.select_related("company").filter(company=company).first()
    if run is None:
        return None
    connection = state.connection_of(company)
    if run.ended_at is not None:
        return run if connection.enabled else None
    return run if _current(run, connection.changed_at) else None


def told(run: EnablingRun) -> list[StepReport]:
    """What became of the steps taken so far, in their order."""
    by_name = {one.name: one for one in steps.from_json(run.steps)}
    return [by_name[step.name] for step in STEPS if step.name in by_name]


def failed(run: EnablingRun) -> StepReport | None:
    """The step that failed and is tried again next; None when none did."""
    return next((one for one in told(run) if one.state == steps.FAILED), None)


def failed_by_administrator(run: EnablingRun, session_key: str | None) -> bool:
    """Whether a step failed that this session's administrator took: without that sign-in it is tried another way."""
    told_last = failed(run)
    return told_last is not None and told_last.name in PREPARED and _signed_in(run.company, session_key) is not None


def asks(run: EnablingRun) -> str:
    """What somebody must do before it goes on: "consent", "administrator" (a sign-in), or ""."""
    return next((one.reason for one in told(run) if one.state == "asks"), "")


def take_next_step(run: EnablingRun, *, user: Any, session_key: str | None = None) -> StepReport | None:
    """Take the next step of a run, and keep what became of it; None when it has ended, or its settings changed.

    session_key: the browser session, whose administrator's sign-in is used where something is lacking; those of the
    company are dropped once the connection is enabled. Where two take the same step, the first one's word counts;
    nothing is made twice.
    """
    if run.ended_at is not None:
        return None
    connection = state.connection_of(run.company)
    if connection.enabled:  # it was switched on, and whoever did was stopped before saying so
        known = told(run)
        done = [StepReport(one.name, one.caption, steps.DONE, "The connection is enabled.") for one in STEPS]
        missing = [one for one in done if not any(other.name == one.name and other.ended for other in known)]
        _keep(run, steps.to_json([*(one for one in known if one.ended), *missing]), run.found, ended=True)
        sign_in.drop_preparations(run.company)
        return None
    if not _current(run, connection.changed_at):
        return None
    step = steps.next_step(STEPS, told(run))
    if step is None:
        _keep(run, run.steps, run.found, ended=True)
        return None
    signed_in = _signed_in(run.company, session_key)
    work = Enabling(
        run.company, user=user, asks=True, with_defaults=run.with_defaults, found=dict(run.found), signed_in=signed_in
    )  # fmt: skip
    if work.version != run.settings_of:  # they were changed since they were looked at above
        return None
    ended, _ = steps.run_step(step, work)
    _keep(run, steps.to_json(steps.with_one(told(run), ended)), work.found)
    if ended.state == steps.FAILED and step.name in RULES:
        state.keep_report(work.connection, work.report)
    if work.connection.enabled:
        _finish(run, work)
    return ended


def take_all_steps(run: EnablingRun, *, user: Any, session_key: str | None = None) -> StepReport | None:
    """Take all steps that are left, as far as it goes; what became of the last one."""
    last = None
    while (found := take_next_step(run, user=user, session_key=session_key)) is not None:
        last = found
        if not found.ended:
            break
    return last


def pause(run: EnablingRun) -> None:
    """Have the page take no further step by itself."""
    run.going = False
    EnablingRun.objects.filter(pk=run.pk).update(going=False)


# -- inside ----------------------------------------------------------------------------------------------------------


def _finish(run: EnablingRun, work: Enabling) -> None:
    """The switch is on: say what is left to say."""
    while (step := steps.next_step(STEPS, told(run))) is not None:
        last, _ = steps.run_step(step, work)
        run.steps = steps.to_json(steps.with_one(told(run), last))
        if not last.ended:
            break
    if work.signed_in is not None and "there" not in work.found:
        work.found["prepared"] = True
    _keep(run, run.steps, work.found, ended=True)


def _fresh(company: Company, found: EnablingRun | None) -> EnablingRun:
    run = found or EnablingRun(company=company)
    run.company, run.steps, run.found = company, [], {}
    run.began_at, run.ended_at = timezone.now(), None
    run.version += 1
    return run


def _current(run: EnablingRun, changed_at: Any) -> bool:
    """Whether it is under way, about these settings, and not from long ago."""
    young = run.began_at > timezone.now() - RUN_LIFETIME
    return run.ended_at is None and run.settings_of == changed_at and young


def _signed_in(company: Company, session_key: str | None) -> AdministratorSignIn | None:
    """Who signed in to prepare the environment, in this session; who only looks for one is not taken for it."""
    found = sign_in.current(company, session_key)
    return found if found is not None and found.signed_in_at is not None and found.purpose == "prepare" else None


def _keep(run: EnablingRun, rows: list[dict[str, Any]], found: dict[str, Any], *, ended: bool = False) -> None:
    """Keep what became of a step, unless somebody else was first; the run as it stands then."""
    columns = {"steps": rows, "found": found, "version": run.version + 1}
    if ended:
        columns |= {"ended_at": timezone.now(), "going": False}
    EnablingRun.objects.filter(pk=run.pk, version=run.version).update(**columns)
    run.refresh_from_db(fields=["steps", "found", "version", "ended_at", "going"])
