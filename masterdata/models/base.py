"""Companies, and what every synchronized record has.

A model of another app takes part by inheriting SynchronizedRecord and being registered in masterdata.catalog.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.text import slugify

from core.ids import new_id


class Company(models.Model):
    """A company: its own records, connection, mappings, couplings and jobs."""

    system_id = models.UUIDField(default=new_id, unique=True, editable=False)
    name = models.CharField(max_length=100, unique=True)
    slug = models.SlugField(max_length=60, unique=True, help_text="The company in an address.")
    currency_code = models.CharField(max_length=3, help_text="The local currency, an ISO 4217 code.")
    country_code = models.CharField(
        max_length=2, blank=True, help_text="ISO 3166; the country of phone numbers without a prefix."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "companies"
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Give a new company an address of its own."""
        if not self.slug:
            base = slugify(self.name)[:50] or "company"
            taken = set(Company.objects.filter(slug__startswith=base).values_list("slug", flat=True))
            self.slug = next(
                s for n in range(1, len(taken) + 2) if (s := base if n == 1 else f"{base}-{n}") not in taken
            )
        super().save(*args, **kwargs)


class ChangedBy(models.TextChoices):
    """Who wrote a record last: tells a synchronization's writes from a person's."""

    PERSON = "person", "Person"
    IMPORT = "import", "Import"
    SYNCHRONIZATION = "synchronization", "Synchronization"


def normal_code(code: Any) -> str:
    """Return a code or number as it is stored and compared: trimmed, in capitals."""
    return str(code).strip().upper()


class SynchronizedRecord(models.Model):
    """What every synchronized record has; inherit it and register the model in masterdata.catalog."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    system_id = models.UUIDField(default=new_id, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    modified_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_by = models.CharField(max_length=16, choices=ChangedBy, default=ChangedBy.PERSON, editable=False)

    expected_rows: ClassVar[int] = 1_000_000  # see core.sqlite_statistics

    class Meta:
        abstract = True
        # A synchronization asks for what changed since its last run. Unnamed, so that each table gets its own name.
        indexes: ClassVar = [models.Index(fields=["company", "modified_at"])]

    code_fields: ClassVar[frozenset[str]] = frozenset()
    """Codes that are stored in their normal form; masterdata.catalog.register says which."""

    # Fields that follow from others, and those others; see derived().
    derives: ClassVar[tuple[str, ...]] = ()
    derived_from: ClassVar[tuple[str, ...]] = ()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Stamp the change. Bulk writers (import, synchronization) set modified_at and changed_by themselves."""
        self.normalize_codes()
        self.modified_at = timezone.now()
        derived = self.derived({name: getattr(self, name) for name in self.derived_from}) if self.derives else {}
        for name, value in derived.items():
            setattr(self, name, value)
        if (fields := kwargs.get("update_fields")) is not None:
            kwargs["update_fields"] = {*fields, *derived, "modified_at", "changed_by"}
        super().save(*args, **kwargs)

    def normalize_codes(self) -> None:
        """Put the record's codes into their normal form. Bulk writers do so themselves."""
        for name in self.code_fields:
            if isinstance(code := self.__dict__.get(name), str):
                setattr(self, name, normal_code(code))

    def clean_fields(self, exclude: Any = None) -> None:
        """Check the fields, with the codes as they will be stored: a form then sees which are taken."""
        self.normalize_codes()
        super().clean_fields(exclude)

    @classmethod
    def derived(cls, values: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG003
        """Return the values of `derives` that follow from a record's other values.

        Bulk writers ask; save() has it done.
        """
        return {}
