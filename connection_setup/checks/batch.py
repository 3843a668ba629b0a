"""What a test asks of an environment, all in one request: a batch whose parts are judged one by one (checks)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from connection_setup.checks.privileges import tables
from connection_setup.types import COMPANY_SET, SOLUTION, Dataverse, Expectations
from dataverse import odata
from dataverse.errors import Gone
from dataverse.types import Organization, PartResult, Request, Row, WhoAmI

READ = {
    "accounts": "accountid",
    "contacts": "contactid",
    "systemusers": "systemuserid",
    "teams": "teamid",
    "businessunits": "businessunitid",
    "roles": "roleid",
    "transactioncurrencies": "transactioncurrencyid",
    COMPANY_SET: "tandem_companyid",
}
"""Entity set -> key: what everything stands on, of which a row is read."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers by name. Reading one that was refused raises its DataverseError."""

    parts: Mapping[str, PartResult]
    defined: Sequence[str]

    def row(self, name: str) -> Row:
        """One row, or a function's answer."""
        part = self.parts[name]
        if part.error is not None:
            raise part.error
        body: Row = part.body
        return body

    def rows(self, name: str) -> list[Row]:
        """The rows of a query."""
        found: list[Row] = self.row(name)["value"]
        return found

    def has(self, name: str) -> bool:
        """Whether a row is there. Raises what was refused for another reason."""
        error = self.parts[name].error
        if isinstance(error, Gone):
            return False
        if error is not None:
            raise error
        return True

    @property
    def read(self) -> list[tuple[str, PartResult]]:
        """Whether each of READ can be read."""
        return [(name, self.parts[f"read {name}"]) for name in READ]

    @property
    def definitions(self) -> list[Row]:
        """The definitions of the tables there are; an environment may lack those of sales."""
        names = [f"define {name}" for name in self.defined]
        return [self.row(name) for name in names if self.has(name)]

    def organization(self) -> Organization:
        """The organization with its base currency."""
        found = self.rows("organization")
        if not found:
            raise Gone(
                "Dataverse shows no organization to the application user.",
                "Give its role read access to it.",
            )
        row = found[0]
        currency = row.get(odata.lookup("basecurrencyid"))
        codes = {one["transactioncurrencyid"]: one["isocurrencycode"] for one in self.rows("currencies")}
        return Organization(
            id=UUID(row["organizationid"]),
            name=row.get("name") or "",
            base_currency_id=UUID(currency) if currency else None,
            base_currency_code=codes.get(currency) or "",
            languages=(row["languagecode"],) if row.get("languagecode") else (),
        )


def ask(client: Dataverse, who: WhoAmI, wanted: Expectations) -> Answers:
    """Ask everything at once. Raises DataverseError where the request as a whole is refused."""
    user = odata.key("systemusers", who.user_id)
    currency_column = odata.lookup("basecurrencyid")
    asked = {
        "organization": f"organizations?$select=organizationid,name,languagecode,{currency_column}",
        "currencies": "transactioncurrencies?$select=transactioncurrencyid,isocurrencycode",
        "version": "RetrieveVersion()",
        "user": f"{user}?$select=fullname,isdisabled",
        "user roles": f"{user}/systemuserroles_association?$select=name",
        "held": f"{user}/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()",
        "solution": "solutions" + odata.query(
            {"$select": "version", "$filter": odata.eq("uniquename", SOLUTION)}
        ),
    }  # fmt: skip
    if wanted.team_id is not None:
        team = odata.key("teams", wanted.team_id)
        asked["team"] = f"{team}?$select=name,{odata.lookup('businessunitid')}"
        asked["team roles"] = f"{team}/teamroles_association?$select=name"
    if wanted.business_unit_id is not None:
        asked["unit"] = f"{odata.key('businessunits', wanted.business_unit_id)}?$select=name,isdisabled"
    asked |= {f"read {name}": f"{name}?$select={key}&$top=1" for name, key in READ.items()}
    defined = tables(wanted.tables)
    asked |= {
        f"define {name}": f"EntityDefinitions(LogicalName='{name}')"
        "?$select=LogicalName,Privileges,ChangeTrackingEnabled"
        for name in defined
    }
    results: Any = client.batch([Request("GET", path) for path in asked.values()])
    return Answers(dict(zip(asked, results, strict=True)), defined)
