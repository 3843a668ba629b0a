"""One environment: its tables and rows, its organization, its sign-in, and all that a test can set."""

import copy
import secrets
import threading
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from sandbox.base.behavior import Behavior
from sandbox.base.customization import ENGLISH, Customization
from sandbox.base.faults import Faults
from sandbox.base.limits import ServiceProtection
from sandbox.base.request_counts import RequestCounts
from sandbox.base.values import encode, from_json
from sandbox.data import members
from sandbox.data.members import Members, Membership
from sandbox.data.privileges import PrivilegeCache
from sandbox.data.rules import ADMINISTRATOR, user_role_names, user_team_ids
from sandbox.data.seed import CURRENCIES, Seed
from sandbox.data.store import Rows, SavedRows, Store, Transaction
from sandbox.data.web_hooks import WebHooks
from sandbox.data.writing import Caller
from sandbox.identity.directory import DOMAIN, TENANT_ID, Directory
from sandbox.identity.records import Application, Person, Secret
from sandbox.metadata import catalog, integration
from sandbox.metadata.model import Choice, Definition, OptionSet, Table

VERSION = "9.2.24073.198"
CLIENT_ID = "c2d1f0a4-63b5-4f0e-8d5e-6f2b8a3e9c41"
APPLICATION_NAME = "Tandem Integration to Dataverse"
ADMIN_USER = f"admin@{DOMAIN}"


@dataclass(slots=True)
class Latency:
    """How long a request takes at least, in milliseconds: itself, and more for each row it reads or writes."""

    request_ms: float = 0
    row_read_ms: float = 0
    row_write_ms: float = 0


@dataclass(frozen=True, slots=True)
class Credentials:
    """The application's secret and the administrator's password, with the organization they belong to."""

    client_secret: str
    admin_password: str
    organization_id: UUID

    @classmethod
    def generate(cls) -> "Credentials":
        """Return new ones, for a new environment."""
        return cls(secrets.token_urlsafe(30), secrets.token_urlsafe(15), uuid4())


@dataclass(slots=True)
class Snapshot:
    """A copy of an environment's content, to go back to."""

    rows: dict[str, SavedRows]
    links: dict[str, set[tuple[str, str]]]
    applications: dict[str, Application]
    people: dict[str, Person]
    definitions: dict[str, Definition]
    choices: dict[str, OptionSet]


class Environment:
    """Everything that is served at one address. `lock` is held while rows are read or written.

    `empty`: without the integration solution and the application user. `tables` are by logical name, `sets` the same
    tables by entity set, `choices` the global ones by name, `unpublished` the options that a
    column ("account.paymenttermscode") or a global choice (its name) gets when it is published.
    """

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
        self.credentials = credentials or Credentials.generate()
        self.directory: Directory[Environment] = directory or Directory()
        self.clock = self.directory.clock
        self.lock = threading.RLock()
        self.tenant = self.directory.tenants[tenant_id]
        self.protection = ServiceProtection(self.clock)
        self.faults = Faults(self.clock)
        self.request_counts = RequestCounts()
        self.latency = Latency()
        self.behavior = Behavior()
        self.customization = Customization(self.clock.now)
        self.admin_mode = False
        self.disabled = False
        self.pay_as_you_go = False
        self.members = Members()
        self.privilege_cache = PrivilegeCache()
        self.tables: dict[str, Table] = catalog.build_tables()
        self.sets: dict[str, Table] = {}
        self.choices: dict[str, OptionSet] = {}
        self.unpublished: dict[str, tuple[Choice, ...]] = {}
        self.store = Store(self.tables)
        self._build()
        self.web_hooks = WebHooks(self.store, str(self.credentials.organization_id))
        self._reset_point = self.snapshot()
        self.first_columns = {name: dict(table.columns) for name, table in self.tables.items()}

    # -- content ------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        if not self.empty:
            integration.install(self.tables)
        self.store = Store(self.tables)
        self.sets = {table.set: table for table in self.tables.values()}
        seed = Seed(self.store, self.clock, self.credentials.organization_id, self.tenant, self.name)
        seed.add_environment("USD")
        if not self.empty:
            seed.add_solution()
            seed.add_application_user(self.client_id, APPLICATION_NAME, [integration.ROLE])
        self._register_in_tenant(seed.people_names)

    @property
    def admin_user(self) -> str:
        """User name of the administrator."""
        return f"admin@{self.tenant.domain}"

    def _register_in_tenant(self, people: list[str]) -> None:
        tenant, password = self.tenant, self.credentials.admin_password
        tenant.applications.setdefault(
            self.client_id, Application(self.client_id, APPLICATION_NAME, [Secret(self.credentials.client_secret)])
        )
        for name in people:
            tenant.people.setdefault(name, Person(name, password, directory_administrator=name == self.admin_user))

    def snapshot(self) -> Snapshot:
        """Return a copy of the content, for `reset`."""
        with self.lock:
            links = {name: set(pairs) for name, pairs in self.store.links.items()}
            applications, people = copy.deepcopy(self.tenant.applications), dict(self.tenant.people)
            definitions = {name: table.copy_definition() for name, table in self.tables.items()}
            return Snapshot(self.store.save(), links, applications, people, definitions, dict(self.choices))

    def set_reset_point(self) -> None:
        """Make the content of now the one that `reset` goes back to."""
        self._reset_point = self.snapshot()

    def reset(self, to: Snapshot | None = None) -> None:
        """Go back to the first content or to a snapshot; without faults, with the service's limits and wall time."""
        snapshot = to or self._reset_point
        with self.lock:
            self._restore_tables(snapshot)
            for name, saved in snapshot.rows.items():
                self.store.rows[name].restore_saved(saved)
            self.store.links = {name: set(pairs) for name, pairs in snapshot.links.items()}
            self.store.next_version()
            self.tenant.applications = copy.deepcopy(snapshot.applications)
            self.tenant.people = dict(snapshot.people)
            self.tenant.consents.clear()
            self.tenant.policy.clear()
            self.directory.sign_ins[self.tenant.id].forget()
            self.admin_mode = self.disabled = self.pay_as_you_go = False
            self.members.clear()
            self.customization.reset()
        if self.directory.is_first(self):
            self.directory.stop_others()
        self.clock.reset()
        self.protection.reset()
        self.faults.clear()
        self.latency = Latency()
        self.behavior = Behavior()
        self.request_counts.clear()

    def replace_tables(self, tables: list[Table], choices: list[OptionSet]) -> None:
        """Replace all tables and choices by these; no table then has rows."""
        self.tables.clear()
        self.tables.update({table.name: table for table in tables})
        self.store.rows.clear()
        self.store.rows.update({table.name: Rows(table) for table in tables})
        self.sets.clear()
        self.sets.update({table.set: table for table in tables})
        self.choices = {one.name: one for one in choices}

    def _restore_tables(self, snapshot: Snapshot) -> None:
        """Go back to the tables, columns and choices of a snapshot; the caller restores their rows."""
        for name in [one for one in self.tables if one not in snapshot.definitions]:
            del self.tables[name], self.store.rows[name]
        for name, definition in snapshot.definitions.items():
            table = definition.restore()
            if name not in self.tables:
                self.tables[name] = table
                self.store.rows[name] = Rows(table)
        self.sets.clear()
        self.sets.update({table.set: table for table in self.tables.values()})
        self.choices = dict(snapshot.choices)
        self.unpublished.clear()

    def table_name(self, shape: str) -> str:
        """Return the logical name of the table that a path without ids begins with; "" where it does with none."""
        table = self.sets.get(shape.partition("/")[0].partition("(")[0])
        return table.name if table else ""

    # -- organization -------------------------------------------------------------------------------------------------

    @property
    def organization_id(self) -> str:
        """Id of the organization."""
        return next(iter(self.store.rows["organization"].index)).decode()

    def organization_value(self, column: str) -> Any:
        """Return a value of the organization's row."""
        rows = self.store.rows["organization"]
        return from_json(rows.fragment(next(rows.live_positions()), column))

    @property
    def base_currency(self) -> str:
        """Id of the base currency."""
        return str(self.organization_value("basecurrencyid"))

    @property
    def base_language(self) -> int:
        """Language code (LCID) of the base language, which the service never changes."""
        return int(self.organization_value("languagecode") or ENGLISH)

    def set_base_language(self, language: int) -> None:
        """Become an organization of another base language, whose other languages are dropped."""
        with self.lock:
            self._update_organization(languagecode=b"%d" % language, localeid=b"%d" % language)
            self.customization.languages = (language,)

    def seen_tables(self) -> dict[str, Table]:
        """Return the tables as readers see them: without what was made so lately that it is not seen yet."""
        hidden = self.customization.hidden()
        if not any(key.startswith("table ") for key in hidden):
            return self.tables
        return {
            name: replace(table, columns={k: v for k, v in table.columns.items() if f"table {name} {k}" not in hidden})
            for name, table in self.tables.items()
            if f"table {name}" not in hidden
        }

    def set_base_currency(self, code: str) -> None:
        """Make another currency the base, and convert all exchange rates. Raises ValueError."""
        if code not in CURRENCIES:
            raise ValueError(f"{code} is no currency the sandbox knows; there are {', '.join(CURRENCIES)}.")
        with self.lock:
            currencies = self.store.rows["transactioncurrency"]
            codes = currencies.column_values("isocurrencycode")
            position = next((i for i in currencies.live_positions() if codes[i] == code.casefold()), None)
            if position is None:
                raise ValueError(f"The environment has no currency {code}.")
            base_rate = float(from_json(currencies.fragment(position, "exchangerate")))
            for i in list(currencies.live_positions()):
                rate = round(float(from_json(currencies.fragment(i, "exchangerate"))) / base_rate, 10)
                table = currencies.table
                self._update_row(currencies, i, exchangerate=encode(table, table.columns["exchangerate"], rate))
            row_id = b'"%b"' % currencies.ids[position]
            symbol = currencies.fragment(position, "currencysymbol")
            self._update_organization(basecurrencyid=row_id, basecurrencysymbol=symbol, currencysymbol=symbol)

    def set_change_tracking_days(self, days: int) -> None:
        """Set the number of days until a delta token expires. Raises ValueError."""
        if not 0 <= days <= 365:
            raise ValueError("change_tracking_days lies between 0 and 365.")
        with self.lock:
            self._update_organization(expirechangetrackingindays=b"%d" % days)

    def set_organization_id(self, organization_id: UUID) -> None:
        """Become another organization, as when an environment was copied or restored elsewhere."""
        with self.lock:
            if str(organization_id) == self.organization_id:
                return
            rows = self.store.rows["organization"]
            position = next(rows.live_positions())
            row = rows.fragments(position)
            rows.remove(position, self.store.next_version())
            rows.add(str(organization_id).encode(), row, self.store.next_version())

    def _update_organization(self, **fragments: bytes) -> None:
        rows = self.store.rows["organization"]
        self._update_row(rows, next(rows.live_positions()), **fragments)

    def _update_row(self, rows: Rows, position: int, **fragments: bytes) -> None:
        self.store.update(rows.table.name, position, {**rows.fragments(position), **fragments}, Transaction())

    # -- callers ------------------------------------------------------------------------------------------------------

    def find_caller(self, *, application: str = "", person: str = "") -> Caller | None:
        """Return the user as whom an application or a person signs in; None where the environment has none."""
        rows = self.store.rows["systemuser"]
        wanted, name = (person.casefold(), "domainname") if person else (application, "applicationid")
        is_partner = person in self.members.partners
        if is_partner:
            wanted = members.PARTNER
        values = rows.column_values(name)
        position = next((i for i in rows.live_positions() if values[i] == wanted), None)
        if position is None:
            return None
        user_id = rows.ids[position].decode()
        roles = user_role_names(self.store, user_id)
        administrator = is_partner or members.is_administrator(self.store, roles)
        access_mode = int(rows.column_values("accessmode")[position] or 0)
        return Caller(
            user_id=user_id,
            business_unit_id=str(from_json(rows.fragment(position, "businessunitid"))),
            name=str(from_json(rows.fragment(position, "fullname"))),
            administrator=administrator,
            roles=frozenset(roles.values()) | ({"Delegated Admin"} if is_partner else set()),
            access_mode=access_mode,
            teams=user_team_ids(self.store, user_id),
            privileges={} if administrator else self.privilege_cache.widest_masks(self.store, roles),
            disabled=bool(rows.column_values("isdisabled")[position]),
            licensed=not person
            or self.pay_as_you_go
            or bool(rows.column_values("islicensed")[position])
            or access_mode in {members.ADMINISTRATIVE, members.DELEGATED},
        )

    def get_administrator(self) -> Caller:
        """Return a caller who may do everything, for control calls."""
        found = self.find_caller(person=self.admin_user)
        if found is None:
            rows = self.store.rows["systemuser"]
            position = next(rows.live_positions())
            unit = str(from_json(rows.fragment(position, "businessunitid")))
            return Caller(
                rows.ids[position].decode(), unit, "SYSTEM", administrator=True, roles=frozenset({ADMINISTRATOR})
            )
        return found

    def save_person(self, person: Person, about: Membership) -> None:
        """Add a person to the tenant, and as a user here where they are a member, or change both. Raises ValueError."""
        with self.lock:
            self.tenant.people[person.name] = person
            if about.member:
                members.save(self.members, self._seed(), person.name, about)

    def admit(self, person: str) -> None:
        """Let in a person whose first call this may be: then their row, and those of their groups, come into being."""
        if person in self.members.late or self.members.groups:
            members.admit(self.members, self._seed(), person)

    def _seed(self) -> Seed:
        return Seed(self.store, self.clock, self.credentials.organization_id, self.tenant, self.name)
