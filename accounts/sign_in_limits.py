"""How often a sign-in may fail: per person and address, per address, and per person; and whose address it is.

A try counts as failed before its password is looked at, and no more once it succeeded: of many tries at the same time
no more are looked at than of tries one after the other.
"""

from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import authenticate
from django.db.models import F, QuerySet, Sum
from django.http import HttpRequest

from core.locks import locked
from core.visitors import address_of

LIMITS = {("username", "ip_address"): 5, ("ip_address",): 25, ("username",): 100}
"""Failures within the cool-off time after which no password is looked at any more.

An address that tries many names, and a name tried from many addresses, count too. The last is high, so that a stranger
who knows a name does not easily keep its owner out.
"""


def client_ip(request: HttpRequest) -> str | None:
    """Return the visitor's address: see core.visitors."""
    return address_of(request.META)


def is_own_password(request: HttpRequest, username: str, password: str) -> bool:
    """Return whether that is the password of whoever is signed in; a wrong one is a failed sign-in."""
    credentials = {"username": username, "password": password}
    if authenticate(request, **credentials) is None:
        return False
    SignInLimits().take_back(request, credentials)
    return True


class SignInLimits(AxesDatabaseHandler):
    """django-axes with a limit of its own for each of LIMITS, and with tries counted before they are looked at."""

    def is_allowed(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        """Return whether the password may be looked at; the try is counted as failed until that turns out."""
        with locked("sign-in"):
            self.clean_expired_user_attempts(request)
            if not super().is_allowed(request, credentials):
                return False
            self._count(request, credentials)
        return True

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **more: Any
    ) -> None:
        """Note a failure: in the place of the try that was counted, where the password was looked at."""
        with locked("sign-in"):
            if request is not None and not getattr(request, "axes_locked_out", False):
                self._of_try(request, credentials).update(failures_since_start=F("failures_since_start") - 1)
            super().user_login_failed(sender, credentials, request, **more)
            if request is not None:
                # axes keeps the form that was sent, of which it knows one field's name to be secret.
                self._of_try(request, credentials).exclude(post_data="", get_data="").update(post_data="", get_data="")

    def take_back(self, request: HttpRequest, credentials: dict[str, Any]) -> None:
        """Count a try as failed no more whose password was right, where nobody is signed in by it."""
        with locked("sign-in"):
            counted = self._of_try(request, credentials).filter(failures_since_start__gt=0)
            counted.update(failures_since_start=F("failures_since_start") - 1)

    def remove_out_of_limit_failure_logs(self, *, username: str, limit: int | None = None) -> int:  # noqa: ARG002
        """Keep every failed sign-in: what is old is not for the one who fails to decide."""
        return 0

    def _count(self, request: HttpRequest, credentials: dict[str, Any] | None) -> None:
        tried = self._of_try(request, credentials)
        now = vars(request)["axes_attempt_time"]
        if not tried.update(failures_since_start=F("failures_since_start") + 1, attempt_time=now):
            AccessAttempt.objects.create(**self._try(request, credentials), failures_since_start=1)

    def _of_try(self, request: HttpRequest, credentials: dict[str, Any] | None) -> "QuerySet[AccessAttempt]":
        found: QuerySet[AccessAttempt] = AccessAttempt.objects.filter(**self._try(request, credentials))
        return found

    @staticmethod
    def _try(request: HttpRequest, credentials: dict[str, Any] | None) -> dict[str, Any]:
        """Return what axes tells tries apart by."""
        about = vars(request)  # what axes noted of the request
        return {
            "username": get_client_username(request, credentials),
            "ip_address": about["axes_ip_address"],
            "user_agent": about["axes_user_agent"],
        }

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Return the failures of the scope that is nearest its limit, in terms of AXES_FAILURE_LIMIT."""
        who = {"username": get_client_username(request, credentials), "ip_address": client_ip(request)}
        recent = AccessAttempt.objects.filter(attempt_time__gte=get_cool_off_threshold(request))
        most = 0
        for scope, limit in LIMITS.items():
            if any(who[part] is None for part in scope):
                continue
            rows = recent.filter(**{part: who[part] for part in scope})
            failures = rows.aggregate(sum=Sum("failures_since_start"))["sum"] or 0
            most = max(most, failures * settings.AXES_FAILURE_LIMIT // limit)
        return most

    def reset_user_attempts(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Forget the failures of this person from this address: a right password says nothing about others'."""
        name = get_client_username(request, credentials)
        deleted, _ = AccessAttempt.objects.filter(username=name, ip_address=client_ip(request)).delete()
        return int(deleted)
