"""What a job that undoes another is asked to do. No Django."""

from core.job_parameters import JobParameters


class UndoParameters(JobParameters, frozen=True):
    """What is undone.

    job: the coupling job; values: what synchronization wrote of its pairs goes back, where it still is what was
    written.
    """

    job: int
    values: bool = True
