"""Privileges: what a role lets its holders do with a table, and how far: own rows, the business unit's, all.

A privilege is a row (`privileges`), and so is its being part of a role (`roleprivilegescollection`), kept once for a
role and its copies in other business units. System Administrators need none.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sandbox.base.errors import ServiceError, access_denied, invalid_argument
from sandbox.base.values import guid, plain
from sandbox.data.store import Fragments, Store, Transaction
from sandbox.data.writing import Caller
from sandbox.metadata.model import Table

RIGHTS = {
    "create": ("Create", 32),
    "read": ("Read", 1),
    "update": ("Write", 2),
    "delete": ("Delete", 65_536),
    "append": ("Append", 4),
    "append_to": ("AppendTo", 16),
    "assign": ("Assign", 524_288),
    "share": ("Share", 262_144),
}
DEPTHS = {"Basic": 1, "Local": 2, "Deep": 4, "Global": 8}
METADATA = (
    "prvCreateEntity", "prvWriteEntity", "prvDeleteEntity", "prvCreateAttribute", "prvWriteAttribute",
    "prvDeleteAttribute", "prvCreateRelationship", "prvWriteRelationship", "prvDeleteRelationship",
    "prvCreateOptionSet", "prvWriteOptionSet", "prvDeleteOptionSet", "prvPublishCustomization",
)  # fmt: skip
"""Privileges about tables, columns and relationships themselves."""

_NAMESPACE = uuid5(NAMESPACE_URL, "https://tandem.invalid/sandbox/privileges")


def name_of(action: str, table: Table) -> str:
    """The privilege's name: prvReadAccount."""
    return f"prv{RIGHTS[action][0]}{_OTHERWISE_CALLED.get(table.name, table.schema_name)}"


_OTHERWISE_CALLED = {"systemuser": "User"}
"""Tables whose privileges have another name than the table."""


def id_of(name: str) -> str:
    """A privilege's id: the same in every environment."""
    return str(uuid5(_NAMESPACE, name.lower()))


def metadata(table: Table) -> list[dict[str, Any]]:
    """A table's privileges as its metadata names them: what each is called and how deep it may reach."""
    owned = table.ownership != "OrganizationOwned"
    return [
        {
            "CanBeBasic": owned,
            "CanBeDeep": owned,
            "CanBeGlobal": True,
            "CanBeLocal": owned,
            "CanBeEntityReference": False,
            "CanBeParentEntityReference": False,
            "CanBeRecordFilter": False,
            "Name": (name := name_of(action, table)),
            "PrivilegeId": id_of(name),
            "PrivilegeType": right,
        }
        for action, (right, _) in RIGHTS.items()
    ]


# -- rows -------------------------------------------------------------------------------------------------------------


def describe(store: Store, table: Table, transaction: Transaction) -> None:
    """Add the rows of a table's privileges."""
    for action, (_, right) in RIGHTS.items():
        _add(store, name_of(action, table), right, transaction, owned=table.ownership != "OrganizationOwned")


def describe_metadata(store: Store, transaction: Transaction) -> None:
    """Add the rows of the privileges about metadata."""
    for name in METADATA:
        _add(store, name, 0, transaction, owned=False)


def forget(store: Store, table: Table, transaction: Transaction) -> None:
    """Take a deleted table's privileges away, from all roles."""
    gone = {id_of(name_of(action, table)) for action in RIGHTS}
    held = store.rows["roleprivileges"]
    for place in [i for i in held.live() if plain(held.fragment(i, "privilegeid")) in gone]:
        store.delete("roleprivileges", place, transaction)
    known = store.rows["privilege"]
    for privilege_id in gone:
        place_of = known.index.get(privilege_id.encode())
        if place_of is not None:
            store.delete("privilege", place_of, transaction)


def _add(store: Store, name: str, right: int, transaction: Transaction, *, owned: bool) -> None:
    row_id = id_of(name).encode()
    if row_id in store.rows["privilege"].index:
        return
    below = b"true" if owned else b"false"
    row: Fragments = {"name": f'"{name}"'.encode(), "accessright": b"%d" % right, "canbeglobal": b"true"}
    row |= dict.fromkeys(("canbebasic", "canbelocal", "canbedeep"), below)
    store.insert("privilege", row_id, row, transaction)


def grant(store: Store, role_id: str, names: Mapping[str, str], transaction: Transaction) -> None:
    """Give a role privileges by name, each with its depth; a wider or narrower one replaces what it had."""
    root = root_of(store, role_id)
    for name, depth in names.items():
        _set(store, root, id_of(name), DEPTHS[depth], transaction)


def _set(store: Store, root: str, privilege_id: str, mask: int, transaction: Transaction) -> None:
    rows = store.rows["roleprivileges"]
    row_id = str(uuid5(_NAMESPACE, f"{root} {privilege_id}")).encode()
    place = rows.index.get(row_id)
    row: Fragments = {
        "roleid": f'"{root}"'.encode(),
        "privilegeid": f'"{privilege_id}"'.encode(),
        "privilegedepthmask": b"%d" % mask,
    }
    if place is None:
        store.insert("roleprivileges", row_id, row, transaction)
    else:
        store.update("roleprivileges", place, row, transaction)


def root_of(store: Store, role_id: str) -> str:
    """The role of the root business unit that a role is a copy of, or the role itself."""
    rows = store.rows["role"]
    place = rows.index.get(role_id.encode())
    found = None if place is None else plain(rows.fragment(place, "parentrootroleid"))
    return str(found or role_id)


def of_role(store: Store, role_id: str) -> dict[str, int]:
    """Privilege id -> depth mask of a role."""
    root = root_of(store, role_id)
    rows = store.rows["roleprivileges"]
    return {
        str(plain(rows.fragment(i, "privilegeid"))): int(rows.fragment(i, "privilegedepthmask"))
        for i in rows.live()
        if plain(rows.fragment(i, "roleid")) == root
    }


# -- actions on roles -------------------------------------------------------------------------------------------------


def change(store: Store, role_id: str, action: str, body: Mapping[str, Any], transaction: Transaction) -> None:
    """AddPrivilegesRole, ReplacePrivilegesRole or RemovePrivilegeRole on a role. Raises ServiceError."""
    rows = store.rows["role"]
    place = rows.index[role_id.encode()]
    if plain(rows.fragment(place, "roletemplateid")):
        raise ServiceError(400, "0x80041d50", "The System Administrator role can't be changed.")
    root = root_of(store, role_id)
    if action == "RemovePrivilegeRole":
        wanted = guid(body.get("PrivilegeId"))
        if wanted is None or wanted.encode() not in store.rows["privilege"].index:
            raise invalid_argument(f"There is no privilege with the id '{body.get('PrivilegeId')}'.")
        _remove(store, root, {wanted}, transaction)
        return
    given = body.get("Privileges")
    if not isinstance(given, list) or not given:
        raise invalid_argument(f"The action '{action}' needs Privileges.")
    masks = dict(_read(store, one) for one in given)
    if action == "ReplacePrivilegesRole":
        _remove(store, root, set(of_role(store, root)) - set(masks), transaction)
    for privilege_id, mask in masks.items():
        _set(store, root, privilege_id, mask, transaction)


def _read(store: Store, given: Any) -> tuple[str, int]:
    if not isinstance(given, dict):
        raise invalid_argument("A privilege of a role is an object.")
    wanted = guid(given.get("PrivilegeId"))
    if wanted is None and isinstance(given.get("PrivilegeName"), str):
        wanted = id_of(given["PrivilegeName"])
    rows = store.rows["privilege"]
    place = None if wanted is None else rows.index.get(wanted.encode())
    if wanted is None or place is None:
        raise invalid_argument(f"There is no privilege with the id '{given.get('PrivilegeId')}'.")
    depth = str(given.get("Depth", ""))
    if depth not in DEPTHS:
        raise ServiceError(400, "0x8004140b", "Invalid privilege depth.")
    if depth != "Global" and plain(rows.fragment(place, f"canbe{depth.lower()}")) is not True:
        raise ServiceError(400, "0x8004140b", f"Invalid privilege depth: the privilege can't be {depth}.")
    return wanted, DEPTHS[depth]


def _remove(store: Store, root: str, privilege_ids: set[str], transaction: Transaction) -> None:
    rows = store.rows["roleprivileges"]
    for place in list(rows.live()):
        if (
            plain(rows.fragment(place, "roleid")) == root
            and plain(rows.fragment(place, "privilegeid")) in privilege_ids
        ):
            store.delete("roleprivileges", place, transaction)


# -- what a caller may ------------------------------------------------------------------------------------------------


class Held:
    """Privileges by role, remembered until one changes."""

    def __init__(self) -> None:
        self._store: Store | None = None
        self._changes = -1
        self._known: dict[str, dict[str, int]] = {}

    def by(self, store: Store, roles: Iterable[str]) -> dict[str, int]:
        """Privilege id -> the widest depth mask that one of these roles (root ids) gives."""
        rows = store.rows["roleprivileges"]
        if self._store is not store or self._changes != rows.changes:
            self._store, self._changes, self._known = store, rows.changes, {}
            for place in rows.live():
                role = self._known.setdefault(str(plain(rows.fragment(place, "roleid"))), {})
                privilege = str(plain(rows.fragment(place, "privilegeid")))
                role[privilege] = int(rows.fragment(place, "privilegedepthmask"))
        made: dict[str, int] = {}
        for one in roles:
            for privilege, mask in self._known.get(one, {}).items():
                made[privilege] = max(mask, made.get(privilege, 0))
        return made


def depth(caller: Caller, action: str, table: Table) -> int:
    """How far the caller may do this with the table: a depth mask, 0 for not at all."""
    return DEPTHS["Global"] if caller.administrator else caller.privileges.get(id_of(name_of(action, table)), 0)


def demand(caller: Caller, action: str, table: Table) -> int:
    """The depth at which the caller may do this with the table. Raises 403 when they may not at all."""
    if not caller.roles:
        raise ServiceError(403, "0x80042f09", f"The user with id {caller.user_id} has not been assigned any roles.")
    found = depth(caller, action, table)
    if not found:
        raise access_denied(caller.user_id, name_of(action, table), table.name)
    return found


def demand_named(caller: Caller, name: str) -> None:
    """Raise 403 unless the caller has a privilege that belongs to no table's rows."""
    if not (caller.administrator or caller.privileges.get(id_of(name), 0)):
        raise access_denied(caller.user_id, name, "metadata")


def within(store: Store, caller: Caller, table: Table, mask: int) -> Callable[[int], bool] | None:
    """Whether a row (by position) is as near as a depth demands; None where every row is."""
    if mask >= DEPTHS["Global"] or table.ownership in {"OrganizationOwned", "None"}:
        return None
    rows = store.rows[table.name]
    if table.owned:
        owners, units = rows.values("ownerid"), rows.values("owningbusinessunit")
        mine = {caller.user_id, *caller.teams}
    else:
        units = [one.decode() for one in rows.ids] if table.name == "businessunit" else rows.values("businessunitid")
        owners, mine = [one.decode() for one in rows.ids], {caller.user_id, *caller.teams}
    if mask == DEPTHS["Basic"]:
        return lambda i: owners[i] in mine
    near = {caller.business_unit_id}
    if mask == DEPTHS["Deep"]:
        near |= _below(store, caller.business_unit_id)
    return lambda i: units[i] in near or owners[i] in mine


def demand_row(store: Store, caller: Caller, action: str, table: Table, position: int) -> None:
    """Raise 403 unless the caller may do this with this row."""
    near = within(store, caller, table, demand(caller, action, table))
    if near is not None and not near(position):
        row_id = store.rows[table.name].ids[position].decode()
        raise ServiceError(
            403,
            "0x80048306",
            f"Principal user (Id={caller.user_id}, type=8) doesn't have {RIGHTS[action][0]}Access right for the "
            f"{table.name} with id {row_id}: not enough privilege to access the object or perform the operation.",
        )


def _below(store: Store, unit: str) -> set[str]:
    rows = store.rows["businessunit"]
    parents = rows.values("parentbusinessunitid")
    found: set[str] = set()
    fresh = {unit}
    while fresh:
        fresh = {rows.ids[i].decode() for i in rows.live() if parents[i] in fresh} - found
        found |= fresh
    return found
