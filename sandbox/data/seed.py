"""The rows that a new environment starts with."""

from collections.abc import Iterable
from uuid import NAMESPACE_URL, UUID, uuid5

from sandbox.base.clock import Clock
from sandbox.base.values import encode
from sandbox.data import privileges, web_hooks
from sandbox.data.rules import ADMINISTRATOR, BASIC, root_unit_id
from sandbox.data.store import Fragments, Store, Transaction
from sandbox.identity.tenant import Tenant
from sandbox.metadata import integration

TEMPLATES = {ADMINISTRATOR: privileges.ADMINISTRATOR_TEMPLATE, BASIC: "236750cd-45ae-4939-ab12-b24b920ced93"}
"""Templates of roles, the same in every environment and language."""

CURRENCIES = {
    "USD": ("US Dollar", "$", "1"),
    "EUR": ("Euro", "€", "0.92"),
    "GBP": ("Pound Sterling", "£", "0.79"),
    "DKK": ("Danish Krone", "kr.", "6.86"),
    "CAD": ("Canadian Dollar", "$", "1.36"),
    "CHF": ("Swiss Franc", "CHF", "0.88"),
}
"""Code -> name, symbol, rate against the US dollar."""

_INTEGRATED = (
    *integration.WITH_COMPANY, "tandem_company", "uom", "uomschedule", "productpricelevel", "transactioncurrency",
)  # fmt: skip
"""Tables whose rows the integration creates and deletes."""
_READ_BY_ALL = ("transactioncurrency", "systemuser", "team", "businessunit", "organization", "role", "privilege")

_PEOPLE = (
    ("Ada", "Lindqvist", "Sales Manager"),
    ("Bruno", "Okafor", "Account Executive"),
    ("Carla", "Jimenez", "Account Executive"),
    ("Dmitri", "Halloran", "Purchasing Agent"),
    ("Esra", "Vandenberg", "Account Executive"),
)


class Seed:
    """Adds the first rows of an environment. Their ids derive from the organization's id, so that they are stable.

    `people_names` collects the user names of the people added.
    """

    def __init__(self, store: Store, clock: Clock, organization_id: UUID, tenant: Tenant, name: str) -> None:
        self.store = store
        self.tenant = tenant
        self.domain = tenant.domain
        self.name = name
        self.people_names: list[str] = []
        self.stamp = f'"{clock.stamp()}"'.encode()
        self.organization_id = organization_id
        self.transaction = Transaction()
        self.admin_id = self.row_id("administrator")
        self.unit_id = self.row_id("root unit")

    def row_id(self, what: str) -> str:
        """Return the id of the row with a name of ours."""
        return str(uuid5(NAMESPACE_URL, f"{self.organization_id}/{what}"))

    def currency_id(self, code: str) -> str:
        """Return the id of a currency's row."""
        return self.row_id(f"currency {code}")

    def add(self, table: str, row_id: str, **values: object) -> None:
        """Insert a row; lookups are given as ids, with `ownerid` as a pair of table and id."""
        known = self.store.tables[table]
        row: Fragments = {}
        for name, value in values.items():
            if name == "ownerid" and isinstance(value, tuple):
                row["owneridtype"], value = b'"%b"' % value[0].encode(), value[1]
            row[name] = encode(known, known.columns[name], value)
        for name in ("createdon", "modifiedon"):
            if name in known.columns:
                row[name] = self.stamp
        for name in ("createdby", "modifiedby"):
            if name in known.columns:
                row[name] = b'"%b"' % self.admin_id.encode()
        self.store.insert(table, row_id.encode(), {k: v for k, v in row.items() if v}, self.transaction)

    def add_environment(self, base_currency: str) -> None:
        """Add what every environment has: organization, root business unit, currencies, roles, people, units."""
        organization = str(self.organization_id)
        for code in CURRENCIES:
            self._add_currency(code, base_currency)
        self.add(
            "organization",
            organization,
            name=self.name,
            basecurrencyid=self.currency_id(base_currency),
            basecurrencyprecision=2,
            basecurrencysymbol=CURRENCIES[base_currency][1],
            currencysymbol=CURRENCIES[base_currency][1],
            currencydecimalprecision=2,
            currencydisplayoption=0,
            pricingdecimalprecision=2,
            expirechangetrackingindays=7,
            languagecode=1033,
            localeid=1033,
            fullnameconventioncode=1,
            organizationstate=3,
            isdisabled=False,
            schemanameprefix="new",
        )
        self.add("businessunit", self.unit_id, name=self.name, organizationid=organization, isdisabled=False)
        self._add_user(self.admin_id, "Sandra", "Adminson", "Administrator", f"admin@{self.domain}")
        for number, (first, last, title) in enumerate(_PEOPLE):
            self._add_user(self.row_id(f"person {number}"), first, last, title, f"{first.lower()}@{self.domain}")
        self.add(
            "team",
            self.row_id("root team"),
            name=self.name,
            businessunitid=self.unit_id,
            administratorid=self.admin_id,
            teamtype=0,
            isdefault=True,
            systemmanaged=False,
            organizationid=organization,
        )
        for table in self.store.tables.values():
            privileges.add_table_privileges(self.store, table, self.transaction)
            web_hooks.add_message_filters(self.store, table, self.transaction)
        privileges.add_metadata_privileges(self.store, self.transaction)
        self._add_role(ADMINISTRATOR, roletemplateid=TEMPLATES[ADMINISTRATOR])
        self._add_role(BASIC, roletemplateid=TEMPLATES[BASIC])
        self._grant(BASIC, ("account", "contact"), tuple(privileges.RIGHTS), "Basic")
        self._grant(BASIC, _READ_BY_ALL, ("read",), "Global")
        self._grant(BASIC, ("transactioncurrency",), ("append_to",), "Global")
        self._grant_metadata_reads(BASIC)
        self.link("systemuserroles", self.row_id(f"role {ADMINISTRATOR}"), self.admin_id)
        for number in range(len(_PEOPLE)):
            self.link("systemuserroles", self.row_id(f"role {BASIC}"), self.row_id(f"person {number}"))
        self._add_units()

    def _add_currency(self, code: str, base: str) -> None:
        name, symbol, rate = CURRENCIES[code]
        shown = 1.0 if code == base else round(float(rate) / float(CURRENCIES[base][2]), 10)
        self.add(
            "transactioncurrency",
            self.currency_id(code),
            currencyname=name,
            isocurrencycode=code,
            currencysymbol=symbol,
            currencyprecision=2,
            exchangerate=shown,
            organizationid=str(self.organization_id),
            statecode=0,
            statuscode=1,
        )

    def _add_user(
        self,
        row_id: str,
        first: str,
        last: str,
        title: str,
        mail: str,
        *,
        licensed: bool = True,
        disabled: bool = False,
        access_mode: int = 0,
    ) -> None:
        self.people_names.append(mail)
        self.add(
            "systemuser",
            row_id,
            firstname=first,
            lastname=last,
            fullname=f"{first} {last}",
            jobtitle=title,
            domainname=mail,
            internalemailaddress=mail,
            businessunitid=self.unit_id,
            organizationid=str(self.organization_id),
            azureactivedirectoryobjectid=self.tenant.object_id(mail),
            accessmode=access_mode,
            caltype=7,
            islicensed=licensed,
            isdisabled=disabled,
            isintegrationuser=False,
            issyncwithdirectory=True,
        )

    def role_ids(self, roles: Iterable[str]) -> set[str]:
        """Return the ids of roles in the root unit, by their names of now or of an English environment, or ids.

        Raises ValueError for a role there is not.
        """
        known = self.store.rows["role"]
        values, units = known.column_values("name"), known.column_values("businessunitid")
        templates = known.column_values("roletemplateid")
        self.unit_id = root_unit_id(self.store).decode()
        ids: dict[str, str] = {}
        by_template: dict[str, str] = {}
        for position in known.live_positions():
            if units[position] == self.unit_id:
                ids[str(values[position])] = by_template[str(templates[position])] = known.ids[position].decode()
        english = {name.casefold(): by_template.get(template) for name, template in TEMPLATES.items()}
        wanted = {ids.get(role.casefold()) or english.get(role.casefold()) or role for role in roles}
        unknown = [role for role in wanted if role not in ids.values()]
        if unknown:
            raise ValueError(f"There is no role '{unknown[0]}'.")
        return wanted

    def add_member(
        self, name: str, *, licensed: bool, disabled: bool, roles: Iterable[str], access_mode: int = 0
    ) -> None:
        """Add a person of the tenant as a user, or change that user. Raises ValueError for an unknown role."""
        wanted = self.role_ids(roles)
        users = self.store.rows["systemuser"]
        names = users.column_values("domainname")
        position = next((i for i in users.live_positions() if names[i] == name.casefold()), None)
        if position is None:
            row_id = self.row_id(f"member {name}")
            first = name.partition("@")[0].capitalize()
            self._add_user(
                row_id, first, "Member", "", name, licensed=licensed, disabled=disabled, access_mode=access_mode
            )
        else:
            row_id = users.ids[position].decode()
            row = {**users.fragments(position), "islicensed": b"false", "isdisabled": b"false"}
            row |= {"islicensed": b"true"} if licensed else {}
            row |= {"isdisabled": b"true"} if disabled else {}
            row |= {"accessmode": b"%d" % access_mode}
            self.store.update("systemuser", position, row, self.transaction)
        for pair in list(self.store.links.get("systemuserroles", ())):
            if pair[1] == row_id and pair[0] not in wanted:
                self.store.unlink("systemuserroles", pair, self.transaction)
        for role in wanted:
            self.link("systemuserroles", role, row_id)

    def _add_role(self, name: str, **values: object) -> None:
        row_id = self.row_id(f"role {name}")
        self.add(
            "role",
            row_id,
            name=name,
            businessunitid=self.unit_id,
            parentrootroleid=row_id,
            organizationid=str(self.organization_id),
            ismanaged=name != integration.ROLE,
            isinherited=1,
            **values,
        )

    def _add_units(self) -> None:
        schedule, unit = self.row_id("unit group"), self.row_id("unit")
        self.add("uomschedule", schedule, name="Default Unit", baseuomname="Primary Unit", statecode=0, statuscode=1)
        self.add(
            "uom",
            unit,
            name="Primary Unit",
            quantity=1,
            uomscheduleid=schedule,
            isschedulebaseuom=True,
            organizationid=str(self.organization_id),
        )

    def link(self, name: str, one: str, two: str) -> None:
        """Associate two rows; `one` is that of the alphabetically first table."""
        self.store.link(name, (one, two), self.transaction)

    def add_solution(self) -> None:
        """Add the integration solution: publisher, solution and role with its privileges."""
        publisher = self.row_id("publisher")
        organization = str(self.organization_id)
        self.add(
            "publisher",
            publisher,
            friendlyname="Tandem",
            uniquename=integration.PUBLISHER,
            customizationprefix=integration.PUBLISHER,
            customizationoptionvalueprefix=10_500,
            organizationid=organization,
        )
        solution = self.row_id("solution")
        self.add(
            "solution",
            solution,
            friendlyname="Tandem Base Integration",
            uniquename=integration.SOLUTION,
            version="1.0.0.0",
            publisherid=publisher,
            organizationid=organization,
            ismanaged=False,
            isvisible=True,
        )
        rows = self.store.rows["solution"]
        position = rows.index[solution.encode()]
        rows.replace(position, {**rows.fragments(position), "installedon": self.stamp}, rows.versions[position])
        self._add_role(integration.ROLE)
        every = tuple(privileges.RIGHTS)
        setup = tuple(right for right in every if right != "delete")
        self._grant(integration.ROLE, tuple(self.store.tables), ("read", "append_to"), "Global")
        self._grant(integration.ROLE, _INTEGRATED, every, "Global")
        self._grant(integration.ROLE, ("businessunit", "team"), setup, "Global")
        self._grant(integration.ROLE, ("role",), ("assign",), "Global")
        self._grant(integration.ROLE, (web_hooks.ENDPOINTS, web_hooks.STEPS), every, "Global")
        about_choices = dict.fromkeys(("prvWriteAttribute", "prvPublishCustomization"), "Global")
        privileges.grant(self.store, self.row_id(f"role {integration.ROLE}"), about_choices, self.transaction)
        self._grant_metadata_reads(integration.ROLE)

    def _grant_metadata_reads(self, role: str) -> None:
        names = dict.fromkeys(privileges.METADATA_READS, "Global")
        privileges.grant(self.store, self.row_id(f"role {role}"), names, self.transaction)

    def _grant(self, role: str, tables: Iterable[str], rights: Iterable[str], depth: str) -> None:
        known = self.store.tables
        names = {privileges.privilege_name(right, known[table]): depth for table in tables for right in rights}
        privileges.grant(self.store, self.row_id(f"role {role}"), names, self.transaction)

    def add_application_user(self, client_id: str, name: str, roles: Iterable[str]) -> str:
        """Add the application's user with roles; return its id."""
        row_id = self.row_id(f"application user {client_id}")
        self.add(
            "systemuser",
            row_id,
            firstname="#",
            lastname=name,
            fullname=f"# {name}",
            businessunitid=self.unit_id,
            organizationid=str(self.organization_id),
            applicationid=client_id,
            azureactivedirectoryobjectid=self.tenant.object_id(client_id),
            accessmode=4,
            islicensed=False,
            isdisabled=False,
            isintegrationuser=False,
        )
        for role in roles:
            self.link("systemuserroles", self.row_id(f"role {role}"), row_id)
        return row_id
