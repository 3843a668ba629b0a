"""What a job that undoes another is asked to do. No Django."""

from core.job_parameters import JobParameters


class UndoParameters(JobParameters, frozen=True):
    """What is undone.

    job: the coupling job; values: what synchronization wrote of its pairs goes back, where it still is what was
    written; preview: the job of the preview that is carried out, 0 for all that the coupling job made.
    """

    job: int
    values: bool = True
    preview: int = 0


class UndoPreviewParameters(JobParameters, frozen=True):
    """Of which coupling job is to be said what undoing it would do."""

    job: int
