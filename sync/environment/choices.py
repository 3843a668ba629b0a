"""The ways out, and what a job is asked to do that carries one out."""

from enum import StrEnum
from uuid import UUID

from core.job_parameters import JobParameters


class Choice(StrEnum):
    """A way out of a changed organization."""

    POINT_BACK = "point-back"
    KEEP = "keep"
    DROP = "drop"


class EnvironmentParameters(JobParameters, frozen=True):
    """What a job is asked to do. organization: the one whose couplings stay; None where none does."""

    choice: Choice
    organization: UUID | None = None
