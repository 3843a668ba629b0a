"""Questions that the setup page asks once: after a test without errors, and after enabling.

Which there are is a registry (hooks.add_question); the answers are stored with the connection, so that nobody is asked
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
from core.roles import may
from masterdata.models import Company


def pending(connection: DataverseConnection, user: Any = None) -> hooks.Question | None:
    """Return the question to ask this person now; whatever anybody may be asked, without one.

    None without one, or while the connection is neither enabled nor tested well.
    """
    if not connection.pk or not (connection.enabled or after_successful_test(connection)):
        return None
    unanswered = (one for one in hooks.questions() if one.name not in connection.answers)
    asked = (one for one in unanswered if user is None or may(user, one.needs, connection.company))
    return next((one for one in asked if one.applies(connection)), None)


def after_successful_test(connection: DataverseConnection) -> bool:
    """Whether the last test of the present settings found no error."""
    return connection.checked_at is not None and Report.stored(connection.checks).ok


def forget_test_answers(*, company: Company) -> None:
    """Delete the answers to the questions that each test asks again (hooks.Question.after_each_test)."""
    lasting = {one.name for one in hooks.questions() if not one.after_each_test}
    with transaction.atomic():
        stored = state.lock_connection(company)
        answers = {name: given for name, given in stored.answers.items() if name in lasting}
        if answers != stored.answers:
            stored.answers = answers
            stored.save(update_fields=["answers"])


def answer(*, company: Company, name: str, yes: bool, user: Any) -> tuple[str, str]:
    """Store an answer and carry it out; return a sentence about it, and where to go ("": back to the setup page).

    A question that was answered, or does not apply now, does nothing again. Raises LookupError for one that does not
    exist.
    """
    question = next((one for one in hooks.questions() if one.name == name), None)
    if question is None:
        raise LookupError(f"There is no question {name!r}.")
    with state.audit_as(user), transaction.atomic():
        stored = state.lock_connection(company)
        if name in stored.answers or not question.applies(stored):
            return "", ""
        given = {"answer": "yes" if yes else "no", "by": consent.user_name(user), "at": timezone.now().isoformat()}
        stored.answers = {**stored.answers, name: given}
        stored.save(update_fields=["answers"])
        if not yes:
            return question.no, ""
        text = question.yes(company, user) if question.yes else ""
    return text, question.yes_url(company) if question.yes_url else ""
