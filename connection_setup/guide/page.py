"""Page of the guide: one step, with the list of all steps."""

from connection_setup.guide import links
from connection_setup.guide.flow import Situation, Step, StepContent
from ui import guides
from ui.kit import Link, Page
from ui.links import company_url


def build_page(situation: Situation, steps: list[Step], step: Step, content: StepContent) -> Page:
    """Return the page of one of the applicable steps, with what it shows."""
    return guides.step_page(
        steps, step, situation, content,
        title=links.TITLE,
        company=situation.company,
        help="assisted-setup",
        url=lambda name: links.step_url(situation.company, name),
        later=Link(
            "Close" if situation.assisted_setup.completed_at else "Finish later",
            company_url("connection_setup:assisted-setup", situation.company),
        ),
    )  # fmt: skip
