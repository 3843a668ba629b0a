"""Who is signed in, and where: asked before the first request of a client, and accepted or not by its maker."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

from dataverse.types import WhoAmI

Accept = Callable[[WhoAmI], None]


class SignedIn:
    """The token's user and organization. `ask` sends WhoAmI; `accept` raises where this is not the right place.

    With `accept` it is asked once, whoever begins; what `accept` raised is raised to everybody after. Thread-safe.
    """

    def __init__(self, ask: Callable[[], Any], accept: Accept | None) -> None:
        self._ask, self._accept = ask, accept
        self._lock = threading.Lock()
        self._accepted: WhoAmI | Exception | None = None

    def who(self) -> WhoAmI:
        """Return who is signed in; without `accept` as the environment says now."""
        return self._parsed() if self._accept is None else self._accepted_who(self._accept)

    def require_accepted(self) -> None:
        """Raise what `accept` raises, if there is one."""
        if self._accept is not None:
            self._accepted_who(self._accept)

    def _accepted_who(self, accept: Accept) -> WhoAmI:
        with self._lock:  # threads that begin together ask once
            if self._accepted is None:
                who = self._parsed()
                try:
                    accept(who)
                    self._accepted = who
                except Exception as refused:
                    self._accepted = refused
            if isinstance(self._accepted, Exception):
                raise self._accepted
            return self._accepted

    def _parsed(self) -> WhoAmI:
        body = self._ask()
        return WhoAmI(UUID(body["UserId"]), UUID(body["BusinessUnitId"]), UUID(body["OrganizationId"]))
