"""What a job that puts values back is asked to do. No Django."""

from core.job_parameters import JobParameters


class PutBackParameters(JobParameters, frozen=True):
    """What is put back.

    lines: the numbers of the history's lines; of several about one field the oldest says what it was; anyway: also
    where somebody changed the value since.
    """

    lines: tuple[int, ...]
    anyway: bool = False
