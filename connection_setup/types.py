"""Checks, reports and expectations, and the names of the solution's objects. Free of Django."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NotRequired, Protocol, TypedDict
from uuid import UUID

from core.refusals import Explained, joined
from dataverse.types import Page, PartResult, Ping, Request, Row, TableInfo, WhoAmI

ADDRESS = "Address answers"
SIGN_IN = "Sign-in of the application"

ROLE = "Tandem Dataverse Integration"
SOLUTION = "TandemBaseIntegration"
COMPANY_TABLE = "tandem_company"
COMPANY_SET = "tandem_companies"

DEFAULT_TABLES = ("systemuser", "transactioncurrency", "account", "contact")
"""The tables of the default mappings, which are checked while a company has no mappings."""

CheckState = Literal["ok", "warning", "error"]


class CheckDocument(TypedDict):
    """A check as JSON: in the database and for programs."""

    name: str
    state: CheckState
    message: str
    fix: NotRequired[str]
    reason: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Check:
    """One check's result: what was found, and what to do about it. `reason` is a word of the closed list."""

    name: str
    state: CheckState
    message: str
    fix: str = ""
    reason: str = ""

    @classmethod
    def for_error(cls, name: str, error: Explained) -> "Check":
        """Return the check that failed by an error."""
        return cls(name, "error", error.message, error.fix, error.reason)

    @property
    def user_message(self) -> str:
        """Return message and fix, as one text for a person."""
        return joined(self.message, self.fix)

    def document(self) -> dict[str, str]:
        """Return the check for programs, without its reason."""
        return {name: value for name, value in asdict(self).items() if name != "reason"}


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one test, in the order they were made; a check that needs a failed one is left out."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether there is a check and none failed; a warning is no failure."""
        return bool(self.checks) and not any(check.state == "error" for check in self.checks)

    @property
    def failed(self) -> Check | None:
        """Return the first check that failed; None when none did."""
        return next((check for check in self.checks if check.state == "error"), None)

    @property
    def attention_count(self) -> int:
        """Return how many checks ended with a warning or an error."""
        return sum(check.state != "ok" for check in self.checks)

    def document(self) -> dict[str, Any]:
        """Return the report for programs."""
        return {"ok": self.ok, "checks": [check.document() for check in self.checks]}

    @classmethod
    def stored(cls, rows: Iterable[CheckDocument]) -> "Report":
        """Return the report that was stored with a connection."""
        return cls(tuple(Check(row["name"], row["state"], row["message"], row.get("fix", "")) for row in rows))


class Expires(Protocol):
    """How long a credential is still valid, as a check's state, message and fix."""

    @property
    def state(self) -> CheckState: ...  # noqa: D102
    @property
    def message(self) -> str: ...  # noqa: D102
    @property
    def fix(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Expectations:
    """What the checks compare the environment with: the company and the settings of its connection."""

    company_name: str
    company_id: UUID
    currency: str
    currencies_with_rate: frozenset[str]
    """Codes of the company's currencies that have an exchange rate."""
    other_currencies: Mapping[UUID, Sequence[str]]
    """Organization -> the local currencies of the other companies connected to it."""
    tenant_id: str
    secret_is_an_id: bool
    enabled: bool
    credential_name: str = "its client secret"
    expires: Expires | None = None
    """How long the credential is still valid, where that is known."""
    business_unit: str = ""
    business_unit_id: UUID | None = None
    team_id: UUID | None = None
    organization_id: UUID | None = None
    organization_name: str = ""
    couplings: int = 0
    """How many couplings belong to that organization."""
    tables: Sequence[str] = DEFAULT_TABLES
    """Logical names of the tables in Dataverse that mappings synchronize."""


class Dataverse(Protocol):
    """The part of the client that checks and provisioning use."""

    def ping(self) -> Ping: ...  # noqa: D102
    def drop_token(self) -> None: ...  # noqa: D102
    def who_am_i(self) -> WhoAmI: ...  # noqa: D102
    def table(self, logical_name: str) -> TableInfo: ...  # noqa: D102
    def get(self, entity_set: str, row_id: UUID | str, *, select: Sequence[str]) -> Row: ...  # noqa: D102
    def first_page(self, entity_set: str, *, select: Sequence[str], filter: str = "") -> Page: ...  # noqa: A002, D102
    def create(self, entity_set: str, row: Mapping[str, Any], *, primary_id: str = "") -> UUID: ...  # noqa: D102
    def update(self, entity_set: str, row_id: UUID | str, changes: Mapping[str, Any]) -> str | None: ...  # noqa: D102
    def batch(self, requests: Sequence[Request]) -> list[PartResult]: ...  # noqa: D102
    def associate(  # noqa: D102
        self, entity_set: str, row_id: UUID | str, navigation: str, other_set: str, other_id: UUID | str
    ) -> None: ...
