"""gunicorn's worker of threads, except that the head of a request must arrive in time, as its body must."""

import threading
from typing import Any

from django.conf import settings
from gunicorn.workers.gthread import ThreadWorker

from config.request_bodies import stop_reading


class PunctualThreadWorker(ThreadWorker):
    """Ends connections whose request does not begin in settings.REQUEST_ARRIVAL_S seconds; see config.request_bodies.

    gunicorn gives a thread to a connection on which something arrives, and has it wait for the rest of the head for
    as long as that takes.
    """

    def handle(self, conn: Any) -> Any:
        """Read a request and answer it, in a thread."""
        conn.head_is_late = threading.Timer(settings.REQUEST_ARRIVAL_S, stop_reading, [conn.sock])
        conn.head_is_late.daemon = True
        conn.head_is_late.start()
        try:
            return super().handle(conn)
        finally:
            conn.head_is_late.cancel()

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request whose head has arrived."""
        conn.head_is_late.cancel()
        return super().handle_request(req, conn)
