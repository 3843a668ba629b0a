"""Applications, people, grants and codes of a tenant, and the errors of its token endpoint."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import msgspec


@dataclass(frozen=True, slots=True)
class Secret:
    """A client secret; `expires` is in seconds since 1970, None for never."""

    value: str
    expires: float | None = None


@dataclass(slots=True)
class Application:
    """A registered application. `certificates` are PEM texts; `consented`: an administrator consented for everyone.

    `multi_tenant`: people of other tenants may sign in, and "organizations" is answered. `public_client`: "Allow public
    client flows", which the legacy password needs. `strict_redirects`: an address on this machine counts only where it
    is registered. `assigned`: the people who may sign in; None for everybody.
    """

    client_id: str
    name: str
    secrets: list[Secret] = field(default_factory=list)
    redirect_urls: list[str] = field(default_factory=list)
    certificates: list[str] = field(default_factory=list)
    consented: bool = True
    disabled: bool = False
    multi_tenant: bool = True
    public_client: bool = True
    strict_redirects: bool = False
    assigned: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A person of the tenant, who signs in with a password; `second_factor`: not with a password alone.

    `directory_administrator`: may consent for everyone.
    """

    name: str
    password: str
    disabled: bool = False
    second_factor: bool = False
    directory_administrator: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token stands for: application or person, at an origin; `expires` is in seconds since 1970."""

    audience: str
    expires: float
    application: str = ""
    person: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """What an authorization code stands for; `expires` is in seconds since 1970."""

    application: str
    person: str
    redirect_uri: str
    scope: str
    nonce: str
    challenge: str
    expires: float


class SignInError(Exception):
    """An error of the token endpoint; `number` is the one of its AADSTS text."""

    def __init__(self, status: int, error: str, number: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.error = error
        self.number = number
        self.text = text

    def description(self) -> str:
        """Return the text with its number, as a redirect carries it."""
        return f"AADSTS{self.number}: {self.text}"

    def body(self) -> bytes:
        """Return the JSON document of this error."""
        now = datetime.now(UTC)
        trace, correlation = str(uuid4()), str(uuid4())
        stamp = now.strftime("%Y-%m-%d %H:%M:%SZ")
        description = (
            f"AADSTS{self.number}: {self.text}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\n"
            f"Timestamp: {stamp}"
        )
        return msgspec.json.encode(
            {
                "error": self.error,
                "error_description": description,
                "error_codes": [self.number],
                "timestamp": stamp,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
            }
        )
