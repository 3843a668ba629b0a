"""What checks and provisioning speak in; free of Django."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol
from uuid import UUID

from dataverse.types import Organization, Page, PartResult, Ping, Request, Row, TableInfo, WhoAmI

ADDRESS = "Address answers"
SIGN_IN = "Sign-in of the application"

ROLE = "Tandem Dataverse Integration"
SOLUTION = "TandemBaseIntegration"
COMPANY_TABLE = "tandem_company"
COMPANY_SET = "tandem_companies"

DEFAULT_TABLES = ("systemuser", "transactioncurrency", "account", "contact")
"""What the default mappings are about, while there are none."""

CheckState = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check's result: what was found, and what to do about it. `reason` is a word of the closed list."""

    name: str
    state: CheckState
    message: str
    fix: str = ""
    reason: str = ""

    @property
    def sentence(self) -> str:
        """Cause and next step together."""
        return f"{self.message} {self.fix}".strip()

    def document(self) -> dict[str, str]:
        """The shape programs read."""
        return {name: value for name, value in asdict(self).items() if name != "reason"}


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one test, in the order they were made; a check that needs a failed one is left out."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing stands in the way; warnings do not."""
        return bool(self.checks) and not any(check.state == "error" for check in self.checks)

    @property
    def failed(self) -> Check | None:
        """The first check that stands in the way."""
        return next((check for check in self.checks if check.state == "error"), None)

    @property
    def attention(self) -> int:
        """How many checks are not simply right."""
        return sum(check.state != "ok" for check in self.checks)

    def document(self) -> dict[str, Any]:
        """The shape programs read."""
        return {"ok": self.ok, "checks": [check.document() for check in self.checks]}

    @classmethod
    def stored(cls, rows: Iterable[Mapping[str, str]]) -> "Report":
        """The report kept with a connection."""
        return cls(tuple(Check(row["name"], row["state"], row["message"], row.get("fix", "")) for row in rows))  # type: ignore[arg-type]


class Expires(Protocol):
    """How long a credential is still good: a check's state and a sentence for it."""

    @property
    def state(self) -> CheckState: ...  # noqa: D102
    @property
    def sentence(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Expectations:
    """What the checks hold against the environment: the company's side of things."""

    company_name: str
    company_id: UUID
    currency: str
    currencies_with_rate: frozenset[str]
    """Codes of the company's currencies that have an exchange rate."""
    other_currencies: Mapping[UUID, Sequence[tuple[str, str]]]
    """Organization -> (company, local currency) of the other companies connected to it."""
    tenant_id: str
    secret_is_an_id: bool
    enabled: bool
    signs_in_with: str = "its client secret"
    expires: "Expires | None" = None
    """How long the credential is still good, where that is known."""
    business_unit: str = ""
    business_unit_id: UUID | None = None
    team_id: UUID | None = None
    organization_id: UUID | None = None
    organization_name: str = ""
    couplings: int = 0
    """Couplings kept that belong to that organization."""
    tables: Sequence[str] = DEFAULT_TABLES
    """The tables in Dataverse that mappings are about."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the checks learned that enabling keeps."""

    who: WhoAmI | None = None
    organization: Organization | None = None


class Dataverse(Protocol):
    """The part of the client that checks and provisioning use."""

    def ping(self) -> Ping: ...  # noqa: D102
    def drop_token(self) -> None: ...  # noqa: D102
    def who_am_i(self) -> WhoAmI: ...  # noqa: D102
    def organization(self) -> Organization: ...  # noqa: D102
    def version(self) -> str: ...  # noqa: D102
    def table(self, logical_name: str) -> TableInfo: ...  # noqa: D102
    def get(self, entity_set: str, row_id: UUID | str, *, select: Sequence[str]) -> Row: ...  # noqa: D102
    def first_page(self, entity_set: str, *, select: Sequence[str], filter: str = "") -> Page: ...  # noqa: A002, D102
    def create(self, entity_set: str, row: Mapping[str, Any], *, primary_id: str = "") -> UUID: ...  # noqa: D102
    def update(self, entity_set: str, row_id: UUID | str, changes: Mapping[str, Any]) -> str | None: ...  # noqa: D102
    def batch(self, requests: Sequence[Request]) -> list[PartResult]: ...  # noqa: D102
    def associate(  # noqa: D102
        self, entity_set: str, row_id: UUID | str, navigation: str, other_set: str, other_id: UUID | str
    ) -> None: ...


def sentences(text: str) -> tuple[str, str]:
    """A user's text as what happened (its first sentence) and what to do next (the rest)."""
    cause, stop, rest = text.partition(". ")
    return cause + (stop.strip() if stop else ""), rest.strip()
