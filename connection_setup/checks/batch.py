"""What a test asks of an environment, all in one request: a batch whose answers the judges read by name."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from connection_setup.checks.privileges import tables_to_check
from connection_setup.types import COMPANY_SET, SOLUTION, Expectations
from dataverse import odata
from dataverse.errors import Gone
from dataverse.types import Organization, PartResult, Request, Row, WhoAmI

TABLES_READ = {
    "accounts": "accountid",
    "contacts": "contactid",
    "systemusers": "systemuserid",
    "teams": "teamid",
    "businessunits": "businessunitid",
    "roles": "roleid",
    "transactioncurrencies": "transactioncurrencyid",
    COMPANY_SET: "tandem_companyid",
}
"""Entity set -> key of the tables that everything depends on; one row of each is read."""

READ, DEFINE = "read", "define"
"""Parts that are asked once per table: each of TABLES_READ, and each table whose definition counts."""


class BatchSender(Protocol):
    """The part of a client that sends a batch: the application's, or an administrator's."""

    def batch(self, requests: Sequence[Request]) -> list[PartResult]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of a batch, by the name of what was asked, for who asked.

    Reading an answer that was refused raises its DataverseError.
    """

    who: WhoAmI
    parts: Mapping[str, PartResult]

    def row(self, name: str) -> Row:
        """Return the row of an answer, or a function's result. Raises its DataverseError."""
        part = self.parts[name]
        if part.error is not None:
            raise part.error
        body: Row = part.body
        return body

    def rows(self, name: str) -> list[Row]:
        """Return the rows of a query. Raises its DataverseError."""
        found: list[Row] = self.row(name)["value"]
        return found

    def has(self, name: str) -> bool:
        """Whether the row exists. Raises its DataverseError where it was refused for another reason."""
        error = self.parts[name].error
        if isinstance(error, Gone):
            return False
        if error is not None:
            raise error
        return True

    def tables_read(self) -> list[tuple[str, PartResult]]:
        """Return the answer for each of TABLES_READ."""
        return [(name, self.parts[f"{READ} {name}"]) for name in TABLES_READ]

    def definitions(self) -> list[Row]:
        """Return the definitions of the tables that exist; an environment may lack those of sales."""
        names = [name for name in self.parts if name.startswith(f"{DEFINE} ")]
        return [self.row(name) for name in names if self.has(name)]

    def organization(self) -> Organization:
        """Return the organization with its base currency. Raises DataverseError."""
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


def ask(client: BatchSender, who: WhoAmI, expected: Expectations, *, only: Collection[str] | None = None) -> Answers:
    """Ask everything that the checks need in one request, or only these parts (judges.Judge.parts).

    Raises DataverseError where the request as a whole is refused.
    """
    asked = {name: path for name, path in paths(who, expected).items() if only is None or _part_of(name) in only}
    results = client.batch([Request("GET", path) for path in asked.values()])
    return Answers(who, dict(zip(asked, results, strict=True)))


def paths(who: WhoAmI, expected: Expectations) -> dict[str, str]:
    """Return what may be asked: name -> path below the Web API's address."""
    user = odata.key("systemusers", who.user_id)
    currency_column = odata.lookup("basecurrencyid")
    found = {
        "organization": f"organizations?$select=organizationid,name,languagecode,{currency_column}",
        "currencies": "transactioncurrencies?$select=transactioncurrencyid,isocurrencycode",
        "version": "RetrieveVersion()",
        "user": f"{user}?$select=fullname,isdisabled",
        "user roles": f"{user}/systemuserroles_association?$select=name,_roletemplateid_value",
        "held": f"{user}/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()",
        "solution": "solutions" + odata.query(
            {"$select": "version", "$filter": odata.eq("uniquename", SOLUTION)}
        ),
    }  # fmt: skip
    if expected.team_id is not None:
        team = odata.key("teams", expected.team_id)
        found["team"] = f"{team}?$select=name,{odata.lookup('businessunitid')}"
        found["team roles"] = f"{team}/teamroles_association?$select=name"
    if expected.business_unit_id is not None:
        found["unit"] = f"{odata.key('businessunits', expected.business_unit_id)}?$select=name,isdisabled"
    found |= {f"{READ} {name}": f"{name}?$select={key}&$top=1" for name, key in TABLES_READ.items()}
    return found | {
        f"{DEFINE} {name}": f"EntityDefinitions(LogicalName='{name}')"
        "?$select=LogicalName,Privileges,ChangeTrackingEnabled"
        for name in tables_to_check(expected.tables)
    }


def _part_of(name: str) -> str:
    """Return the part that a name in the batch belongs to."""
    first = name.partition(" ")[0]
    return first if first in (READ, DEFINE) else name
