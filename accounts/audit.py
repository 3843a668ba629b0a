"""Who changed what, in the audit log: the person signed in, and the address that can be believed."""

from collections.abc import Sequence
from typing import Any

from auditlog.context import auditlog_value
from auditlog.diff import model_instance_diff
from auditlog.middleware import AuditlogMiddleware
from auditlog.models import LogEntry, LogEntryManager
from django.db import models
from django.db.models.signals import pre_save
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


class _Unsaved(LogEntryManager):
    """Makes entries as auditlog does, to be saved together."""

    def create(self, **values: Any) -> LogEntry:
        return LogEntry(**values)


_unsaved = _Unsaved()
_unsaved.model = LogEntry


def create_logged(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one model, and log each as saving it would; the rows get their keys.

    The model is one that auditlog knows. Two statements instead of two for each row; no signals of the model are sent.
    """
    if not rows:
        return
    type(rows[0])._default_manager.bulk_create(rows)
    entries = [
        _unsaved.log_create(row, action=LogEntry.Action.CREATE, changes=model_instance_diff(None, row)) for row in rows
    ]
    for entry in entries:
        pre_save.send(LogEntry, instance=entry)  # by which auditlog names who did it
    LogEntry.objects.bulk_create(entries)
