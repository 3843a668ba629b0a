"""Steps as a table on a FastTab, and a page that goes on with them by itself: for enabling, preparing and the guide."""

from collections.abc import Iterable, Sequence
from typing import Any

from connection_setup.provisioning.steps import State, Step, StepReport
from ui.kit import FastTab, Status, Table

TEMPLATE = "connection_setup/enabling/steps.html"
"""The template that shows the button, or has the page take the next step; its context is made by `context`."""

WORDS: dict[State, Status] = {
    "done": Status("Done", "ok"),
    "attention": Status("Attention", "warn"),
    "skipped": Status("Nothing to do"),
    "asks": Status("Waits for you", "warn"),
    "failed": Status("Failed", "bad"),
}


def tab(title: str, steps: Sequence[Step[Any]], told: Iterable[StepReport], *, going: bool = False) -> FastTab:
    """The steps with what became of each; going: the next one is being taken."""
    by_name = {one.name: one for one in told}
    rows = []
    for step in steps:
        one = by_name.get(step.name)
        if one is not None and (one.ended or not going):
            rows.append((step.caption, WORDS[one.state], one.sentence))
        elif going and all(row[1].text != "In progress" for row in rows):
            rows.append((step.caption, Status("In progress", "run"), ""))
        else:
            rows.append((step.caption, Status("Waits"), ""))
    ended = sum(one.ended for one in by_name.values())
    return FastTab(
        "steps",
        title,
        gist=f"{ended} of {len(rows)} steps",
        table=Table("Steps", ("Step", "Result", "What happened"), rows, wrap=frozenset({2}), stack=True),
    )


def context(
    steps: Sequence[Step[Any]],
    told: Iterable[StepReport],
    *,
    going: bool,
    step_url: str,
    button: str,
    cancel_url: str = "",
    cancel: str = "",
) -> dict[str, Any]:
    """The context of TEMPLATE. button: what takes the steps, "" while somebody must do something else first."""
    ended = {one.name for one in told if one.ended}
    left = [step for step in steps if step.name not in ended]
    phase = (
        f"Step {len(steps) - len(left) + 1} of {len(steps)}: {left[0].caption} \N{HORIZONTAL ELLIPSIS}" if left else ""
    )
    return {
        "going": going, "phase": phase, "step_url": step_url, "button": button, "cancel_url": cancel_url,
        "cancel": cancel,
    }  # fmt: skip
