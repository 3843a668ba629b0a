"""Counts, slowly, and kills its own process where it is told to."""

import os
import signal
import time
from pathlib import Path

from jobs.running.runner import JobContext, OutcomeRow


def dying(context: JobContext) -> None:
    """parameters: to, pause (seconds per number), die_at (a number), die (before | inside | after), mark (a file),
    wait (seconds to be postponed by at the start)."""
    parameters = context.parameters
    if "wait" in parameters and not context.resume:
        with context.checkpoint() as point:
            point.resume = {"next": 0}
        context.postpone(parameters["wait"], "Waiting for Dataverse.")
    for number in range(context.resume.get("next", 0), parameters["to"]):
        at = number == parameters.get("die_at")
        _die(parameters, at, "before")
        with context.checkpoint() as point:
            point.total = parameters["to"]
            point.processed(1)
            point.outcomes.append(OutcomeRow("coupled", local_key=str(number)))
            point.resume = {"next": number + 1}
            _die(parameters, at, "inside")
        _die(parameters, at, "after")
        time.sleep(parameters.get("pause", 0))


def _die(parameters: dict, at: bool, where: str) -> None:
    """Once: the mark says that it has happened."""
    if at and parameters.get("die") == where:
        mark = Path(parameters["mark"])
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
