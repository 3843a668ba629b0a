"""Places in the application where a test's worker dies, by name. Only workers started by these tests load this.

Nothing in the application knows of it: functions are wrapped from outside, in the worker's own process, after Django is
set up. A plan says where to die:

    point, at    before or after the at-th call of a named function (POINTS)
    line         at the n-th line that the application executes in a job (for kills at any line)
    count_lines  a file to write the number of lines to, when a job's run ends: what `line` is drawn from
    small        sizes of parts so small that a few dozen records make many checkpoints and requests
    twice        every message is sent twice
    fails        the named place at which an error of our own is raised, once
"""

import functools
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOMS = ("jobs", "coupling", "sync", "dataverse", "core", "connection_setup")
ROOT = Path(__file__).resolve().parents[2]

POINTS: dict[str, tuple[str, str, str]] = {
    # the job's row
    "claim, before anything": ("jobs.running.runner", "claim", "before"),
    "claim, row read": ("jobs.lease", "_unchanged_row", "before"),
    "claim, taken": ("jobs.running.runner", "claim", "after"),
    "heartbeat or checkpoint, lease not yet renewed": ("jobs.lease", "Lease.renew", "before"),
    "slice end, not yet given back": ("jobs.running.runner", "_give_back", "before"),
    "slice end, given back": ("jobs.running.runner", "_give_back", "after"),
    # a checkpoint
    "checkpoint, before": ("jobs.running.context", "JobContext.checkpoint", "before"),
    "checkpoint, data written": ("jobs.running.context", "JobContext._save", "before"),
    "checkpoint, not committed": ("jobs.running.context", "JobContext._save", "after"),
    "checkpoint, committed": ("jobs.running.context", "JobContext._committed", "before"),
    # the end, and what follows
    "end, before": ("jobs.running.context", "JobContext.finish", "before"),
    "end, follow-up queued but not committed": ("jobs.services", "start", "after"),
    "end, committed, nothing published": ("jobs.running.context", "publish_waiting", "before"),
    "end, published": ("jobs.running.context", "publish_waiting", "after"),
    "message, not sent": ("jobs.publishing", "publish", "before"),
    # requests
    "request, not sent": ("dataverse.http_session", "Session.send", "before"),
    "request, answered": ("dataverse.http_session", "Session.send", "after"),
    # writing to Dataverse
    "create, not sent": ("coupling.gateway", "Gateway.create", "before"),
    "create, result not saved": ("coupling.gateway", "Gateway.create", "after"),
    "create, one part sent": ("dataverse.bulk", "create", "after"),
    "update, not sent": ("coupling.gateway", "Gateway.update", "before"),
    "update, result not saved": ("coupling.gateway", "Gateway.update", "after"),
    "intents, not stored": ("sync.engine.worker", "Worker._store_intents", "before"),
    "intents, stored": ("sync.engine.worker", "Worker._store_intents", "after"),
    "results, not written": ("sync.engine.ledger", "Ledger.save", "before"),
    "results, written but not committed": ("sync.engine.ledger", "Ledger.save", "after"),
    # coupling and uncoupling
    "matched, nothing written": ("coupling.couplings.couple_job", "run_matching", "after"),
    "couplings, not inserted": ("coupling.couplings.couple_writer", "CouplingWriter._save", "before"),
    "couplings, inserted but not committed": ("coupling.couplings.couple_writer", "CouplingWriter._save", "after"),
    "previewed, nothing stored": ("coupling.couplings.preview_job", "run_matching", "after"),
    "preview, a part not stored": ("coupling.couplings.preview_job", "_Writer._save", "before"),
    "preview, a part stored": ("coupling.couplings.preview_job", "_Writer._save", "after"),
    "carrying out, a part not begun": ("coupling.couplings.carry_out", "_Carrying._carry_out", "before"),
    "carrying out, inserted but not committed": ("coupling.couplings.carry_out", "_Carrying._couple", "after"),
    "released, couplings not deleted": ("coupling.couplings.uncouple_job", "_Uncoupling._clear_company", "after"),
    "uncoupling, before a part": ("coupling.couplings.uncouple_job", "_Uncoupling._delete", "before"),
}


def die(mark: str = "") -> None:
    """End this process group as SIGKILL does: nothing is flushed, closed or rolled back by us."""
    if mark:
        Path(mark).touch()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def break_down() -> None:
    """Raise what a mistake in the application looks like."""
    raise RuntimeError("broken on purpose")


def install(plan: dict[str, Any]) -> None:
    """Prepare this process for its plan."""
    if plan.get("small"):
        make_small()
    if plan.get("twice"):
        send_twice()
    if point := plan.get("point"):
        module, path, when = POINTS[point]
        at(module, path, when, int(plan.get("at", 1)), functools.partial(die, plan.get("mark", "")))
    if fails := plan.get("fails"):
        module, path, when = POINTS[fails]
        at(module, path, when, 1, break_down)
    if plan.get("line") or plan.get("count_lines"):
        count_lines(plan)


def resolved(module: str, path: str) -> tuple[Any, str]:
    """Return the object that owns the function, and the function's name there."""
    owner: Any = importlib.import_module(module)
    *way, name = path.split(".")
    for step in way:
        owner = getattr(owner, step)
    return owner, name


def at(module: str, path: str, when: str, number: int, do: Callable[[], None]) -> None:
    """Call `do` before or after the number-th call of a function."""
    owner, name = resolved(module, path)
    whole, lock, calls = getattr(owner, name), threading.Lock(), [0]

    @functools.wraps(whole)
    def wrapped(*given: Any, **more: Any) -> Any:
        with lock:
            calls[0] += 1
            now = calls[0] == number
        if now and when == "before":
            do()
        result = whole(*given, **more)
        if now and when == "after":
            do()
        return result

    setattr(owner, name, wrapped)


def make_small() -> None:
    """Make several pages, parts, checkpoints and requests out of a few dozen records."""
    from coupling import gateway
    from coupling.couplings import couple_writer, match_step, preview_job, uncouple_job
    from dataverse import bulk, table_scan
    from sync.engine import mapping_run, pairs, selected_run

    couple_writer.records_per_checkpoint, match_step.PROGRESS_INTERVAL_S = (lambda: 9), 0.0
    preview_job.CHUNK = 9
    uncouple_job.COUPLINGS_PER_CHECKPOINT = 7
    for module in (pairs, mapping_run, selected_run):
        module.CHUNK = 9
    bulk.MAX_ROWS = 5
    for reading in (gateway.Gateway.scan, gateway.Gateway._first, table_scan.scan):
        reading.__kwdefaults__["page_size"] = 16


def send_twice() -> None:
    """Every message goes out twice."""
    from config.celery import app

    once = app.send_task

    def twice(*given: Any, **more: Any) -> Any:
        once(*given, **more)
        return once(*given, **more)

    app.send_task = twice


def count_lines(plan: dict[str, Any]) -> None:
    """Count the application's lines in a job's own thread; die at the one planned, or write down how many there are."""
    from jobs.running import runner

    inside = tuple(f"{ROOT}/{room}/" for room in ROOMS)
    whole, planned, mark = runner.run, int(plan.get("line") or 0), plan.get("mark", "")
    lines = [0]

    def each(frame: Any, event: str, argument: Any) -> Any:
        if event == "line":
            lines[0] += 1
            if lines[0] == planned:
                die(mark)
        return each

    def called(frame: Any, event: str, argument: Any) -> Any:
        return each if frame.f_code.co_filename.startswith(inside) else None

    @functools.wraps(whole)
    def counted(*given: Any, **more: Any) -> Any:
        sys.settrace(called)
        try:
            return whole(*given, **more)
        finally:
            sys.settrace(None)
            if plan.get("count_lines"):
                Path(plan["count_lines"]).write_text(str(lines[0]))

    runner.run = counted
