"""Page Environment Changed: what was, what is, and the three ways out; and the page Point Back."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from connection_setup import captions
from connection_setup.connection.organization import KnownOrganization
from core.roles import Can, may
from jobs import display
from jobs.models import Job
from masterdata.models import Company
from sync.environment.choices import Choice
from sync.environment.forms import PointBackForm
from sync.environment.services import Situation
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Status, Table, Tip
from ui.links import company_url

TITLE = captions.ENVIRONMENT_CHANGED
POINT_BACK = "Point Back"
HELP = "connection#environment-changed"


def build_page(company: Company, situation: Situation, user: AbstractBaseUser | AnonymousUser, job: Job | None) -> Page:
    """Return the page for this person; job: the one that carries out a choice now."""
    denied = "" if may(user, Can.ADMINISTER, company) else "Your role may look, not change."
    setup = company_url("connection_setup:setup", company)
    return Page(
        TITLE,
        company=company,
        crumbs=(Link(captions.TITLE, setup),),
        state=_state(situation),
        help=HELP,
        tip=Tip(
            "Why this is asked",
            "An environment that was copied, restored or reset is another organization, with rows of its own. "
            "Couplings lead to rows by their ids, so somebody has to say what becomes of them.",
        ),
        actions=(
            Action("Check Now", company_url("sync:environment-check", company), "post", "check", off=denied),
            Action(captions.TITLE, setup, icon="plug"),
        ),
        notices=_notices(company, situation, job),
        fast_tabs=(
            _organizations_tab(situation),
            _choices_tab(company, situation, denied, job),
        ),
    )


def _state(situation: Situation) -> Status:
    if situation.problem is not None:
        return Status("Nothing answers", "bad")
    if situation.undecided:
        return Status("Waits for a decision", "bad")
    return Status("Its own organization", "ok") if situation.was else Status("Never enabled")


def _notices(company: Company, situation: Situation, job: Job | None) -> tuple[Notice, ...]:
    if job is not None:
        card = Action(display.title(job), company_url("jobs:job", company, pk=job.pk))
        return (Notice(f"Job {job.pk} carries out what was chosen.", "", "A choice is being carried out.", (card,)),)
    if situation.problem is not None:
        return (Notice(situation.problem.user_message, "bad", "Which organization it is cannot be asked."),)
    if situation.changed:
        text = (
            f"{situation.couplings:,} couplings belong to {situation.was}. Nothing is read from the organization that "
            "answers, or written to it, until one of the three ways below is chosen."
        )
        return (Notice(text, "bad", "Another organization answers."),)
    if situation.marked:
        text = (
            f"{situation.marked:,} couplings are marked as another organization's, by a choice that was not carried "
            f"out to its end. Choose {POINT_BACK} to give them back."
        )
        return (Notice(text, "bad", "Couplings wait for a decision."),)
    if situation.was is None:
        return (Notice("Enable it first; there is nothing to decide.", "", "The connection was never enabled."),)
    return (Notice("There is nothing to decide.", "ok", "The connection's own organization answered last."),)


def _organizations_tab(situation: Situation) -> FastTab:
    rows = [_organization("What was", situation.was), _organization("What is", situation.now)]
    head = ("When", "Organization", "Organization ID", "Environment URL")
    table = Table("What was and what is", head, rows, wrap=frozenset({1, 2, 3}), stack=True)
    return FastTab("organizations", "What was and what is", table=table, gist=f"{situation.couplings:,} couplings")


def _organization(word: str, found: KnownOrganization | None) -> tuple[str, str, str, str]:
    if found is None:
        return (word, "not known", "", "")
    return (word, found.name or "without a name", str(found.id), found.url or "not known")


def _choices_tab(company: Company, situation: Situation, denied: str, job: Job | None) -> FastTab:
    off = denied or ("A choice is being carried out." if job is not None else "")
    count = f"{situation.couplings:,} couplings" if situation.couplings != 1 else "1 coupling"
    rows = (
        (
            POINT_BACK,
            "The settings the connection was enabled with are restored, or the address you enter is used, once the own "
            f"organization is seen to answer there. All {count} stay.",
        ),
        (
            "Keep Couplings",
            f"Each of the {count} is looked up by its id in the organization that answers. Those whose row exists are "
            "kept, the others are dropped. The connection belongs to that organization then.",
        ),
        (
            "Start Anew",
            f"All {count} are dropped, with what was read up to. Records, rows and settings stay as they are. Then the "
            "connection is enabled and records are coupled anew.",
        ),
    )
    never = "It was never enabled." if situation.was is None else ""
    same = "The own organization answers." if not situation.changed and situation.problem is None else ""
    silent = "Nothing answers." if situation.now is None else ""
    actions = (
        _choice(company, Choice.POINT_BACK, POINT_BACK, off or never or (same if not situation.marked else "")),
        _choice(company, Choice.KEEP, "Keep", off or never or silent or same),
        _start_anew(company, situation, off),
    )
    head = ("Way out", "What it does")
    table = Table("Ways out", head, rows, wrap=frozenset({1}), stack=True, row_actions=actions)
    return FastTab("choices", "Three ways out", table=table, gist="nothing is written before you choose")


def _start_anew(company: Company, situation: Situation, off: str) -> Action:
    if situation.starts_anew:
        return Action("Enable", company_url("sync:environment-enable", company), "post", off=off, primary=True)
    return _choice(company, Choice.DROP, "Drop", off or ("" if situation.couplings else "There are no couplings."))


def _choice(company: Company, choice: Choice, label: str, off: str) -> Action:
    url = company_url("sync:environment-choose", company)
    return Action(label, url, "post", values={"choice": choice.value}, off=off)


def question(choice: Choice, situation: Situation, kept: int | None = None) -> tuple[str, str, str]:
    """Return title, text and the button of what is asked before couplings are dropped.

    kept: how many couplings have their row in the organization that answers; None where that was not counted.
    """
    count = f"{situation.couplings:,}"
    if choice is Choice.KEEP:
        numbers = f"The rows of {count} couplings are looked up by their ids in {situation.now}."
        if kept is not None:
            numbers = (
                f"Of {count} couplings, {kept:,} have their row in {situation.now}; {situation.couplings - kept:,} "
                "have none."
            )
        return (
            "Keep the couplings whose rows exist?",
            f"{numbers} Couplings whose row exists there are kept; the others are dropped once all were looked up, and "
            "cannot be brought back. No record and no row is changed. Running jobs on couplings stop first.",
            "Keep What Exists",
        )
    return (
        "Drop all couplings?",
        f"This drops all {count} couplings of the company, with what both sides agreed on at the last synchronization. "
        "They cannot be brought back; match-based coupling finds pairs anew. No record and no row is changed, and the "
        "settings stay. Running jobs on couplings stop first.",
        f"Drop {count} couplings",
    )


def point_back_page(company: Company, form: PointBackForm, situation: Situation) -> Page:
    """Return the page that asks where the own organization answers."""
    back = company_url("sync:environment", company)
    fields = [Field("Organization", str(situation.was or "")), *(Field(form_field=form[name]) for name in form.fields)]
    return Page(
        POINT_BACK,
        company=company,
        crumbs=(Link(captions.TITLE, company_url("connection_setup:setup", company)), Link(TITLE, back)),
        help=HELP,
        fast_tabs=(FastTab("point-back", "Where the own organization answers", tuple(fields)),),
        form_url=company_url("sync:environment-point-back", company),
        submit=Action("Ask and Point Back", icon="check", primary=True),
        cancel=Link("Cancel", back),
    )
