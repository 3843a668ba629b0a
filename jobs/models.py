"""Jobs as rows: the only truth about a job, its outcomes and the records it was asked for."""

from typing import ClassVar

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import cached_property

from jobs.alert_models import Alert as Alert
from jobs.alert_models import AlertMessage as AlertMessage
from jobs.alert_models import AlertNotice as AlertNotice
from jobs.alert_models import AlertReceiver as AlertReceiver
from jobs.alert_models import AlertSettings as AlertSettings
from jobs.alert_models import Digest as Digest
from jobs.alert_models import Way as Way
from jobs.retention_models import RetentionPolicy as RetentionPolicy
from jobs.told_fields import ToldJSONField, ToldTextField
from jobs.wording import Wording, names_of
from masterdata.models import Company

COUNTERS = (
    "total", "coupled", "uncoupled", "inserted", "modified", "unchanged", "skipped", "deleted", "failed", "conflicts",
)  # fmt: skip


def no_counts() -> dict[str, int]:
    """Return all counters at zero, in the order pages and commands show them."""
    return dict.fromkeys(COUNTERS, 0)


class Type(models.TextChoices):
    """What a job does; also the name under which its handler is registered."""

    COUPLING = "coupling", "Coupling"
    UNCOUPLING = "uncoupling", "Uncoupling"
    SYNCHRONIZATION = "synchronization", "Synchronization"
    IMPORT = "import", "Import"
    ENVIRONMENT = "environment", "Environment change"
    PREVIEW = "preview", "Preview"
    RESTORE = "restore", "Put back"
    SUGGESTION = "suggestion", "Suggestion"
    UNDO = "undo", "Undo"
    UNDO_PREVIEW = "undo_preview", "Preview of an undo"
    RETENTION = "retention", "Retention"
    FULL_PREVIEW = "full_preview", "Full preview"
    PREPARATION = "preparation", "Preparation"


class State(models.TextChoices):
    """queued -> in_process -> finished | failed | cancelled; in_process <-> postponed (throttled, or waiting)."""

    QUEUED = "queued", "Queued"
    IN_PROCESS = "in_process", "In Process"
    POSTPONED = "postponed", "Postponed"
    FINISHED = "finished", "Finished"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


OPEN_STATES = (State.QUEUED, State.IN_PROCESS, State.POSTPONED)
ENDED_STATES = (State.FINISHED, State.FAILED, State.CANCELLED)


class Trigger(models.TextChoices):
    """What started a job."""

    USER = "user", "User"
    SCHEDULE = "schedule", "Schedule"
    FOLLOW_UP = "follow_up", "Follow-up"


class Outcome(models.TextChoices):
    """What became of one record in one job; each is also a counter (conflict counts as conflicts)."""

    COUPLED = "coupled", "Coupled"
    UNCOUPLED = "uncoupled", "Uncoupled"
    INSERTED = "inserted", "Inserted"
    MODIFIED = "modified", "Modified"
    UNCHANGED = "unchanged", "Unchanged"
    SKIPPED = "skipped", "Skipped"
    DELETED = "deleted", "Deleted"
    FAILED = "failed", "Failed"
    CONFLICT = "conflict", "Conflict"


class Reason(models.TextChoices):
    """Why: the closed list. Blank stands for the plain case of the outcome (coupled, modified, ...)."""

    NONE = "", ""
    # coupling
    NO_CRITERIA = "no_criteria", "No matching criteria"
    NO_MATCH = "no_match", "No match"
    MULTIPLE_MATCHES = "multiple_matches", "Multiple matches"
    ALREADY_COUPLED = "already_coupled", "Already coupled"
    CREATE_QUEUED = "create_queued", "Will be created"
    OUTSIDE_FILTER = "outside_filter", "Outside the mapping's filter"
    NOT_COUPLED = "not_coupled", "Not coupled"
    RECORD_GONE = "record_gone", "Record no longer exists"
    CHANGED_SINCE_PREVIEW = "changed_since_preview", "Changed since the preview"
    BRAKE = "brake", "Stopped by a brake"
    CHANGED_SINCE = "changed_since", "Changed since"
    # synchronization
    ONLY_COUPLED = "only_coupled", "Only coupled records are synchronized"
    LOCAL_DELETED = "local_deleted", "Deleted here"
    INTEGRATION_DELETED = "integration_deleted", "Deleted in Dataverse"
    UPDATE_CONFLICT = "update_conflict", "Changed on both sides"
    REFERENCE_NOT_COUPLED = "reference_not_coupled", "Related record not coupled"
    VALUE_TOO_LONG = "value_too_long", "Value too long"
    VALUE_INVALID = "value_invalid", "Value not valid"
    UNKNOWN_CHOICE = "unknown_choice", "Unknown choice"
    UNKNOWN_COLUMN = "unknown_column", "Unknown column"
    DUPLICATE = "duplicate", "Duplicate in Dataverse"
    REPEATED_FAILURE = "repeated_failure", "Failed twice the same way"
    # import
    UNREADABLE = "unreadable", "Could not be read"
    SAME_KEY = "same_key", "In the file twice"
    UNREADABLE_FILE = "unreadable_file", "File could not be read"
    # the environment
    DENIED = "denied", "Privilege missing"
    THROTTLED = "throttled", "Dataverse limit reached"
    REFUSED = "refused", "Refused by Dataverse"
    UNREACHABLE = "unreachable", "Dataverse not reachable"
    # the job as a whole
    NOT_ENABLED = "not_enabled", "Connection not enabled"
    WRONG_ENVIRONMENT = "wrong_environment", "Another environment"
    SIGN_IN = "sign_in", "Sign-in refused"
    CONFIGURATION = "configuration", "Mapping not usable"
    INTERNAL = "internal", "Internal error"


IS_FAILED = models.Func(models.F("state"), template="(%(expressions)s = 'failed')", output_field=models.BooleanField())
"""The condition of the index of failed jobs, without a parameter: SQLite takes no index of a part for those."""


class Job(models.Model):
    """One job. Changed by jobs.services and jobs.runner alone; every change of a running job is fenced."""

    expected_rows: ClassVar[int] = 100_000  # see core.sqlite_statistics
    few_values: ClassVar[tuple[str, ...]] = ("mapping_name",)
    already_waiting = False
    """Whether it was returned to somebody who asked for what it waits for (services.start); not stored."""

    # The indexes below begin with the company.
    company = models.ForeignKey(Company, on_delete=models.CASCADE, db_index=False, related_name="jobs")
    type = models.CharField(max_length=24, choices=Type)
    state = models.CharField(max_length=16, choices=State, default=State.QUEUED)
    mapping_name = models.CharField("mapping", max_length=40, blank=True)
    direction = models.CharField(max_length=24, blank=True)
    description = models.CharField(max_length=200, blank=True)
    exclusive_key = models.CharField(max_length=120, blank=True, help_text="Unique over jobs in process; others wait.")
    one_record = models.BooleanField(
        default=False, help_text="A long run on the same key yields to it at a checkpoint."
    )

    trigger = models.CharField(max_length=12, choices=Trigger, default=Trigger.USER)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="followups")
    parameters = models.JSONField(
        default=dict, blank=True, encoder=DjangoJSONEncoder, help_text="What was asked; never a secret."
    )
    selection_only = models.BooleanField(default=False, help_text="Only the records listed in its selection.")

    plan = models.CharField(max_length=16, blank=True, help_text="scan or probe.")
    phase = models.CharField(max_length=60, blank=True)
    processed = models.PositiveBigIntegerField(default=0)
    under_way = models.PositiveIntegerField(
        default=0, help_text="Rows of the batch in hand that Dataverse has taken, beyond what is processed."
    )
    total = models.PositiveBigIntegerField(null=True, blank=True)
    counters = models.JSONField(default=no_counts)
    reasons = models.JSONField(default=dict, blank=True)
    breakdown = models.JSONField(default=dict, blank=True, help_text="outcome -> reason -> count; pages count nothing.")
    requests = models.PositiveIntegerField(default=0, help_text="Requests sent to Dataverse.")
    throttled = models.PositiveIntegerField(default=0, help_text="Answers 429 among them.")
    answer_ms = models.PositiveIntegerField(null=True, help_text="How long its last answer took, in milliseconds.")
    resume = models.JSONField(
        default=dict,
        blank=True,
        encoder=DjangoJSONEncoder,
        help_text="Where the handler goes on; written with the data.",
    )
    message = models.TextField(blank=True, help_text="What the user reads.")
    detail = models.TextField(blank=True, help_text="What support needs: service code, request id, trace.")
    failure_reason = models.CharField(max_length=24, choices=Reason, blank=True, default=Reason.NONE)
    failure_message = models.TextField(blank=True, help_text="What happened and why, of the message of a failed job.")
    failure_fix = models.TextField(blank=True, help_text="What to do next, of the message of a failed job.")

    created_at = models.DateTimeField(default=timezone.now)
    not_before = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    active_s = models.FloatField(default=0, help_text="Seconds a worker has worked on it.")

    worker = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(
        default=0, help_text="Grows with every claim; a write with an older one is refused."
    )
    published_at = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    attempts = models.PositiveIntegerField(default=0, help_text="Claims whose worker was lost.")
    outage_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when Dataverse does not answer; blank after a checkpoint."
    )

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["exclusive_key"],
                condition=Q(state=State.IN_PROCESS) & ~Q(exclusive_key=""),
                name="one_job_in_process_per_key",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["company", "mapping_name", "type", "-id"], name="job_by_mapping"),
            models.Index(fields=["company", "mapping_name", "-id"], name="job_of_mapping"),
            models.Index(fields=["company", "type", "-id"], name="job_by_type"),
            models.Index(fields=["company", "-id"], name="job_of_company"),
            models.Index(fields=["state", "not_before"], name="job_by_state"),
            models.Index(fields=["company", "mapping_name", "type", "-id"], condition=Q(IS_FAILED), name="job_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.mapping_name or self.get_type_display()} {self.pk}"

    @property
    def needs_person(self) -> bool:
        """Whether it is postponed until a person has settled what its message says."""
        return bool(self.state == State.POSTPONED and self.failure_reason)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED_STATES


class JobRecord(models.Model):
    """One record a job was asked for: its selection, as a table, so that a list has no length limit."""

    expected_rows: ClassVar[int] = 1_000_000  # see core.sqlite_statistics

    # The index below begins with the job.
    job = models.ForeignKey(Job, on_delete=models.CASCADE, db_index=False, related_name="records")
    local_id = models.UUIDField(null=True)
    integration_id = models.UUIDField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["job", "local_id"], name="jobrecord_by_local")]

    def __str__(self) -> str:
        return str(self.local_id or self.integration_id)


class OutcomeWording(models.Model):
    """The sentences of a job's outcomes, and the names and captions in them, each once (jobs.wording)."""

    id = models.AutoField(primary_key=True)  # of four bytes, since every outcome repeats it
    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="wording")
    entries = models.BinaryField(help_text="Grows while the job runs; what outcomes refer to stays where it is.")

    def __str__(self) -> str:
        return f"Wording of job {self.job_id}"

    @cached_property
    def known(self) -> Wording:
        """Return what is stored."""
        return Wording(self.entries)


class _OutcomeManager(models.Manager["JobOutcome"]):
    """Reads outcomes together with what they are told from."""

    def get_queryset(self) -> "models.QuerySet[JobOutcome]":
        return super().get_queryset().prefetch_related("wording")


class JobOutcome(models.Model):
    """What became of one record in one job, and why.

    Records that simply coupled have no row here: see OutcomePart, and jobs.outcomes, which reads both. Of others a row
    keeps what is its own, and its message and detail are told when they are read: no query finds, sorts or lists them.
    Rows of older jobs, and what has no short form, hold both as they are.
    """

    expected_rows: ClassVar[int] = 1_000_000  # see core.sqlite_statistics

    # The index of the lists begins with the job.
    job = models.ForeignKey(Job, on_delete=models.CASCADE, db_index=False, related_name="outcomes")
    outcome = models.CharField(max_length=12, choices=Outcome)
    reason = models.CharField(max_length=24, choices=Reason, blank=True, default=Reason.NONE)
    position = models.PositiveIntegerField(
        default=0, help_text="Its number, from 1, among the job's outcomes of the same outcome and reason; 0: none."
    )
    local_id = models.UUIDField(null=True, blank=True)
    local_key = models.CharField(max_length=80, blank=True, help_text="The local record's number or code.")
    local_name = models.CharField(max_length=200, blank=True)
    integration_id = models.UUIDField(null=True, blank=True)
    integration_name = models.CharField(max_length=200, blank=True)
    message = ToldTextField(blank=True, help_text="What the user reads: what happened, why, what to do next.")
    detail = ToldJSONField(
        null=True,
        blank=True,
        encoder=DjangoJSONEncoder,
        help_text="fields: compared values; candidates; trail of priorities; code and request id.",
    )
    number = models.BigIntegerField(
        null=True, blank=True,
        help_text="The number by which parts of earlier jobs know it, where this outcome ended that: see OutcomePart.",
    )  # fmt: skip
    # Behind the columns that are told from them: see `tell`. What it refers to goes with the job alone.
    wording = models.ForeignKey(
        OutcomeWording, on_delete=models.DO_NOTHING, null=True, editable=False, db_index=False, db_constraint=False,
        related_name="+",
    )  # fmt: skip
    arguments = models.BinaryField(
        null=True, help_text="What its message and detail are told from; blank: they hold it as it is."
    )

    objects = _OutcomeManager()
    _told = False

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["number"], condition=Q(number__isnull=False), name="outcome_by_number"),
            # In the order of the lists, whose pages are sought by the position, whatever their number.
            models.Index(fields=["job", "outcome", "reason", "position", "id"], name="outcome_by_position"),
            models.Index(fields=["local_id"], name="outcome_by_local"),
        ]

    def __str__(self) -> str:
        return f"{self.local_key or self.integration_id}: {self.get_outcome_display()}"

    def tell(self) -> None:
        """Have message and detail hold what they say, where they are told from arguments."""
        if self._told or ("arguments" not in self.__dict__ and self._state.adding):
            return  # it is being made, column by column
        if self.arguments is not None and self.wording is not None:
            self._told = True
            names = names_of(self.local_key, self.local_name, self.integration_name, self.integration_id, self.local_id)
            told = self.wording.known.tell(self.arguments, names)
            self.__dict__["message"], self.__dict__["detail"] = told


class OutcomePart(models.Model):
    """Outcomes of one checkpoint that have no row each: all of one outcome, without a reason.

    Each is known by a number, under which the room whose job it is finds its records (registry.derived_outcomes).
    """

    # The constraint below begins with the job.
    job = models.ForeignKey(Job, on_delete=models.CASCADE, db_index=False, related_name="outcome_parts")
    outcome = models.CharField(max_length=12, choices=Outcome)
    first = models.PositiveBigIntegerField(help_text="The position of its first, counted as JobOutcome.position is.")
    count = models.PositiveIntegerField()
    numbers = models.BinaryField(help_text="The number of each, packed (jobs.outcome_parts).")
    notes = models.BinaryField(default=bytes, blank=True, help_text="What is noted of each, packed; blank for nothing.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "outcome", "first"], name="outcome_part_by_position")
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.outcome} in job {self.job_id}"


class Tick(models.Model):
    """The one row by which the ticks of several beats elect one."""

    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"last tick {self.last_at:%H:%M:%S}"
