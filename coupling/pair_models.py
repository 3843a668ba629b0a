"""Coupled pairs as rows: the pair itself, what synchronization knows of it, and what no run has compared yet."""

from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from django.db import models
from django.db.models import BooleanField, F, Func, Q
from django.utils import timezone

from core.compact_ids import CompactUUIDField
from masterdata.models import Company

T = TypeVar("T")


class Method(models.TextChoices):
    """How a pair came about."""

    MATCHED = "matched", "Matched"
    CREATED = "created", "Created"
    MANUAL = "manual", "Chosen by hand"


def _filled(column: str) -> Func:
    """Return the condition that a text is not blank, without a parameter: SQLite takes no index of a part for those."""
    return Func(F(column), template="(%(expressions)s <> '')", output_field=BooleanField())


def _unsettled(of: str = "") -> Q:
    failed = Q(_filled(f"{of}last_to_reason")) | Q(_filled(f"{of}last_from_reason"))
    return Q(**{f"{of}compared": False}) | failed & Q(**{f"{of}skipped": False, f"{of}conflict__isnull": True})


UNSETTLED = _unsettled()
"""Bases of pairs that a run looks at although nobody told it of a change: those that no run has compared yet, and those
that failed and wait for no person. Few are, and an index has those alone: a query finds them by it where it names this
condition as it is here. No column that every run writes may stand in it: PostgreSQL would then write each index anew
where it now changes a row in its place."""
UNSETTLED_COUPLING = _unsettled("base__")
"""The same of couplings that have a base."""


class _Known(Generic[T]):
    """An attribute of a coupling that its base has; the default where there is none."""

    def __init__(self, default: T) -> None:
        self.default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, coupling: "Coupling", owner: type) -> T:
        base = getattr(coupling, "base", None)
        return self.default if base is None else getattr(base, self.name)


class Coupling(models.Model):
    """A local record and a Dataverse row that are the same thing.

    What synchronization knows of the pair has a row of its own (CouplingBase), so that coupling writes the pair alone.
    """

    expected_rows: ClassVar[int] = 1_000_000  # see core.sqlite_statistics
    few_values: ClassVar[tuple[str, ...]] = ("table",)

    # The indexes below begin with the company, or the mapping: others would be written with each row and serve nobody.
    company = models.ForeignKey(Company, on_delete=models.CASCADE, db_index=False, related_name="couplings")
    mapping = models.ForeignKey(
        "coupling.IntegrationTableMapping", on_delete=models.CASCADE, db_index=False, related_name="couplings"
    )
    table = models.CharField(
        max_length=60, help_text="The local table; a Dataverse row is coupled once per local table."
    )
    local_id = models.UUIDField()
    integration_id = models.UUIDField()
    organization_id = CompactUUIDField(
        null=True, help_text="The organization it was made in; another one is never written."
    )
    method = models.CharField(max_length=8, choices=Method, default=Method.MATCHED)
    job_id = models.BigIntegerField(null=True, help_text="The job that made it.")
    criterion = models.PositiveSmallIntegerField(
        null=True, help_text="The priority of that job's criteria that it was matched by."
    )
    created_at = models.DateTimeField(
        null=True, default=timezone.now, help_text="Blank for what a coupling job made: it was while that ran."
    )
    pending = models.BooleanField(
        default=False, help_text="Dataverse has not confirmed the row yet (creation was sent)."
    )

    version = _Known("")
    synchronized_at = _Known[datetime | None](None)
    local_modified_at = _Known[datetime | None](None)
    last_job_id = _Known[int | None](None)
    last_to_reason = _Known("")
    last_from_reason = _Known("")
    last_error = _Known("")
    skipped = _Known(default=False)
    conflict = _Known[Any](None)

    class Meta:
        # Every index by an id costs a page of its own for nearly every coupling written, so there is one for each side:
        # by the first the pairs of a mapping are counted and its records looked up (models.couplings_of_table for those
        # of a table); by the second the pairs of a company, and rows of any table of it. The third holds few.
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mapping", "local_id"], name="coupled_once_per_record"),
            models.UniqueConstraint(fields=["company", "integration_id", "table"], name="coupled_once_per_row"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["mapping", "local_id"], condition=Q(pending=True), name="coupling_pending"),
        ]

    def __str__(self) -> str:
        return f"{self.local_id} - {self.integration_id}"

    def save(self, *args: Any, **options: Any) -> None:
        """Save the coupling; a new one is compared by the next run, whoever made it."""
        new = self._state.adding
        super().save(*args, **options)
        if new and not self.pending:
            CouplingBase.objects.get_or_create(
                coupling=self, defaults={"company_id": self.company_id, "mapping_id": self.mapping_id}
            )


class CouplingBase(models.Model):
    """What synchronization knows of a pair, from the first time that a run has dealt with it or is about to create it.

    The few that are coupled one by one have it at once, as not compared yet; those of a coupling job get it from the
    run that compares them (see NewCouplings).
    """

    expected_rows: ClassVar[int] = 1_000_000  # see core.sqlite_statistics

    coupling = models.OneToOneField(Coupling, on_delete=models.CASCADE, primary_key=True, related_name="base")
    # Those of the coupling, which guards them: the indexes below begin with them.
    company = models.ForeignKey(
        Company, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    mapping = models.ForeignKey(
        "coupling.IntegrationTableMapping", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False,
        related_name="+",
    )  # fmt: skip
    values = models.BinaryField(
        null=True,
        help_text="What both sides agreed on at the last synchronization: field -> canonical value, packed (msgpack). "
        "Blank: the pair has no history.",
    )
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
    last_to_reason = models.CharField(max_length=24, blank=True, help_text="Why the last write to Dataverse failed.")
    last_from_reason = models.CharField(max_length=24, blank=True, help_text="Why the last write to this side failed.")
    last_error = models.TextField(blank=True)
    skipped = models.BooleanField(
        default=False, help_text="Failed twice the same way: left out of runs in which nothing about it changed."
    )
    conflict = models.JSONField(null=True, blank=True, help_text="Fields changed on both sides, waiting for a person.")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["company", "coupling"], condition=Q(conflict__isnull=False), name="base_conflict"),
            models.Index(fields=["mapping", "coupling"], condition=UNSETTLED, name="base_unsettled"),
        ]

    def __str__(self) -> str:
        return f"base of {self.coupling_id}"


class NewCouplings(models.Model):
    """Couplings that a job made and that no run has compared yet: those of a stretch of ids that have no base.

    It is saved with them, one for each job, and deleted by the run after which all of them have a base.
    """

    mapping = models.ForeignKey(
        "coupling.IntegrationTableMapping", on_delete=models.CASCADE, db_index=False, related_name="+"
    )
    job_id = models.BigIntegerField()
    first = models.BigIntegerField(help_text="The id of the first one.")
    last = models.BigIntegerField(help_text="The id of the last one; not all between them are theirs, or are there.")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["mapping", "job_id"], name="new_couplings_of_job")]

    def __str__(self) -> str:
        return f"couplings {self.first} to {self.last}"


class EndedCoupling(models.Model):
    """A coupling that is not there any more, as it was: what the history of its record tells, and what undoing the job
    that made it finds missing.

    It is saved with the deletion, whoever deletes the coupling (coupling.couplings.ended).
    """

    expected_rows: ClassVar[int] = 100_000  # see core.sqlite_statistics

    number = models.BigIntegerField(primary_key=True, help_text="The id that the coupling had.")
    # The index by the record's id is the one that the card asks; ids are hardly the same in two companies.
    company = models.ForeignKey(Company, on_delete=models.CASCADE, db_index=False, related_name="+")
    mapping_name = models.CharField("mapping", max_length=40)
    table = models.CharField(max_length=60)
    local_id = CompactUUIDField()
    integration_id = CompactUUIDField()
    method = models.CharField(max_length=8, choices=Method)
    job_id = models.BigIntegerField(null=True, help_text="The job that made it.")
    criterion = models.PositiveSmallIntegerField(null=True)
    made_at = models.DateTimeField(null=True, help_text="Blank for what a coupling job made: it was while that ran.")
    ended_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["local_id"], name="ended_coupling_of_record"),
            models.Index(fields=["job_id"], name="ended_coupling_of_job"),
        ]

    def __str__(self) -> str:
        return f"{self.local_id} - {self.integration_id}, ended"
