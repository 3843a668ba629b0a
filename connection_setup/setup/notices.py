"""Notices of Dataverse Connection Setup: what went wrong, what waits for somebody, and questions with their answers."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst

from accounts import access
from connection_setup import hooks
from connection_setup.captions import ENVIRONMENT_CHANGED, STATUS_STYLES
from connection_setup.checks import judges
from connection_setup.connection import organization
from connection_setup.enabling import questions
from connection_setup.enabling import run as enabling
from connection_setup.models import DataverseConnection, EnablingRun, OwnershipModel
from connection_setup.secrets import credentials
from connection_setup.types import Report
from core.roles import Can, may
from ui.kit import Action, Notice
from ui.links import company_url, optional_url

FIXED_BY_PREPARING = (judges.USER, judges.SOLUTION_CHECK, judges.TABLES)
"""The checks whose failures an administrator fixes by preparing the environment."""


def build_notices(request: HttpRequest, connection: DataverseConnection, report: Report) -> tuple[Notice, ...]:
    """Return the notices for this person; report: of the last test."""
    administrator = may(request.user, Can.ADMINISTER, connection.company)
    changed = environment_changed_notice(connection)
    notices = [changed] if changed else []
    if connection.disable_reason and not connection.enabled:
        notices.append(Notice(connection.disable_reason, "warn", title="The connection was disabled."))
    run = enabling.current_run(connection.company) if administrator and not connection.enabled else None
    if run is not None and run.ended_at is None:
        notices += _unfinished_notices(run)
    failed_step = enabling.failed_step(run) if run is not None else None
    shown = {failed_step.message} if failed_step is not None else set()
    if report.failed and changed and report.failed.name == judges.ORGANIZATION:
        shown.add(report.failed.message)
    if report.failed and connection.checked_at and report.failed.message not in shown:
        ways: tuple[Action, ...] = ()
        # A check of one table is named after it: "Tables and privileges: account".
        if report.failed.name.partition(":")[0] in FIXED_BY_PREPARING and not connection.enabled and administrator:
            ways = (
                Action("Prepare the environment", company_url("connection_setup:administrator", connection.company)),
            )
        if report.failed.name == judges.CURRENCY and (
            url := optional_url("records:list", connection.company, table="currency")
        ):
            ways = (*ways, Action("Currencies", url))
        notices.append(Notice(report.failed.fix, "bad", title=report.failed.message, actions=ways))
    notices += _missing_currency(connection, report) if administrator else []
    notices += _nobody_coupled(connection)
    if administrator and (question := questions.pending(connection, request.user)) is not None:
        notices.append(_question_notice(connection, question))
    notices += _shared_notices(request, connection)
    if problem := credentials.provider_problem(connection):
        notices.append(Notice(problem.fix, "bad", title=problem.message))
    expires = credentials.expiry(connection, timezone.localdate())
    if expires is not None and expires.warning_days is not None:
        notices.append(Notice(expires.fix, STATUS_STYLES[expires.state], title=expires.message))
    return tuple(notices)


def _missing_currency(connection: DataverseConnection, report: Report) -> list[Notice]:
    """Return the notice that Dataverse lacks the local currency, with the button that makes it there."""
    found = next((one for one in report.checks if one.name == judges.CURRENCY and one.state == "warning"), None)
    if found is None:
        return []
    company = connection.company
    caption, url = f"Create Currency {company.currency_code}", company_url("connection_setup:create-currency", company)
    make = Action(f"{caption} in Dataverse", url, "post", icon="add")
    return [Notice(found.fix, "warn", title=found.message, actions=(make,))]


def _nobody_coupled(connection: DataverseConnection) -> list[Notice]:
    """Return the notice that with the ownership model Person no user is coupled with a salesperson."""
    company = connection.company
    people = connection.enabled and connection.ownership_model == OwnershipModel.PERSON
    url = hooks.coupled_users_url(company) if people else ""
    if not url or hooks.coupled_users(company):
        return []
    return [
        Notice(
            "Rows are to belong to the user coupled with a record's salesperson, so every record with a salesperson "
            "fails until users are coupled. Rows of records without one belong to the owning team.",
            "warn",
            title="No user is coupled with a salesperson.",
            actions=(Action("Couple Salespeople to Users", url, icon="couple"),),
        )
    ]


def environment_changed_notice(connection: DataverseConnection) -> Notice | None:
    """Return the notice that another organization answers and somebody must decide, with the way to the page."""
    other = organization.changed_organization(connection)
    if other is None:
        return None
    url = optional_url("sync:environment", connection.company)
    ways = (Action(ENVIRONMENT_CHANGED, url, icon="plug"),) if url else ()
    text = (
        f"{other} answers at {other.url}. The connection belongs to {organization.own_organization(connection)}. "
        "Nothing is read from the other one or written to it until an administrator decides."
    )
    return Notice(text, "bad", title="The environment changed.", actions=ways)


def _shared_notices(request: HttpRequest, connection: DataverseConnection) -> list[Notice]:
    """Return the notice that other companies of this site use the same environment, where they do."""
    if not connection.enabled or connection.organization_id is None:
        return []
    others = DataverseConnection.objects.filter(enabled=True, organization_id=connection.organization_id)
    others = others.exclude(pk=connection.pk).order_by("company__name")
    names = access.shown_names(request, others.values_list("company__name", flat=True))
    if not names:
        return []
    mappings = optional_url("coupling:mappings", connection.company)
    ways = [Action("Integration Table Mappings", mappings)] if mappings else []
    ways.append(Action("Learn more", f"{reverse('ui:help', kwargs={'name': 'connection'})}#companies"))
    return [
        Notice(
            f"{capfirst(', '.join(names))} {'uses' if others.count() == 1 else 'use'} it too. Check the filters of the "
            "mappings, so that each company synchronizes its own rows only.",
            title="Several companies share this environment.",
            actions=tuple(ways),
        )
    ]


def _unfinished_notices(run: EnablingRun) -> list[Notice]:
    """Return the notice that enabling failed or waits for somebody: why, and the way back to it."""
    failed, waiting = enabling.failed_step(run), enabling.waiting_step(run)
    ways = (Action("Continue enabling", company_url("connection_setup:enabling", run.company)),)
    if failed is not None:
        text = f"{failed.caption}: {failed.user_message}"
        return [Notice(text, "bad", title="The connection is not enabled.", actions=ways)]
    if waiting is not None:
        return [Notice(waiting.user_message, "warn", title="Enabling waits for you.", actions=ways)]
    return []


def _question_notice(connection: DataverseConnection, question: hooks.Question) -> Notice:
    """Return a question with a button for each answer."""
    url = company_url("connection_setup:answer", connection.company, name=question.name)
    answers = tuple(
        Action(label, url, "post", primary=question.default == value, values={"answer": value})
        for label, value in (("Yes", "yes"), ("No", "no"))
    )
    return Notice(question.text, title=question.caption, actions=answers)
