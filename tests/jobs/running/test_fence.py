"""A worker whose fence is out of date writes nothing, however its slice ends: the job is its successor's."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from jobs import services
from jobs.errors import Cancelled, SliceEnded, Yielded
from jobs.models import Job, Reason
from jobs.running import runner
from jobs.running.runner import JobContext

pytestmark = pytest.mark.django_db


def returns(context: JobContext) -> None:
    pass


def finishes(context: JobContext) -> None:
    context.finish("Done.")


def fails(context: JobContext) -> None:
    context.fail(Reason.INTERNAL, "It failed.")


def postpones(context: JobContext) -> None:
    context.postpone(60, "Waiting.")


def breaks(context: JobContext) -> None:
    raise RuntimeError("a mistake in the handler")


def is_cancelled(context: JobContext) -> None:
    raise Cancelled


def ends_its_slice(context: JobContext) -> None:
    raise SliceEnded


def yields(context: JobContext) -> None:
    raise Yielded


@pytest.mark.parametrize(
    "leave", [returns, finishes, fails, postpones, breaks, is_cancelled, ends_its_slice, yields]
)  # fmt: skip
def test_a_stale_worker_leaves_the_job_as_its_successor_holds_it(company, kinds, leave: Callable[[JobContext], None]):
    held = []

    def handler(context: JobContext) -> None:
        until = timezone.now() + timedelta(hours=1)
        Job.objects.filter(pk=context.job.pk).update(fence=F("fence") + 1, worker="its successor", lease_until=until)
        held.append(Job.objects.values().get(pk=context.job.pk))
        leave(context)

    kinds("taken over", handler)
    job = services.start(company=company, type="taken over")
    runner.run(job.pk)
    assert Job.objects.values().get(pk=job.pk) == held[0]
