"""What downloads whole tables while somebody waits for a page happens once per company at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from core.refusals import Refusal
from jobs.models import Reason
from masterdata.models import Company


@contextmanager
def preview_lock(company: Company) -> Iterator[None]:
    """Hold the company's turn. Raises Refusal, with a sentence, while somebody else has it.

    A file's lock: every web process of this machine keeps to it, and it ends with whoever holds it.
    """
    folder = settings.STATE_DIR / "turns"
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
