"""gunicorn's logger, except that no address is written that is as good as a password.

Whoever reads the log could open the link for a new password before the person does; and what Microsoft's sign-in sends
the browser back with is nobody else's either.
"""

import re
from typing import Any

from gunicorn.glogging import Logger

_SIGNED_IN = "/connection/signed-in"
_SECRET = re.compile(rf"(/password/new/)[^/?\s]+/[^/?\s]+|({_SIGNED_IN})\?\S*")


def masked(text: str) -> str:
    """Return a text without what addresses in it hold secret."""
    return _SECRET.sub(lambda found: f"{found[1] or found[2]}***", text)


class ReticentLogger(Logger):
    """See above; for gunicorn's --logger-class."""

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> dict[str, Any]:
        """Return what a line of the access log may hold."""
        query = environ.get("QUERY_STRING") or ""
        secret = query if environ.get("PATH_INFO") == _SIGNED_IN else ""

        def without(text: str) -> str:
            return masked(text.replace(secret, "***") if secret else text)

        found = super().atoms(resp, req, environ, request_time)
        return {name: without(value) if isinstance(value, str) else value for name, value in found.items()}
