"""Previews of match-based coupling as rows: what was found, packed part by part, and what a person ticked."""

from typing import ClassVar

from django.db import models

from jobs.models import Job, State


class CouplingPreview(models.Model):
    """What a job of the kind `preview` found, kept for a while. Its parameters say what was asked.

    The job counts nothing but how many records took part, since it couples nothing: the numbers are here.
    """

    job = models.OneToOneField(Job, on_delete=models.CASCADE, primary_key=True, related_name="coupling_preview")
    mapping = models.ForeignKey("coupling.IntegrationTableMapping", on_delete=models.CASCADE, related_name="previews")
    complete = models.BooleanField(default=False, help_text="Whether all of it is stored.")
    numbers = models.JSONField(
        default=dict, help_text="What was found (coupling.matching.previewed.Found) -> how many."
    )
    orders = models.JSONField(
        default=list, help_text="Per priority, in order: [its fields' captions, how many couple]."
    )
    fields = models.JSONField(default=list, help_text="The local fields read, in the order of the values kept.")
    columns = models.JSONField(default=list, help_text="The columns compared, in the order of the values kept.")
    rows_compared = models.PositiveBigIntegerField(default=0)
    ticked = models.JSONField(
        default=dict, help_text="What was found -> whether those records are ticked, but for the exceptions."
    )
    stop_above = models.PositiveIntegerField(null=True, help_text="The brakes, as a person has set them last.")
    stop_above_percent = models.PositiveIntegerField(null=True)
    stop_coupled_above = models.PositiveIntegerField(null=True)
    stop_failed_percent = models.PositiveIntegerField(null=True)
    stop_blanked_above = models.PositiveIntegerField(null=True)
    foreseen = models.BinaryField(
        null=True, help_text="What synchronization would do to the first pairs, packed (coupling.couplings.foreseen)."
    )
    carried_out_by = models.ForeignKey(
        Job, on_delete=models.SET_NULL, null=True, related_name="carries_out", help_text="The job that couples these."
    )
    kept_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"preview {self.pk}"

    @property
    def is_carried_out(self) -> bool:
        """Whether a job couples its pairs, or has: one that failed or was cancelled is asked for once more."""
        job = self.carried_out_by
        return job is not None and job.state not in (State.FAILED, State.CANCELLED)


class PreviewPart(models.Model):
    """Records of one checkpoint of which the same was found."""

    # The constraint below begins with the preview.
    preview = models.ForeignKey(CouplingPreview, on_delete=models.CASCADE, db_index=False, related_name="parts")
    found = models.CharField(max_length=12, help_text="coupling.matching.previewed.Found")
    chunk = models.PositiveIntegerField(help_text="The number of the checkpoint, in key order.")
    first = models.PositiveBigIntegerField(help_text="How many records of which the same was found come before.")
    count = models.PositiveIntegerField()
    packed = models.BinaryField(help_text="The records, packed (coupling.matching.previewed).")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["preview", "found", "chunk"], name="preview_part_of_chunk")
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.found} in preview {self.preview_id}"


class PreviewException(models.Model):
    """A record that is ticked although others of which the same was found are not, or the other way round."""

    expected_rows: ClassVar[int] = 100_000  # see core.sqlite_statistics

    # The constraint below begins with the preview.
    preview = models.ForeignKey(CouplingPreview, on_delete=models.CASCADE, db_index=False, related_name="exceptions")
    found = models.CharField(max_length=12)
    local_id = models.UUIDField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["preview", "found", "local_id"], name="preview_exception_once")
        ]

    def __str__(self) -> str:
        return str(self.local_id)
