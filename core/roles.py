"""The four roles and what each may do, in a company or in all.

Who has which role where is kept by `accounts`; here is what follows from it. A superuser is an Administrator in all
companies (accounts.roles keeps it so). Views ask for a capability, not for a role.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


class Role(StrEnum):
    """What a person is, in a company or in all."""

    ADMINISTRATOR = "Administrator"
    MAPPER = "Mapper"
    OPERATOR = "Operator"
    VIEWER = "Viewer"


class Can(StrEnum):
    """What a page or an action asks for."""

    READ = "read"
    PREVIEW = "preview"  # try matching criteria out, which reads whole tables
    OPERATE = "operate"  # start and cancel jobs, couple and uncouple
    MAP = "map"  # mappings, field mappings, stored criteria
    ADMINISTER = "administer"  # the connection, master data, the company's roles
    ADMINISTER_ALL = "administer all companies"  # what no company has for itself: encryption, people, new companies


CAPABILITIES: dict[Role, frozenset[Can]] = {
    Role.ADMINISTRATOR: frozenset(Can),
    Role.MAPPER: frozenset({Can.READ, Can.PREVIEW, Can.MAP}),
    Role.OPERATOR: frozenset({Can.READ, Can.PREVIEW, Can.OPERATE}),
    Role.VIEWER: frozenset({Can.READ}),
}
"""What each role may do; ADMINISTER_ALL only where the role is one in all companies."""


class Held(NamedTuple):
    """A role that a person has. company: the company's part of addresses, None for all companies."""

    company: str | None
    role: str


def capabilities_in(held: Iterable[Held], company: str | None) -> frozenset[Can]:
    """Return what somebody with these roles may do in the company; None: in every company there is or will be.

    Roles in all companies and those in this one add up.
    """
    found: frozenset[Can] = frozenset()
    for one in held:
        if one.company is None:
            found |= CAPABILITIES.get(cast(Role, one.role), frozenset())
        elif one.company == company:
            found |= CAPABILITIES.get(cast(Role, one.role), frozenset()) - {Can.ADMINISTER_ALL}
    return found


def capabilities_anywhere(held: Iterable[Held]) -> frozenset[Can]:
    """Return what somebody with these roles may do in at least one company."""
    known = frozenset(held)
    return frozenset().union(*(capabilities_in(known, one.company) for one in known))


def held_roles(user: AbstractBaseUser | AnonymousUser) -> frozenset[Held]:
    """Return the user's roles; none for somebody who is not signed in or was deactivated. One query, kept."""
    if not (user.is_authenticated and user.is_active):
        return frozenset()
    kept: frozenset[Held] | None = vars(user).get("_held_roles")
    if kept is not None:
        return kept
    if getattr(user, "is_superuser", False):
        found = frozenset({Held(None, Role.ADMINISTRATOR)})
    else:
        member: Any = user  # the relation comes from accounts, which stands above this room
        found = frozenset(Held(*row) for row in member.company_roles.values_list("company__slug", "role"))
    vars(user)["_held_roles"] = found
    return found


def forget_held_roles(user: AbstractBaseUser) -> None:
    """Have the user's roles read again: they were changed."""
    vars(user).pop("_held_roles", None)


def capabilities(user: AbstractBaseUser | AnonymousUser, company: Any = None) -> frozenset[Can]:
    """Return everything the user may do in the company; without one, what they may do in every company."""
    return capabilities_in(held_roles(user), None if company is None else company.slug)


def may(user: AbstractBaseUser | AnonymousUser, can: Can, company: Any = None) -> bool:
    """Return whether the user has the capability in the company; without one, in every company."""
    return can in capabilities(user, company)


def may_somewhere(user: AbstractBaseUser | AnonymousUser, can: Can) -> bool:
    """Return whether the user has the capability in at least one company."""
    return can in capabilities_anywhere(held_roles(user))


class Access(StrEnum):
    """How a request for a page is answered."""

    OPEN = "open"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"


def decide_access(held: Iterable[Held], can: Can, company: str | None) -> Access:
    """Return how somebody with these roles is answered who asks for a company's page, or for one of none (None).

    Where they may not even read, the company is as unknown as one that is not there. Somebody without any role is
    told so, whatever the address: that tells nothing about a company.
    """
    known = frozenset(held)
    if not known:
        return Access.FORBIDDEN
    allowed = capabilities_anywhere(known) if company is None else capabilities_in(known, company)
    if company is not None and Can.READ not in allowed:
        return Access.NOT_FOUND
    return Access.OPEN if can in allowed else Access.FORBIDDEN


def requires(can: Can) -> Callable[[View], View]:
    """Guard a view: 404 for a user without a role in the address's company, 403 for one without the capability in it.

    A view whose address names no company is open to whoever has the capability in one. Middleware asks for sign-in.
    """

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            company = kwargs.get("company")
            access = decide_access(held_roles(request.user), can, company)
            if access is Access.NOT_FOUND:
                raise Http404(no_company(company))
            if access is Access.FORBIDDEN:
                raise PermissionDenied(f"This needs the right to {can}.")
            return view(request, *args, **kwargs)

        vars(guarded)["requires"] = can  # the generated test of URL x role reads it
        return cast(View, guarded)

    return guard


def no_company(slug: str | None) -> str:
    """Return the sentence about a company that is not there, or not for this person."""
    return f"There is no company with the address {slug!r}."


ONLY_ADMINISTRATORS = "Only an Administrator may do this."
"""What an action that is off says to everybody else."""
