"""Questions that the setup page asks once: after a test that went well, and after enabling.

Which there are is a registry (hooks.question); what was answered stands with the connection, so that nobody is asked
again. Commands ask nothing.
"""

from typing import Any

from django.db import transaction
from django.utils import timezone

from connection_setup import hooks
from connection_setup.connection import state
from connection_setup.models import DataverseConnection
from connection_setup.provisioning import consent
from connection_setup.types import Report
from masterdata.models import Company


def pending(connection: DataverseConnection) -> hooks.Question | None:
    """The question to ask now; None when there is none, or the connection neither works nor was tested well."""
    if not connection.pk or not (connection.enabled or after_successful_test(connection)):
        return None
    open_ones = (one for one in hooks.questions() if one.name not in connection.answers)
    return next((one for one in open_ones if one.applies(connection)), None)


def after_successful_test(connection: DataverseConnection) -> bool:
    """Whether the last test of the present settings found nothing in the way."""
    return connection.checked_at is not None and Report.stored(connection.checks).ok


def ask_again(*, company: Company) -> None:
    """Forget the answers to what a test that went well asks: what no longer applies is not asked all the same."""
    kept = {one.name for one in hooks.questions() if not one.by_test}
    with transaction.atomic():
        stored = state.locked(company)
        answers = {name: given for name, given in stored.answers.items() if name in kept}
        if answers != stored.answers:
            stored.answers = answers
            stored.save(update_fields=["answers"])


def answer(*, company: Company, name: str, yes: bool, user: Any) -> tuple[str, str]:
    """Keep an answer and do what it says; what to tell, and where to go ("": back to the setup page).

    Answered already, or not asked now, does nothing again. Raises LookupError for a question that does not exist.
    """
    asked = next((one for one in hooks.questions() if one.name == name), None)
    if asked is None:
        raise LookupError(f"There is no question {name!r}.")
    with state.audited(user), transaction.atomic():
        stored = state.locked(company)
        if name in stored.answers or not asked.applies(stored):
            return "", ""
        given = {"answer": "yes" if yes else "no", "by": consent.name_of(user), "at": timezone.now().isoformat()}
        stored.answers = {**stored.answers, name: given}
        stored.save(update_fields=["answers"])
        if not yes:
            return asked.no, ""
        told = asked.yes(company, user) if asked.yes else ""
    return told, asked.yes_url(company) if asked.yes_url else ""
