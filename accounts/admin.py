"""Sign-ins in the Django admin, as django-axes shows them: to read. Who failed or came in is not for anybody to delete.

What counts towards a lock may be set to nothing for a person, so that they may try again at once; that is told.
"""

from typing import Any

from auditlog.models import LogEntry
from axes.admin import AccessAttemptAdmin, AccessFailureLogAdmin, AccessLogAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin, messages
from django.http import HttpRequest

from accounts.admin_site import ReadOnly


class AttemptAdmin(ReadOnly, AccessAttemptAdmin):
    """Failures that count towards a lock; they go by themselves when they expire or a sign-in succeeds."""

    actions = ("release",)

    @admin.action(description="Let them try again at once")
    def release(self, request: HttpRequest, queryset: Any) -> None:
        """Count no failure of these any more; the sign-ins that failed stay among the access failures."""
        for attempt in queryset:
            told = {"failures_since_start": [str(attempt.failures_since_start), "0"]}
            LogEntry.objects.log_create(attempt, force_log=True, action=LogEntry.Action.UPDATE, changes=told)
        number = queryset.update(failures_since_start=0)
        messages.success(request, f"{number} may try again at once.")


class LogAdmin(ReadOnly, AccessLogAdmin):
    """Who came in, and left."""


class FailureLogAdmin(ReadOnly, AccessFailureLogAdmin):
    """Who failed to come in."""


for _model, _shown in ((AccessAttempt, AttemptAdmin), (AccessLog, LogAdmin), (AccessFailureLog, FailureLogAdmin)):
    admin.site.unregister(_model)
    admin.site.register(_model, _shown)
