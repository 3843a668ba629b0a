"""The people who sign in, and their roles."""

import secrets

from axes.utils import reset
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser, Group
from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from core.roles import Role


def mask_secret(value: str) -> str:  # noqa: ARG001 - the audit log's shape
    """Return what the audit log shows in the place of a secret."""
    return "***"


def ensure_groups() -> dict[Role, Group]:
    """Return the group of each role, made where it is missing."""
    return {role: Group.objects.get_or_create(name=role.value)[0] for role in Role}


@transaction.atomic
def save_user(*, name: str, role: Role, password: str | None = None) -> tuple[AbstractUser, bool, str]:
    """Create a person or change one: the role replaces the one they had, a password the old one.

    Gives the user, whether they are new, and the password made for a new one that came without (blank otherwise).
    Raises django's ValidationError where the password is too weak.
    """
    people = get_user_model()
    user = people.objects.filter(username=name).first() or people(username=name)
    created = user.pk is None
    made = ""
    if password is not None:
        validate_password(password, user)
    elif created:
        password = made = secrets.token_urlsafe(12)
    if password is not None:
        user.set_password(password)
    if created:
        people.username_validator(name)
    user.is_active = True
    # Administrators also see the admin; what it shows of jobs is read-only for everybody.
    user.is_staff = user.is_superuser = role is Role.ADMINISTRATOR
    user.save()
    if password is not None:
        # Whoever locked themselves out by failing too often may try again with the new password at once.
        reset(username=name)
    groups = ensure_groups()
    if others := [group for group in user.groups.filter(name__in=groups) if group != groups[role]]:
        user.groups.remove(*others)
    user.groups.add(groups[role])
    return user, created, made
