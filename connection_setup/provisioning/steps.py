"""Steps taken one after the other, each told as it ends: the one mechanism of preparing, enabling and upgrading.

A step is a caption and what does it. What became of a step is plain data that stands with whatever owns the run, so
that a page shows it while it goes on, and a reload or a killed process goes on where it stood. A step that fails, or
that needs somebody first, stops the rest with cause and fix; the next try begins with it. Every step finds what is
there already.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, Literal, TypeVar

from connection_setup.types import Check, sentences
from core.refusals import Refusal
from dataverse.errors import DataverseError

State = Literal["done", "attention", "skipped", "asks", "failed"]
"""done; done, but somebody should look; not needed; somebody must do something first; failed."""

DONE: State = "done"
FAILED: State = "failed"
ENDED: tuple[State, ...] = ("done", "attention", "skipped")

Work = TypeVar("Work")


@dataclass(frozen=True, slots=True)
class Result:
    """What a step says about itself when it did not fail."""

    message: str
    fix: str = ""
    state: State = "done"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Step(Generic[Work]):
    """One step: its name and caption, and what does it; that returns what to tell about it."""

    name: str
    caption: str
    run: Callable[[Work], Result]


@dataclass(frozen=True, slots=True)
class StepReport:
    """How a step ended: what happened, and what to do next where there is something to do."""

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
    def sentence(self) -> str:
        """What happened and the next step together."""
        return f"{self.message} {self.fix}".strip()


class StepFailed(Exception):
    """A step cannot be done: the check that says why, and what to do."""

    def __init__(self, check: Check) -> None:
        super().__init__(check.sentence)
        self.check = check


def from_json(rows: Iterable[Mapping[str, Any]]) -> list[StepReport]:
    """What became of the steps, as it was kept."""
    return [StepReport(**row) for row in rows]


def to_json(told: Iterable[StepReport]) -> list[dict[str, Any]]:
    """What became of the steps, to keep."""
    return [asdict(one) for one in told]


def with_one(told: Iterable[StepReport], one: StepReport) -> list[StepReport]:
    """What became of the steps once this one is told too; it replaces what was told of it before."""
    return [*(other for other in told if other.name != one.name), one]


def next_step(steps: Sequence[Step[Work]], told: Iterable[StepReport]) -> Step[Work] | None:
    """The first step that has not ended; None when all have."""
    ended = {one.name for one in told if one.ended}
    return next((step for step in steps if step.name not in ended), None)


def run_step(step: Step[Work], work: Work) -> tuple[StepReport, Exception | None]:
    """Take a step. What became of it, and the error where it failed by one."""
    try:
        found = step.run(work)
    except StepFailed as stopped:
        check = stopped.check
        return StepReport(step.name, step.caption, FAILED, check.message, check.fix, check.reason), None
    except (DataverseError, Refusal) as error:
        cause, fix = sentences(error.user_message)
        return StepReport(step.name, step.caption, FAILED, cause, fix, str(getattr(error, "reason", ""))), error
    return StepReport(step.name, step.caption, found.state, found.message, found.fix, found.reason), None
