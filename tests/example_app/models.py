import uuid

from django.core.validators import MaxValueValidator
from django.db import models

from masterdata.models import SynchronizedRecord


class Subscription(SynchronizedRecord):
    number = models.CharField("Number", max_length=20)
    name = models.CharField("Name", max_length=60)
    customer_no = models.CharField("Customer No.", max_length=20, blank=True)
    monthly_fee = models.DecimalField("Monthly Fee", max_digits=12, decimal_places=2, default=0)
    starts_on = models.DateField("Starts On", null=True, blank=True)
    seats = models.IntegerField("Seats", default=1, validators=[MaxValueValidator(500)])
    active = models.BooleanField("Active", default=True)

    class Meta(SynchronizedRecord.Meta):
        verbose_name = "subscription"
        verbose_name_plural = "subscriptions"
        constraints = [models.UniqueConstraint(fields=["company", "number"], name="example_one_subscription")]


class Sample(SynchronizedRecord):
    """A record with a field of each kind, all of which may be blank; no registered table."""

    class Size(models.TextChoices):
        SMALL = "1", "Small"
        LARGE = "2", "Large"

    number = models.CharField("Number", max_length=20)
    text = models.CharField("Text", max_length=50, blank=True)
    amount = models.DecimalField("Amount", max_digits=14, decimal_places=2, null=True, blank=True)
    seats = models.IntegerField("Seats", null=True, blank=True)
    active = models.BooleanField("Active", null=True, blank=True)
    size = models.CharField("Size", max_length=10, choices=Size, blank=True)
    starts_on = models.DateField("Starts On", null=True, blank=True)
    seen_at = models.DateTimeField("Seen At", null=True, blank=True)
    partner = models.CharField("Partner", max_length=20, blank=True)


class Machine(models.Model):
    """A table that was there before Tandem: its own key, and its own columns for company and change."""

    machine_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.CharField("Tenant", max_length=60)
    serial_no = models.CharField("Serial No.", max_length=20)
    label = models.CharField("Label", max_length=60)
    customer_no = models.CharField("Customer No.", max_length=20, blank=True)
    weight = models.DecimalField("Weight", max_digits=12, decimal_places=2, default=0)
    settings = models.JSONField("Settings", default=dict)
    replaces = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True)
    built_at = models.DateTimeField("Built At", auto_now_add=True)
    updated_at = models.DateTimeField("Updated At", auto_now=True)

    class Meta:
        verbose_name = "machine"
        verbose_name_plural = "machines"
        ordering = ("-updated_at",)
        constraints = [models.UniqueConstraint(fields=["tenant", "serial_no"], name="example_one_machine")]

    def __str__(self) -> str:
        return f"{self.serial_no} of {self.tenant}"


class Tool(models.Model):
    """A table of one company, whose primary key is what people call a tool by, and that does not tell of changes."""

    code = models.CharField("Code", max_length=20, primary_key=True)
    label = models.CharField("Label", max_length=60)
    weight = models.DecimalField("Weight", max_digits=12, decimal_places=2, null=True, blank=True)

    class Meta:
        verbose_name = "tool"
        verbose_name_plural = "tools"

    def __str__(self) -> str:
        return self.code


class Badge(models.Model):
    """A table that names its company by a foreign key; only some tests register it."""

    number = models.CharField("Number", max_length=20)
    name = models.CharField("Name", max_length=60)
    business = models.ForeignKey("masterdata.Company", models.CASCADE)
    updated_at = models.DateTimeField("Updated At", auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["business", "number"], name="example_one_badge")]

    def __str__(self) -> str:
        return self.number
