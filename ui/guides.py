"""Guides: what a step is, which may be opened, and a step as a page. No step knows another.

A step may be opened once all before it are done. Where a guide continues follows from what is done already, not from a
stored position. What steps decide by is the guide's own: its situation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from django.http import HttpResponse

from ui.kit import Action, FastTab, Guide, GuideStep, Link, Notice, Page, Progress

Situation = TypeVar("Situation")


@dataclass(frozen=True, slots=True)
class StepContent:
    """What a step shows: heading, text, sections, notices, actions, and the form's button."""

    heading: str
    text: Sequence[str] = ()
    sections: Sequence[FastTab] = ()
    notices: Sequence[Notice] = ()
    actions: Sequence[Action] = ()
    next: Action | None = None
    """The main button; None while the page waits for something that happens by itself."""
    form_url: str = ""
    """Where the form is sent; "": to the step's own address."""
    form_window: str = ""
    """See ui.kit.Page.form_window."""
    enctype: str = ""
    progress: Progress | None = None
    template: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)
    wide: bool = False
    """Whether it needs more room than a form: a table to fill in."""


StepOutcome = HttpResponse | StepContent | None
"""What Next leads to: a response of its own, the step again with its errors, or None: the next step."""


def with_action(content: StepContent, action: Action) -> StepContent:
    """Return what a step shows, with one more action below its sections."""
    return replace(content, actions=(*content.actions, action))


def always(_: Any) -> bool:
    """Return True, for a step that every situation has."""
    return True


@dataclass(frozen=True)
class Step(Generic[Situation]):
    """One step. `name` is part of its address; `position` orders the steps of all rooms."""

    name: str
    caption: str
    position: int
    show: Callable[[Situation], StepContent]
    act: Callable[[Situation], StepOutcome]
    done: Callable[[Situation], bool]
    applies: Callable[[Situation], bool] = always


def first_unfinished(steps: Sequence[Step[Situation]], situation: Situation) -> Step[Situation]:
    """Return the first of the steps that is not done; the last one when all are."""
    return next((step for step in steps if not step.done(situation)), steps[-1])


def may_open(steps: Sequence[Step[Situation]], step: Step[Situation], situation: Situation) -> bool:
    """Return whether all steps before this one are done."""
    return all(one.done(situation) for one in steps[: list(steps).index(step)])


def following_step(steps: Sequence[Step[Situation]], step: Step[Situation]) -> Step[Situation]:
    """Return the step after this one; the last one is followed by itself."""
    position = list(steps).index(step)
    return steps[min(position + 1, len(steps) - 1)]


def step_page(
    steps: Sequence[Step[Situation]],
    step: Step[Situation],
    situation: Situation,
    content: StepContent,
    *,
    title: str,
    company: Any,
    help: str,  # noqa: A002 - as the page calls it
    url: Callable[[str], str],
    later: Link,
) -> Page:
    """Return the page of one of a guide's steps. url: the address of a step by its name; later: where leaving leads."""
    position = list(steps).index(step)

    def entry(one: Step[Situation]) -> GuideStep:
        opens = may_open(steps, one, situation)
        return GuideStep(one.caption, url(one.name) if opens else "", done=one.done(situation))

    return Page(
        title,
        company=company,
        help=help,
        notices=content.notices,
        progress=content.progress,
        fast_tabs=content.sections,
        guide=Guide(
            [entry(one) for one in steps],
            position,
            content.heading,
            content.text,
            back=Link("Back", url(steps[position - 1].name)) if position else None,
            later=later,
            actions=content.actions,
            wide=content.wide,
        ),
        form_url=content.form_url or url(step.name),
        form_window=content.form_window,
        form_enctype=content.enctype,
        submit=content.next,
        template=content.template,
        context=content.context,
    )
