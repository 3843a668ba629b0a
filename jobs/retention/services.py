"""The verbs of retention: choose how long jobs are kept, start the job that removes old ones, when it is due."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from auditlog.context import set_actor
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from core.refusals import Refusal
from core.words import counted
from jobs import services as jobs
from jobs.models import Job, RetentionPolicy, Trigger
from jobs.retention import past_alerts, reading
from jobs.retention.job import TYPE, RetentionParameters
from jobs.retention.rules import Policy, Stays, next_run, told
from masterdata.models import Company


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would remove now, and what would stay."""

    jobs: int
    outcomes: int
    last: int
    unsettled: int
    follows: int = 0
    history_days: int | None = None
    alerts: int = 0
    more: bool = False
    """Whether there are more, which were not counted."""

    @property
    def text(self) -> str:
        """The preview in sentences."""
        said = told(self.jobs, self.outcomes, self.last, self.unsettled, follows=self.follows, alerts=self.alerts)
        if self.jobs or self.alerts:
            said = said.replace("were removed", "would be removed", 1).replace("was removed", "would be removed", 1)
        if self.more:
            said = f"At least {said}"
        if self.history_days is not None:
            said += f" Lines of the Synchronization History older than {counted(self.history_days, 'day')} go too."
        return said

    @property
    def removes_something(self) -> bool:
        """Whether there is anything to remove, or may be."""
        return bool(self.jobs or self.alerts) or self.history_days is not None

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as commands print them."""
        return {name: value for name, value in asdict(self).items() if name != "more"}


def set_policy(
    *,
    company: Company,
    days: int | None,
    idle_days: int | None,
    most: int | None,
    history_days: int | None = None,
    user: Any = None,
) -> RetentionPolicy:
    """Choose how long a company keeps jobs. Raises Refusal for numbers that are none to choose."""
    with set_actor(user), transaction.atomic():
        policy, _ = RetentionPolicy.objects.select_for_update().get_or_create(company=company)
        policy.days, policy.idle_days, policy.most, policy.history_days = days, idle_days, most, history_days
        try:
            policy.full_clean(exclude=["company"])
        except ValidationError as error:
            name, texts = next(iter(error.message_dict.items()))
            caption = policy._meta.get_field(name).verbose_name  # type: ignore[union-attr]
            raise Refusal(
                "configuration", f"{caption}: {texts[0]}", "Enter another number, or none.", field=name
            ) from None
        policy.save()
    return policy


def preview(*, company: Company, most: int | None = None) -> Preview:
    """Return what a run would remove now. Nothing is removed. most: jobs that are counted, for what must be quick."""
    stays: Counter[Stays] = Counter()
    removed = outcomes = 0
    policy, more, now = reading.policy_of(company), False, timezone.now()
    alerts = past_alerts.count(company, now - timedelta(days=policy.days)) if policy.days is not None else 0
    for part in reading.parts(company, policy, now):
        removed += len(part.ids)
        outcomes += part.outcomes
        stays += part.stays
        if more := most is not None and removed >= most:
            break
    return Preview(
        removed, outcomes, stays[Stays.LAST], stays[Stays.UNSETTLED], stays[Stays.FOLLOWS], policy.history_days,
        alerts, more,
    )  # fmt: skip


def start(*, company: Company, user: Any = None, trigger: str = Trigger.USER) -> Job:
    """Queue the job that removes what is old now."""
    return jobs.start(
        company=company, type=TYPE, exclusive_key=f"{TYPE}:{company.pk}", description="Removing old jobs",
        parameters=RetentionParameters(now=timezone.now().isoformat()).dump(), user=user, trigger=trigger,
    )  # fmt: skip


def run_due(now: datetime) -> None:
    """Start the job of each company whose daily run is due and has something to remove; work for the tick."""
    for company in Company.objects.filter(pk__in=_due(now)):
        policy = reading.policy_of(company)
        if _has_something(company, policy, now):
            start(company=company, trigger=Trigger.SCHEDULE)


def _has_something(company: Company, policy: Policy, now: datetime) -> bool:
    """Return whether a run may have something to remove."""
    if policy.history_days is not None or any(part.ids for part in reading.parts(company, policy, now)):
        return True
    return policy.days is not None and past_alerts.any_old(company, now - timedelta(days=policy.days))


def _due(now: datetime) -> list[int]:
    """Return the companies whose run is due, each to one of several ticks, and note when the next one is."""
    for company in Company.objects.exclude(pk__in=RetentionPolicy.objects.values("company")):
        try:
            with transaction.atomic():
                RetentionPolicy.objects.create(company=company, next_at=next_run(now))
        except IntegrityError:  # another tick did, or the company was deleted
            continue
    RetentionPolicy.objects.filter(next_at=None).update(next_at=next_run(now))
    return [
        company
        for company, at in RetentionPolicy.objects.filter(next_at__lte=now).values_list("company", "next_at")
        if RetentionPolicy.objects.filter(company=company, next_at=at).update(next_at=next_run(now))
    ]
