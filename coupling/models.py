"""Mappings and couplings as rows."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import QuerySet
from django.utils import timezone

from core.logged import OfCompany
from core.vocabulary import BlankPolicy, CompareAs, ConflictOption, DeletionOption, Direction
from coupling.criteria_models import CriteriaMeasurement as CriteriaMeasurement
from coupling.criteria_models import CriteriaSet as CriteriaSet
from coupling.pair_models import UNSETTLED as UNSETTLED
from coupling.pair_models import UNSETTLED_COUPLING as UNSETTLED_COUPLING
from coupling.pair_models import Coupling as Coupling
from coupling.pair_models import CouplingBase as CouplingBase
from coupling.pair_models import EndedCoupling as EndedCoupling
from coupling.pair_models import Method as Method
from coupling.pair_models import NewCouplings as NewCouplings
from coupling.preview_models import CouplingPreview as CouplingPreview
from coupling.preview_models import PreviewException as PreviewException
from coupling.preview_models import PreviewPart as PreviewPart
from coupling.view_models import SavedView as SavedView
from masterdata.models import Company


class IntegrationTableMapping(OfCompany, models.Model):
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
    table_filter = models.JSONField(
        default=dict, blank=True, help_text="The condition on local records, a tree as coupling.filters reads it."
    )
    integration_filter = models.JSONField(
        "integration table filter", default=dict, blank=True, help_text="The condition on Dataverse rows, a tree too."
    )
    company_column = models.CharField(
        max_length=128,
        blank=True,
        help_text="The lookup that says which company a row belongs to; blank: the table has none, companies share it.",
    )
    insert_values = models.JSONField(
        default=dict, blank=True, help_text="Columns a new Dataverse row gets beside the mapped ones."
    )
    template = models.CharField(
        "Template", max_length=20, blank=True, help_text="What records that come from Dataverse begin with here."
    )
    synch_only_coupled = models.BooleanField("Synch. Only Coupled Records", default=True)
    update_conflict = models.CharField(
        "Resolve Update Conflicts",
        max_length=8,
        choices=[(one.value, one.label) for one in ConflictOption.of_a_mapping()],
        blank=True,
        default="",
    )
    deletion_conflict = models.CharField(
        "Resolve Deletion Conflicts", max_length=8, choices=DeletionOption.choices, blank=True, default=""
    )
    blanks = models.CharField(
        "Blank values",
        max_length=8,
        choices=[(one.value, one.label) for one in (BlankPolicy.SEND, BlankPolicy.KEEP)],
        default=BlankPolicy.SEND,
        help_text="Whether a blank on one side blanks the other side, or never overwrites a value.",
    )
    synch_after_coupling = models.BooleanField("Synchronize After Coupling", default=False)
    create_new = models.BooleanField("Create New if Unable to Find a Match", default=False)
    brakes = models.JSONField(
        default=dict, blank=True, help_text="Above what a coupling stops, as coupling.brakes dumps it: {} for no limit."
    )
    day_zone = models.CharField(
        "Time Zone of Dates",
        max_length=60,
        blank=True,
        default="",
        help_text="Whose midnights dates are that Dataverse keeps as moments; blank: the site's.",
    )
    blank_is_no_match = models.BooleanField("Blank values: don't match", default=False)
    multi_company = models.BooleanField(
        "Multi-Company Synchronization Enabled",
        default=False,
        help_text="Rows of every company take part, and none belongs to one company alone.",
    )
    dependencies = models.JSONField(default=list, blank=True, help_text="Names of the mappings this one depends on.")
    every_minutes = models.PositiveIntegerField(default=30)
    inactivity_timeout_minutes = models.PositiveIntegerField(default=720)
    late_after_minutes = models.PositiveIntegerField(
        "Late After", default=15, help_text="How many minutes past its time a run may begin or succeed."
    )
    scheduled = models.BooleanField(default=False)
    next_run_at = models.DateTimeField(null=True, blank=True)
    on_hold_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when it waits for a record here to change, or for its timeout to end."
    )
    position = models.PositiveIntegerField(default=0, help_text="Its place in lists and in the order of default runs.")
    user_defined = models.BooleanField("User Defined", default=False, help_text="Made by a person, not by default.")

    class Meta:
        ordering: ClassVar = ["position", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["company", "name"], name="mapping_name_per_company")]

    def __str__(self) -> str:
        return self.name


class IntegrationFieldMapping(models.Model):
    """A local field and a Dataverse column that belong together."""

    mapping = models.ForeignKey(IntegrationTableMapping, on_delete=models.CASCADE, related_name="fields")
    field = models.CharField(max_length=60, blank=True, help_text="The local field; blank for a constant to Dataverse.")
    integration_field = models.CharField(
        max_length=128, blank=True, help_text="The column; blank for a constant to the local field."
    )
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
        "Resolve Update Conflicts",
        max_length=8,
        choices=[(one.value, one.label) for one in ConflictOption if one],
        blank=True,
        default="",
        help_text="Which side counts where both changed the field; blank is what the mapping says.",
    )
    rules = models.JSONField(
        "transformation rules", default=list, blank=True, help_text="Rules as words (NAME or NAME=VALUE), in order."
    )
    transformation_direction = models.CharField(
        max_length=24,
        choices=[(one.value, one.label) for one in (Direction.TO, Direction.FROM)],
        default=Direction.TO,
        help_text="The way in which the rules rewrite values; that of the field where it is one-way.",
    )
    blanks = models.CharField(
        "Blank values", max_length=8, choices=BlankPolicy.choices, blank=True, default=BlankPolicy.DEFAULT
    )
    use_for_match = models.BooleanField("Match on this Field", default=False)
    case_sensitive = models.BooleanField("Case-sensitive Matching", default=False)
    match_priority = models.PositiveIntegerField("Match Priority", default=0)
    compare_as = models.CharField("Compare As", max_length=16, choices=CompareAs.choices, default=CompareAs.TEXT)
    position = models.PositiveIntegerField(default=0)
    user_defined = models.BooleanField("User Defined", default=False, help_text="Made by a person, not by default.")

    class Meta:
        ordering: ClassVar = ["position", "id"]

    def __str__(self) -> str:
        return f"{self.field or self.constant} - {self.integration_field}"

    def get_additional_data(self) -> dict[str, Any]:
        """Return what the audit log keeps beside ids, which outlives the field and its mapping."""
        mapping = self.mapping
        return {"company_id": mapping.company_id, "of": f"{mapping.name}, {self.field}={self.integration_field}"}


class NewMappingDraft(models.Model):
    """What a person has answered in the guide New Table Mapping until now; no mapping before the guide is finished."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    answers = models.JSONField(default=dict, help_text="By step, as coupling.mappings.guide reads them.")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["company", "user"], name="new_mapping_draft")]

    def __str__(self) -> str:
        return str(self.answers.get("name", {}).get("name", "")) or "New Table Mapping"


class KnownColumns(models.Model):
    """What the columns that a mapping uses were and are in Dataverse (coupling.mappings.drift)."""

    mapping = models.OneToOneField(IntegrationTableMapping, on_delete=models.CASCADE, related_name="known_columns")
    then = models.JSONField(
        default=dict, help_text="Column -> what it was when it was first seen, or accepted by a person."
    )
    now = models.JSONField(default=dict, help_text="Column -> what it was at the last look.")
    since = models.JSONField(default=dict, help_text="Change -> when it was found.")
    emptied = models.JSONField(
        default=dict, help_text="Column -> when it was found to be made anew in Dataverse, without its values."
    )
    looked_at = models.DateTimeField(null=True, db_index=True)

    def __str__(self) -> str:
        return f"columns of {self.mapping_id}"


class LookUpTable(OfCompany, models.Model):
    """What values become by the transformation rule `table`, by the name that rules call it by."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="look_up_tables")
    name = models.CharField(max_length=60)
    rows = models.JSONField(default=dict, blank=True, help_text="Value -> what it becomes; * is every other value.")

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["company", "name"], name="look_up_table_name_per_company")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def sorted_rows(self) -> list[tuple[str, str]]:
        """Return the rows as they are listed: by value, what is for every other value last.

        PostgreSQL keeps the rows of a JSON object in an order of its own.
        """
        return sorted(self.rows.items(), key=lambda row: (row[0] == "*", row))


class OptionMapping(models.Model):
    """A local record coupled with a choice of a Dataverse column: what Coupling is for rows."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="option_mappings")
    mapping = models.ForeignKey(IntegrationTableMapping, on_delete=models.CASCADE, related_name="options")
    local_id = models.UUIDField()
    value = models.IntegerField("option value")
    caption = models.CharField("option value caption", max_length=200)
    local_text = models.CharField(
        max_length=200, null=True, help_text="What the record is called here, at the last synchronization."
    )
    job_id = models.BigIntegerField(null=True, help_text="The job that made it.")
    synchronized_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mapping", "local_id"], name="option_once_per_record"),
            models.UniqueConstraint(fields=["mapping", "value"], name="option_once_per_value"),
        ]

    def __str__(self) -> str:
        return self.caption


def pairs_of(mapping: IntegrationTableMapping) -> "QuerySet[Any]":
    """Return the mapping's couplings: with rows, or with the choices of a column."""
    model = OptionMapping if mapping.uid_kind == "option" else Coupling
    pairs: QuerySet[Any] = model._default_manager.filter(mapping=mapping)
    return pairs


def couplings_of_table(company: Any, *tables: str) -> "QuerySet[Coupling]":
    """Return the couplings of a company's records of these tables, to be found by records' ids; of all companies: None.

    They go by their mappings, with which the index by a record's id begins.
    """
    mappings = IntegrationTableMapping.objects.filter(table__in=tables, uid_kind="guid")
    if company is not None:
        mappings = mappings.filter(company=company)
    return Coupling.objects.filter(mapping__in=mappings.order_by().values("pk"))


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
    other_company_id = models.BigIntegerField(
        null=True, help_text="The company that the condition does not name, see jobs.mentions."
    )
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


class FailedRecord(models.Model):
    """A record that the newest job which tried to give it a row failed with: at most one line for each record.

    It is written with the job's outcome, which holds the sentence, the values compared and the candidates. Whoever
    couples or deletes the record need not know of this table: coupling.failures.standing says what still stands.
    """

    expected_rows: ClassVar[int] = 100_000  # see core.sqlite_statistics

    # The indexes below begin with the company, or the mapping.
    company = models.ForeignKey(Company, on_delete=models.CASCADE, db_index=False, related_name="+")
    mapping = models.ForeignKey(IntegrationTableMapping, on_delete=models.CASCADE, db_index=False, related_name="+")
    local_id = models.UUIDField()
    local_key = models.CharField(max_length=80, blank=True, help_text="The record's number or code.")
    local_name = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=24)
    nearly = models.PositiveSmallIntegerField(
        default=0, help_text="Per cent that it has in common with the row that is nearly alike; 0: there is none."
    )
    job_id = models.BigIntegerField(help_text="The job that failed with it.")
    failed_at = models.DateTimeField(default=timezone.now)
    seen = models.CharField(
        max_length=32, blank=True, help_text="A hash of what the job saw on both sides: another one ends ignoring it."
    )
    ignored_at = models.DateTimeField(null=True)
    ignored_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, db_index=False, related_name="+"
    )
    ignored_because = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["mapping", "local_id"], name="failed_once_per_record")]
        indexes: ClassVar = [
            # In the order of the list: by reason, what is nearly alike first.
            models.Index(fields=["company", "reason", "-nearly", "local_key", "id"], name="failed_in_order"),
            models.Index(fields=["job_id", "reason"], name="failed_of_job"),
        ]

    def __str__(self) -> str:
        return f"{self.local_key} {self.local_name}".strip() or str(self.local_id)


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
