"""Giving and taking roles. What follows from them, the superuser and groups, is in accounts.following."""

from collections.abc import Iterable

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.db import transaction

from accounts import decisions
from accounts.models import CompanyRole
from core.refusals import Refusal
from core.roles import Held, Role, held_roles
from masterdata.models import Company


def ensure_groups() -> dict[Role, Group]:
    """Return the group of each role, made where it is missing."""
    return {role: Group.objects.get_or_create(name=role.value)[0] for role in Role}


def stored_roles(person: User) -> frozenset[Held]:
    """Return the person's roles as they are stored now, whether or not the person is active."""
    rows = CompanyRole.objects.filter(person=person).values_list("company__slug", "role")
    return frozenset(Held(*row) for row in rows)


@transaction.atomic
def set_roles(*, person: User, company: Company | None, roles: Iterable[Role], by: User | None = None) -> None:
    """Have the person hold just these roles in the company, or in all (None); counts from their next request on.

    by: who gives and takes them; None for a command. Raises Refusal where they do not administer the company, or nobody
    would be left who administers all; a command may do even that, since it can also give the role again.
    """
    if by is not None and not decisions.may_give_roles(held_roles(by), company.slug if company else None):
        raise Refusal(
            "not_permitted",
            f"{by} does not administer {company or decisions.ALL_COMPANIES}, so the role of {person} there stays.",
            "Ask an Administrator in all companies.",
        )
    lock_person(person)
    wanted = {Role(role) for role in roles}
    held = {Role(row.role): row for row in CompanyRole.objects.filter(person=person, company=company)}
    if by is not None and company is None and Role.ADMINISTRATOR in held.keys() - wanted:
        make_sure_of_another_administrator(person)
    for role in sorted(held.keys() - wanted):
        row = held[role]
        row.person = person
        row.delete()
    for role in sorted(wanted - held.keys()):
        CompanyRole.objects.create(person=person, company=company, role=role, given_by=by)


def make_sure_of_another_administrator(person: User) -> None:
    """Refuse to go on where nobody else administers all companies. Raises Refusal."""
    others = CompanyRole.objects.select_for_update().filter(company=None, role=Role.ADMINISTRATOR)
    if not [row for row in others.select_related("person").order_by("pk") if row.person != person and is_active(row)]:
        raise Refusal(
            "last_administrator",
            f"{person} is the only active person who is an Administrator in all companies.",
            "Give somebody else that role first.",
        )


def is_active(row: CompanyRole) -> bool:
    """Return whether the role's person may sign in."""
    return bool(row.person.is_active)


def lock_person(person: User) -> None:
    """Have others who change the person's roles wait until this transaction has ended."""
    get_user_model().objects.select_for_update().filter(pk=person.pk).first()
