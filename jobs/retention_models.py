"""How long a company keeps its jobs, as a row. Part of jobs.models."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from core.logged import OfCompany
from masterdata.models import Company

DAYS, IDLE_DAYS, MOST = 365, 30, 100_000
"""What a company begins with."""
MOST_DAYS = 36_500
_DAYS = [MinValueValidator(1), MaxValueValidator(MOST_DAYS)]


class RetentionPolicy(OfCompany, models.Model):
    """How long a company keeps jobs, with what became of their records and the Synchronization History they wrote."""

    company = models.OneToOneField(Company, on_delete=models.CASCADE, related_name="+")
    days = models.PositiveIntegerField(
        "Keep Jobs (Days)", null=True, blank=True, default=DAYS, validators=_DAYS,
        help_text="From their end, with what became of each record and what was written. Blank: for ever.",
    )  # fmt: skip
    idle_days = models.PositiveIntegerField(
        "Keep Runs Without Changes (Days)", null=True, blank=True, default=IDLE_DAYS, validators=_DAYS,
        help_text="Those in which no record was changed, left out or failed. Blank: as long as others.",
    )  # fmt: skip
    most = models.PositiveIntegerField(
        "Most Jobs", null=True, blank=True, default=MOST,
        validators=[MinValueValidator(100), MaxValueValidator(100_000_000)],
        help_text="Of more, the oldest go, whatever their age. Blank: any number.",
    )  # fmt: skip
    history_days = models.PositiveIntegerField(
        "Keep Synchronization History (Days)", null=True, blank=True, validators=_DAYS,
        help_text="Values before and after, from when they were written. Blank: as long as the job that wrote them.",
    )  # fmt: skip
    next_at = models.DateTimeField(null=True, blank=True, help_text="When the daily job is due; blank: it was never.")

    def __str__(self) -> str:
        return "Retention Policies"
