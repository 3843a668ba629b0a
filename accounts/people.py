"""The people who sign in, and their roles."""

import secrets

from axes.utils import reset
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.validators import validate_email
from django.utils import timezone

from accounts import decisions, roles
from core.refusals import Refusal
from core.roles import Held, Role
from masterdata.models import Company


def mask_secret(value: str) -> str:  # noqa: ARG001 - the audit log's shape
    """Return what the audit log shows in the place of a secret."""
    return "***"


def find_person(name: str) -> User | None:
    """Return the person who signs in with the name; None where there is nobody."""
    return get_user_model().objects.filter(username=name).first()


def save_user(
    *,
    name: str,
    role: Role,
    password: str | None = None,
    company: Company | None = None,
    e_mail: str | None = None,
    by: User | None = None,
) -> tuple[User, bool, str]:
    """Create a person or change one, who may sign in again: the role replaces what they had, a password the old one.

    company: where the role counts; None: in all companies, and nothing else is left. What else it replaces says
    decisions.held_after. by: who does it; None for a command. Gives the user, whether they are new, and the password
    made for a new one that came without (blank otherwise). Raises django's ValidationError where the password is too
    weak, and Refusal as roles.set_roles does.
    """
    with roles.changing():
        return _save_user(name, role, password, company, e_mail, by)


def _save_user(
    name: str, role: Role, password: str | None, company: Company | None, e_mail: str | None, by: User | None
) -> tuple[User, bool, str]:
    people = get_user_model()
    user = find_person(name) or people(username=name)
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
    if e_mail is not None:
        validate_email(e_mail)
        user.email = e_mail
    user.is_active = True
    user.save()
    if password is not None:
        # Whoever locked themselves out by failing too often may try again with the new password at once.
        reset(username=name)
    roles.ensure_groups()
    _become(user, company, role, by)
    return user, created, made


def _become(person: User, company: Company | None, role: Role, by: User | None) -> None:
    """Have the person be just this in the company."""
    before = roles.stored_roles(person)
    after = decisions.held_after(before, company.slug if company else None, role)
    changed = {one.company for one in before ^ after}
    for slug in sorted(changed, key=str):
        where = None if slug is None else Company.objects.get(slug=slug)
        wanted = [Role(one.role) for one in after if one.company == slug]
        roles.set_roles(person=person, company=where, roles=wanted, by=by)


def set_active(*, person: User, active: bool, by: User) -> None:
    """Let the person sign in, or not any more; then their sessions end at once, and none comes back.

    Raises Refusal for oneself, and where nobody would be left who administers all companies.
    """
    if not active and person == by:
        raise Refusal("configuration", "You cannot deactivate yourself.", "Ask another administrator.")
    with roles.changing():
        if Held(None, Role.ADMINISTRATOR) not in roles.roles_now(by):
            raise Refusal(
                "not_permitted", f"{by} does not administer all companies any more, so nothing was changed.",
                "Ask an Administrator in all companies.",
            )  # fmt: skip
        changed = get_user_model().objects.get(pk=person.pk)
        changed.is_active = active
        changed.save(update_fields=["is_active"])
    person.is_active = active


def end_sessions(person: User) -> int:
    """Sign the person out everywhere. Return how many sessions there were."""
    mine = [
        session.pk
        for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator()
        if session.get_decoded().get(SESSION_KEY) == str(person.pk)
    ]
    Session.objects.filter(pk__in=mine).delete()
    return len(mine)
