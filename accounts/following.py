"""What follows from roles: the superuser and the groups of Django's admin; from deactivating somebody: no session.

No change leaves nobody who administers all companies: it is refused, and so must be made in a transaction that undoes
what was done of it (accounts.roles.changing). Changes in bulk, which send no signals, are watched (accounts.watched).

CompanyRole is the truth. A role in all companies shows as the group of its name too, and an Administrator in all
companies is a superuser: Django's admin asks for these. A change of groups made there changes the role. Signals, so
that it holds whoever changes one of them: a page, a command, the admin, code of the business's own.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from auditlog.models import LogEntry
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save

from accounts import people, roles
from accounts.models import CompanyRole
from accounts.watched import ADDED, WatchedQuerySet
from core.roles import Held, Role, forget_held_roles

_at_work: ContextVar[bool] = ContextVar("following roles", default=False)
"""Whether groups or roles are being changed by what follows from the other."""


def connect() -> None:
    """Have the superuser and groups follow roles, and roles follow groups; called once, when the app loads."""
    person = get_user_model()
    pre_save.connect(_role_is_saved, sender=CompanyRole, dispatch_uid="accounts.last")
    post_delete.connect(_role_was_deleted, sender=CompanyRole, dispatch_uid="accounts.last")
    for changed in (post_save, post_delete):
        changed.connect(_role_changed, sender=CompanyRole, dispatch_uid="accounts.role")
    m2m_changed.connect(_groups_changed, sender=person.groups.through, dispatch_uid="accounts.groups")
    pre_save.connect(_person_is_saved, sender=person, dispatch_uid="accounts.person")
    post_save.connect(_person_was_saved, sender=person, dispatch_uid="accounts.person")
    WatchedQuerySet.watch = staticmethod(_watch)
    # On the class, so that the members of a group are watched, too: their manager is derived from it.
    cast("Any", type(person._default_manager))._queryset_class = WatchedQuerySet


_PERSON_ROW = ("is_active", "is_superuser", "is_staff")
_ROLE_ROW = ("person_id", "company_id", "role")
_WATCHED = {
    False: {"pk", "id", *_PERSON_ROW},
    True: {"person", "company", ADDED, *_ROLE_ROW},
}
"""Whether rows are roles -> what of them is watched. People who are added in bulk have no role, and none is made."""
State = dict[int, tuple[Any, ...]]
"""Rows by their keys: what _PERSON_ROW or _ROLE_ROW names of each."""


@contextmanager
def _watch(rows: QuerySet[Any], names: Collection[str]) -> Iterator[None]:
    """Refuse a change in bulk that leaves no administrator, log any other, and have follow what follows from it."""
    of_roles = rows.model is CompanyRole
    present = of_roles or rows.model is get_user_model()  # in a migration the model is one of the past
    if not present or not _WATCHED[of_roles].intersection(names):
        yield
        return
    columns = _ROLE_ROW if of_roles else _PERSON_ROW
    with transaction.atomic() if connection.in_atomic_block else roles.changing():
        before = _state(rows, columns)
        people_before = {row[0] for row in before.values()} if of_roles else before.keys()
        last = roles.administrators().filter(person__in=people_before).select_related("person").first()
        yield
        if last is not None:
            roles.make_sure_of_an_administrator(last.person)
        same = rows.model._base_manager.filter(pk__in=list(before))
        changed = _differences(before, {**_state(same, columns), **_state(rows.all(), columns)})
        (_log_roles if of_roles else _log_people)(changed)
        touched = {row[0] for pair in changed.values() for row in pair if row} if of_roles else set(changed)
        deactivated = set() if of_roles else {pk for pk, (was, now) in changed.items() if was and was[0] and not now[0]}
        with _alone():
            for person in get_user_model().objects.filter(pk__in=touched):
                _follow(person)
                if person.pk in deactivated:
                    people.end_sessions(person)


def _state(rows: QuerySet[Any], columns: Sequence[str]) -> State:
    return {pk: tuple(values) for pk, *values in rows.order_by().values_list("pk", *columns)}


def _differences(before: State, after: State) -> dict[int, tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Return what rows that are not as they were, were and are; an empty tuple where one was not there."""
    changed = (pk for pk, row in after.items() if before.get(pk) != row)
    return {pk: (before.get(pk, ()), after[pk]) for pk in sorted(changed)}


def _log_roles(changed: Mapping[int, tuple[tuple[Any, ...], tuple[Any, ...]]]) -> None:
    """Log roles that were changed or added in bulk as those taken and given: signals, which would, are not sent."""
    for pk, pair in changed.items():
        for row, action in zip(pair, (LogEntry.Action.DELETE, LogEntry.Action.CREATE), strict=True):
            if row:
                one = CompanyRole(pk=pk, **dict(zip(_ROLE_ROW, row, strict=True)))
                sides = (str(one.role), "None") if action == LogEntry.Action.DELETE else ("None", str(one.role))
                _log(one, action, {"role": sides})


def _log_people(changed: Mapping[int, tuple[tuple[Any, ...], tuple[Any, ...]]]) -> None:
    """Log what of people was changed in bulk."""
    known = get_user_model().objects.in_bulk(list(changed))
    for pk, (was, now) in changed.items():
        values = zip(_PERSON_ROW, was, now, strict=True)
        _log(known[pk], LogEntry.Action.UPDATE, {name: (str(a), str(b)) for name, a, b in values if a != b})


def _log(instance: Any, action: int, changes: dict[str, tuple[str, str]]) -> None:
    LogEntry.objects.log_create(
        instance, force_log=True, action=action, changes={name: [*pair] for name, pair in changes.items()}
    )


@contextmanager
def _alone() -> Iterator[None]:
    token = _at_work.set(True)
    try:
        yield
    finally:
        _at_work.reset(token)


def _role_is_saved(instance: CompanyRole, raw: bool, **_: Any) -> None:
    """Refuse to have the last administrator's role be another one, or somebody else's."""
    stored = None if raw or instance.pk is None else CompanyRole.objects.filter(pk=instance.pk).first()
    if (
        stored is not None
        and _administers_all(stored)
        and not (_administers_all(instance) and instance.person_id == stored.person_id)
    ):
        roles.make_sure_of_another_administrator(stored.person)


def _role_was_deleted(instance: CompanyRole, **_: Any) -> None:
    """Refuse to take the last administrator's role, with the person or alone. The transaction ends with that."""
    person = get_user_model().objects.filter(pk=instance.person_id, is_active=True).first()
    if person is not None and _administers_all(instance):
        roles.make_sure_of_another_administrator(person)


def _administers_all(row: CompanyRole) -> bool:
    return row.company_id is None and row.role == Role.ADMINISTRATOR


def _is_active(person_id: int) -> bool:
    return get_user_model().objects.filter(pk=person_id, is_active=True).exists()


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
    """Undo a superuser set by hand on somebody who is there already: the role says who is one.

    Refuse to deactivate the last administrator.
    """
    if raw or instance.pk is None:
        return
    named = {"is_superuser", "is_active"} if update_fields is None else set(update_fields)
    deactivated = "is_active" in named and not instance.is_active and _is_active(instance.pk)
    if deactivated and Held(None, Role.ADMINISTRATOR) in roles.stored_roles(instance):
        roles.make_sure_of_another_administrator(instance)
    if "is_superuser" not in named:
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
