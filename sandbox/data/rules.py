"""Rules around writing a row: privileges, default values, unique names, and the rows the service adds by itself."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sandbox.base.errors import ServiceError, invalid_argument
from sandbox.base.values import from_json
from sandbox.data import keys, privileges, sales_rules, web_hooks
from sandbox.data.privileges import require_privilege, require_row_access
from sandbox.data.store import Fragments, Store
from sandbox.data.writing import Writer
from sandbox.metadata.model import Table

ADMINISTRATOR = "System Administrator"
BASIC = "Basic User"

_UNIQUE = {
    "businessunit": ("name",),
    "team": ("name", "businessunitid"),
    "transactioncurrency": ("isocurrencycode",),
    "solution": ("uniquename",),
    "publisher": ("uniquename",),
    "role": ("name", "businessunitid"),
    "product": ("productnumber",),
    "productpricelevel": ("pricelevelid", "productid", "uomid"),
}
_REQUIRED = {
    "businessunit": ("name",),
    "team": ("name",),
    "transactioncurrency": ("currencyname", "isocurrencycode", "exchangerate", "currencysymbol", "currencyprecision"),
    "product": ("name", "productnumber", "defaultuomid", "defaultuomscheduleid", "quantitydecimal"),
    "uomschedule": ("name",),
    "uom": ("name", "quantity", "uomscheduleid"),
    "pricelevel": ("name",),
    "productpricelevel": ("pricelevelid", "productid", "uomid"),
    "solution": ("uniquename", "friendlyname", "version", "publisherid"),
    "publisher": ("uniquename", "friendlyname", "customizationprefix"),
    "serviceendpoint": ("name", "contract", "url"),
    "sdkmessageprocessingstep": ("stage", "mode", "rank"),
}
_KEPT_BY_THE_SERVICE = frozenset({"organization", "privilege", "roleprivileges", "sdkmessage", "sdkmessagefilter"})


def create(
    writer: Writer, table: Table, body: Mapping[str, Any], row_id: str | None, applications: Mapping[str, str]
) -> str:
    """Create a row and what the service adds by itself; return its id. Raises ServiceError.

    `applications` are the tenant's: client id -> name.
    """
    mask = require_privilege(writer.caller, "create", table)
    store = writer.store
    _require_reference_privileges(writer, table, body)
    if table.name in _KEPT_BY_THE_SERVICE:
        raise ServiceError(405, "0x80040800", f"The 'Create' method does not support entities of type '{table.name}'.")
    before: dict[str, bytes] = {}
    if table.name == "systemuser":
        before = _application_user_values(store, body, applications)
    created_id = writer.create(table, body, row_id)
    position = store.rows[table.name].index[created_id.encode()]
    row = store.rows[table.name].fragments(position)
    defaults = {**before, **_default_values(writer, table, row)}
    missing = {name: fragment for name, fragment in defaults.items() if name not in row and name in table.columns}
    if table.name == "systemuser" and before:
        missing.update(before)
    if missing:
        row.update(missing)
        rows = store.rows[table.name]
        rows.replace(position, row, rows.versions[position])
    for name in _REQUIRED.get(table.name, ()):
        if not row.get(name):
            raise invalid_argument(f"The required column '{name}' of '{table.name}' has no value.")
    if not all(row.get(name) for name in table.enforced):
        raise ServiceError(400, "0x80040200", "Required field missing.")
    web_hooks.check(table, store.rows[table.name].fragments(position))
    _check_unique(store, table, position)
    sales_rules.check_default_unit(store, table, position)
    keys.check_unique(store, table, position, writer.now)
    is_within = privileges.row_access_test(store, writer.caller, table, mask) if table.owned else None
    if is_within is not None and not is_within(position):
        require_row_access(store, writer.caller, "create", table, position)
    if table.name == "businessunit":
        _complete_business_unit(writer, created_id, row)
    if table.name == "role":
        _complete_role(writer, created_id)
    if table.name == "uomschedule" and row.get("baseuomname"):
        sales_rules.create_base_unit(writer, created_id, row)
    return created_id


def _complete_role(writer: Writer, role_id: str) -> None:
    """Make a new role its own root, and copy it to every other business unit where its own is the root."""
    rows = writer.store.rows["role"]
    position = rows.index[role_id.encode()]
    row = rows.fragments(position)
    rows.replace(position, {**row, "parentrootroleid": b'"%b"' % role_id.encode()}, rows.versions[position])
    privileges.grant(writer.store, role_id, privileges.GIVEN_TO_NEW_ROLES, writer.transaction)
    root = root_unit_id(writer.store)
    if row.get("businessunitid") == b'"%b"' % root:
        units = writer.store.rows["businessunit"]
        for unit in [units.ids[i] for i in units.live_positions() if units.ids[i] != root]:
            copy_role(writer, position, b'"%b"' % unit)


def _require_reference_privileges(writer: Writer, table: Table, body: Mapping[str, Any]) -> None:
    """Raise 403 unless the caller may set the body's lookups: Append on their table, AppendTo on their targets'."""
    if writer.caller.administrator:
        return
    for name, value in body.items():
        found = table.navigation.get(name.removesuffix("@odata.bind")) if name.endswith("@odata.bind") else None
        if found is None or not isinstance(value, str) or found[0].type == "Owner":
            continue
        column, targets = found
        # Setting up users, teams and units is governed by Create and Write alone here.
        if not (column.for_create or column.for_update) or table.ownership not in {"UserOwned", "OrganizationOwned"}:
            continue
        require_privilege(writer.caller, "append", table)
        for target in targets[:1]:
            if target in writer.store.tables:
                require_privilege(writer.caller, "append_to", writer.store.tables[target])


def update(writer: Writer, table: Table, position: int, body: Mapping[str, Any]) -> None:
    """Change a row. Raises ServiceError: not allowed, or not unique any more."""
    if table.name in _KEPT_BY_THE_SERVICE - {"organization"}:
        raise ServiceError(405, "0x80040800", f"The 'Update' method does not support entities of type '{table.name}'.")
    require_row_access(writer.store, writer.caller, "update", table, position)
    _require_reference_privileges(writer, table, body)
    if table.owned and body.get("ownerid@odata.bind") is not None:
        require_row_access(writer.store, writer.caller, "assign", table, position)
    if "statecode" not in body or table.name == "opportunity":
        sales_rules.check_closed(writer.store, table, position, every=writer.inactive_refuses)
    writer.update(table, position, body)
    sales_rules.check_retired(writer.store, table, position)
    web_hooks.check(table, writer.store.rows[table.name].fragments(position))
    if table.name in _UNIQUE:
        _check_unique(writer.store, table, position)
    sales_rules.check_default_unit(writer.store, table, position)
    keys.check_unique(writer.store, table, position, writer.now)


def delete(writer: Writer, table: Table, position: int) -> None:
    """Delete a row. Raises ServiceError: not allowed, or others need it."""
    require_row_access(writer.store, writer.caller, "delete", table, position)
    store = writer.store
    if table.name in _KEPT_BY_THE_SERVICE or table.name == "systemuser":
        raise ServiceError(405, "0x80040800", f"The 'Delete' method does not support entities of type '{table.name}'.")
    row = store.rows[table.name].fragments(position)
    row_id = store.rows[table.name].ids[position].decode()
    if table.name == "team" and row.get("isdefault") == b"true":
        raise ServiceError(400, "0x80048307", "The default business unit team can't be deleted.")
    references = {
        "businessunit": (("systemuser", "businessunitid"), ("businessunit", "parentbusinessunitid")),
        "team": (("account", "ownerid"), ("contact", "ownerid"), ("tandem_company", "tandem_defaultowningteam")),
        "transactioncurrency": (("account", "transactioncurrencyid"), ("organization", "basecurrencyid")),
        "uomschedule": (("product", "defaultuomscheduleid"),),
        "product": (("productpricelevel", "productid"),),
        "publisher": (("solution", "publisherid"),),
        "serviceendpoint": (("sdkmessageprocessingstep", "eventhandler"),),
    }
    for other, column in references.get(table.name, ()):
        if other in store.rows and row_id in store.rows[other].column_values(column):
            raise ServiceError(
                400,
                "0x80040227",
                f"The {table.name} with id {row_id} is associated with another object ({other}) and cannot be deleted.",
            )
    if table.name == "businessunit":
        _delete_dependents(writer, "team", "businessunitid", row_id)
        _delete_dependents(writer, "role", "businessunitid", row_id)
    writer.delete(table, position)


def _delete_dependents(writer: Writer, table: str, column: str, row_id: str) -> None:
    rows = writer.store.rows[table]
    for position in [
        i for i, value in enumerate(rows.column_values(column)) if value == row_id and rows.heads[i] is not None
    ]:
        writer.delete(rows.table, position)


def _application_user_values(
    store: Store, body: Mapping[str, Any], applications: Mapping[str, str]
) -> dict[str, bytes]:
    client_id = body.get("applicationid")
    if client_id is None:
        raise invalid_argument("Users of the environment come from the tenant; only application users can be created.")
    client_id = str(client_id).lower()
    if client_id in store.rows["systemuser"].column_values("applicationid"):
        raise ServiceError(
            412, "0x8004f511", f"You are attempting to create an Application ID = {client_id} that already exists."
        )
    if client_id not in applications:
        raise invalid_argument(f"The application {client_id} is not registered in the tenant.")
    name = applications[client_id]
    return {
        "fullname": f'"# {name}"'.encode(),
        "lastname": f'"{name}"'.encode(),
        "firstname": b'"#"',
        "accessmode": b"4",
        "islicensed": b"false",
        "isdisabled": b"false",
        "azureactivedirectoryobjectid": b'"%b"' % str(uuid4()).encode(),
    }


def _default_values(writer: Writer, table: Table, row: Fragments) -> dict[str, bytes]:
    caller = writer.caller
    unit, user = b'"%b"' % caller.business_unit_id.encode(), b'"%b"' % caller.user_id.encode()
    organization = next(iter(writer.store.rows["organization"].index), b"")
    values: dict[str, bytes] = {}
    if organization:
        values["organizationid"] = b'"%b"' % organization
    if table.name in {"team", "role", "systemuser"}:
        values["businessunitid"] = unit
    if table.name == "team":
        values.update(administratorid=user, teamtype=b"0", isdefault=b"false", systemmanaged=b"false")
    if table.name == "businessunit":
        values.update(parentbusinessunitid=b'"%b"' % root_unit_id(writer.store), isdisabled=b"false")
    if table.name == "product":
        values.update(productstructure=b"1")
    if table.name == "productpricelevel":
        values.update(pricingmethodcode=b"1", quantitysellingcode=b"1")
        product = writer.store.rows["product"]
        position = product.index.get(row.get("productid", b"")[1:-1])
        if position is not None:
            values["productnumber"] = product.fragment(position, "productnumber")
    if table.name in {"solution"}:
        values.update(installedon=writer.stamp, ismanaged=b"false", isvisible=b"true")
    return values


def root_unit_id(store: Store) -> bytes:
    """Return the id of the business unit without a parent."""
    rows = store.rows["businessunit"]
    parents = rows.column_values("parentbusinessunitid")
    return rows.ids[next(i for i in rows.live_positions() if parents[i] is None)]


def _check_unique(store: Store, table: Table, position: int) -> None:
    names = _UNIQUE.get(table.name)
    if not names:
        return
    rows = store.rows[table.name]
    columns = [rows.column_values(name) for name in names]
    mine = [values[position] for values in columns]
    if mine[0] is None:
        return
    for other in rows.live_positions():
        if other != position and all(values[other] == one for values, one in zip(columns, mine, strict=True)):
            if table.name == "role":
                raise ServiceError(
                    400, "0x80041403",
                    f"A role with the specified name '{mine[0]}' already exists on business unit {mine[1]} and "
                    f"Solution Id fd140aae-4df4-11dd-bd17-0019b9312238. Role id: {rows.ids[other].decode()}",
                )  # fmt: skip
            if table.name == "transactioncurrency":
                raise ServiceError(
                    412,
                    "0x80048cf3",
                    "Cannot insert duplicate currency record. Currency with the same currency code already exist in "
                    "the system.",
                )
            if table.name == "productpricelevel":
                raise ServiceError(
                    400, "0x80043b08", "This product and unit combination has a price for this price list."
                )
            shown = from_json(rows.fragment(position, names[0]))
            raise ServiceError(
                412, "0x80040237", f"A record with matching key values already exists ({names[0]} '{shown}')."
            )


def _complete_business_unit(writer: Writer, unit_id: str, row: Fragments) -> None:
    """Create the default team of a new business unit, and its copies of the root business unit's roles."""
    store = writer.store
    unit = b'"%b"' % unit_id.encode()
    team = store.tables["team"]
    team_id = writer.create(
        team, {"name": from_json(row["name"]), "businessunitid@odata.bind": f"/businessunits({unit_id})"}
    )
    rows = store.rows["team"]
    position = rows.index[team_id.encode()]
    whole = {
        **rows.fragments(position),
        "isdefault": b"true",
        "systemmanaged": b"false",
        "teamtype": b"0",
        "administratorid": b'"%b"' % writer.caller.user_id.encode(),
        "organizationid": row.get("organizationid", b""),
    }
    rows.replace(position, {name: value for name, value in whole.items() if value}, rows.versions[position])
    root = root_unit_id(store)
    roles = store.rows["role"]
    units = roles.column_values("businessunitid")
    for position in [i for i in roles.live_positions() if units[i] == root.decode()]:
        copy_role(writer, position, unit)


def copy_role(writer: Writer, position: int, unit: bytes) -> None:
    """Copy the role at a position, of the root business unit, to another business unit."""
    roles = writer.store.rows["role"]
    original = roles.fragments(position)
    parent = b'"%b"' % roles.ids[position]
    copied = {**original, "businessunitid": unit, "parentroleid": parent, "parentrootroleid": parent}
    writer.store.insert("role", str(uuid4()).encode(), copied, writer.transaction)


def user_team_ids(store: Store, user_id: str) -> frozenset[str]:
    """Return the ids of the teams a user belongs to."""
    return frozenset(
        team for user, team in _ordered_links(store, "teammembership", "systemuser", "team") if user == user_id
    )


def user_role_names(store: Store, user_id: str) -> dict[str, str]:
    """Return the roles a user has, directly or through teams: id in the root business unit -> name."""
    teams = user_team_ids(store, user_id)
    ids = {role for role, user in _ordered_links(store, "systemuserroles", "role", "systemuser") if user == user_id}
    ids |= {role for role, team in _ordered_links(store, "teamroles", "role", "team") if team in teams}
    rows = store.rows["role"]
    found = {}
    for role_id in ids:
        position = rows.index.get(role_id.encode())
        if position is not None:
            root = str(from_json(rows.fragment(position, "parentrootroleid")) or role_id)
            found[root] = str(from_json(rows.fragment(position, "name")))
    return found


def _ordered_links(store: Store, name: str, first: str, second: str) -> list[tuple[str, str]]:
    """Return a relationship's links as pairs of (first, second) table; stored is the alphabetically first in front."""
    pairs = store.links.get(name, set())
    return [(two, one) for one, two in pairs] if first > second else list(pairs)


def link_rows(writer: Writer, table: Table, row_id: str, nav: str, other_id: str, *, remove: bool = False) -> None:
    """Associate or disassociate two rows of a many-to-many relationship. Raises ServiceError."""
    association = table.associations[nav]
    store = writer.store
    require_privilege(
        writer.caller,
        "assign" if "role" in {table.name, association.other} else "update",
        _privilege_table(store, table, association.other),
    )
    if "role" in {table.name, association.other} and not remove:
        role_id, holder = (row_id, other_id) if table.name == "role" else (other_id, row_id)
        holder_table = association.other if table.name == "role" else table.name
        _check_same_unit(store, role_id, holder_table, holder)
    pair = (row_id, other_id) if table.name < association.other else (other_id, row_id)
    if remove:
        store.unlink(association.name, pair, writer.transaction)
    elif pair in store.links.get(association.name, ()):
        raise ServiceError(412, "0x80040237", "Cannot insert duplicate key.")
    else:
        store.link(association.name, pair, writer.transaction)


def _privilege_table(store: Store, table: Table, other: str) -> Table:
    """Return the table whose privilege a link needs."""
    return store.tables["role"] if "role" in {table.name, other} else store.tables["team"]


def _check_same_unit(store: Store, role_id: str, holder_table: str, holder: str) -> None:
    """Raise unless a role belongs to the business unit of the user or team that is to hold it."""
    roles, holders = store.rows["role"], store.rows[holder_table]
    one = roles.fragment(roles.index[role_id.encode()], "businessunitid")
    two = holders.fragment(holders.index[holder.encode()], "businessunitid")
    if one != two:
        code, kind = ("0x8004140d", "team") if holder_table == "team" else ("0x80041409", "user")
        raise ServiceError(
            400,
            code,
            f"The {kind} with id={holder} belongs to a different business unit={two[1:-1].decode()} than the role with "
            f"roleId={role_id} and roleBusinessUnit={one[1:-1].decode()}.",
        )
