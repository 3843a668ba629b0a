"""Page of the guide: one step, with the list of all steps."""

from connection_setup.guide import flow, links
from connection_setup.guide.flow import Situation, Step, StepContent
from ui.kit import Guide, GuideStep, Link, Page
from ui.links import company_url


def build_page(situation: Situation, steps: list[Step], step: Step, content: StepContent) -> Page:
    """Return the page of one of the applicable steps, with what it shows."""
    company, position = situation.company, steps.index(step)
    return Page(
        links.TITLE,
        company=company,
        help="assisted-setup",
        notices=content.notices,
        progress=content.progress,
        fast_tabs=content.sections,
        guide=Guide(
            [_guide_step(situation, steps, one) for one in steps],
            position,
            content.heading,
            content.text,
            back=Link("Back", links.step_url(company, steps[position - 1].name)) if position else None,
            later=Link(
                "Close" if situation.assisted_setup.completed_at else "Finish later",
                company_url("connection_setup:assisted-setup", company),
            ),
            actions=content.actions,
        ),
        form_url=content.form_url or links.step_url(company, step.name),
        form_window=content.form_window,
        form_enctype=content.enctype,
        submit=content.next,
        template=content.template,
        context=content.context,
    )


def _guide_step(situation: Situation, steps: list[Step], step: Step) -> GuideStep:
    url = links.step_url(situation.company, step.name) if flow.may_open(steps, step, situation) else ""
    return GuideStep(step.caption, url, done=step.done(situation))
