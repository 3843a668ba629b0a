"""What the two addresses of every guide do: lead to the first unfinished step; show a step, or take it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse

from ui import guides, render
from ui.guides import Step, StepContent


class Asked(Protocol):
    """What a guide's steps decide by: the request at least."""

    @property
    def request(self) -> HttpRequest:
        """The request."""


Situation = TypeVar("Situation", bound=Asked)


@dataclass(frozen=True)
class Flow(Generic[Situation]):
    """What is a guide's own about it.

    show: a step as a response, given the steps that apply; url: the address of a step by its name; taken: stores that a
    step was taken and returns the situation afterwards; explained: errors that a step shows in place of its content, by
    `trouble`.
    """

    title: str
    steps: Callable[[Situation], Sequence[Step[Situation]]]
    show: Callable[[Situation, Sequence[Step[Situation]], Step[Situation], StepContent], HttpResponse]
    url: Callable[[Situation, str], str]
    taken: Callable[[Situation, Step[Situation]], Situation]
    explained: tuple[type[Exception], ...] = ()
    trouble: Callable[[Situation, Step[Situation], Exception], StepContent] | None = None


def show_first_unfinished(flow: Flow[Situation], situation: Situation) -> HttpResponse:
    """Show the first unfinished step."""
    steps = flow.steps(situation)
    first = guides.first_unfinished(steps, situation)
    return flow.show(situation, steps, first, _content(flow, situation, first))


def show_or_take(flow: Flow[Situation], situation: Situation, name: str) -> HttpResponse:
    """Show a step, or take it; lead to the first unfinished step where this one may not be opened yet."""
    request, steps = situation.request, flow.steps(situation)
    asked = next((one for one in steps if one.name == name), None)
    if asked is None:
        raise Http404(f"{flow.title} has no step {name!r} here.")
    if not guides.may_open(steps, asked, situation):
        first = guides.first_unfinished(steps, situation)
        messages.info(request, f"{asked.caption} comes after {first.caption}.")
        return render.redirect(request, flow.url(situation, first.name))
    if request.method != "POST":
        return flow.show(situation, steps, asked, _content(flow, situation, asked))
    try:
        outcome = asked.act(situation)
    except flow.explained as error:
        outcome = _trouble(flow, situation, asked, error)
    if isinstance(outcome, HttpResponse):
        return outcome
    if isinstance(outcome, StepContent):
        return flow.show(situation, steps, asked, outcome)
    situation = flow.taken(situation, asked)
    following = guides.following_step(flow.steps(situation), asked)
    return render.redirect(request, flow.url(situation, following.name))


def _content(flow: Flow[Situation], situation: Situation, step: Step[Situation]) -> StepContent:
    try:
        return step.show(situation)
    except flow.explained as error:
        return _trouble(flow, situation, step, error)


def _trouble(flow: Flow[Situation], situation: Situation, step: Step[Situation], error: Exception) -> StepContent:
    assert flow.trouble is not None
    return flow.trouble(situation, step, error)
