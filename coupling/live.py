"""Asking Dataverse while somebody waits for a page: with little patience, and not again just after it was silent.

That it was silent each process notes for itself, as the cache is its own: with several of them each asks once.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache import cache

from connection_setup.connection.clients import client_for
from connection_setup.connection.state import connection_of
from coupling.gateway import Gateway
from coupling.page_parts import EXPLAINED
from dataverse.errors import DataverseError
from dataverse.http_session import Timeouts
from dataverse.types import Usage
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


class Impatient(Usage):
    """Ends all requests of a page together after some seconds, and none is sent a second time."""

    def __init__(self, deadline_s: float) -> None:
        super().__init__()
        self._ends = time.monotonic() + deadline_s

    def seconds_left(self) -> float:
        """Return how long a request sent now may take, in seconds."""
        return max(0.01, self._ends - time.monotonic())

    def may_wait(self) -> bool:
        """Return that nothing is sent again: the page is shown without it."""
        return False


def ask(
    company: Company,
    question: Callable[[Gateway], Found],
    *,
    connection: Any = None,
    again: bool = False,
    deadline_s: float | None = None,
) -> Found:
    """Return what a question finds. connection: the company's, where it is known; again: it is asked in any case;
    deadline_s: seconds after which all of the question's requests end, each being sent once.

    Raises NotAnswered.
    """
    silent = f"coupling.live.{company.pk}"
    if not again and (why := cache.get(silent)) is not None:
        raise NotAnswered(str(why))
    try:
        client = client_for(
            company,
            Impatient(deadline_s) if deadline_s is not None else None,
            connection or connection_of(company),
            PATIENCE if deadline_s is None else Timeouts(connect=deadline_s, read=deadline_s, total=deadline_s),
        )
        found = question(Gateway(company, client=client))
    except EXPLAINED as error:
        if isinstance(error, DataverseError) and error.reason in _SILENT:
            cache.set(silent, error.user_message, NOT_ASKED_AGAIN_S)
        raise NotAnswered(error.user_message) from error
    cache.delete(silent)
    return found
