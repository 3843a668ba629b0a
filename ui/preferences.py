"""A person's choices, read once per request."""

from typing import Any

from django.http import HttpRequest

from ui.models import UserPreference

MAX_NAME = 120
_CACHED = "_preferences"
"""The request's attribute that holds the choices, once they were read."""


def preferences_of(request: HttpRequest) -> dict[str, Any]:
    """Return all choices of the person signed in, by name; empty for others. One query, kept on the request."""
    cache = vars(request)
    if _CACHED not in cache:
        user = getattr(request, "user", None)
        rows = UserPreference.objects.filter(user_id=user.pk).values_list("name", "value") if user and user.pk else ()
        cache[_CACHED] = dict(rows)
    found: dict[str, Any] = cache[_CACHED]
    return found


def store_preference(request: HttpRequest, name: str, value: Any) -> None:
    """Remember a choice of the person signed in; None forgets it."""
    user: Any = request.user
    mine = UserPreference.objects.filter(user=user, name=name)
    if value is None:
        mine.delete()
    elif not mine.update(value=value):
        UserPreference.objects.update_or_create(user=user, name=name, defaults={"value": value})
    preferences_of(request)[name] = value
