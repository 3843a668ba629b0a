"""The Django admin, open to those who may administer."""

from django.contrib import admin
from django.http import HttpRequest

from core.roles import Can, may


class TandemAdminSite(admin.AdminSite):
    """Django's own, except that the role decides: what it changes is an administrator's on our pages too."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may enter: staff who may administer, whatever other permissions they were given."""
        return super().has_permission(request) and may(request.user, Can.ADMINISTER)
