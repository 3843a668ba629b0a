"""The records that the client takes and returns."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

Row = dict[str, Any]
"""A row as the Web API returns it: column -> JSON value; lookups as `_column_value`; `@odata.etag` is the version."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A client secret: signs in with a shared secret."""

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate: signs in with a private key whose certificate is registered, both as PEM."""

    private_key_pem: str = field(repr=False)
    certificate_pem: str


@dataclass(frozen=True, slots=True)
class UserPassword:
    """A user name and password: signs in as a person, the legacy way, which multi-factor authentication refuses."""

    user_name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs in where.

    authority: the tenant's sign-in address, from clouds.authority; version: rises with each change of the credential.
    """

    authority: str
    client_id: str
    credential: ClientSecret | Certificate | UserPassword
    version: int = 0


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the Web API is.

    ca_file: a PEM file that is trusted for a sandbox's origin alone; cloud: a name in clouds.CLOUDS.
    """

    url: str
    ca_file: str | None = None
    loopback_allowed: bool = False
    api_version: str = "9.2"
    cloud: str = "commercial"


@dataclass(frozen=True, slots=True)
class Request:
    """A request before it is sent, alone or as a part of a $batch. `path` is relative to the API's root."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows. `next_link` and `delta_link` stay on the environment's origin or the client refuses them.

    deleted: ids that change tracking reports as deleted; count: rows of the whole query, at most 5000, when asked for.
    """

    rows: list[Row]
    next_link: str | None = None
    delta_link: str | None = None
    deleted: tuple[UUID, ...] = ()
    count: int | None = None


@dataclass(frozen=True, slots=True)
class PartResult:
    """The result of one part of a $batch; `error` is set when it was refused."""

    status: int
    headers: Mapping[str, str]
    body: Any = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One column.

    type: its AttributeType (String, Memo, Integer, Decimal, Money, DateTime, Boolean, Picklist, State, Status, Lookup,
    Customer, Owner, Uniqueidentifier, ...); max_length: in UTF-16 units; binds: target table -> the navigation property
    that a lookup is written through. Of a date: date_only: the Web API has the day alone; shows_day: people see the day
    alone; behavior: UserLocal, DateOnly or TimeZoneIndependent, "" where it is not known (see dataverse.dates).
    required: its RequiredLevel (None, Recommended, ApplicationRequired, SystemRequired), "" where it is not known;
    metadata_id: another one under the same name says that the column was deleted and made anew; secured: by column
    security, so a null may be a value that the caller may not read.
    """

    name: str
    type: str
    label: str = ""
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    precision: int | None = None
    date_only: bool = False
    shows_day: bool = False
    behavior: str = ""
    choices: Mapping[int, str] = field(default_factory=dict)
    binds: Mapping[str, str] = field(default_factory=dict)
    for_create: bool = True
    for_update: bool = True
    required: str = ""
    metadata_id: str = ""
    secured: bool = False


@dataclass(frozen=True, slots=True)
class TableName:
    """One table of the environment, as people choose it: its logical name, and what one row and several are called."""

    name: str
    label: str
    plural: str


@dataclass(frozen=True, slots=True)
class TableInfo:
    """One table's metadata."""

    name: str
    entity_set: str
    primary_id: str
    primary_name: str
    columns: Mapping[str, ColumnInfo]
    change_tracking: bool = False
    kind: str = "Standard"
    """Standard, Virtual (its rows come from elsewhere), Elastic or another kind."""


@dataclass(frozen=True, slots=True)
class Ping:
    """What an environment says without a sign-in: how fast it answers, its clock, and its tenant where it says so."""

    milliseconds: float
    clock_ahead_s: float | None = None
    """Seconds by which the service's clock is ahead of this machine's."""
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class WhoAmI:
    """The token's user, its business unit and organization."""

    user_id: UUID
    business_unit_id: UUID
    organization_id: UUID


@dataclass(frozen=True, slots=True)
class Organization:
    """The organization of the environment; `languages` are LCIDs."""

    id: UUID
    name: str
    base_currency_id: UUID | None
    base_currency_code: str
    version: str = ""
    languages: tuple[int, ...] = ()


@dataclass(slots=True)
class Usage:
    """Counts of what a client has sent and received so far."""

    requests: int = 0
    throttled: int = 0
    rows_read: int = 0
    rows_written: int = 0
    answered: int = 0
    """Answers, refusals included, except those that say the service cannot answer (5xx)."""
    last_ms: int = 0
    """How long the last answer took, in milliseconds; 0 before there is one."""

    def seconds_left(self) -> float:
        """Return how long a request sent now may take; infinite where only the client's timeouts limit it."""
        return math.inf

    def may_wait(self) -> bool:
        """Return whether a request that failed may be sent again after a wait, or be sent once a limit has passed."""
        return True
