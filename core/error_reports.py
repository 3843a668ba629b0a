"""What a report of an exception may hold: for whoever gets Django's own, or sends one to a service for errors."""

from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter

_sources: list[Callable[[], Iterable[str]]] = []


def register_secrets(source: Callable[[], Iterable[str]]) -> None:
    """Name what knows further keys of this installation, which no report and no log may hold."""
    if source not in _sources:
        _sources.append(source)


def own_keys() -> list[str]:
    """Return every key of this installation."""
    named = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS, *settings.FIELD_ENCRYPTION_KEYS)
    known = [*named, *(key for source in _sources for key in source())]
    return [key for key in dict.fromkeys(known) if key]


class ReticentFilter(SafeExceptionReporterFilter):
    """Django's own, and silent beyond what views and functions declare: what is named like a secret, or holds a key.

    Libraries' functions declare nothing, and a secret passes through them too.
    """

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """Return the form's values without those named like a secret."""
        given: dict[str, Any] = super().get_post_parameters(request)
        if not self.is_active(request):
            return given
        return {name: self.cleanse_setting(name, value) for name, value in given.items()}

    def get_traceback_frame_variables(self, request: HttpRequest, tb_frame: FrameType) -> Any:
        """Return a function's variables without those named like a secret."""
        found = super().get_traceback_frame_variables(request, tb_frame)
        if not self.is_active(request):
            return found
        return [(name, self._without_keys(self.cleanse_setting(name, value))) for name, value in found]

    def _without_keys(self, value: Any) -> Any:
        """Return the value, or a placeholder where it holds one of this installation's own keys."""
        try:
            text = repr(value)
        except Exception:
            return self.cleansed_substitute
        return self.cleansed_substitute if any(key in text for key in own_keys()) else value
