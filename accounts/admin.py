"""Sign-in attempts in the Django admin, as django-axes shows them; one action of theirs fails on its own."""

from typing import Any

from axes.admin import AccessAttemptAdmin
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.contrib import admin
from django.http import HttpRequest


class AttemptAdmin(AccessAttemptAdmin):
    """The attempts, with expired ones cleaned up on request."""

    @admin.action(description="Clean up expired attempts")
    def cleanup_expired_attempts(self, request: HttpRequest, queryset: Any) -> None:
        """Forget expired attempts; which ones, the library reckons from what it notes on requests that sign in."""
        AxesProxyHandler.update_request(request)
        super().cleanup_expired_attempts(request, queryset)


admin.site.unregister(AccessAttempt)
admin.site.register(AccessAttempt, AttemptAdmin)
