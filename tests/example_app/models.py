from django.db import models

from masterdata.models import SynchronizedRecord


class Subscription(SynchronizedRecord):
    number = models.CharField("Number", max_length=20)
    name = models.CharField("Name", max_length=60)
    customer_no = models.CharField("Customer No.", max_length=20, blank=True)
    monthly_fee = models.DecimalField("Monthly Fee", max_digits=12, decimal_places=2, default=0)
    starts_on = models.DateField("Starts On", null=True, blank=True)
    seats = models.IntegerField("Seats", default=1)
    active = models.BooleanField("Active", default=True)

    class Meta(SynchronizedRecord.Meta):
        verbose_name = "subscription"
        verbose_name_plural = "subscriptions"
        constraints = [models.UniqueConstraint(fields=["company", "number"], name="example_one_subscription")]
