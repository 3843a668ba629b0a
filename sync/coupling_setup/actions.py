"""Set Up Coupling above the outcomes of jobs, for those that left a record without a row or a pair apart."""

from collections.abc import Iterator

from django.http import HttpRequest

from core.roles import Can
from coupling.page_parts import permission_reason
from jobs.models import Job, Outcome, Type
from sync.coupling_setup.page import TITLE
from ui.kit import Action
from ui.links import company_url

_JOBS = (Type.COUPLING, Type.SYNCHRONIZATION)
_OUTCOMES = ("", Outcome.FAILED, Outcome.SKIPPED)


def outcome_actions(request: HttpRequest, job: Job, outcome: str) -> Iterator[Action]:
    """Yield the action: for jobs.registry.outcome_actions."""
    if job.type not in _JOBS or outcome not in _OUTCOMES or not job.mapping_name:
        return
    if not any(job.breakdown.get(one) for one in ((outcome,) if outcome else (Outcome.FAILED, Outcome.SKIPPED))):
        return
    url = company_url("sync:set-up-coupling-outcomes", job.company, pk=job.pk)
    values = {"outcome": outcome, "reason": request.GET.get("reason", "")}
    off = permission_reason(request, job.company, Can.OPERATE)
    yield Action(TITLE, url, "post", "edit", selection=True, off=off, values=values)
