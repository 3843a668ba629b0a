"""Ids of records whose own table has no place for one: those of models that do not inherit SynchronizedRecord."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from core.ids import new_id
from masterdata.models.base import ChangedBy


class RecordIdentity(models.Model):
    """What Tandem keeps about a record of another app's table, beside that table.

    table: the registered table's name; record_key: the record's primary key as the database writes it as text;
    modified_at: when Tandem last knew of a change (what runs go by where the table has no such column); fingerprint: of
    the record's values, where changes are found by comparing these.
    """

    table = models.CharField(max_length=63)
    record_key = models.CharField(max_length=200)
    system_id = models.UUIDField(default=new_id, unique=True, editable=False)
    modified_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_by = models.CharField(max_length=16, choices=ChangedBy, default=ChangedBy.PERSON, editable=False)
    fingerprint = models.CharField(max_length=32, blank=True, editable=False)

    expected_rows: ClassVar[int] = 1_000_000  # see core.sqlite_statistics

    class Meta:
        verbose_name_plural = "record identities"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["table", "record_key"], name="masterdata_one_identity"),
        ]

    def __str__(self) -> str:
        return f"{self.table} {self.record_key}"
