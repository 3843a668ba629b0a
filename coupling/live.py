"""Asking Dataverse while somebody waits for a page: with little patience, and not again just after it was silent."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache import cache

from connection_setup.connection.clients import client_for
from connection_setup.connection.state import connection_of
from coupling.gateway import Gateway
from coupling.page_parts import EXPLAINED
from dataverse.errors import DataverseError
from dataverse.http_session import Timeouts
from masterdata.models import Company

PATIENCE = Timeouts(connect=3.0, read=8.0, total=10.0)
"""How long a person waits, in seconds."""
NOT_ASKED_AGAIN_S = 30
"""Seconds for which a Dataverse that did not answer is not asked again, but where somebody says so."""
_SILENT = ("unreachable", "throttled")
"""Why it may not answer for any table."""
Found = TypeVar("Found")


class NotAnswered(Exception):
    """Dataverse could not be asked; the text says why, for a person."""


def ask(
    company: Company, question: Callable[[Gateway], Found], *, connection: Any = None, again: bool = False
) -> Found:
    """Return what a question finds. connection: the company's, where it is known; again: it is asked in any case.

    Raises NotAnswered.
    """
    silent = f"coupling.live.{company.pk}"
    if not again and (why := cache.get(silent)) is not None:
        raise NotAnswered(str(why))
    try:
        client = client_for(company, connection=connection or connection_of(company), timeouts=PATIENCE)
        found = question(Gateway(company, client=client))
    except EXPLAINED as error:
        if isinstance(error, DataverseError) and error.reason in _SILENT:
            cache.set(silent, error.user_message, NOT_ASKED_AGAIN_S)
        raise NotAnswered(error.user_message) from error
    cache.delete(silent)
    return found
