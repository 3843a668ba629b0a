"""A company, and small kinds of jobs with real handlers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from jobs import registry
from jobs.lease import stopping
from jobs.models import Job
from jobs.registry import Kind
from jobs.running.runner import JobContext, OutcomeRow
from masterdata.models import Company


@pytest.fixture
def company(db: None) -> Company:
    return Company.objects.create(name="CRONUS", currency_code="USD")


@pytest.fixture
def kinds() -> Iterator[Callable[[str, Callable[[JobContext], None]], None]]:
    """Register kinds for one test."""
    before = dict(registry.registry.kinds)

    def add(name: str, handler: Callable[[JobContext], None]) -> None:
        registry.registry.kinds[name] = Kind(name, handler, "test")

    yield add
    registry.registry.kinds.clear()
    registry.registry.kinds.update(before)


@pytest.fixture(autouse=True)
def not_stopping() -> Iterator[None]:
    stopping.clear()
    yield
    stopping.clear()


def stored(company: Company, **columns: Any) -> Job:
    """Return a job row as it stands, not started by the services."""
    return Job.objects.create(**{"company": company, "type": "counting", "published_at": timezone.now(), **columns})


def counting(context: JobContext) -> None:
    """Write one outcome per number up to parameters["to"], one checkpoint each; goes on from resume["next"]."""
    to = context.parameters["to"]
    for number in range(context.resume.get("next", 0), to):
        with context.checkpoint() as point:
            point.total = to
            point.phase = "Counting"
            point.processed(1)
            point.outcomes.append(OutcomeRow("coupled", local_key=str(number)))
            point.resume = {"next": number + 1}
