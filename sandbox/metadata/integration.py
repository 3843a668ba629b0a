"""Table and columns of the integration solution: companies, and a lookup to them on synchronized tables."""

from sandbox.metadata.common import ACTIVE_INACTIVE, build_table
from sandbox.metadata.model import Key, Table
from sandbox.metadata.notation import parse_column

SOLUTION = "TandemBaseIntegration"
PUBLISHER = "tandem"
ROLE = "Tandem Dataverse Integration"
COMPANY_LOOKUP = "tandem_companyid"
WITH_COMPANY = ("account", "contact", "product", "opportunity", "pricelevel")


def build_company_table() -> Table:
    """Return the table of the business system's companies, each with the team that owns its rows."""
    table = build_table(
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
    table.keys[key.name] = key
    return table


def install(tables: dict[str, Table]) -> None:
    """Add the solution's table and columns to an environment's tables (by logical name)."""
    tables["tandem_company"] = build_company_table()
    for name in WITH_COMPANY:
        tables[name].add_columns(parse_column(f"{COMPANY_LOOKUP} | l tandem_company | Company Id", custom=True))
