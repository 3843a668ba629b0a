"""The web server's watch over worker and beat: where they are not seen, they cannot tell of it themselves."""

import logging
import threading
import time

from django.db import close_old_connections
from django.utils import timezone

from core.database_outage import reaches_database
from jobs.alerts import job_facts, work

logger = logging.getLogger(__name__)

EVERY_S = 60.0


def look_once() -> bool:
    """Do the tick's work on alerts where nobody else does it. Return whether that was so."""
    now = timezone.now()
    if now - job_facts.last_seen() < job_facts.LATE_AFTER:
        return False
    work.work(now)
    return True


def start() -> None:
    """Look every minute from now on, in a thread of its own that ends with the process."""
    threading.Thread(target=_run, name="alerts", daemon=True).start()


def _run() -> None:
    while True:
        time.sleep(EVERY_S)
        close_old_connections()
        try:
            reaches_database("alerts", look_once)
        except Exception:
            logger.exception("alerts: the watch over worker and beat failed")
        finally:
            close_old_connections()
