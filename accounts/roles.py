"""Giving and taking roles. What follows from them, the superuser and groups, is in accounts.following."""

from collections.abc import Iterable
from contextlib import AbstractContextManager

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet

from accounts import decisions
from accounts.models import CompanyRole
from core.locks import locked
from core.refusals import Refusal
from core.roles import Held, Role
from masterdata.models import Company


def ensure_groups() -> dict[Role, Group]:
    """Return the group of each role, made where it is missing."""
    return {role: Group.objects.get_or_create(name=role.value)[0] for role in Role}


def stored_roles(person: User) -> frozenset[Held]:
    """Return the person's roles as they are stored now, whether or not the person is active."""
    rows = CompanyRole.objects.filter(person=person).values_list("company__slug", "role")
    return frozenset(Held(*row) for row in rows)


def changing() -> AbstractContextManager[None]:
    """Open a transaction beside which nobody else changes roles, or who may sign in.

    Whatever changes them opens it before anything else in the database: one lock, so that no two changes wait for each
    other, and none counts with what another one has just taken.
    """
    return locked("roles of people")


def set_roles(*, person: User, company: Company | None, roles: Iterable[Role], by: User | None = None) -> None:
    """Have the person hold just these roles in the company, or in all (None); counts from their next request on.

    by: who gives and takes them; None for a command. Raises Refusal where they do not administer the company, or nobody
    would be left who administers all.
    """
    with changing():
        if by is not None and not decisions.may_give_roles(roles_now(by), company.slug if company else None):
            raise Refusal(
                "not_permitted",
                f"{by} does not administer {company or decisions.ALL_COMPANIES}, so the role of {person} there stays.",
                "Ask an Administrator in all companies.",
            )
        wanted = {Role(role) for role in roles}
        held = {Role(row.role): row for row in CompanyRole.objects.filter(person=person, company=company)}
        for role in sorted(held.keys() - wanted):
            row = held[role]
            row.person = person
            row.delete()
        for role in sorted(wanted - held.keys()):
            CompanyRole.objects.create(person=person, company=company, role=role, given_by=by)


def roles_now(person: User) -> frozenset[Held]:
    """Return the roles of somebody who changes those of others, who may have lost them while waiting to do so."""
    active = get_user_model().objects.filter(pk=person.pk, is_active=True).exists()
    return stored_roles(person) if active else frozenset()


def make_sure_of_another_administrator(person: User) -> None:
    """Refuse to go on where nobody but the person is active and administers all companies. Raises Refusal.

    The one place of the rule; accounts.following asks whenever such a role is taken, or somebody deactivated.
    """
    if not administrators().exclude(person=person).exists():
        raise _last(person)


def make_sure_of_an_administrator(person: User) -> None:
    """Refuse to leave a change as it was made where it left nobody who administers all companies. Raises Refusal.

    person: who did until then, and is named.
    """
    if not administrators().exists():
        raise _last(person)


def administrators() -> QuerySet[CompanyRole]:
    """Return the roles of those who are active and administer all companies."""
    return CompanyRole.objects.filter(company=None, role=Role.ADMINISTRATOR, person__is_active=True)


def _last(person: User) -> Refusal:
    return Refusal(
        "last_administrator",
        f"{person} is the only active person who is an Administrator in all companies.",
        "Give somebody else that role first.",
    )
