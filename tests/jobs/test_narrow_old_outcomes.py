"""Outcomes of before, which hold their texts, are narrowed in parts; they are read the same before, amid and after."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from jobs.models import JobOutcome, OutcomeWording
from jobs.outcomes import JobOutcomes
from tests.jobs.conftest import stored

old = import_module("jobs.migrations.0013_narrow_old_outcomes")
EDITOR = SimpleNamespace(connection=connection)


def read(jobs):
    """Return what people read of all outcomes."""
    return [(row.pk, row.message, row.detail, row.local_name) for job in jobs for row in JobOutcomes(job)]


def test_broken_off_in_the_middle_it_goes_on_and_every_outcome_says_what_it_said(company, monkeypatch):
    jobs = [stored(company, breakdown={"failed": {"no_match": 7}}) for _ in range(2)]
    for at in range(14):
        detail = None if at == 3 else {"fields": [{"local": "name", "local_value": f"Name {at}"}], "candidates": []}
        JobOutcome.objects.create(
            job=jobs[at // 7], outcome="failed", reason="no_match", position=at % 7 + 1, local_name=f"Name {at}",
            message="" if at == 4 else f"No row has the same Name {at}.", detail=detail,
        )  # fmt: skip
    plain = JobOutcome.objects.create(job=jobs[0], outcome="coupled")
    before = read(jobs)
    monkeypatch.setattr(old, "PART", 4)
    narrow_part, parts = old.narrow_part, []

    def twice(*given):
        parts.append(given)
        if len(parts) == 3:
            raise KeyboardInterrupt
        narrow_part(*given)

    monkeypatch.setattr(old, "narrow_part", twice)
    with pytest.raises(KeyboardInterrupt):
        old.narrow(apps, EDITOR)
    assert JobOutcome.objects.exclude(arguments=None).count() == 8
    assert read(jobs) == before
    monkeypatch.setattr(old, "narrow_part", narrow_part)
    old.narrow(apps, EDITOR)
    assert read(jobs) == before
    assert set(JobOutcome.objects.values_list("message", "detail")) == {("", None)}
    assert OutcomeWording.objects.count() == 2
    plain.refresh_from_db()
    assert (plain.message, plain.detail, plain.arguments) == ("", None, None)
