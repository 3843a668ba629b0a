"""Who changed what, in the audit log: the person signed in, and the address that can be believed."""

from typing import Any

from auditlog.context import auditlog_value
from auditlog.middleware import AuditlogMiddleware
from django.http import HttpRequest

from accounts.sign_in_limits import client_ip


class AuditMiddleware(AuditlogMiddleware):
    """auditlog's own, except that a visitor cannot write an address of their choice into the log.

    auditlog takes the first entry of X-Forwarded-For as it is; a text that is no address fails the whole request on
    PostgreSQL, whose column holds addresses only.
    """

    def get_extra_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return the person and their address, for every entry made while the request is answered."""
        return {"actor": self._get_actor(request), "remote_addr": client_ip(request), "remote_port": None}

    def __call__(self, request: HttpRequest) -> Any:
        """Answer the request; afterwards nobody is named for what else happens in this thread."""
        try:
            return super().__call__(request)
        finally:
            auditlog_value.set({"signal_duid": None})


def actor_is_set() -> bool:
    """Return whether the entries made now carry a person already; a name inside would undo the outer one."""
    return (auditlog_value.get(None) or {}).get("actor") is not None
