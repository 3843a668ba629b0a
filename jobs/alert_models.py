"""Alerts as rows: what is told, who gets it, and what was sent. Part of jobs.models."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.logged import OfCompany
from masterdata.models import Company


class Digest(models.TextChoices):
    """How often a receiver gets a message at most; what comes up meanwhile is in the next one."""

    AT_ONCE = "at_once", "At once"
    HOURLY = "hourly", "At most once an hour"
    DAILY = "daily", "At most once a day"


class Way(models.TextChoices):
    """How a receiver is reached."""

    MAIL = "mail", "Mail"
    WEBHOOK = "webhook", "Webhook"


class Alert(models.Model):
    """One thing that people are told of: from when it was found until it is over."""

    # The constraint below begins with the company.
    company = models.ForeignKey(Company, on_delete=models.CASCADE, db_index=False, related_name="+")
    kind = models.CharField(max_length=24)
    subject = models.CharField(max_length=240, help_text="What it is about, among all of its kind in the company.")
    mapping_name = models.CharField("mapping", max_length=40, blank=True)
    message = models.TextField(help_text="What happened and why, as it was seen last.")
    fix = models.TextField(blank=True, help_text="What to do next.")
    url = models.CharField(max_length=400, help_text="The page where it is settled, from the site's root.")
    began_at = models.DateTimeField(default=timezone.now)
    over_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["company", "kind", "subject"], condition=Q(over_at=None), name="one_open_alert"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["company", "-id"], name="alert_by_company")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class AlertSettings(OfCompany, models.Model):
    """What a company chose for all its receivers."""

    company = models.OneToOneField(Company, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField("Messages", max_length=12, choices=Digest, default=Digest.AT_ONCE)

    def __str__(self) -> str:
        return "Alerts"


class AlertReceiver(OfCompany, models.Model):
    """Who gets alerts of a company: an address of mail, or one that takes webhooks.

    The address of a webhook may be as good as a password, so pages and the change log have `shown_address`.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="alert_receivers")
    way = models.CharField("Reached By", max_length=8, choices=Way)
    address = models.CharField(max_length=500)
    shown_address = models.CharField("Address", max_length=300)
    secret = models.BinaryField(blank=True, default=b"", help_text="Sealed; signs what a webhook gets.")
    kinds = models.JSONField("Kinds", default=list, blank=True, help_text="Blank: every kind.")
    mapping_name = models.CharField("Mapping", max_length=40, blank=True, help_text="Blank: the whole company.")
    version = models.PositiveIntegerField(
        "Version of Address and Secret", default=1, help_text="Grows when either is entered anew; the log has it."
    )
    last_at = models.DateTimeField(null=True, blank=True, help_text="When a message was tried last, tests included.")
    last_ok = models.BooleanField(default=True)
    last_answer = models.CharField(max_length=400, blank=True, help_text="What came of it, in words.")

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return self.shown_address


class AlertMessage(models.Model):
    """One message to one receiver, sent once: a try is claimed by moving `next_at` to when the claim ends."""

    class State(models.TextChoices):
        """waiting -> sent | given_up."""

        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        GIVEN_UP = "given_up", "Given up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, help_text="The receiver knows a repeated try by it.")
    # The index below begins with the receiver.
    receiver = models.ForeignKey(AlertReceiver, on_delete=models.CASCADE, db_index=False, related_name="messages")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    next_at = models.DateTimeField(default=timezone.now)
    answer = models.CharField(max_length=400, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["receiver", "-created_at"], name="alert_message_of"),
            models.Index(fields=["next_at"], condition=Q(state="waiting"), name="alert_message_due"),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.id}"


class AlertNotice(models.Model):
    """That a receiver is to be told of an alert: once that it began, once that it is over."""

    # The constraint below begins with the alert.
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, db_index=False, related_name="notices")
    receiver = models.ForeignKey(AlertReceiver, on_delete=models.CASCADE, related_name="notices")
    over = models.BooleanField(default=False)
    message = models.ForeignKey(AlertMessage, on_delete=models.CASCADE, null=True, related_name="notices")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["alert", "receiver", "over"], name="one_notice_of_an_alert")
        ]
        indexes: ClassVar = [
            models.Index(fields=["receiver"], condition=Q(message=None), name="alert_notice_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.alert_id} to {self.receiver_id}{' over' if self.over else ''}"
