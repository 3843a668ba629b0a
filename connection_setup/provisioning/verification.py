"""What must be there afterwards: read as the administrator, then tried as the application itself."""

from typing import Any

from connection_setup.provisioning import role, solution, tables
from connection_setup.provisioning.client import Definer
from connection_setup.provisioning.settling import NotSettled, Settling, is_absent
from connection_setup.types import COMPANY_SET, COMPANY_TABLE, ROLE, SOLUTION
from dataverse.errors import AccessDenied, ConfigurationError, CustomizationsBlocked, DataverseError, NotAMember

LOCKDOWN = "IsLockdownOfUnmanagedCustomizationEnabled"
"""The organization's setting that blocks unmanaged customizations."""


def is_blocked(client: Definer) -> bool:
    """Return whether the environment takes no unmanaged customizations; one that does not tell is tried."""
    try:
        answer = client.action("GetOrgDbOrgSetting", {"SettingName": LOCKDOWN}, repeatable=True)
    except CustomizationsBlocked:
        return True
    except DataverseError as error:
        if error.repeat or error.status in (0, 401, 429):
            raise
        return False
    return str((answer or {}).get("SettingValue") or "").lower() == "true"


def missing_customizations(client: Definer) -> list[str]:
    """Return what is missing of what only an unmanaged customization can make, each as a sentence names it."""
    missing = [] if solution.find_solution(client) else [f"the solution {SOLUTION}"]
    missing += tables.missing_columns(client)
    return missing if role.find_role(client) else [*missing, f"the security role {ROLE}"]


def require_all(client: Definer, settling: Settling) -> None:
    """Read every column, lookup and privilege that was made. Raises NotSettled, ConfigurationError, DataverseError."""
    missing = missing_customizations(client)
    if not missing:
        found = role.find_role(client)
        missing = [f"the privilege {name}" for name in role.missing_privileges(client, found)] if found else []
    if not missing:
        return
    if settling.just_made():
        raise NotSettled(sentence_case(listed(missing)))
    raise ConfigurationError(
        f"After the preparation {listed(missing)} cannot be read in Dataverse.",
        "Try again: what is missing is made.",
        reason="configuration",
    )


def try_application(client: Any, settling: Settling) -> None:
    """Do as the application what its jobs do: definitions, rows, a tracked page.

    What was made a moment ago may not count for the application yet. Raises NotSettled, DataverseError.
    """
    try:
        client.who_am_i()
        for table in (COMPANY_TABLE, "account"):
            client.function(f"EntityDefinitions(LogicalName='{table}')?$select=LogicalName,ChangeTrackingEnabled")
            client.function(f"EntityDefinitions(LogicalName='{table}')/Attributes?$select=LogicalName")
        client.function(f"{COMPANY_SET}?$select=tandem_name,_tandem_defaultowningteam_value&$top=1")
        client.function(
            "accounts?$select=name,_tandem_companyid_value", Prefer="odata.track-changes,odata.maxpagesize=1"
        )
    except (NotAMember, AccessDenied) as error:
        if settling.just_made():
            raise NotSettled("The application's user and its role") from error
        raise
    except DataverseError as error:
        if is_absent(error) and settling.just_made():
            raise NotSettled("The tables and columns, as the application sees them") from error
        raise


def sentence_case(text: str) -> str:
    """Return a text with a capital letter first; names in it keep theirs."""
    return f"{text[:1].upper()}{text[1:]}"


def listed(names: list[str], most: int = 3) -> str:
    """Return names as a sentence lists them, at most `most` of them."""
    shown = names[:most] + ([f"{len(names) - most} more"] if len(names) > most else [])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
