"""People, sign-ins and the audit log in the Django admin: of all companies, so for Administrators in all of them.

Sign-ins are there to read: who failed or came in is not for anybody to delete. What counts towards a lock may be set to
nothing for a person, so that they may try again at once; that is told.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from auditlog.admin import LogEntryAdmin
from auditlog.models import LogEntry
from axes.admin import AccessAttemptAdmin, AccessFailureLogAdmin, AccessLogAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts import roles
from accounts.admin_site import ReadOnly
from core.refusals import Refusal
from core.roles import Can, Role, may

# Types are generic, and a mixin has its base, for the type checker alone.
if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
    _Mixin = admin.ModelAdmin[Any]
else:
    _UserAdmin, _Mixin = UserAdmin, object


def _is_role(group: Any) -> bool:
    return group is not None and group.name in set(Role)


class OfAllCompanies(_Mixin):
    """A mixin before ModelAdmin: nothing is there for staff who do not administer all companies."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return whether the person administers all companies."""
        return may(request.user, Can.ADMINISTER_ALL) and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person administers all companies."""
        return may(request.user, Can.ADMINISTER_ALL) and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the person administers all companies."""
        return may(request.user, Can.ADMINISTER_ALL) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person administers all companies."""
        return may(request.user, Can.ADMINISTER_ALL) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person administers all companies."""
        return may(request.user, Can.ADMINISTER_ALL) and super().has_delete_permission(request, obj)


class AttemptAdmin(OfAllCompanies, ReadOnly, AccessAttemptAdmin):
    """Failures that count towards a lock; they go by themselves when they expire or a sign-in succeeds."""

    actions = ("release",)

    @admin.action(description="Let them try again at once")
    def release(self, request: HttpRequest, queryset: Any) -> None:
        """Count no failure of these any more; the sign-ins that failed stay among the access failures."""
        for attempt in queryset:
            changes = {"failures_since_start": [str(attempt.failures_since_start), "0"]}
            LogEntry.objects.log_create(attempt, force_log=True, action=LogEntry.Action.UPDATE, changes=changes)
        number = queryset.update(failures_since_start=0)
        messages.success(request, f"{number} may try again at once.")


class LogAdmin(OfAllCompanies, ReadOnly, AccessLogAdmin):
    """Who came in, and left."""


class FailureLogAdmin(OfAllCompanies, ReadOnly, AccessFailureLogAdmin):
    """Who failed to come in."""


def _in_words(request: HttpRequest, answer: Callable[[], Any]) -> Any:
    """Answer; where what is posted is refused, undo it and say so on the same page."""
    if request.method != "POST":
        return answer()
    try:
        with roles.changing():
            return answer()
    except Refusal as refusal:
        messages.error(request, f"Nothing was changed. {refusal.user_message}")
        return HttpResponseRedirect(request.get_full_path())


class PersonAdmin(OfAllCompanies, _UserAdmin):
    """People. Who is a superuser and enters the admin follows from the role, so neither is set by hand.

    Whoever is deactivated, is so on People. Nothing that is done here leaves nobody who administers all companies:
    accounts.following refuses it, and the next page says why.
    """

    readonly_fields = ("is_superuser", "is_staff", "is_active", "last_login", "date_joined")

    def changeform_view(self, request: HttpRequest, *given: Any, **named: Any) -> Any:
        """Show or save a person."""
        return _in_words(request, partial(super().changeform_view, request, *given, **named))

    def delete_view(self, request: HttpRequest, *given: Any, **named: Any) -> Any:
        """Ask, then delete a person."""
        return _in_words(request, partial(super().delete_view, request, *given, **named))

    def changelist_view(self, request: HttpRequest, *given: Any, **named: Any) -> Any:
        """Show the people, or do something with those selected."""
        return _in_words(request, partial(super().changelist_view, request, *given, **named))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Set a person's new password; for one's own, lead to the page that asks for the old one."""
        if str(id) == str(request.user.pk):
            return HttpResponseRedirect(reverse("accounts:password"))
        return super().user_change_password(request, id, form_url)


class RoleGroupAdmin(OfAllCompanies, GroupAdmin):
    """Groups: those of the roles in all companies, and the business's own.

    Those of the roles keep their names: another group that took one would make its members what they are not.
    """

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the name of a role's group."""
        return ("name",) if _is_role(obj) else super().get_readonly_fields(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person administers all companies; a role's group stays."""
        return not _is_role(obj) and super().has_delete_permission(request, obj)


class ChangeAdmin(OfAllCompanies, LogEntryAdmin):
    """The audit log of all companies."""


_SHOWN: dict[type[Any], type[Any]] = {
    AccessAttempt: AttemptAdmin,
    AccessLog: LogAdmin,
    AccessFailureLog: FailureLogAdmin,
    User: PersonAdmin,
    Group: RoleGroupAdmin,
    LogEntry: ChangeAdmin,
}
for _model, _admin in _SHOWN.items():
    admin.site.unregister(_model)
    admin.site.register(_model, _admin)
