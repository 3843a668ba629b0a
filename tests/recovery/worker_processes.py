"""Starts Celery workers quickly: everything is imported once, then each worker is forked from here.

Runs as a process of its own (`python -m tests.recovery.worker_processes`), so that workers inherit nothing of the
tests. It reads a JSON object per line - {"role": "worker" or "beat", "log": file, "plan": {...}} - and answers with
{"pid": n}. Each child leads a process group of its own. When the input ends, all children are killed.
"""

import contextlib
import gc
import json
import os
import signal
import sys
from typing import Any

WORKER = [
    "worker", "--pool", "threads", "--loglevel", "WARNING", "--without-gossip",
    "--without-mingle", "--without-heartbeat",
]  # fmt: skip


def main() -> None:
    import django

    django.setup()
    from celery.apps import beat, worker  # noqa: F401 - imported before the first fork
    from celery.bin.celery import main as celery  # noqa: F401
    from django.conf import settings

    from config.celery import app
    from connection_setup.connection import state  # noqa: F401
    from coupling.couplings import couple_job  # noqa: F401
    from jobs import tasks  # noqa: F401
    from sync.engine import handler  # noqa: F401

    if "polling_interval" in settings.CELERY_BROKER_TRANSPORT_OPTIONS:
        settings.CELERY_BROKER_TRANSPORT_OPTIONS["polling_interval"] = 0.1
    signal.signal(signal.SIGCHLD, reap)
    gc.collect()
    gc.freeze()  # what is loaded; workers would each look through it
    children: list[int] = []
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            child(app, asked)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # whichever of the two comes first
        children.append(pid)
        print(json.dumps({"pid": pid}), flush=True)
    for pid in children:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def reap(*_: object) -> None:
    """Take leave of the children that have ended: no zombie stays, and their time counts (tests.cpu_times)."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def child(app: Any, asked: dict[str, Any]) -> None:
    """Become a worker or a beat; never returns."""
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        if asked["role"] == "beat":
            app.start(["beat", "--loglevel", "WARNING", "--pidfile", "", "--schedule", asked["log"] + ".schedule"])
        else:
            from tests.recovery import points

            plan = asked.get("plan") or {}
            points.install(plan)
            threads = str(plan.get("threads", 2))
            app.worker_main([*WORKER, "--concurrency", threads, "--hostname", f"kill-{os.getpid()}@%h"])
    except SystemExit:
        pass
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
