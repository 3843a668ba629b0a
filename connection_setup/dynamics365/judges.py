"""One pure judgement per check of Dynamics 365 Connection Setup: state, cause, fix. No Django."""

from collections.abc import Mapping, Sequence
from typing import cast

from connection_setup.types import Check
from dataverse.errors import DataverseError, Gone, Invalid
from dataverse.types import PartResult

CONNECTION = "Dataverse connection"
TABLES = "Sales tables"
COMPANY_COLUMN = "Company of a product"
PRIVILEGES = "Privileges"
CURRENCY = "Currency"
UNITS = "Unit groups"

REDEPLOY = (
    "On Dataverse Connection Setup turn Enabled off, then choose Redeploy Integration Solution, then turn Enabled on"
)


def tables(results: Sequence[tuple[str, PartResult]]) -> Check:
    """Judge whether the sales tables exist in the environment and can be read; results: (table, answer) pairs."""
    refused = [(name, answer.error) for name, answer in results if answer.error is not None]
    if not refused:
        return Check(TABLES, "ok", f"All {len(results)} sales tables can be read.")
    missing = [name for name, error in refused if isinstance(error, Gone | Invalid)]
    if missing:
        return Check(
            TABLES,
            "error",
            f"The environment has no {', '.join(missing)}: Dynamics 365 Sales is not installed in it.",
            f"Install Dynamics 365 Sales in the Power Platform admin center. {REDEPLOY}, and test again.",
            "configuration",
        )
    names = ", ".join(name for name, _ in refused)
    error = cast(DataverseError, refused[0][1])  # which every refused part brings
    return Check(TABLES, "error", f"These tables cannot be read: {names}. {error.message}", error.fix, "denied")


def company_column(columns: Sequence[str]) -> Check:
    """Judge whether the product table has the column that names the company a product belongs to."""
    if "tandem_companyid" in columns:
        return Check(COMPANY_COLUMN, "ok", "Each product can name the company it belongs to.")
    return Check(
        COMPANY_COLUMN,
        "error",
        "Products have no column for the company they belong to: the integration solution was deployed before "
        "Dynamics 365 Sales was installed.",
        f"{REDEPLOY}: that adds what is missing.",
        "configuration",
    )


def privileges(needed: Mapping[str, str], held: Sequence[str]) -> Check:
    """Judge whether the application's user has the privileges that synchronization needs.

    needed: a privilege's name by its id; held: ids.
    """
    missing = sorted(name for key, name in needed.items() if key not in held)
    if not missing:
        return Check(
            PRIVILEGES, "ok", "The application's user may read and write products, units, prices and opportunities."
        )
    return Check(
        PRIVILEGES,
        "error",
        f"The application's user lacks {', '.join(missing)}.",
        f"{REDEPLOY}; or add them to the user's security role.",
        "denied",
    )


def currency(local_code: str, known: bool) -> Check:
    """Judge whether Dataverse has the local currency, which amounts of products are in."""
    if known:
        return Check(CURRENCY, "ok", f"Dataverse has the local currency {local_code}.")
    return Check(
        CURRENCY,
        "error",
        f"Dataverse does not have {local_code}, which is the local currency and that of product prices.",
        f"Add {local_code} in the environment's settings, or synchronize CURRENCY.",
        "configuration",
    )


def unit_groups(count: int) -> Check:
    """Judge how units are best coupled, by the number of unit groups in the environment."""
    if count <= 1:
        return Check(UNITS, "ok", "There is only the built-in unit group: a full synchronization creates those needed.")
    return Check(
        UNITS,
        "ok",
        f"There are {count:,} unit groups: select coupling criteria for UNIT OF MEASURE to avoid duplicates.",
    )
