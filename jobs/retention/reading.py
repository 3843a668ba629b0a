"""Reads which jobs of a company go, and which stay although they are old enough."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max, Q

from jobs.models import ENDED_STATES, OPEN_STATES, Job, RetentionPolicy, State
from jobs.registry import registry
from jobs.retention.rules import EndedJob, Policy, Stays, is_old, why_it_stays

JOBS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Part:
    """Some jobs, in the order of their numbers: which of them go, and how many stay and why."""

    last: int
    """The number of the last one looked at."""
    ids: Sequence[int]
    outcomes: int
    """Records of those that go."""
    stays: Counter[Stays]


def policy_of(company: Any) -> Policy:
    """Return how long a company keeps jobs; what is given by default where nobody chose."""
    return rules_of(stored_policy(company))


def stored_policy(company: Any) -> RetentionPolicy:
    """Return the company's policy as a row; one that is not stored yet where nobody chose."""
    return RetentionPolicy.objects.filter(company=company).first() or RetentionPolicy(company=company)


def rules_of(stored: RetentionPolicy) -> Policy:
    """Return a policy as the rules take it."""
    return Policy(stored.days, stored.idle_days, stored.most, stored.history_days)


def parts(company: Any, policy: Policy, now: datetime, *, after: int = 0) -> Iterator[Part]:
    """Yield the company's jobs that are old enough, behind a number, part by part; parts without any are left out."""
    if policy.removes_nothing:
        return
    too_many, youngest = _too_many(company, policy.most), policy.youngest(now)
    last: frozenset[int] | None = None
    gone: set[int] = set()
    while found := _jobs(company, after):
        after = found[-1].pk
        old = [one for one in map(_ended, found) if one and is_old(one, policy, now, too_many)]
        if old:
            last = _last_of_each(company) if last is None else last
            yield _part(company, old, after, last, {job.pk: _records(job) for job in found}, gone)
        if after > too_many and (youngest is None or found[-1].created_at >= youngest):
            return


def _jobs(company: Any, after: int) -> list[Job]:
    fields = ("pk", "state", "counters", "breakdown", "created_at", "ended_at", "parent")
    return list(Job.objects.filter(company=company, pk__gt=after).order_by("pk").only(*fields)[:JOBS_AT_ONCE])


def _too_many(company: Any, most: int | None) -> int:
    """Return the number of the newest job that is one too many, 0 for none."""
    if most is None:
        return 0
    ids = Job.objects.filter(company=company).order_by("-pk").values_list("pk", flat=True)
    return next(iter(ids[most : most + 1]), 0)


def _ended(job: Job) -> EndedJob | None:
    if job.state not in ENDED_STATES:
        return None
    return EndedJob(job.pk, job.ended_at or job.created_at, job.counters, job.state != State.FINISHED, job.parent_id)


def _records(job: Job) -> int:
    return sum(count for by in job.breakdown.values() for count in by.values())


def _part(
    company: Any,
    old: Sequence[EndedJob],
    after: int,
    last: frozenset[int],
    records: dict[int, int],
    gone: set[int],
) -> Part:
    """Decide about old jobs. gone: the earlier ones that go, to which those of this part are added."""
    unsettled = find_unsettled(company, [one.id for one in old])
    stays: Counter[Stays] = Counter()
    ids = []
    for one in old:
        if (why := why_it_stays(one, last, unsettled, gone)) is None:
            ids.append(one.id)
            gone.add(one.id)
        else:
            stays[why] += 1
    return Part(after, ids, sum(records[pk] for pk in ids), stays)


def find_unsettled(company: Any, ids: Sequence[int]) -> set[int]:
    """Return those of these jobs that somebody has yet to settle, or that others need."""
    return {pk for provider in PROVIDERS for pk in provider(company, ids)}


def _last_of_each(company: Any) -> frozenset[int]:
    """Return the last job of each mapping and kind, and the last of each that finished."""
    by = Job.objects.filter(company=company).order_by().values("mapping_name", "type")
    newest = by.annotate(any=Max("pk"), finished=Max("pk", filter=Q(state=State.FINISHED)))
    return frozenset(pk for row in newest for pk in (row["any"], row["finished"]) if pk)


def _waited_for(company: Any, ids: Sequence[int]) -> Iterator[int]:
    """Yield those that jobs which have not ended follow."""
    open_ones = Job.objects.filter(company=company, state__in=OPEN_STATES, parent__in=ids)
    yield from (pk for pk in open_ones.values_list("parent_id", flat=True) if pk is not None)


def _unsettled(company: Any, ids: Sequence[int]) -> Iterator[int]:
    for provider in registry.unsettled:
        yield from provider(company, ids)


PROVIDERS: Sequence[Callable[[Any, Sequence[int]], Iterator[int]]] = (_waited_for, _unsettled)
