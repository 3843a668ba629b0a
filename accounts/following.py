"""What follows from roles: the superuser and the groups of Django's admin; from deactivating somebody: no session.

CompanyRole is the truth. A role in all companies shows as the group of its name too, and an Administrator in all
companies is a superuser: Django's admin asks for these. A change of groups made there changes the role. Signals, so
that it holds whoever changes one of them: a page, a command, the admin, code of the business's own.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save

from accounts import people, roles
from accounts.models import CompanyRole
from core.roles import Role, forget_held_roles

_at_work: ContextVar[bool] = ContextVar("following roles", default=False)
"""Whether groups or roles are being changed by what follows from the other."""


def connect() -> None:
    """Have the superuser and groups follow roles, and roles follow groups; called once, when the app loads."""
    person = get_user_model()
    for changed in (post_save, post_delete):
        changed.connect(_role_changed, sender=CompanyRole, dispatch_uid="accounts.role")
    m2m_changed.connect(_groups_changed, sender=person.groups.through, dispatch_uid="accounts.groups")
    pre_save.connect(_person_is_saved, sender=person, dispatch_uid="accounts.person")
    post_save.connect(_person_was_saved, sender=person, dispatch_uid="accounts.person")


@contextmanager
def _alone() -> Iterator[None]:
    token = _at_work.set(True)
    try:
        yield
    finally:
        _at_work.reset(token)


def _role_changed(instance: CompanyRole, raw: bool = False, **_: Any) -> None:
    forget_held_roles(instance.person)
    if instance.company_id is None and not raw and not _at_work.get():
        with _alone():
            _follow(instance.person)


def _groups_changed(instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **_: Any) -> None:
    if not action.startswith("post_") or _at_work.get():
        return
    changed: Iterable[Any] = (instance,)
    if reverse:  # the group was given its members
        known = get_user_model().objects
        changed = known.filter(company_roles__role=instance.name) if pk_set is None else known.filter(pk__in=pk_set)
    with _alone():
        for person in list(changed):
            _take_over_groups(person)


def _take_over_groups(person: Any) -> None:
    """Have the person's roles in all companies be those whose groups they are in."""
    names = set(person.groups.filter(name__in=list(Role)).values_list("name", flat=True))
    held = {row.role: row for row in CompanyRole.objects.filter(person=person, company=None)}
    for name in sorted(held.keys() - names):
        held[name].delete()
    for name in sorted(names - held.keys()):
        CompanyRole.objects.create(person=person, role=name)
    _follow(person)


def _follow(person: Any) -> None:
    """Have groups and superuser be what the person's roles in all companies say."""
    names = set(CompanyRole.objects.filter(person=person, company=None).values_list("role", flat=True))
    if person.groups.filter(name__in=list(Role)).exists() or names:
        groups = roles.ensure_groups()
        member = set(person.groups.filter(name__in=list(Role)).values_list("name", flat=True))
        if member - names:
            person.groups.remove(*(groups[Role(name)] for name in member - names))
        if names - member:
            person.groups.add(*(groups[Role(name)] for name in names - member))
    administrator = Role.ADMINISTRATOR in names
    if person.is_superuser != administrator or (administrator and not person.is_staff):
        person.is_superuser = person.is_staff = administrator
        person.save(update_fields=["is_superuser", "is_staff"])
    forget_held_roles(person)


def _person_is_saved(instance: Any, raw: bool, update_fields: Any, **_: Any) -> None:
    """Undo a superuser set by hand on somebody who is there already: the role says who is one."""
    if raw or instance.pk is None or (update_fields is not None and "is_superuser" not in update_fields):
        return
    rows = CompanyRole.objects.filter(person_id=instance.pk, company=None, role=Role.ADMINISTRATOR)
    if instance.is_superuser != (administrator := rows.exists()):
        instance.is_superuser = instance.is_staff = administrator


def _person_was_saved(instance: Any, created: bool, raw: bool, update_fields: Any, **_: Any) -> None:
    """Give a new superuser (manage.py createsuperuser) the role; sign somebody out who was deactivated."""
    if raw:
        return
    if created and instance.is_superuser:
        CompanyRole.objects.create(person=instance, role=Role.ADMINISTRATOR)
    if not created and not instance.is_active and (update_fields is None or "is_active" in update_fields):
        people.end_sessions(instance)
