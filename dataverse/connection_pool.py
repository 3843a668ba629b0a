"""Connections that ask once more, when one is picked up, whether the request may still be sent.

Between the decision to send and the pick-up of a connection the service may have told another request of the same user
to wait. The refused one has said so before its connection was free again, so whoever picks a connection up afterwards
knows, and gives it back unused.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPSConnectionPool


class SendNotAllowed(Exception):
    """The user was asked to wait while a request stood in line; nothing of it was sent."""


class _Standing(threading.local):
    """What this thread's request has to ask, and the connection it gives back unused."""

    may_send: Callable[[], bool] | None = None
    unused: Any = None


_standing = _Standing()


@contextmanager
def check_before_send(may_send: Callable[[], bool]) -> Iterator[None]:
    """Requests of this thread ask this when they pick up a connection; raises NotNow in them when they may not."""
    _standing.may_send = may_send
    try:
        yield
    finally:
        _standing.may_send = None


class _Pool(HTTPSConnectionPool):
    def _get_conn(self, timeout: float | None = None) -> Any:
        found = super()._get_conn(timeout)
        if _standing.may_send is not None and not _standing.may_send():
            _standing.unused = found
            raise SendNotAllowed
        return found

    def _put_conn(self, conn: Any) -> None:
        # After NotNow the pool is given nothing back; it gets the connection that was not used.
        if conn is None and _standing.unused is not None:
            conn, _standing.unused = _standing.unused, None
        super()._put_conn(conn)


class AskingAdapter(HTTPAdapter):
    """requests' adapter over connections that ask."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of connections."""
        super().init_poolmanager(*args, **kwargs)
        classes = self.poolmanager.pool_classes_by_scheme
        self.poolmanager.pool_classes_by_scheme = {**classes, "https": _Pool}
