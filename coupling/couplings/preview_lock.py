"""Lock for previews, which read whole tables while somebody waits for a page: one per company at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from core.refusals import Refusal
from jobs.models import Reason
from masterdata.models import Company


@contextmanager
def preview_lock(company: Company) -> Iterator[None]:
    """Hold the company's lock. Raises Refusal while somebody else holds it.

    The lock is a file's: every web process of this machine respects it, and it ends with the process that holds it.
    """
    folder = settings.STATE_DIR / "previews"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / str(company.pk)).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(
                Reason.CONFIGURATION,
                f"Another preview of {company} is being made.",
                "It takes half a minute at most; try again then.",
            ) from None
        yield
