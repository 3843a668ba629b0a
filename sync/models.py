"""State of synchronization: up to where each mapping's changes were read, pairs to compare, the review's lines."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from core.compact_ids import CompactUUIDField
from core.vocabulary import Recommendation
from coupling.models import Coupling, IntegrationTableMapping
from jobs.models import Job, State
from masterdata.models import Company
from sync.full_preview_models import FullSynchPreview as FullSynchPreview
from sync.full_preview_models import FullSynchPreviewRecord as FullSynchPreviewRecord
from sync.full_preview_models import PreviewKind as PreviewKind
from sync.written_models import WrittenRows as WrittenRows


class SynchState(models.Model):
    """Up to where the changes of a mapping were read. Moves in the transaction that ends the run."""

    mapping = models.OneToOneField(IntegrationTableMapping, on_delete=models.CASCADE, related_name="synch_state")
    fingerprint = models.CharField(
        max_length=64, blank=True, help_text="Of company, mapping, columns and filter; another one means compare fully."
    )
    delta_link = models.TextField(blank=True)
    local_high_water = models.DateTimeField(null=True, blank=True)
    creating = models.BooleanField(
        default=True, help_text="Rows may have been sent for creation of which nobody knows whether they exist."
    )
    uncoupled = models.PositiveIntegerField(default=0, help_text="How often couplings of the mapping were deleted.")
    none_left_at = models.PositiveIntegerField(
        null=True, blank=True,
        help_text="What `uncoupled` was when a run last found no record here to create a row for. While it is that "
        "still, only records changed since need a look.",
    )  # fmt: skip
    compared_at = models.DateTimeField(
        null=True, blank=True, help_text="When all its couplings were last compared with the records there are."
    )
    unconfirmed_writes = models.BinaryField(
        default=bytes, blank=True, help_text="Writes sent whose answers were never saved, packed (msgpack)."
    )

    def __str__(self) -> str:
        return f"state of {self.mapping}"


class Schedule(models.Model):
    """What came of the runs that a mapping makes by itself. When it runs, and how often, is the mapping's own."""

    mapping = models.OneToOneField(
        IntegrationTableMapping, on_delete=models.CASCADE, primary_key=True, related_name="schedule"
    )
    job = models.ForeignKey(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="+",
        help_text="Its run until the schedule has taken note of how it ended.",
    )  # fmt: skip
    owed_since = models.DateTimeField(
        null=True, blank=True, help_text="The time of the first run that has not succeeded yet."
    )
    attempts = models.PositiveIntegerField(default=0, help_text="Failed runs in a row.")
    failed_at = models.DateTimeField(null=True, blank=True, help_text="Since when it is in Error.")
    error = models.TextField(blank=True, help_text="Why the last run failed: what happened and why.")
    error_fix = models.TextField(blank=True, help_text="What to do next about it.")
    last_success_at = models.DateTimeField(null=True, blank=True)
    held_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    held_at = models.DateTimeField(null=True, blank=True, help_text="When a person set it on hold.")

    def __str__(self) -> str:
        return f"schedule of {self.mapping}"


class SchedulePause(models.Model):
    """Why all schedules of a company are on hold: Dataverse does not serve. One asks again at `next_try_at`."""

    company = models.OneToOneField(Company, on_delete=models.CASCADE, primary_key=True, related_name="+")
    message = models.TextField(help_text="What happened and why.")
    fix = models.TextField(blank=True, help_text="What to do next.")
    since = models.DateTimeField()
    tries = models.PositiveIntegerField(default=1, help_text="Runs in a row that found it so.")
    next_try_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"pause of {self.company}"


class Waits(models.TextChoices):
    """What a due pair waits for before it is compared."""

    NOTHING = "", ""
    RECORD = "record", "Until the record is inside the table filter"
    ROW = "row", "Until the row is inside the integration table filter"
    DIRECTION = "direction", "Until a run goes both ways"
    DELETED = "deleted", "Nothing: the record here was deleted"


class DuePair(models.Model):
    """A pair to compare by reading both sides: it changed while it was written, or in a way that no run reports.

    Where the record was deleted, whoever deletes it says so here; only a run that has seen the deletion takes that out.
    """

    # Couplings are deleted in bulk by rooms that do not know this table; a run deletes what is left over.
    coupling = models.OneToOneField(
        Coupling, on_delete=models.CASCADE, primary_key=True, related_name="due", db_constraint=False
    )
    mapping = models.ForeignKey(IntegrationTableMapping, on_delete=models.CASCADE, db_index=False, related_name="+")
    tries = models.PositiveSmallIntegerField(default=0, help_text="How often it changed again meanwhile.")
    waits = models.CharField(max_length=12, choices=Waits, blank=True, default=Waits.NOTHING)
    local_key = models.CharField(
        max_length=80, blank=True, default="", help_text="The number or code of a record that was deleted."
    )
    local_name = models.CharField(max_length=200, blank=True, default="", help_text="The name of such a record.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["mapping", "waits"], name="due_pair_of_mapping")]

    def __str__(self) -> str:
        return f"{self.coupling_id} is due"


class ConflictChoice(models.Model):
    """What a person chose for the fields of a pair that both sides changed; the job carries it out. It goes with it."""

    expected_rows: ClassVar[int] = 100_000  # see core.sqlite_statistics

    job = models.ForeignKey(Job, on_delete=models.CASCADE, db_index=False, related_name="conflict_choices")
    # Couplings are deleted in bulk by rooms that do not know this table; what is left over is never read.
    coupling_id = models.BigIntegerField()
    fields = models.JSONField(help_text="By field, the choice and what both sides had then (sync.rules.resolving).")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["job", "coupling_id"], name="conflict_choice_of_pair")]

    def __str__(self) -> str:
        return f"choices for {self.coupling_id}"


class WrittenSide(models.IntegerChoices):
    """Which side of a pair was written."""

    LOCAL = 1, "From Dataverse"
    INTEGRATION = 2, "To Dataverse"


class SynchronizedField(models.Model):
    """A field of a mapping whose writes have a history, under a number that each line of it repeats.

    It names the mapping as jobs do, and outlives it.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE, db_index=False, related_name="+")
    mapping_name = models.CharField("mapping", max_length=40)
    table = models.CharField(max_length=60, help_text="The local table's name in masterdata.catalog.")
    name = models.CharField(max_length=260, help_text="What the field is known by among those of its mapping.")
    local = models.CharField("field", max_length=128, blank=True, help_text="The local field; blank for a constant.")
    column = models.CharField(max_length=128, blank=True, help_text="The column in Dataverse.")
    caption = models.CharField(max_length=200, help_text="What people called it when it was first written.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["company", "mapping_name", "table", "name"], name="synchronized_field_by_name"
            )
        ]

    def __str__(self) -> str:
        return f"{self.caption} of {self.mapping_name}"


MOST_OF_NAME = 100
"""Characters of a Dataverse user's name that the history keeps."""


class SynchronizedValue(models.Model):
    """One field that was written on one side: a line of the synchronization history. It goes with its job.

    Before and after are kept as sync.rules.changes has it: as people read them, codes before their labels.
    """

    expected_rows: ClassVar[int] = 1_000_000  # see core.sqlite_statistics

    # The indexes below begin with what is asked for; each is read from its end, for the newest.
    company = models.ForeignKey(Company, on_delete=models.CASCADE, db_index=False, related_name="+")
    job = models.ForeignKey(Job, on_delete=models.CASCADE, db_index=False, related_name="synchronized_values")
    # Fields are deleted with their company alone, as are lines.
    field = models.ForeignKey(
        SynchronizedField, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    side = models.PositiveSmallIntegerField(choices=WrittenSide)
    won = models.PositiveSmallIntegerField(default=0, help_text="Why the other side counted: sync.rules.changes.Won.")
    at = models.DateTimeField()
    local_id = CompactUUIDField()
    integration_id = CompactUUIDField()
    before = models.TextField(null=True)
    after = models.TextField(null=True)
    changed_by = models.CharField(
        max_length=MOST_OF_NAME, default="", db_default="", help_text="Who changed the row that it comes from."
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["company", "id"], name="synchronized_of_company"),
            models.Index(fields=["job", "id"], name="synchronized_by_job"),
            models.Index(fields=["local_id", "id"], name="synchronized_of_record"),
        ]

    def __str__(self) -> str:
        return f"{self.field} of {self.local_id}"


class FullSynchReviewLine(models.Model):
    """One mapping in the full synchronization of a company."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="full_synch_lines")
    name = models.CharField(max_length=40)
    direction = models.CharField(max_length=24)
    dependencies = models.JSONField(default=list, blank=True)
    recommendation = models.CharField(max_length=12, choices=Recommendation.choices)
    overridden = models.BooleanField(default=False, help_text="A person chose Recommend Full Synchronization.")
    local_count = models.PositiveIntegerField(default=0, help_text="Uncoupled records here, inside the table filter.")
    integration_count = models.PositiveIntegerField(
        null=True, help_text="Uncoupled rows there, inside the integration filter."
    )
    removed = models.BooleanField(default=False, help_text="Taken out of this run by a person.")
    status = models.CharField(
        max_length=16, blank=True, help_text="Blank: not started; then the state of its job, or blocked."
    )
    to_status = models.CharField(
        max_length=16, blank=True, help_text="How its job stands on the way to Dataverse: blank where there is none."
    )
    from_status = models.CharField(max_length=16, blank=True, help_text="The same on the way from Dataverse.")
    started = models.BooleanField(default=False, help_text="Part of the run that Sync All began.")
    message = models.TextField(blank=True)
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    position = models.PositiveIntegerField(default=0)
    counted_at = models.DateTimeField(null=True, blank=True)
    estimate = models.JSONField(
        default=dict, blank=True, help_text="What its run was expected to take (sync.full.estimate.Estimate)."
    )

    class Meta:
        ordering: ClassVar = ["position", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["company", "name"], name="review_line_per_mapping")]

    def __str__(self) -> str:
        return self.name


class UndoPreview(models.Model):
    """What a job of the kind `undo_preview` found, kept for a while: what undoing a coupling job would do."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, primary_key=True, related_name="undo_preview")
    undone = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="undo_previews")
    complete = models.BooleanField(default=False, help_text="Whether all of it is stored.")
    numbers = models.JSONField(default=dict, help_text="What was found -> how many (sync.undo.store).")
    carried_out_by = models.ForeignKey(
        Job, on_delete=models.SET_NULL, null=True, related_name="+", help_text="The job that undoes as previewed."
    )
    kept_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"preview {self.pk} of undoing job {self.undone_id}"

    @property
    def is_carried_out(self) -> bool:
        """Whether a job undoes as it told, or has: one that failed or was cancelled is asked for once more."""
        job = self.carried_out_by
        return job is not None and job.state not in (State.FAILED, State.CANCELLED)


class UndoPreviewPart(models.Model):
    """Couplings of one checkpoint that come to the same: they end, cannot end, or stay for one reason."""

    # The constraint and the index below begin with the preview.
    preview = models.ForeignKey(UndoPreview, on_delete=models.CASCADE, db_index=False, related_name="parts")
    kind = models.CharField(max_length=40, help_text="ends, fails, or the reason for which they stay.")
    chunk = models.PositiveIntegerField(help_text="The number of the checkpoint, in the order of the couplings.")
    first = models.PositiveBigIntegerField(help_text="How many couplings of the kind come before.")
    count = models.PositiveIntegerField()
    first_back = models.PositiveBigIntegerField(help_text="How many values that go back come before, of the kind.")
    back = models.PositiveIntegerField()
    first_kept = models.PositiveBigIntegerField(help_text="How many values that stay come before, of the kind.")
    kept = models.PositiveIntegerField()
    packed = models.BinaryField(help_text="The couplings, packed (sync.undo.previewed).")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["preview", "kind", "chunk"], name="undo_preview_part_of_chunk")
        ]
        indexes: ClassVar = [models.Index(fields=["preview", "chunk"], name="undo_preview_in_order")]

    def __str__(self) -> str:
        return f"{self.count} {self.kind} in {self.preview}"
