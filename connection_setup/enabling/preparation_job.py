"""The job that prepares an environment: steps, each looked for first, stored with its result, and taken once.

The steps are those of enabling (run) or of a redeployment (provisioning.preparation). What somebody else has locked, or
what is not shown yet, is tried again later; what only an administrator may do waits for one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from django.utils import timezone

from connection_setup.connection import state
from connection_setup.enabling import run as enabling
from connection_setup.enabling.steps import STEPS
from connection_setup.models import AdministratorSignIn
from connection_setup.provisioning import patience, preparation, sign_in, steps
from connection_setup.provisioning.steps import Step, StepReport
from core.refusals import Refusal
from dataverse.errors import SignInError
from jobs.models import Reason
from jobs.running.context import JobContext

TOO_LONG = (
    "Somebody else has been importing, publishing or customizing in this environment for ten minutes, and it allows "
    "one at a time.",
    "Solution history in Power Apps shows who. Try again once that has ended: what was made until now stays.",
)
CHANGED = (
    "The settings were changed meanwhile, or this was begun more than an hour ago, so nothing more was prepared.",
    "Begin again.",
)
ENABLED = "The environment is prepared and the connection is enabled. The administrator's sign-in is forgotten."
REDEPLOYED = (
    "The integration solution is deployed: its tables, its security role and the application's user are in place. "
    "The administrator's sign-in is forgotten. Next, turn on Enabled."
)
_REASONS = frozenset({Reason.DENIED, Reason.SIGN_IN, Reason.UNREACHABLE, Reason.THROTTLED, Reason.WRONG_ENVIRONMENT})


class AdministratorNeeded(Refusal):
    """The administrator's sign-in is over; the job goes on once somebody has signed in again."""

    ask_again_s = 300.0


class _Plan(Protocol):
    """What a job takes steps of."""

    @property
    def steps(self) -> Sequence[Step[Any]]: ...
    @property
    def memory(self) -> dict[str, Any]: ...
    def reports(self) -> list[StepReport]: ...
    def take(self) -> StepReport | None: ...
    def put(self, report: StepReport) -> None: ...
    def end(self) -> str: ...


def prepare(context: JobContext) -> None:
    """Take the remaining steps, each with a checkpoint after it."""
    plan = _plan(context)
    while (step := steps.next_step(plan.steps, plan.reports())) is not None:
        _save(context, plan, phase=step.caption)
        report = plan.take()
        _save(context, plan, phase=step.caption)
        if report is None:
            if _is_enabled(context):
                break
            context.fail(Reason.REFUSED, CHANGED[0], fix=CHANGED[1])
        if report.state == steps.COMES_LATER:
            _postpone(context, plan, report)
        if report.state == steps.WAITING:
            raise AdministratorNeeded("sign_in", report.message, report.fix)
        if not report.ended:
            reason = Reason(report.reason) if report.reason in _REASONS else Reason.REFUSED
            context.fail(reason, report.message, fix=report.fix)
    context.finish(plan.end())


def _save(context: JobContext, plan: _Plan, *, phase: str) -> None:
    reports = plan.reports()
    with context.checkpoint() as point:
        point.total, point.phase = len(plan.steps), phase
        point.processed(max(0, sum(one.ended for one in reports) - context.job.processed))
        point.resume |= {"steps": steps.to_json(reports), "memory": plan.memory}


def _postpone(context: JobContext, plan: _Plan, report: StepReport) -> None:
    what = "" if report.reason == steps.LOCKED else report.message
    now = timezone.now().timestamp()
    waits = plan.memory.get("waits", {})
    found = patience.wait(waits, step=report.name, what=what, reason=report.reason, now=now)
    plan.memory["waits"] = found.memory
    if found.pause_s is None:
        plan.put(StepReport(report.name, report.caption, steps.FAILED, *TOO_LONG, report.reason))
        _save(context, plan, phase=report.caption)
        context.fail(Reason.REFUSED, TOO_LONG[0], fix=TOO_LONG[1])
    plan.put(replace(report, fix="It is tried again by itself."))
    _save(context, plan, phase=report.caption)
    context.postpone(found.pause_s, f"{report.caption}: {report.message}")


def _is_enabled(context: JobContext) -> bool:
    """Return whether the connection is enabled, which the steps end with."""
    return state.connection_of(context.company).enabled


def _plan(context: JobContext) -> _Plan:
    connection = state.connection_of(context.company)
    if connection.enabled:
        context.finish("The connection is enabled.")
    if connection.changed_at.isoformat() != context.parameters["settings_of"]:
        context.fail(Reason.REFUSED, CHANGED[0], fix=CHANGED[1])
    purpose = str(context.parameters["purpose"])
    who = sign_in.newest(context.company, purpose)
    if purpose == preparation.REDEPLOY:
        return _Redeployment(context, who)
    return _Enabling(context, who)


class _Enabling:
    """The steps of enabling, stored with the company's run."""

    steps = STEPS

    def __init__(self, context: JobContext, who: AdministratorSignIn | None) -> None:
        about = context.parameters
        self._who, self._user = who, context.job.requested_by
        self.run = enabling.begin(
            company=context.company, user=self._user, page_url=about["page_url"], done_url=about["done_url"],
            with_defaults=bool(about["with_defaults"]),
        )  # fmt: skip

    @property
    def memory(self) -> dict[str, Any]:
        found: dict[str, Any] = self.run.found.setdefault("preparation", {})
        return found

    def reports(self) -> list[StepReport]:
        return enabling.step_reports(self.run)

    def take(self) -> StepReport | None:
        return enabling.take_in_job(self.run, user=self._user, signed_in=self._who)

    def put(self, report: StepReport) -> None:
        enabling.store_report(self.run, report)

    def end(self) -> str:
        return ENABLED


class _Redeployment:
    """The steps of preparing alone, stored with the sign-in; a later sign-in takes them over from the checkpoint."""

    steps = preparation.STEPS

    def __init__(self, context: JobContext, who: AdministratorSignIn | None) -> None:
        self._who = who
        self.memory: dict[str, Any] = dict(context.resume.get("memory", {}))
        self._reports = steps.from_json(context.resume.get("steps", []))

    def reports(self) -> list[StepReport]:
        return self._reports

    def take(self) -> StepReport | None:
        step = steps.next_step(self.steps, self._reports)
        if step is None:
            return None
        found, error = (steps.sign_in_over(step), None)
        if self._who is not None:
            work = preparation.Preparation(self._who, memory=self.memory, patient=True)
            found, error = steps.run_step(step, work)
            if error is not None and steps.is_temporary(error):
                raise error
            if isinstance(error, SignInError) and step.name != preparation.SELF_TEST:
                sign_in.forget(self._who)
                found = steps.sign_in_over(step)
        self.put(found)
        return found

    def put(self, report: StepReport) -> None:
        self._reports = steps.with_report(self._reports, report)

    def end(self) -> str:
        if self._who is not None:
            sign_in.forget(self._who)
        return REDEPLOYED
