"""The step Filters: which records and rows take part, by the builders of the mapping's card."""

from dataclasses import replace

from core.refusals import NotUsable
from coupling.mappings import edit
from coupling.mappings.filters_tab import DO, Builders, builders, builders_tab
from coupling.mappings.guide import services
from coupling.mappings.guide.situation import FILTERS, Situation
from coupling.models import IntegrationTableMapping
from ui.guides import StepContent, StepOutcome
from ui.kit import Action, Notice


def show_filters(situation: Situation, made: Builders | None = None) -> StepContent:
    """Return both builders, with what they find now."""
    mapping = situation.mapping()
    made = made or builders(mapping, None)
    made.count()
    wrong = [one.form.error for one in made.shown.values() if one.form.error]
    return StepContent(
        "Which records and rows take part?",
        (
            "Without a condition all do. What is outside a filter is neither coupled nor synchronized by this mapping, "
            "so another mapping can take it.",
        ),
        (replace(builders_tab(mapping, made, f"{situation.url(FILTERS)}?filters=change"), title=""),),
        [Notice("A filter is not complete: what is wrong stands above it.", "bad")] if wrong else (),
        next=Action("Next"),
        wide=True,
    )


def take_filters(situation: Situation) -> StepOutcome:
    """Do what a button of a builder says, or store both filters."""
    mapping = situation.mapping()
    sent = situation.request.POST
    try:
        made = builders(mapping, sent)
    except NotUsable as error:
        return _with_notice(situation, error)
    if DO in sent or DO in situation.request.GET or made.searches:
        made.do(sent.get(DO, ""), saving=DO not in situation.request.GET)
        return show_filters(situation, made)
    try:
        answers = _checked(mapping, made)
    except NotUsable as error:
        return show_filters(situation, made) if made.refuse(error) else _with_notice(situation, error)
    services.save_answers(draft=situation.draft, step=FILTERS, answers=answers)
    return None


def _checked(mapping: IntegrationTableMapping, made: Builders) -> dict[str, object]:
    """Return both filters as they are stored. Raises NotUsable, whose `field` says which does not fit."""
    changed = made.changes()
    return {
        "table_filter": edit.check_table_filter(mapping, changed.get("table_filter", mapping.table_filter)),
        "integration_filter": edit.check_integration_filter(
            mapping, changed.get("integration_filter", mapping.integration_filter), made.columns
        ),
    }


def _with_notice(situation: Situation, error: NotUsable) -> StepContent:
    return replace(show_filters(situation), notices=[Notice(error.user_message, "bad")])
