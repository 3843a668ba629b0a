"""The step Name: what the mapping is called, and what the guide will ask."""

from django import forms

from connection_setup.connection.state import unavailable_text
from core.refusals import NotUsable
from coupling.mappings import new_mapping
from coupling.mappings.guide import services
from coupling.mappings.guide.situation import NAME, TABLES, Situation
from coupling.mappings.list_page import off_notice
from masterdata import catalog
from ui.guides import StepContent, StepOutcome
from ui.kit import Action, FastTab, Field


class NameForm(forms.Form):
    """The mapping's name. table: the table here that the guide was opened for."""

    name = forms.CharField(
        label="Name",
        max_length=200,  # how long it may be is said in a sentence
        help_text="Lists, jobs and commands call the mapping so, such as CUSTOMER. It cannot be changed later.",
        error_messages={"required": "Give the mapping a name."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    table = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput())


def show_name(situation: Situation, form: NameForm | None = None) -> StepContent:
    """Return the name to enter."""
    if form is None:
        table = situation.request.GET.get("table", "") if not situation.has_taken(NAME) else ""
        form = NameForm(initial={"name": situation.name or _suggested(table), "table": table})
    off = unavailable_text(situation.company)
    return StepContent(
        "What is the mapping called?",
        (
            "A mapping says which table here goes with which table in Dataverse. This guide asks for the tables, "
            "proposes which fields belong together, and makes the mapping when it is finished; until then nothing is "
            "changed. You can leave it at any step, and continue there when you open it again.",
        ),
        (FastTab("name", "", [Field(form_field=form["name"]), Field(form_field=form["table"])]),),
        [off_notice(situation.company, off)] if off else (),
        next=Action("Next"),
    )


def _suggested(table: str) -> str:
    """Return a name for a mapping of a table: what it is called, as mappings are."""
    known = {one.name: one for one in catalog.tables()}
    return known[table].caption.upper()[:40] if table in known else ""


def take_name(situation: Situation) -> StepOutcome:
    """Store the name, unless it is taken."""
    form = NameForm(situation.request.POST)
    if not form.is_valid():
        return show_name(situation, form)
    try:
        name = new_mapping.check_name(situation.company, form.cleaned_data["name"])
    except NotUsable as error:
        form.add_error("name", error.user_message)
        return show_name(situation, form)
    answers = {**situation.given(NAME), "name": name}
    if form.cleaned_data["table"] and not situation.has_taken(TABLES):
        answers["table"] = form.cleaned_data["table"]
    services.save_answers(draft=situation.draft, step=NAME, answers=answers)
    return None
