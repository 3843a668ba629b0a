"""Mappings and couplings as rows."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import BooleanField, F, Func, Q
from django.utils import timezone

from core.vocabulary import CompareAs, ConflictOption, DeletionOption, Direction
from masterdata.models import Company


class IntegrationTableMapping(models.Model):
    """A local table and a Dataverse table that belong together, and how they are synchronized."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="mappings")
    name = models.CharField(max_length=40)
    table = models.CharField(max_length=60, help_text="The local table's name in masterdata.catalog.")
    integration_table = models.CharField(max_length=128, help_text="The Dataverse table's logical name.")
    entity_set = models.CharField(max_length=128)
    uid_column = models.CharField("integration field", max_length=128)
    modified_on_column = models.CharField(max_length=128, blank=True)
    uid_kind = models.CharField(max_length=8, choices=[("guid", "GUID"), ("option", "Option")], default="guid")
    name_column = models.CharField(max_length=128, blank=True, help_text="The column people know a row by.")
    direction = models.CharField(max_length=24, choices=Direction.choices, default=Direction.BIDIRECTIONAL)
    table_filter = models.JSONField(default=list, blank=True, help_text="Conditions on local fields, all ANDed.")
    integration_filter = models.JSONField("integration table filter", default=list, blank=True)
    insert_values = models.JSONField(
        default=dict, blank=True, help_text="Columns a new Dataverse row gets beside the mapped ones."
    )
    synch_only_coupled = models.BooleanField("Synch. Only Coupled Records", default=True)
    update_conflict = models.CharField(
        "Resolve Update Conflicts", max_length=8, choices=ConflictOption.choices, blank=True, default=""
    )
    deletion_conflict = models.CharField(
        "Resolve Deletion Conflicts", max_length=8, choices=DeletionOption.choices, blank=True, default=""
    )
    synch_after_coupling = models.BooleanField("Synchronize After Coupling", default=False)
    create_new = models.BooleanField("Create New If Unable to Find a Match", default=False)
    blank_is_no_match = models.BooleanField("Blank values: don't match", default=False)
    multi_company = models.BooleanField(
        "Multi-Company Synchronization Enabled",
        default=False,
        help_text="Rows of every company take part, and none belongs to one company alone.",
    )
    dependencies = models.JSONField(default=list, blank=True, help_text="Names of the mappings this one depends on.")
    every_minutes = models.PositiveIntegerField(default=30)
    inactivity_timeout_minutes = models.PositiveIntegerField(default=720)
    scheduled = models.BooleanField(default=False)
    next_run_at = models.DateTimeField(null=True, blank=True)
    position = models.PositiveIntegerField(default=0, help_text="Its place in lists and in the order of default runs.")

    class Meta:
        ordering: ClassVar = ["position", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["company", "name"], name="mapping_name_per_company")]

    def __str__(self) -> str:
        return self.name


class IntegrationFieldMapping(models.Model):
    """A local field and a Dataverse column that belong together."""

    mapping = models.ForeignKey(IntegrationTableMapping, on_delete=models.CASCADE, related_name="fields")
    field = models.CharField(max_length=60, blank=True, help_text="The local field; blank for a constant to Dataverse.")
    integration_field = models.CharField(max_length=128, blank=True)
    direction = models.CharField(max_length=24, choices=Direction.choices, default=Direction.BIDIRECTIONAL)
    enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(
        max_length=200, blank=True, help_text="Why it is off, where Tandem switched it off."
    )
    constant = models.CharField("constant value", max_length=100, blank=True)
    validate_field = models.BooleanField(default=True)
    validate_integration_field = models.BooleanField(default=False)
    clear_on_failed = models.BooleanField("Clear Value on Failed Sync", default=False)
    not_null = models.BooleanField(default=False)
    update_conflict = models.CharField(
        "Resolve Update Conflicts", max_length=8, choices=ConflictOption.choices, blank=True, default=""
    )
    use_for_match = models.BooleanField("Match on this Field", default=False)
    case_sensitive = models.BooleanField("Case-sensitive Matching", default=False)
    match_priority = models.PositiveIntegerField("Match Priority", default=0)
    compare_as = models.CharField("Compare As", max_length=16, choices=CompareAs.choices, default=CompareAs.TEXT)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["position", "id"]

    def __str__(self) -> str:
        return f"{self.field or self.constant} - {self.integration_field}"


class OptionMapping(models.Model):
    """A local record coupled with a choice of a Dataverse column."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="option_mappings")
    mapping = models.ForeignKey(IntegrationTableMapping, on_delete=models.CASCADE, related_name="options")
    local_id = models.UUIDField()
    value = models.IntegerField("option value")
    caption = models.CharField("option value caption", max_length=200)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mapping", "local_id"], name="option_once_per_record"),
            models.UniqueConstraint(fields=["mapping", "value"], name="option_once_per_value"),
        ]

    def __str__(self) -> str:
        return self.caption


class Method(models.TextChoices):
    """How a pair came about."""

    MATCHED = "matched", "Matched"
    CREATED = "created", "Created"
    MANUAL = "manual", "Chosen by hand"


def _filled(column: str) -> Func:
    """Return the condition that a text is not blank, without a parameter: SQLite takes no index of a part for those."""
    return Func(F(column), template="(%(expressions)s <> '')", output_field=BooleanField())


UNSETTLED = Q(compared=False) | (Q(_filled("last_to_reason")) | Q(_filled("last_from_reason"))) & Q(
    skipped=False, conflict__isnull=True
)
"""Couplings that a run looks at although nobody told it of a change: those that no run has compared yet, and those that
failed and wait for no person. Few are, and an index has those alone: a query finds them by it where it names this
condition as it is here. No column that every run writes may stand in it: PostgreSQL would then write each index anew
where it now changes a row in its place."""


class Coupling(models.Model):
    """A local record and a Dataverse row that are the same thing."""

    expected_rows: ClassVar[int] = 1_000_000  # see core.sqlite_statistics
    few_values: ClassVar[tuple[str, ...]] = ("table",)

    # The indexes below begin with the company: one of its own would be written with each row and serve nobody.
    company = models.ForeignKey(Company, on_delete=models.CASCADE, db_index=False, related_name="couplings")
    mapping = models.ForeignKey(IntegrationTableMapping, on_delete=models.CASCADE, related_name="couplings")
    table = models.CharField(
        max_length=60, help_text="The local table; a Dataverse row is coupled once per local table."
    )
    local_id = models.UUIDField()
    integration_id = models.UUIDField()
    organization_id = models.UUIDField(
        null=True, help_text="The organization it was made in; another one is never written."
    )
    method = models.CharField(max_length=8, choices=Method, default=Method.MATCHED)
    job_id = models.BigIntegerField(null=True, help_text="The job that made it.")
    created_at = models.DateTimeField(default=timezone.now)

    version = models.CharField(
        max_length=40, blank=True, help_text="The Dataverse row's etag at the last synchronization."
    )
    local_modified_at = models.DateTimeField(
        null=True, help_text="The local record's modified_at at the last synchronization."
    )
    synchronized_at = models.DateTimeField(null=True)
    last_job_id = models.BigIntegerField(null=True, help_text="The last synchronization that settled this pair.")
    compared = models.BooleanField(
        default=False, help_text="A run has dealt with the pair, or it was created alike on both sides."
    )
    pending = models.BooleanField(
        default=False, help_text="Dataverse has not confirmed the row yet (creation was sent)."
    )
    last_to_reason = models.CharField(max_length=24, blank=True, help_text="Why the last write to Dataverse failed.")
    last_from_reason = models.CharField(max_length=24, blank=True, help_text="Why the last write to this side failed.")
    last_error = models.TextField(blank=True)
    skipped = models.BooleanField(
        default=False, help_text="Failed twice the same way: left out of runs in which nothing about it changed."
    )
    conflict = models.JSONField(null=True, blank=True, help_text="Fields changed on both sides, waiting for a person.")

    class Meta:
        # Every index by an id costs a page of its own for nearly every coupling written, so there is one for each side:
        # in this order they also find a record of any mapping, and a row of any table.
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["local_id", "mapping"], name="coupled_once_per_record"),
            models.UniqueConstraint(fields=["company", "integration_id", "table"], name="coupled_once_per_row"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["company", "id"], condition=Q(conflict__isnull=False), name="coupling_conflict"),
            models.Index(fields=["mapping", "local_id"], condition=Q(pending=True), name="coupling_pending"),
            models.Index(fields=["mapping", "id"], condition=UNSETTLED, name="coupling_unsettled"),
        ]

    def __str__(self) -> str:
        return f"{self.local_id} - {self.integration_id}"


class CouplingBase(models.Model):
    """The values both sides agreed on at the last synchronization: field -> canonical value, packed (msgpack)."""

    expected_rows: ClassVar[int] = 1_000_000  # see core.sqlite_statistics

    coupling = models.OneToOneField(Coupling, on_delete=models.CASCADE, primary_key=True, related_name="base")
    values = models.BinaryField()

    def __str__(self) -> str:
        return f"base of {self.coupling_id}"


class UndoneRecord(models.Model):
    """What synchronization left undone, with the condition that holds it back.

    A pair (coupling is set), a record that could not be created in Dataverse (local_id alone), or a row that could not
    be created here (integration_id alone). The run that synchronizes or creates it deletes the line.
    """

    expected_rows: ClassVar[int] = 100_000  # see core.sqlite_statistics

    # The indexes below begin with the company, or the mapping.
    company = models.ForeignKey(Company, on_delete=models.CASCADE, db_index=False, related_name="+")
    mapping = models.ForeignKey(
        IntegrationTableMapping, on_delete=models.CASCADE, db_index=False, related_name="undone_records"
    )
    # Couplings are deleted in bulk by those who do not know this table; coupling.undone leaves out what is left over.
    coupling = models.OneToOneField(
        Coupling, on_delete=models.CASCADE, null=True, related_name="undone", db_constraint=False
    )
    local_id = models.UUIDField(null=True)
    integration_id = models.UUIDField(null=True)
    local_key = models.CharField(max_length=80, blank=True, help_text="The local record's number or code.")
    local_name = models.CharField(max_length=200, blank=True)
    integration_name = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=24)
    condition = models.TextField(help_text="What holds it back, and what to do, in words.")
    waits_for = models.CharField(
        max_length=160, blank=True, help_text="The reference whose coupling ends it (sync.rules.values.Reference)."
    )
    successor_id = models.UUIDField(null=True, help_text="The row that its row was merged into.")
    since = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=1, help_text="Runs in a row that met this condition.")
    last_at = models.DateTimeField(default=timezone.now)
    job_id = models.BigIntegerField(null=True, help_text="The last job that met the condition.")
    look_at = models.DateTimeField(
        null=True, help_text="When a run takes it up by itself; blank: once a side or the mapping changes."
    )
    settled_at = models.DateTimeField(null=True, help_text="When a person said that it stays as it is.")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["company", "id"], name="undone_by_company"),
            models.Index(fields=["mapping", "local_id"], name="undone_by_record"),
            models.Index(fields=["mapping", "integration_id"], name="undone_by_row"),
        ]

    def __str__(self) -> str:
        return f"{self.label}: {self.condition}"

    @property
    def label(self) -> str:
        """What people know it by, as it was when the condition was met."""
        return f"{self.local_key} {self.local_name}".strip() or self.integration_name or str(self.integration_id)


class Selection(models.Model):
    """Records that a person selected on a list for coupling or uncoupling, stored until the job starts."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    mapping = models.ForeignKey(IntegrationTableMapping, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.count} of {self.mapping}"


class SelectionRecord(models.Model):
    """One selected record."""

    expected_rows: ClassVar[int] = 1_000_000  # see core.sqlite_statistics

    selection = models.ForeignKey(Selection, on_delete=models.CASCADE, related_name="records")
    local_id = models.UUIDField()

    def __str__(self) -> str:
        return str(self.local_id)
