"""Connections that check once more, when one is picked up, whether the request may still be sent.

Between the decision to send and the pick-up of a connection the service may have told another request of the same user
to wait. The refused one has recorded that before its connection was free again, so whoever picks a connection up
afterwards knows, and gives it back unused.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPSConnectionPool


class SendNotAllowed(Exception):
    """The user was asked to wait before the request had a connection; nothing of it was sent."""


class _ThreadState(threading.local):
    """The check of this thread's request, and the connection it gives back unused."""

    may_send: Callable[[], bool] | None = None
    unused: Any = None


_state = _ThreadState()


@contextmanager
def check_before_send(may_send: Callable[[], bool]) -> Iterator[None]:
    """Call `may_send` whenever this thread picks up a connection; where it is False, SendNotAllowed is raised there."""
    _state.may_send = may_send
    try:
        yield
    finally:
        _state.may_send = None


class _Pool(HTTPSConnectionPool):
    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)
        if _state.may_send is not None and not _state.may_send():
            _state.unused = connection
            raise SendNotAllowed
        return connection

    def _put_conn(self, conn: Any) -> None:
        # After SendNotAllowed urllib3 gives back None; the pool gets the connection that was not used.
        if conn is None and _state.unused is not None:
            conn, _state.unused = _state.unused, None
        super()._put_conn(conn)


class CheckingAdapter(HTTPAdapter):
    """requests' adapter over connections that check before they send."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pools of connections."""
        super().init_poolmanager(*args, **kwargs)
        classes = self.poolmanager.pool_classes_by_scheme
        self.poolmanager.pool_classes_by_scheme = {**classes, "https": _Pool}
