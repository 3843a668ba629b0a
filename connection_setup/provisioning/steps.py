"""Runner of steps: the one mechanism of preparing, enabling and upgrading.

A step is a caption and a function. Its report is plain data, stored with whatever owns the run, so that a page shows
it, and a reload or a killed process resumes after it. A step that fails, or that waits for somebody, stops the rest
with cause and fix; the next try begins with it. Every step looks for what exists before it makes anything.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, Literal, TypeVar

from connection_setup.provisioning.settling import NotSettled
from connection_setup.types import Check
from core.refusals import Refusal, joined
from dataverse.errors import CustomizationLocked, DataverseError, Throttled, Unavailable

State = Literal["done", "attention", "skipped", "waiting", "later", "failed"]
"""done; done, with a warning; not needed; waiting for somebody (`reason` says for whom or what); waiting for Dataverse,
after which it is taken again (`reason`: "locked" or "later"); failed.
"""

DONE: State = "done"
WAITING: State = "waiting"
COMES_LATER: State = "later"
ADMINISTRATOR = "administrator"
"""Reason of a step that waits for an administrator's sign-in."""
SIGN_IN_OVER = (
    "The administrator's sign-in is over, and this step needs it.",
    "Sign in with administrator user again; the preparation goes on by itself then.",
)
"""Message and fix of such a step, once the preparation has begun."""
LOCKED = "locked"
"""Reason of a step that waits until somebody else has stopped customizing the environment."""
FAILED: State = "failed"
ENDED: tuple[State, ...] = ("done", "attention", "skipped")

Work = TypeVar("Work")


@dataclass(frozen=True, slots=True)
class Result:
    """What a step returns unless it fails: what it did, and what to do next where there is something."""

    message: str
    fix: str = ""
    state: State = "done"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Step(Generic[Work]):
    """A step: its name, its caption, and the function that carries it out. The function raises when it fails."""

    name: str
    caption: str
    run: Callable[[Work], Result]


@dataclass(frozen=True, slots=True)
class StepReport:
    """How a step went: what happened, and what to do next where there is something."""

    name: str
    caption: str
    state: State
    message: str
    fix: str = ""
    reason: str = ""

    @property
    def ended(self) -> bool:
        """Whether the next step may follow."""
        return self.state in ENDED

    @property
    def user_message(self) -> str:
        """Return message and fix, as one text for a person."""
        return joined(self.message, self.fix)


class StepFailed(Exception):
    """A step failed by a check, which holds cause and fix."""

    def __init__(self, check: Check) -> None:
        super().__init__(check.user_message)
        self.check = check


def from_json(rows: Iterable[Mapping[str, Any]]) -> list[StepReport]:
    """Return the reports that were stored."""
    return [StepReport(**row) for row in rows]


def to_json(reports: Iterable[StepReport]) -> list[dict[str, Any]]:
    """Return the reports as JSON, to store them."""
    return [asdict(one) for one in reports]


def with_report(reports: Iterable[StepReport], report: StepReport) -> list[StepReport]:
    """Return the reports with one more, which replaces an earlier one of the same step."""
    return [*(other for other in reports if other.name != report.name), report]


def next_step(steps: Sequence[Step[Work]], reports: Iterable[StepReport]) -> Step[Work] | None:
    """Return the first step that has not ended; None when all have."""
    ended = {one.name for one in reports if one.ended}
    return next((step for step in steps if step.name not in ended), None)


def waiting_step(reports: Iterable[StepReport]) -> StepReport | None:
    """Return the report of the step that waits for somebody; None when none does."""
    return next((one for one in reports if one.state == WAITING), None)


def run_step(step: Step[Work], work: Work) -> tuple[StepReport, Exception | None]:
    """Carry out a step. Return its report, and the error where it failed by one."""
    try:
        found = step.run(work)
    except StepFailed as stopped:
        check = stopped.check
        return StepReport(step.name, step.caption, FAILED, check.message, check.fix, check.reason), None
    except NotSettled as error:
        return StepReport(step.name, step.caption, COMES_LATER, error.message, error.fix, error.reason), error
    except CustomizationLocked as error:
        return StepReport(step.name, step.caption, COMES_LATER, error.message, error.fix, LOCKED), error
    except (DataverseError, Refusal) as error:
        return StepReport(step.name, step.caption, FAILED, error.message, error.fix, error.reason), error
    return StepReport(step.name, step.caption, found.state, found.message, found.fix, found.reason), None


def is_temporary(error: Exception) -> bool:
    """Return whether a step failed by what a job waits for: a limit of the service, or that it does not answer."""
    return isinstance(error, Throttled) or (isinstance(error, Unavailable) and error.repeat)


def sign_in_over(step: Step[Work]) -> StepReport:
    """Return the report of a step that waits for an administrator, whose sign-in has ended."""
    return StepReport(step.name, step.caption, WAITING, *SIGN_IN_OVER, ADMINISTRATOR)
