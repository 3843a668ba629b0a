"""Who is signed in, and where: asked before a client reads or writes, and accepted or not by its maker."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from dataverse.errors import InvalidAnswer
from dataverse.refusal_words import Asked
from dataverse.types import WhoAmI

Accept = Callable[[WhoAmI], None]
ASK_AGAIN_S = 30.0
"""Seconds after which a read that goes on is no longer sure where it is: an environment can be replaced meanwhile."""
SERVES_S = 5.0
"""Seconds for which an answer serves the read that begins next; no answer serves two."""

Given = TypeVar("Given")
Result = TypeVar("Result")


class SignedIn:
    """The token's user and organization. `ask` sends WhoAmI; `accept` raises where this is not the right place.

    No answer of the Web API but this one names the organization. With `accept` it is asked before every read of a table
    and before every batch of writes (`begin`), and within one that goes on once the answer is older than ASK_AGAIN_S;
    what `accept` raised is raised to everybody after. The thread that made it asks: what it begins, others help with.
    person: somebody signed in, it is not the application by itself.
    Thread-safe.
    """

    def __init__(self, ask: Callable[[], Any], accept: Accept | None, *, person: bool = False) -> None:
        self._ask, self._accept, self._person = ask, accept, person
        self._user: UUID | None = None
        self._lock = threading.Lock()
        self._accepted: WhoAmI | Exception | None = None
        self._asked_at = 0.0
        self._served = False
        """Whether something was begun after the last answer."""
        # What `accept` stores, it stores in the thread that works for somebody, not in those that help it.
        self._maker = threading.get_ident()
        self._part = threading.local()

    def asked(self, method: str, path: str) -> Asked:
        """Return a request with who sends it, as far as the environment has said so."""
        return Asked(method, path, self._user, self._person)

    def who(self) -> WhoAmI:
        """Return who is signed in as the environment says now; with `accept` for what the caller begins next."""
        return self._parsed() if self._accept is None else self._accepted_who(self._accept, anew=True)

    def begin(self) -> None:
        """Ask, since a read of a table or a batch of writes is about to begin. Raises what `accept` raises."""
        if self._accept is None:
            return
        self._accepted_who(self._accept, anew=not getattr(self._part, "begun", False))
        with self._lock:
            self._served = True

    def require_accepted(self, *, anew: bool = False) -> None:
        """Raise what `accept` raises, if there is one: for a request of something that began before.

        anew: an answer that something was begun after does not count; the new one then serves what begins next, too.
        """
        if self._accept is not None:
            self._accepted_who(self._accept, anew=anew)

    def part(self, work: Callable[[Given], Result]) -> Callable[[Given], Result]:
        """Return `work` as a part of what the caller has begun: what it begins itself is not asked for again."""

        def work_on(given: Given) -> Result:
            before = getattr(self._part, "begun", False)
            self._part.begun = True
            try:
                return work(given)
            finally:
                self._part.begun = before

        return work_on

    def _accepted_who(self, accept: Accept, *, anew: bool) -> WhoAmI:
        with self._lock:  # threads that begin together ask once
            if self._accepted is None or (isinstance(self._accepted, WhoAmI) and self._is_old(anew)):
                who = self._parsed()
                self._asked_at, self._served = time.monotonic(), False
                try:
                    accept(who)
                    self._accepted = who
                except Exception as refused:
                    self._accepted = refused
            if isinstance(self._accepted, Exception):
                raise self._accepted
            return self._accepted

    def _is_old(self, anew: bool) -> bool:
        if threading.get_ident() != self._maker:
            return False
        age = time.monotonic() - self._asked_at
        return age >= ASK_AGAIN_S or (anew and (self._served or age >= SERVES_S))

    def _parsed(self) -> WhoAmI:
        body = self._ask()
        try:
            found = WhoAmI(UUID(body["UserId"]), UUID(body["BusinessUnitId"]), UUID(body["OrganizationId"]))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise InvalidAnswer(
                "Dataverse's answer does not say who is signed in.",
                "Check the Environment URL and whether something stands between this machine and Dataverse.",
            ) from None
        self._user = found.user_id
        return found
