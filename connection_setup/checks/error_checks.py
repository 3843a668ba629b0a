"""Errors of Dataverse as failed checks, whether they come before the batch, with it, or from one of its parts. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from connection_setup.checks import judges
from connection_setup.types import ADDRESS, SIGN_IN, Check, Expectations
from dataverse.errors import DataverseError, Kind
from dataverse.types import Ping

_PLACES = {
    Kind.CONFIGURATION: ADDRESS,
    Kind.SIGN_IN: SIGN_IN,
    Kind.NOT_A_MEMBER: judges.USER,
    Kind.DENIED: judges.USER,
    Kind.DISABLED: judges.ORGANIZATION,
    Kind.ADMINISTRATION_MODE: judges.MODE,
    Kind.THROTTLED: judges.LIMITS,
}

_NOT_LET_IN = frozenset({"0x80095ffc", "0x80095ffe"})
"""App access control and the IP firewall refuse the application before its user is looked at."""


def check_for_error(error: DataverseError, place: str, expected: Expectations, hint: str = "") -> Check:
    """Return the failed check that an error belongs to: `place`, unless the error's kind says where.

    hint: what is known about the tenant, added to the fix of a refused sign-in.
    """
    name = _PLACES.get(error.kind, place)
    if error.code.lower() in _NOT_LET_IN:
        name = judges.ACCESS
    if error.kind is Kind.CONFIGURATION and error.reason == "sign_in":
        name = SIGN_IN
    elif error.kind is Kind.UNAVAILABLE and error.status:
        name = ADDRESS  # the environment itself said so
    message, fix = error.message, error.fix
    if error.kind is Kind.SIGN_IN and expected.secret_is_an_id:
        message = "The Client Secret is a GUID: that is the secret's ID, not its value."
        fix = (
            "Enter the secret's value, which is shown only when it is created; if it is not at hand, create a new "
            "secret under Certificates & secrets."
        )
    elif error.kind is Kind.SIGN_IN and hint:
        fix = f"{fix} {hint}"
    return Check(name, "error", message, fix, error.reason)


def check_for_refused_part(error: DataverseError, name: str, expected: Expectations, hint: str = "") -> Check:
    """Return the failed check of a part that was refused after the environment let the application in.

    It fails where it is needed, whatever the error's kind; only a service limit is a check of its own.
    """
    failed = check_for_error(error, name, expected, hint)
    return failed if error.kind is Kind.THROTTLED else replace(failed, name=name)


def with_failed(checks: Sequence[Check], failed: Check) -> list[Check]:
    """Return the checks made so far with one that failed, which replaces its own earlier result."""
    return [check for check in checks if check.name != failed.name] + [failed]


def tenant_hint(ping: Ping, tenant_id: str) -> str:
    """Return a sentence when the environment names another tenant than the settings; "" when it does not."""
    try:
        same = not ping.tenant or UUID(ping.tenant) == UUID(tenant_id)
    except ValueError:
        same = True
    return "" if same else f"The environment belongs to the tenant {ping.tenant}."
