"""The verbs of schedules: start what is due, take note of ended runs, hold, set ready, run now.

A run is started by the tick alone, or by a person who asks for it. Where Dataverse as a whole does not serve, all
schedules of the company are on hold and one of them asks again, after pauses that grow.
"""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import (
    Q,
)
from django.utils import timezone

from core.database_outage import is_database_outage
from core.refusals import Refusal
from core.vocabulary import Direction
from coupling import local_records
from coupling.mappings import defaults
from coupling.mappings.edit import Changes, change_mapping
from coupling.mappings.schedule import is_woken, schedule
from coupling.models import IntegrationTableMapping
from coupling.undone import left_undone
from jobs.models import ENDED_STATES, OPEN_STATES, Job, State, Trigger, Type
from masterdata.models import Company
from sync.models import DuePair, Schedule, SchedulePause, Waits
from sync.schedules import rules
from sync.schedules.reading import entry_of, schedule_of
from sync.schedules.rules import Result
from sync.start.services import start_synchronization

logger = logging.getLogger(__name__)
_STARTED_AT_ONCE = 100
"""Scheduled jobs that one tick starts; the next ones follow with the next tick."""


# -- what the tick does -----------------------------------------------------------------------------------------------


def run_due(now: datetime) -> list[Job]:
    """Take note of runs that ended, then start what is scheduled and due: one open job per mapping at most.

    Nothing is started, and nothing is put off, while another organization answers and nobody has chosen what to do, or
    while Dataverse does not serve. What is on hold due to inactivity is due once a record here has changed, too.
    """
    settle_ended(now)
    _lift_pauses(now)
    started: list[Job] = []
    due = IntegrationTableMapping.objects.select_related("company", "schedule__job").filter(
        Q(next_run_at__lte=now) | Q(next_run_at=None) | Q(on_hold_since__isnull=False)
        | Q(next_run_at__gt=now + rules.FARTHEST), scheduled=True,
        company__connection__enabled=True, company__connection__other_organization_id=None,
        schedule__failed_at=None,
    )  # fmt: skip
    pauses = {pause.company_id: pause for pause in SchedulePause.objects.all()}
    waiting = set(_waiting_companies(now))
    for mapping in due.order_by("company_id", "position"):
        if len(started) == _STARTED_AT_ONCE:
            break
        if mapping.company_id in waiting or mapping.name in defaults.disabled_names(mapping.company):
            continue
        if not rules.is_due(entry_of(mapping, schedule_of(mapping)), now, woken=_is_woken(mapping)):
            continue
        pause = pauses.get(mapping.company_id)
        if pause is not None and not _may_try(pause, now):
            waiting.add(mapping.company_id)
            continue
        try:
            job = _start_due(mapping, now)
        except Exception as error:  # of one mapping; the others run all the same
            if is_database_outage(error):
                raise  # it is none of one mapping
            logger.exception("%s of company %s could not be started", mapping.name, mapping.company_id)
            continue
        if job is not None:
            started.append(job)
            if pause is not None:
                waiting.add(mapping.company_id)  # one of them asks; the others wait for its answer
    return started


def _waiting_companies(now: datetime) -> Iterable[int]:
    """Return the companies with a job under way that waits for Dataverse, which asked to wait or does not answer."""
    postponed = Job.objects.filter(state=State.POSTPONED).filter(Q(outage_since__isnull=False) | Q(not_before__gt=now))
    return postponed.order_by().values_list("company_id", flat=True).distinct()


def _may_try(pause: SchedulePause, now: datetime) -> bool:
    """Claim the next try of a paused company: whether it is time, and no other tick has taken it."""
    due = Q(next_try_at__lte=now) | Q(next_try_at__gt=now + rules.FARTHEST)
    claim = SchedulePause.objects.filter(due, pk=pause.pk, next_try_at=pause.next_try_at)
    return bool(claim.update(next_try_at=now + rules.pause_before(pause.tries + 1)))


def _start_due(mapping: IntegrationTableMapping, now: datetime) -> Job | None:
    """Claim a due mapping by a conditional UPDATE, and start its run; None where another tick took it.

    Where a run of the whole mapping waits already, that one counts; while one is in process, the next one waits.
    """
    planned = mapping.next_run_at or now
    if (busy := _open_job(mapping)) is not None and busy.state != State.QUEUED:
        return None  # it may have read past what woke this one: due until that run ends
    with transaction.atomic():
        unclaimed = IntegrationTableMapping.objects.filter(
            pk=mapping.pk, next_run_at=mapping.next_run_at, scheduled=True
        )
        if not unclaimed.update(next_run_at=rules.next_run(now, mapping.every_minutes), on_hold_since=None):
            return None
        kept = _noted_schedule(mapping)
        if kept is None:  # its last run ended just now, or goes on: that comes first
            transaction.set_rollback(True)
            return None
        owed = kept.owed_since or planned
        under_way = _open_job(mapping)
        try:
            job = under_way or start_synchronization(mapping=mapping, trigger=Trigger.SCHEDULE)
        except Refusal as refusal:
            mapping.next_run_at, kept.owed_since = rules.next_run(now, mapping.every_minutes), owed
            result = rules.result_of(State.FAILED, refusal.reason, {})
            _store(mapping, kept, result, now, began=now, why=(refusal.message, refusal.fix))
            return None
        Schedule.objects.update_or_create(mapping=mapping, defaults={"job": job, "owed_since": owed})
    return None if under_way is not None else job


def _noted_schedule(mapping: IntegrationTableMapping) -> Schedule | None:
    """Return the schedule, locked until the transaction ends; None before it has taken note of its last run."""
    kept = Schedule.objects.select_for_update().filter(pk=mapping.pk).first()
    if kept is None:
        return Schedule(mapping=mapping)
    if kept.job_id is not None and Job.objects.filter(pk=kept.job_id).exclude(state=State.QUEUED).exists():
        return None
    return kept


def _open_job(mapping: IntegrationTableMapping) -> Job | None:
    """Return the synchronization of the whole mapping that waits or runs already; the one that runs before others."""
    found = Job.objects.filter(
        company_id=mapping.company_id, mapping_name=mapping.name, type=Type.SYNCHRONIZATION, state__in=OPEN_STATES,
        selection_only=False,
    )  # fmt: skip
    return min(found, key=lambda job: (job.state == State.QUEUED, job.pk), default=None)


def _is_woken(mapping: IntegrationTableMapping) -> bool:
    """Return whether something changed here since a mapping is on hold: a record, or a deletion of one."""
    if mapping.on_hold_since is None:
        return False
    return is_woken(mapping) or DuePair.objects.filter(mapping=mapping, waits=Waits.DELETED).exists()


# -- what came of runs ------------------------------------------------------------------------------------------------


def settle_ended(now: datetime, **where: Any) -> int:
    """Take note of the runs that have ended, each once, however many processes look. Return how many there were.

    where: conditions on the schedules.
    """
    ended = Schedule.objects.filter(job__state__in=ENDED_STATES, **where)
    return sum(_settle(kept, now) for kept in ended.select_related("job", "mapping__company"))


def on_job_ended(exclusive_key: str) -> None:
    """Take note of a run that ended just now."""
    settle_ended(timezone.now(), job__exclusive_key=exclusive_key)


def _settle(kept: Schedule, now: datetime) -> bool:
    job = kept.job
    if job is None:
        return False
    result = rules.result_of(job.state, job.failure_reason, job.counters)
    with transaction.atomic():
        # As both are now: what a person changed meanwhile counts. The mapping first, as who starts a run locks them.
        mapping = IntegrationTableMapping.objects.select_for_update().get(pk=kept.pk)
        found = Schedule.objects.select_for_update().filter(pk=kept.pk, job=job).first()
        if found is None:
            return False  # another process took note of it
        kept = found
        mapping.schedule = kept
        why = (job.failure_message or job.message, job.failure_fix) if job.state == State.FAILED else ("", "")
        _store(mapping, kept, result, now, began=job.started_at or now, why=why)
        if result is Result.PAUSED:
            _pause(mapping.company, now, *why)
        elif job.requests:
            let_go(company=mapping.company, now=now)
    return True


def _store(
    mapping: IntegrationTableMapping, kept: Schedule, result: Result, now: datetime, *, began: datetime,
    why: tuple[str, str],
) -> None:  # fmt: skip
    """Store what a run leaves of its schedule. What a person changed of it meanwhile stays."""
    entry = entry_of(mapping, kept)
    after = rules.after_run(entry, result, now, began=began, may_rest=result is Result.IDLE and _may_rest(mapping))
    values: dict[str, Any] = {
        "job": None, "owed_since": after.owed_since, "attempts": after.attempts, "error": why[0], "error_fix": why[1],
        "failed_at": (kept.failed_at or now) if after.failed else None,
    }  # fmt: skip
    if result in (Result.ACTIVE, Result.IDLE):
        values["last_success_at"] = now
    if result is Result.STOPPED and after.failed:  # why it is in Error stays
        del values["error"], values["error_fix"]
    Schedule.objects.update_or_create(mapping=mapping, defaults=values)
    unchanged = IntegrationTableMapping.objects.filter(pk=mapping.pk, scheduled=True, next_run_at=entry.next_run_at)
    unchanged.update(next_run_at=after.next_run_at, on_hold_since=after.on_hold_since)


def _may_rest(mapping: IntegrationTableMapping) -> bool:
    """Return whether only a change here gives a mapping something to do, so that a change alone need wake it.

    What comes from Dataverse, and what was left undone, is found by asking again; so is what keeps no stamps of its
    changes.
    """
    if mapping.direction != Direction.TO:
        return False
    try:
        if local_records.get_table(mapping).columns is not None:
            return False
    except local_records.Unusable:
        return False
    return not left_undone(mapping.company).filter(mapping=mapping).exists()


def _pause(company: Company, now: datetime, message: str, fix: str) -> None:
    """Put all schedules of a company on hold, since Dataverse does not serve; or note that it still does not."""
    pause, made = SchedulePause.objects.get_or_create(
        company=company,
        defaults={"message": message, "fix": fix, "since": now, "next_try_at": now + rules.pause_before(1)},
    )
    if not made:
        tries = pause.tries + 1
        SchedulePause.objects.filter(pk=pause.pk).update(
            message=message, fix=fix, tries=tries, next_try_at=now + rules.pause_before(tries)
        )


def _lift_pauses(now: datetime) -> None:
    """End the pauses of companies whose newest job with requests got answers, whoever asked for it."""
    for pause in SchedulePause.objects.select_related("company"):
        ended = Job.objects.filter(company=pause.company, state__in=ENDED_STATES, requests__gt=0)
        newest = ended.filter(ended_at__gt=pause.since).order_by("-pk").first()
        if newest is None:
            continue
        if rules.result_of(newest.state, newest.failure_reason, newest.counters) is not Result.PAUSED:
            let_go(company=pause.company, now=now)


def let_go(*, company: Company, now: datetime) -> None:
    """End the pause of a company's schedules, where there is one: what is due begins, and is not late for it."""
    if SchedulePause.objects.filter(company=company).delete()[0]:
        _begin_anew(company, now)


def begin_again(company: Company, _user: Any = None) -> None:
    """Let schedules go on once the connection is enabled: what was put off meanwhile is due now, and not late."""
    SchedulePause.objects.filter(company=company).delete()
    _begin_anew(company, timezone.now())


def _begin_anew(company: Company, now: datetime) -> None:
    overdue = IntegrationTableMapping.objects.filter(company=company, scheduled=True, next_run_at__lt=now)
    overdue.update(next_run_at=now)
    Schedule.objects.filter(mapping__company=company).update(owed_since=None)


# -- what people do ---------------------------------------------------------------------------------------------------


@transaction.atomic
def hold(*, mapping: IntegrationTableMapping, user: Any = None) -> None:
    """Set a schedule on hold until a person sets it ready. A run in process goes on. Repeatable."""
    if not mapping.scheduled:
        return
    change_mapping(mapping=mapping, changes=Changes(scheduled=False))
    held = {"held_by": user if user is not None and user.pk else None, "held_at": timezone.now()}
    Schedule.objects.update_or_create(mapping=mapping, defaults=held)


@transaction.atomic
def set_ready(*, mapping: IntegrationTableMapping) -> bool:
    """Have a mapping run by itself again, the first time after one period; what failed before counts no more.

    Repeatable: one that is ready keeps its next run. Returns whether it was not.
    """
    kept = schedule_of(mapping)
    if not mapping.scheduled:
        change_mapping(mapping=mapping, changes=Changes(scheduled=True))
    elif kept.failed_at is not None or mapping.on_hold_since is not None:
        schedule(mapping, on=True)
        mapping.save(update_fields=["next_run_at", "on_hold_since"])
        forget_failures(mapping)
    else:
        return False
    return True


def forget_failures(mapping: IntegrationTableMapping) -> None:
    """Let what came of earlier runs count no more: the schedule was set anew."""
    Schedule.objects.filter(mapping=mapping).update(
        owed_since=None, attempts=0, failed_at=None, error="", error_fix="", held_by=None, held_at=None
    )


def note_saved(*, instance: IntegrationTableMapping, update_fields: Iterable[str] | None = None, **_: Any) -> None:
    """Begin anew with a schedule whose mapping was set to run by itself or not, or more or less often (post_save)."""
    if update_fields is not None and {"scheduled", "every_minutes"} & set(update_fields):
        forget_failures(instance)


@transaction.atomic
def change(*, mapping: IntegrationTableMapping, every: int | None = None, late_after: int | None = None) -> None:
    """Change how often a mapping runs by itself, and when it is late; in minutes. The next run moves with the first.

    Raises NotUsable.
    """
    change_mapping(mapping=mapping, changes=Changes(every_minutes=every, late_after_minutes=late_after))


@transaction.atomic
def run_now(*, mapping: IntegrationTableMapping, user: Any = None) -> Job:
    """Start a run now, whatever its time; one that waits or runs already is the one. Raises Refusal."""
    kept = Schedule.objects.select_for_update(of=("self",)).select_related("job").filter(pk=mapping.pk).first()
    of_schedule = kept.job if kept is not None and kept.job is not None and not kept.job.ended else None
    job = of_schedule or _open_job(mapping) or start_synchronization(mapping=mapping, user=user)
    if kept is None or kept.job is None:  # one that has ended and is not noted yet is noted first
        Schedule.objects.update_or_create(mapping=mapping, defaults={"job": job})
    return job
