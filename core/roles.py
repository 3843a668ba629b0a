"""The four roles and what each may do.

A role is a Django group of the same name; a superuser is an Administrator. Views ask for a capability, not for a role.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


class Role(StrEnum):
    """The groups."""

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
    ADMINISTER = "administer"  # the connection, encryption, people, master data


CAPABILITIES: dict[Role, frozenset[Can]] = {
    Role.ADMINISTRATOR: frozenset(Can),
    Role.MAPPER: frozenset({Can.READ, Can.PREVIEW, Can.MAP}),
    Role.OPERATOR: frozenset({Can.READ, Can.PREVIEW, Can.OPERATE}),
    Role.VIEWER: frozenset({Can.READ}),
}


def capabilities(user: AbstractBaseUser | AnonymousUser) -> frozenset[Can]:
    """Everything the user may do; nothing for somebody who is not signed in or has no role. One query, kept."""
    kept: frozenset[Can] | None = getattr(user, "_capabilities", None)
    if kept is not None:
        return kept
    found: frozenset[Can] = frozenset()
    if user.is_authenticated and user.is_active:
        if getattr(user, "is_superuser", False):
            found = CAPABILITIES[Role.ADMINISTRATOR]
        else:
            member: Any = user  # Django's types give groups to the concrete user model alone
            for name in member.groups.values_list("name", flat=True):
                found |= CAPABILITIES.get(name, frozenset())
    vars(user)["_capabilities"] = found
    return found


def may(user: AbstractBaseUser | AnonymousUser, can: Can) -> bool:
    """Return whether the user has the capability."""
    return can in capabilities(user)


def requires(can: Can) -> Callable[[View], View]:
    """Guard a view: 403, in the shell, for a user without the capability. Middleware asks for sign-in."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not may(request.user, can):
                raise PermissionDenied(f"This needs the right to {can}.")
            return view(request, *args, **kwargs)

        vars(guarded)["requires"] = can  # the generated test of URL x role reads it
        return cast(View, guarded)

    return guard
