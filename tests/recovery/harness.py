"""Workers that are killed, on the database and the broker of the test run."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from jobs.models import OPEN_STATES, Job, State
from tests.jobs.running.test_worker import database_url

LEASE_S, HEARTBEAT_S, TICK_S, SLICE_S = float(os.environ.get("KILLS_LEASE_S", "1.2")), 0.3, 0.25, 0.15
_TELLING = re.compile(r"^(20|Traceback|  File|\w+(\.\w+)*(Error|Exception))").match
STUCK_S = 60
"""A job that has not ended this long after the last kill is stuck."""


def environment(**more: str) -> dict[str, str]:
    """Return what the workers run with: the test's database, broker and state folder, and short leases (or `more`).

    They begin without the checks of the whole site, of which one is enough: that of the worker which `serve` starts.
    """
    return {
        **os.environ, "DATABASE_URL": database_url(), "JOB_LEASE_S": str(LEASE_S), "JOB_HEARTBEAT_S": str(HEARTBEAT_S),
        "JOB_TICK_S": str(TICK_S), "JOB_SLICE_S": str(SLICE_S), "LOG_LEVEL": "WARNING", "CELERY_SKIP_CHECKS": "1",
        **more,
    }  # fmt: skip


class Worker:
    """One worker process, leader of its own group."""

    def __init__(self, pid: int, log: Path, mark: Path | None) -> None:
        self.pid, self.log, self.mark = pid, log, mark

    @property
    def alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.wait(10)

    def wait(self, seconds: float) -> bool:
        """Whether it ended within the time."""
        end = time.monotonic() + seconds
        while self.alive:
            if time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    @property
    def died_as_planned(self) -> bool:
        return self.mark is not None and self.mark.exists()


class Fleet:
    """Starts and kills workers; one beat ticks for all of them, as in production."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.folder = folder
        self.workers: list[Worker] = []
        self._number = 0
        self._errors = (folder / "worker_processes.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.recovery.worker_processes"],
            cwd=settings.BASE_DIR, env=environment(**more), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, start_new_session=True,
        )  # fmt: skip
        self._ask({"role": "beat", "log": str(folder / "beat.log")})

    def _ask(self, asked: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, (self.folder / "worker_processes.log").read_text()
        return int(json.loads(answer)["pid"])

    def start(self, **plan: Any) -> Worker:
        """Start a worker with a plan (tests.recovery.points)."""
        self._number += 1
        log, mark = self.folder / f"worker-{self._number}.log", None
        if plan.get("point") or plan.get("line"):
            mark = self.folder / f"died-{self._number}"
            plan["mark"] = str(mark)
        worker = Worker(self._ask({"role": "worker", "log": str(log), "plan": plan}), log, mark)
        self.workers.append(worker)
        return worker

    def start_beat(self) -> Worker:
        """Start another beat beside the one there is; it goes with the workers."""
        self._number += 1
        log = self.folder / f"worker-{self._number}.log"
        beat = Worker(self._ask({"role": "beat", "log": str(log)}), log, None)
        self.workers.append(beat)
        return beat

    def kill_all(self) -> None:
        """No worker is left."""
        for worker in self.workers:
            worker.signal(signal.SIGKILL)
        for worker in self.workers:
            worker.wait(10)
        self.workers.clear()

    def stop_all(self) -> None:
        """End the workers, each once it has carried out the messages that it took."""
        for worker in self.workers:
            worker.signal(signal.SIGTERM)
        for worker in self.workers:
            assert worker.wait(STUCK_S), f"it does not end\n{self.complaints()}"
        self.workers.clear()

    def close(self) -> None:
        self.kill_all()
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait(20)
        self._errors.close()

    def complaints(self) -> str:
        """Return the ends of the logs, for a failing test."""
        logs = sorted(self.folder.glob("worker-*.log"), key=lambda log: log.stat().st_mtime)[-3:]
        told = [
            (log.name, [line for line in log.read_text(errors="replace").splitlines() if _TELLING(line)])
            for log in logs
        ]
        return "\n".join(f"--- {name}: " + "\n".join(lines[-30:]) for name, lines in told)


def forget_messages() -> None:
    """Every message and every key of the broker is lost, as by Redis' FLUSHDB."""
    if folder := getattr(settings, "BROKER_DIR", None):
        for message in (folder / "messages").iterdir():
            with contextlib.suppress(FileNotFoundError):  # a worker took it in this instant
                message.unlink()
        return
    import redis

    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        broker.flushdb()


def wait_until_taken() -> None:
    """Until workers have taken every message of a job. Fails when one is left."""
    assert wait_for(lambda: not any(b"jobs.tasks.run_job" in message for message in messages()), STUCK_S)


def messages() -> list[bytes]:
    """Return what waits for a worker, as the broker has it."""
    if folder := getattr(settings, "BROKER_DIR", None):
        found = []
        for file in (folder / "messages").iterdir():
            with contextlib.suppress(FileNotFoundError):  # a worker took it in this instant
                found.append(file.read_bytes())
        return found
    import redis

    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        return list(broker.lrange("celery", 0, -1))


def seeded(*parts: object) -> random.Random:
    """Chance that repeats itself; SEED in the environment gives another."""
    return random.Random(zlib.crc32(repr((os.environ.get("SEED", "1"), *parts)).encode()))


# -- looking at jobs --------------------------------------------------------------------------------------------------


def family(root: int) -> list[Job]:
    """Return a job and its follow-ups."""
    return list(Job.objects.filter(pk__in=_states(root)).order_by("pk"))


def open_ones(root: int) -> list[int]:
    """Those of the family that have not ended."""
    return [pk for pk, (state, _) in _states(root).items() if state in OPEN_STATES]


def _states(root: int) -> dict[int, tuple[str, bool]]:
    """Return the family's states, and whether a worker has them in its hands: one query, for it is asked often."""
    found: dict[int, tuple[str, bool]] = {}
    rows = Job.objects.order_by("pk").values_list("pk", "parent_id", "state", "lease_until")
    for pk, parent, state, lease in rows:
        if pk == root or parent in found:  # a follow-up is younger than its parent
            found[pk] = (state, lease is not None)
    return found


def wait_for(holds: Callable[[], Any], seconds: float, pause: float = 0.01) -> bool:
    """Whether it held within the time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def wait_for_end(root: int, fleet: Fleet) -> None:
    """Until the job and its follow-ups have ended. Fails when they are stuck."""
    ended = wait_for(lambda: not open_ones(root), STUCK_S, 0.03)
    connection.close_if_unusable_or_obsolete()
    assert ended, f"stuck: {[describe(job) for job in family(root)]}\n{fleet.complaints()}"


def describe(job: Job) -> str:
    return (
        f"{job} {job.type} {job.state} fence {job.fence} attempts {job.attempts} lease {job.lease_until} "
        f"published {job.published_at} not before {job.not_before} {job.message} {job.detail}"
    )


def let_leases_run_out(root: int) -> None:
    """As if the time had passed after the last worker was killed: what a long wait brings, without the wait."""
    for job in family(root):
        Job.objects.filter(pk=job.pk, state=State.IN_PROCESS, lease_until__isnull=False).update(
            lease_until=timezone.now()
        )


def at_work(root: int) -> Job | None:
    """Return the one of the family that a worker has in its hands."""
    for pk, (state, held) in _states(root).items():
        if state == State.IN_PROCESS and held:
            return Job.objects.get(pk=pk)
    return None
