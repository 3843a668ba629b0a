"""Who has which role in which company."""

from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.watched import WatchedQuerySet
from core.roles import Role
from masterdata.models import Company


class CompanyRole(models.Model):
    """A role that a person has in a company; without a company in all of them, those to come included.

    Somebody may have several: what they may do adds up (core.roles.capabilities_in).
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="company_roles")
    company = models.ForeignKey(
        Company, on_delete=models.CASCADE, null=True, blank=True, related_name="+", help_text="Blank: all companies."
    )
    role = models.CharField(max_length=16, choices=[(role.value, role.value) for role in Role])
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    given_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = WatchedQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "company", "role"], name="company_role_once"),
            models.UniqueConstraint(
                fields=["person", "role"], condition=models.Q(company=None), name="role_in_all_companies_once"
            ),
        ]
        ordering: ClassVar = ["person_id", "company_id", "role"]

    def __str__(self) -> str:
        return f"{self.person}: {self.role} in {self.company or 'all companies'}"

    def get_additional_data(self) -> dict[str, Any]:
        """Return what the audit log keeps beside ids: names that outlive the person and the company."""
        # Of a company that is being deleted with its roles there may be no row any more.
        company = Company.objects.filter(pk=self.company_id).first() if self.company_id else None
        name = str(company) if company else "a company that was deleted" if self.company_id else ""
        return {
            "person": self.person.get_username(),
            "company": name,
            "company_id": self.company_id,
            "role": str(self.role),
        }


class PasswordMail(models.Model):
    """When somebody was last sent a link for a new password, so that nobody gets many, whichever process is asked."""

    person = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    sent_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.person}: {self.sent_at:%Y-%m-%d %H:%M}"

    @classmethod
    def claim(cls, person: Any, pause_s: float) -> bool:
        """Note that a mail is sent now, and return whether it may be: none was in the last `pause_s` seconds.

        Of several who ask at the same time, one may.
        """
        now = timezone.now()
        _, first = cls.objects.get_or_create(person=person, defaults={"sent_at": now})
        if first:
            return True
        return cls.objects.filter(person=person, sent_at__lte=now - timedelta(seconds=pause_s)).update(sent_at=now) == 1
