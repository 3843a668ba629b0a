"""The Django admin, open to those who may administer; and what nobody changes there."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core.roles import Can, may_somewhere


class TandemAdminSite(admin.AdminSite):
    """Django's own, except that the role decides: what it changes is an administrator's on our pages too.

    It shows those companies alone that the person administers, see masterdata.admin_scope.
    """

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may enter: staff who administer a company, whatever else they were given."""
        return super().has_permission(request) and may_somewhere(request.user, Can.ADMINISTER)

    def password_change(  # type: ignore[override]
        self,
        request: HttpRequest,  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        """Lead to the page of everybody: Django's own form lets whoever has the session guess the old password."""
        return HttpResponseRedirect(reverse("accounts:password"))


class ReadOnly:
    """Nobody adds, changes or deletes here; everybody who may enter the admin may look."""

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Whoever may enter."""
        return admin.site.has_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whoever may enter."""
        return self.has_view_permission(request)
