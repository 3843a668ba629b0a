"""Steps as a table on a FastTab, and the template that takes them one by one: for enabling, preparing and the guide."""

from collections.abc import Iterable, Sequence
from typing import Any

from connection_setup.provisioning.steps import State, Step, StepReport
from ui.kit import FastTab, Status, Table

TEMPLATE = "connection_setup/enabling/steps.html"
"""Shows the button, or has the page take the next step; its context is made by `steps_context`."""

WORDS: dict[State, Status] = {
    "done": Status("Done", "ok"),
    "attention": Status("Attention", "warn"),
    "skipped": Status("Nothing to do"),
    "waiting": Status("Waits for you", "warn"),
    "later": Status("Waits for Dataverse", "warn"),
    "failed": Status("Failed", "bad"),
}


def steps_tab(
    title: str, steps: Sequence[Step[Any]], reports: Iterable[StepReport], *, in_progress: bool = False
) -> FastTab:
    """Return the steps with their reports. in_progress: the next one is being taken."""
    by_name = {one.name: one for one in reports}
    rows = []
    for step in steps:
        one = by_name.get(step.name)
        if one is not None and (one.ended or not in_progress):
            rows.append((step.caption, WORDS[one.state], one.user_message))
        elif in_progress and all(row[1].text != "In progress" for row in rows):
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


def steps_context(
    steps: Sequence[Step[Any]],
    reports: Iterable[StepReport],
    *,
    in_progress: bool,
    step_url: str,
    button: str,
    cancel_url: str = "",
    cancel: str = "",
) -> dict[str, Any]:
    """Return the context of TEMPLATE. button: takes the steps; "" while somebody must do something else first."""
    ended = {one.name for one in reports if one.ended}
    remaining = [step for step in steps if step.name not in ended]
    phase = (
        f"Step {len(steps) - len(remaining) + 1} of {len(steps)}: {remaining[0].caption} \N{HORIZONTAL ELLIPSIS}"
        if remaining
        else ""
    )
    return {
        "in_progress": in_progress, "phase": phase, "step_url": step_url, "button": button, "cancel_url": cancel_url,
        "cancel": cancel,
    }  # fmt: skip
