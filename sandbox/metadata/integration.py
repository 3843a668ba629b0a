"""What the integration solution adds: the company table, and a lookup to it on the tables that are synchronized."""

from collections.abc import Mapping

from sandbox.metadata.common import ACTIVE_INACTIVE, table
from sandbox.metadata.model import Key, Table, column

SOLUTION = "TandemBaseIntegration"
PUBLISHER = "tandem"
ROLE = "Tandem Dataverse Integration"
COMPANY_LOOKUP = "tandem_companyid"
WITH_COMPANY = ("account", "contact", "product", "opportunity", "pricelevel")


def company() -> Table:
    """A company of the business system, with the team that owns what it brings."""
    made = table(
        "tandem_Company",
        "tandem_companies",
        "Company",
        "Companies",
        f"""
tandem_name | s100 ! | Name
tandem_externalid | s36 ! | External Id
tandem_defaultowningteam | l team | Default Owning Team
{ACTIVE_INACTIVE}
""",
        code=10501,
        primary_name="tandem_name",
        ownership="UserOwned",
        custom=True,
    )
    key = Key("tandem_ExternalIdKey", "External Id", ("tandem_externalid",))
    made.keys[key.name] = key
    return made


def install(tables: dict[str, Table]) -> None:
    """Add the solution's table and columns to an environment's tables."""
    tables["tandem_company"] = company()
    for name in WITH_COMPANY:
        tables[name].add(column(f"{COMPANY_LOOKUP} | l tandem_company | Company Id", custom=True))


def installed(tables: Mapping[str, Table]) -> bool:
    """Whether the solution's table is there."""
    return "tandem_company" in tables
