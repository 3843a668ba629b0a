"""One environment: its tables and rows, its organization, its sign-in, and everything a test may turn."""

import copy
import secrets
import threading
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sandbox.base.faults import Faults
from sandbox.base.limits import Protection
from sandbox.base.request_counts import Traffic
from sandbox.base.values import encode, plain
from sandbox.data.privileges import Held
from sandbox.data.rules import ADMINISTRATOR, roles_of, teams_of
from sandbox.data.seed import CURRENCIES, Seed
from sandbox.data.store import Rows, Saved, Store, Transaction
from sandbox.data.writing import Caller
from sandbox.identity.directory import DOMAIN, TENANT_ID, Directory
from sandbox.identity.tenant import Application, Person, Secret
from sandbox.metadata import catalog, integration
from sandbox.metadata.model import Definition, OptionSet, Table

VERSION = "9.2.24073.198"
CLIENT_ID = "c2d1f0a4-63b5-4f0e-8d5e-6f2b8a3e9c41"
APPLICATION_NAME = "Tandem Integration to Dataverse"
ADMIN_USER = f"admin@{DOMAIN}"


@dataclass(slots=True)
class Latency:
    """How long things take, in milliseconds: each request, each row read, each row written."""

    request_ms: float = 0
    row_read_ms: float = 0
    row_write_ms: float = 0


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a caller needs to sign in."""

    client_secret: str
    admin_password: str
    organization_id: UUID

    @classmethod
    def fresh(cls) -> "Credentials":
        """New ones, for a new environment."""
        return cls(secrets.token_urlsafe(30), secrets.token_urlsafe(15), uuid4())


@dataclass(slots=True)
class State:
    """What an environment holds at a moment."""

    rows: dict[str, Saved]
    links: dict[str, set[tuple[str, str]]]
    applications: dict[str, Application]
    people: dict[str, Person]
    definitions: dict[str, Definition]
    choices: dict[str, OptionSet]


class Environment:
    """Everything behind one address. `lock` is held while rows are read or written."""

    def __init__(
        self,
        *,
        empty: bool = False,
        credentials: Credentials | None = None,
        directory: "Directory[Environment] | None" = None,
        tenant_id: str = TENANT_ID,
        client_id: str = CLIENT_ID,
        name: str = "Tandem Sandbox",
    ) -> None:
        self.empty = empty
        self.name = name
        self.client_id = client_id
        self.credentials = credentials or Credentials.fresh()
        self.directory: Directory[Environment] = directory or Directory()
        self.clock = self.directory.clock
        self.lock = threading.RLock()
        self.tenant = self.directory.tenants[tenant_id]
        self.protection = Protection(self.clock)
        self.faults = Faults()
        self.traffic = Traffic()
        self.latency = Latency()
        self.admin_mode = False
        self.disabled = False
        self.held = Held()
        self.tables: dict[str, Table] = catalog.tables()
        self.sets: dict[str, Table] = {}
        self.choices: dict[str, OptionSet] = {}
        self.store = Store(self.tables)
        self._build()
        self._start = self.snapshot()

    # -- content ------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        if not self.empty:
            integration.install(self.tables)
        self.store = Store(self.tables)
        self.sets = {table.set: table for table in self.tables.values()}
        seed = Seed(self.store, self.clock, self.credentials.organization_id, self.tenant, self.name)
        seed.environment("USD")
        if not self.empty:
            seed.solution()
            seed.application_user(self.client_id, APPLICATION_NAME, [integration.ROLE])
        self._register(seed.people)

    @property
    def admin_user(self) -> str:
        """The administrator's user name."""
        return f"admin@{self.tenant.domain}"

    def _register(self, people: list[str]) -> None:
        tenant, password = self.tenant, self.credentials.admin_password
        tenant.applications.setdefault(
            self.client_id, Application(self.client_id, APPLICATION_NAME, [Secret(self.credentials.client_secret)])
        )
        for name in people:
            tenant.people.setdefault(name, Person(name, password))

    def snapshot(self) -> State:
        """What is here now, for `reset` to come back to."""
        with self.lock:
            links = {name: set(pairs) for name, pairs in self.store.links.items()}
            applications, people = copy.deepcopy(self.tenant.applications), dict(self.tenant.people)
            definitions = {name: table.definition() for name, table in self.tables.items()}
            return State(self.store.save(), links, applications, people, definitions, dict(self.choices))

    def remember_start(self) -> None:
        """Let `reset` come back to what is here now."""
        self._start = self.snapshot()

    def reset(self, to: State | None = None) -> None:
        """Back to the state at start, or to a snapshot: rows, applications, limits, faults, latency, clock, counts."""
        state = to or self._start
        with self.lock:
            self._redefine(state)
            for name, saved in state.rows.items():
                self.store.rows[name].restore_all(saved)
            self.store.links = {name: set(pairs) for name, pairs in state.links.items()}
            self.store.next_version()
            self.tenant.applications = copy.deepcopy(state.applications)
            self.tenant.people = dict(state.people)
            self.tenant.consents.clear()
            self.admin_mode = self.disabled = False
        if self.directory.is_first(self):
            self.directory.stop_others()
        self.clock.reset()
        self.protection.reset()
        self.faults.clear()
        self.latency = Latency()
        self.traffic.clear()

    def redefine(self, tables: list[Table], choices: list[OptionSet]) -> None:
        """Have these tables and choices, without their rows, in place of those there are."""
        self.tables.clear()
        self.tables.update({table.name: table for table in tables})
        self.store.rows.clear()
        self.store.rows.update({table.name: Rows(table) for table in tables})
        self.sets.clear()
        self.sets.update({table.set: table for table in tables})
        self.choices = {one.name: one for one in choices}

    def _redefine(self, state: State) -> None:
        """Tables, columns and choices as they were; rows of tables that come back are put in by the caller."""
        for name in [one for one in self.tables if one not in state.definitions]:
            del self.tables[name], self.store.rows[name]
        for name, definition in state.definitions.items():
            table = definition.restored()
            if name not in self.tables:
                self.tables[name] = table
                self.store.rows[name] = Rows(table)
        self.sets.clear()
        self.sets.update({table.set: table for table in self.tables.values()})
        self.choices = dict(state.choices)

    # -- organization -------------------------------------------------------------------------------------------------

    @property
    def organization_id(self) -> str:
        """The id of the organization's row."""
        return next(iter(self.store.rows["organization"].index)).decode()

    def organization(self, column: str) -> Any:
        """A value of the organization's row."""
        rows = self.store.rows["organization"]
        return plain(rows.fragment(next(rows.live()), column))

    @property
    def base_currency(self) -> str:
        """The id of the base currency's row."""
        return str(self.organization("basecurrencyid"))

    def set_base_currency(self, code: str) -> None:
        """Make another currency the base: rates are turned into rates against it. Raises ValueError."""
        if code not in CURRENCIES:
            raise ValueError(f"{code} is no currency the sandbox knows; there are {', '.join(CURRENCIES)}.")
        with self.lock:
            currencies = self.store.rows["transactioncurrency"]
            codes = currencies.values("isocurrencycode")
            place = next((i for i in currencies.live() if codes[i] == code.casefold()), None)
            if place is None:
                raise ValueError(f"The environment has no currency {code}.")
            base_rate = float(plain(currencies.fragment(place, "exchangerate")))
            for i in list(currencies.live()):
                rate = round(float(plain(currencies.fragment(i, "exchangerate"))) / base_rate, 10)
                table = currencies.table
                self._set("transactioncurrency", i, exchangerate=encode(table, table.columns["exchangerate"], rate))
            row_id = b'"%b"' % currencies.ids[place]
            symbol = currencies.fragment(place, "currencysymbol")
            self._set("organization", 0, basecurrencyid=row_id, basecurrencysymbol=symbol, currencysymbol=symbol)

    def set_change_tracking_days(self, days: int) -> None:
        """How long a delta token is good for. Raises ValueError."""
        if not 0 <= days <= 365:
            raise ValueError("change_tracking_days lies between 0 and 365.")
        with self.lock:
            self._set("organization", 0, expirechangetrackingindays=b"%d" % days)

    def set_organization_id(self, organization_id: UUID) -> None:
        """Become another organization, as when an environment was copied or restored elsewhere."""
        with self.lock:
            rows = self.store.rows["organization"]
            old = next(iter(rows.index)).decode()
            row = rows.fragments(next(rows.live()))
            new = str(organization_id)
            if new == old:
                return
            place = next(rows.live())
            rows.remove(place, self.store.next_version())
            rows.add(new.encode(), row, self.store.next_version())

    def _set(self, table: str, position: int, **fragments: bytes) -> None:
        rows = self.store.rows[table]
        if table == "organization":
            position = next(rows.live())
        self.store.update(table, position, {**rows.fragments(position), **fragments}, Transaction())

    # -- callers ------------------------------------------------------------------------------------------------------

    def caller(self, *, application: str = "", person: str = "") -> Caller | None:
        """The user an application or a person signs in as; None when the environment has none."""
        rows = self.store.rows["systemuser"]
        wanted, name = (person.casefold(), "domainname") if person else (application, "applicationid")
        values = rows.values(name)
        place = next((i for i in rows.live() if values[i] == wanted), None)
        if place is None:
            return None
        user_id = rows.ids[place].decode()
        roles = roles_of(self.store, user_id)
        administrator = ADMINISTRATOR in roles.values()
        return Caller(
            user_id,
            str(plain(rows.fragment(place, "businessunitid"))),
            str(plain(rows.fragment(place, "fullname"))),
            administrator,
            frozenset(roles.values()),
            teams=teams_of(self.store, user_id),
            privileges={} if administrator else self.held.by(self.store, roles),
            disabled=bool(rows.values("isdisabled")[place]),
            licensed=not person or bool(rows.values("islicensed")[place]) or rows.values("accessmode")[place] == 1,
        )

    def administrator(self) -> Caller:
        """A caller that may do everything, for control calls."""
        found = self.caller(person=self.admin_user)
        if found is None:
            rows = self.store.rows["systemuser"]
            place = next(rows.live())
            unit = str(plain(rows.fragment(place, "businessunitid")))
            return Caller(
                rows.ids[place].decode(), unit, "SYSTEM", administrator=True, roles=frozenset({ADMINISTRATOR})
            )
        return found

    def put_person(self, person: Person, *, member: bool, licensed: bool, roles: list[str], disabled: bool) -> None:
        """Register a person in the tenant and make them a user here, or change them. Raises ValueError."""
        with self.lock:
            self.tenant.people[person.name] = person
            if not member:
                return
            seed = Seed(self.store, self.clock, self.credentials.organization_id, self.tenant, self.name)
            seed.member(person.name, licensed=licensed, disabled=disabled, roles=roles)
