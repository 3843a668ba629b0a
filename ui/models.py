"""What the page kit keeps per person."""

from typing import ClassVar

from django.conf import settings
from django.db import models


class UserPreference(models.Model):
    """One choice of one person: the columns of a list, the density of rows, light or dark, a tip put away."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="preferences")
    name = models.CharField(max_length=120)
    value = models.JSONField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "name"], name="preference_once_per_name")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.name}"
