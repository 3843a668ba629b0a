"""The last steps of the assisted setup guide: Salespeople (ownership model Person), Recommendations, Finish."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponseRedirect
from django.utils import timezone

from connection_setup.connection.state import NotConnected
from connection_setup.guide import flow
from connection_setup.guide.flow import Situation, Step, StepContent, StepOutcome
from connection_setup.guide.links import step_url
from connection_setup.models import OwnershipModel
from core.refusals import Refusal
from core.vocabulary import Recommendation
from coupling import local_records
from coupling.failures.likely import count_waiting
from dataverse.errors import DataverseError
from jobs.models import OPEN_STATES
from masterdata.models import Company
from sync.full import page as review_page
from sync.full import services as full
from sync.models import FullSynchReviewLine
from sync.salespeople import services as salespeople
from ui.kit import Action, FastTab, Field, Notice, State, Status, Table
from ui.links import company_url

PEOPLE = "salespeople"
RECOMMENDATIONS = "recommendations"
FINISH = "finish"
_EXPLAINED = (Refusal, DataverseError, NotConnected, local_records.Unusable)
"""The errors that explain themselves to the user."""


def register() -> None:
    """Add the steps to the guide; called once, when the app loads."""
    flow.register_step(
        Step(
            PEOPLE,
            "Salespeople",
            75,
            show_people,
            lambda _: None,  # nothing is saved: whoever is not coupled can be later
            done=lambda situation: situation.has_confirmed(PEOPLE),
            applies=lambda situation: situation.connection.ownership_model == OwnershipModel.PERSON,
        )
    )
    flow.register_step(
        Step(
            RECOMMENDATIONS,
            "Recommendations",
            80,
            show_recommendations,
            take_recommendations,
            done=lambda situation: situation.has_confirmed(RECOMMENDATIONS),
            applies=lambda situation: not situation.assisted_setup.without_synchronization,
        )
    )
    flow.register_step(
        Step(
            FINISH,
            "Finish",
            90,
            show_finish,
            take_finish,
            done=lambda situation: situation.assisted_setup.completed_at is not None,
        )
    )


class OverrideForm(forms.Form):
    """Asks which lines with records on both sides are to be synchronized in full all the same."""

    overridden = forms.MultipleChoiceField(
        label="Recommend Full Synchronization",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="For these, what finds no match by the criteria is created on the other side too.",
    )

    def __init__(self, lines: list[FullSynchReviewLine], data: Any = None) -> None:
        super().__init__(data)
        self.names = [line.name for line in lines if not line.status and line.recommendation == Recommendation.NONE]
        field = self.fields["overridden"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(name, name) for name in self.names]


_ENDINGS = (
    ("full", "Run full synchronization", "It starts now, goes by these recommendations, and shows how it goes."),
    ("later", "Finish without synchronizing", "Dataverse Full Synch. Review runs it any time."),
)


class FinishForm(forms.Form):
    """Asks how the guide ends."""

    run = forms.ChoiceField(
        label="How to finish",
        choices=[(value, label) for value, label, _ in _ENDINGS],
    )


# -- salespeople ------------------------------------------------------------------------------------------------------


def show_people(situation: Situation) -> StepContent:
    """Show how many users are coupled with salespeople, and where to couple the rest."""
    company = situation.company
    notices: tuple[Notice, ...] = ()
    fields: tuple[Field, ...] = ()
    try:
        users = salespeople.read_users(company)
    except _EXPLAINED as error:
        notices = (Notice(error.user_message, "bad", title="The users of Dataverse cannot be read."),)
    else:
        coupled = sum(one.local_id is not None for one in users)
        state: State = "ok" if coupled == len(users) else "warn"
        if not coupled:
            notices = (
                Notice(
                    "Every record with a salesperson fails in a synchronization until that salesperson is coupled. "
                    "Couple them first, or choose the ownership model Team.",
                    "warn",
                    title="No user is coupled with a salesperson.",
                ),
            )
        fields = (Field("Users coupled with salespeople", Status(f"{coupled:,} of {len(users):,}", state)),)
    return StepContent(
        "Which user is which salesperson?",
        (
            "Each row that is created in Dataverse belongs to the user coupled with the record's salesperson. Records "
            "whose salesperson is not coupled fail with that reason, so couple them before you synchronize.",
        ),
        (FastTab("people", "", fields),),
        notices,
        actions=(
            Action(
                "Couple Salespeople to Users",
                company_url("sync:salespeople", company),
                icon="couple",
            ),
        ),
        next=Action("Next"),
    )


# -- recommendations --------------------------------------------------------------------------------------------------


def show_recommendations(situation: Situation, form: OverrideForm | None = None) -> StepContent:
    """Show the lines with the counts of both sides, which are counted when the step is opened."""
    company = situation.company
    notices = _count(company)
    lines = full.lines(company)
    with_criteria = review_page.mappings_with_criteria(company)
    form = form or OverrideForm(lines)
    sections = [FastTab("lines", "", table=_lines_table(company, lines, with_criteria))]
    if form.names:
        sections.append(FastTab("overridden", "", (Field(form_field=form["overridden"]),)))
    return StepContent(
        "What to synchronize first?",
        (
            "The uncoupled records on both sides were counted. What exists on one side only can be created on the "
            "other. Where both sides have records, couple them by criteria first: synchronizing them in full would "
            "duplicate those that are the same.",
        ),
        sections,
        [*notices, *review_page.warnings(company, lines, with_criteria, count_waiting(company))],
        actions=(Action(review_page.TITLE, review_page.review_url(company), icon="list"),),
        next=Action("Next"),
    )


def take_recommendations(situation: Situation) -> StepOutcome:
    """Save what is to be synchronized in full all the same."""
    lines = full.lines(situation.company)
    form = OverrideForm(lines, situation.request.POST)
    if not form.is_valid():
        return show_recommendations(situation, form)
    for line in lines:
        if line.name in form.cleaned_data["overridden"]:
            full.recommend_full(line)
    return None


def _count(company: Company) -> list[Notice]:
    """Count both sides; return why that failed."""
    try:
        full.generate(company)
    except _EXPLAINED as error:
        return [Notice(error.user_message, "bad", "The records could not be counted.")]
    return []


def _lines_table(company: Company, lines: list[FullSynchReviewLine], with_criteria: set[str]) -> Table:
    cells = review_page.LineCells(company, with_criteria, within="guide")
    return Table(
        "Recommendations",
        ("Name", "Here", "In Dataverse", "Recommendation"),
        [
            (line.name, f"{line.local_count:,}", f"{line.integration_count or 0:,}", cells.recommendation(line))
            for line in lines
        ],
        numeric=frozenset({1, 2}),
        wrap=frozenset({3}),
        empty="There are no mappings yet. Choose Use Default Synchronization Setup on Dataverse Connection Setup.",
    )


# -- finish -----------------------------------------------------------------------------------------------------------


def show_finish(situation: Situation, form: FinishForm | None = None) -> StepContent:
    """Ask how to finish; afterwards, how the run goes."""
    company = situation.company
    if situation.assisted_setup.completed_at is not None:
        return _finished(situation)
    if situation.assisted_setup.without_synchronization:
        return StepContent(
            "The connection is ready",
            (
                f"{company.name} is connected. Nothing is synchronized yet: couple records on their lists, or run a "
                "full synchronization when you are ready.",
            ),
            next=Action("Finish", primary=True),
        )
    lines, with_criteria = full.lines(company), review_page.mappings_with_criteria(company)
    waiting = count_waiting(company)
    fresh = [line for line in lines if not line.status]
    plans = [plan for line in fresh if (plan := review_page.plan_sentence(line, with_criteria, waiting))]
    form = form or FinishForm()
    return StepContent(
        "Everything is set up",
        ("A full synchronization does this, in the order of what depends on what:", *plans) if plans else (),
        (FastTab("finish", "", template="ui/shell/choices.html", context=_endings(form)),),
        review_page.warnings(company, lines, with_criteria, waiting),
        next=Action("Finish", primary=True),
    )


def _endings(form: FinishForm) -> dict[str, Any]:
    """Return the ways to finish, for ui/shell/choices.html."""
    chosen = form["run"].value() or "full"
    return {
        "legend": "How to finish",
        "name": "run",
        "error": " ".join(str(error) for error in form["run"].errors),
        "options": [
            {"value": value, "label": label, "text": text, "chosen": value == chosen} for value, label, text in _ENDINGS
        ],
    }


def take_finish(situation: Situation) -> StepOutcome:
    """Complete the guide, and start the full synchronization where that was chosen."""
    company, request = situation.company, situation.request
    if situation.assisted_setup.completed_at is not None:
        return HttpResponseRedirect(review_page.review_url(company))
    run = False
    if not situation.assisted_setup.without_synchronization:
        form = FinishForm(request.POST)
        if not form.is_valid():
            return show_finish(situation, form)
        run = form.cleaned_data["run"] == "full"
    if run:
        try:
            full.start(company, user=request.user)
        except _EXPLAINED as error:
            messages.error(request, f"Nothing was started. {error.user_message}")
            return show_finish(situation)
    situation.assisted_setup.completed_at = timezone.now()
    situation.assisted_setup.save()
    if run:
        return HttpResponseRedirect(step_url(company, FINISH))
    messages.success(request, f"{company.name} is connected to Dataverse. The setup is completed.")
    return HttpResponseRedirect(company_url("connection_setup:setup", company))


def _finished(situation: Situation) -> StepContent:
    """Show how the run goes, or that the setup is completed."""
    company = situation.company
    if any(line.started and line.status in ("", *OPEN_STATES) for line in full.lines(company)):
        full.advance(company)
    lines = [line for line in full.lines(company) if line.started]
    progress = review_page.progress(company, lines, poll_url=step_url(company, FINISH))
    cells = review_page.LineCells(company)
    rows = [(line.name, cells.status(line), line.message) for line in lines]
    table = Table("Full synchronization", ("Name", "Status", "What happened"), rows, wrap=frozenset({2}))
    return StepContent(
        "The full synchronization is running" if progress else "The setup is completed",
        ("You can leave this page; the work goes on.",) if progress else (f"{company.name} is connected.",),
        (FastTab("run", "", table=table),) if rows else (),
        progress=progress,
        next=Action(review_page.TITLE, review_page.review_url(company)),
    )
