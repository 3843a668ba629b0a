"""Previews of a full synchronization as rows: what Sync All would do, line by line and record by record."""

from typing import ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from jobs.models import Job, Reason


class FullSynchPreview(models.Model):
    """What a job of the kind `full_preview` found, kept for a while. Its parameters say what was asked."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, primary_key=True, related_name="full_preview")
    complete = models.BooleanField(default=False, help_text="Whether all of it is stored.")
    lines = models.JSONField(
        default=list, encoder=DjangoJSONEncoder,
        help_text="Per line of the review, in its order, what would come of it (sync.full.preview_job.StoredLine).",
    )  # fmt: skip
    kept_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"preview {self.pk} of the full synchronization"


class PreviewKind(models.TextChoices):
    """What would be done, and on which side; a record that is changed on both stands there twice."""

    CREATED_THERE = "created_there", "Created in Dataverse"
    CREATED_HERE = "created_here", "Created here"
    CHANGED_THERE = "changed_there", "Changed in Dataverse"
    CHANGED_HERE = "changed_here", "Changed here"
    COUPLED = "coupled", "Coupled"
    ENDED = "ended", "Uncoupled or deleted"
    CONFLICT = "conflict", "Conflicts"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Left out"


class FullSynchPreviewRecord(models.Model):
    """One record or row of which something would be done, or nothing can be."""

    expected_rows: ClassVar[int] = 1_000_000  # see core.sqlite_statistics

    # The index below begins with the preview.
    preview = models.ForeignKey(FullSynchPreview, on_delete=models.CASCADE, db_index=False, related_name="records")
    mapping_name = models.CharField("mapping", max_length=40)
    kind = models.CharField(max_length=16, choices=PreviewKind)
    reason = models.CharField(max_length=24, choices=Reason, blank=True, default=Reason.NONE)
    local_id = models.UUIDField(null=True)
    local_key = models.CharField(max_length=80, blank=True)
    local_name = models.CharField(max_length=200, blank=True)
    integration_id = models.UUIDField(null=True)
    integration_name = models.CharField(max_length=200, blank=True)
    message = models.TextField(blank=True)
    detail = models.JSONField(null=True, encoder=DjangoJSONEncoder, help_text="As an outcome's: what a reader may see.")
    values = models.JSONField(default=list, help_text="[caption, before, after] of each field that would be written.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["preview", "mapping_name", "kind", "id"], name="full_preview_tab")]

    def __str__(self) -> str:
        return f"{self.local_key or self.integration_name}: {self.get_kind_display()}"
