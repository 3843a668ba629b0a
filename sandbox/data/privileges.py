"""Privileges: what a role lets its holders do with a table, and how deep: own rows, the business unit's, all.

A privilege is a row (`privileges`), and so is its assignment to a role (`roleprivilegescollection`), stored once for a
role and its copies in other business units. System Administrators need none.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sandbox.base.errors import ServiceError, access_denied, invalid_argument
from sandbox.base.values import from_json, parse_guid
from sandbox.data.store import Fragments, Store, Transaction
from sandbox.data.writing import Caller
from sandbox.metadata.model import Table

ADMINISTRATOR_TEMPLATE = "627090ff-40a3-4053-8790-584edc5be201"
"""Template of the System Administrator role, the same in every environment and language."""
RIGHTS = {  # action -> the access right's name and value
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
METADATA_PRIVILEGES = (
    "prvCreateEntity", "prvWriteEntity", "prvDeleteEntity", "prvCreateAttribute", "prvWriteAttribute",
    "prvDeleteAttribute", "prvCreateRelationship", "prvWriteRelationship", "prvDeleteRelationship",
    "prvCreateOptionSet", "prvWriteOptionSet", "prvDeleteOptionSet", "prvPublishCustomization",
)  # fmt: skip
"""Privileges about tables, columns and relationships themselves."""
METADATA_READS = (
    "prvReadEntity", "prvReadAttribute", "prvReadRelationship", "prvReadEntityRelationship", "prvReadOptionSet",
    "prvReadEntityKey", "prvReadSdkMessage", "prvReadSdkMessageFilter", "prvReadUserSettings", "prvReadLanguageLocale",
)  # fmt: skip
"""What the everyday roles read of the metadata, down to App Opener."""
GIVEN_TO_NEW_ROLES = {"prvReadUserEntityUISettings": "Basic", "prvWriteUserEntityUISettings": "Basic"}
"""Privileges (with their depth) that a role made over the API holds by itself; the service's own are not documented."""

_NAMESPACE = uuid5(NAMESPACE_URL, "https://tandem.invalid/sandbox/privileges")


def privilege_name(action: str, table: Table) -> str:
    """Return the name of a privilege, as prvReadAccount."""
    return f"prv{RIGHTS[action][0]}{_RENAMED.get(table.name, table.schema_name)}"


_ADMINISTRATION = frozenset({
    "organization", "businessunit", "systemuser", "team", "role", "roleprivileges", "privilege", "transactioncurrency",
    "solution", "publisher",
})  # fmt: skip
"""What a user of access mode Administrative reaches: settings and customization, but no customer data."""

_RENAMED = {"systemuser": "User"}
"""Table -> its name in its privileges, where that is another."""


def privilege_id_of(name: str) -> str:
    """Return a privilege's id: the same in every environment."""
    return str(uuid5(_NAMESPACE, name.lower()))


def describe_privileges(table: Table) -> list[dict[str, Any]]:
    """Return a table's privileges as its metadata describes them, with the depths each can have."""
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
            "Name": (name := privilege_name(action, table)),
            "PrivilegeId": privilege_id_of(name),
            "PrivilegeType": right,
        }
        for action, (right, _) in RIGHTS.items()
    ]


# -- rows -------------------------------------------------------------------------------------------------------------


def add_table_privileges(store: Store, table: Table, transaction: Transaction) -> None:
    """Add the rows of a table's privileges."""
    for action, (_, right) in RIGHTS.items():
        _add_privilege(
            store, privilege_name(action, table), right, transaction, owned=table.ownership != "OrganizationOwned"
        )


def add_metadata_privileges(store: Store, transaction: Transaction) -> None:
    """Add the rows of the privileges about metadata."""
    for name in (*METADATA_PRIVILEGES, *METADATA_READS):
        _add_privilege(store, name, 0, transaction, owned=False)
    for name in GIVEN_TO_NEW_ROLES:
        _add_privilege(store, name, 0, transaction, owned=True)


def remove_table_privileges(store: Store, table: Table, transaction: Transaction) -> None:
    """Remove a deleted table's privileges, from all roles too."""
    removed = {privilege_id_of(privilege_name(action, table)) for action in RIGHTS}
    assigned = store.rows["roleprivileges"]
    for position in [i for i in assigned.live_positions() if from_json(assigned.fragment(i, "privilegeid")) in removed]:
        store.delete("roleprivileges", position, transaction)
    known = store.rows["privilege"]
    for privilege_id in removed:
        privilege = known.index.get(privilege_id.encode())
        if privilege is not None:
            store.delete("privilege", privilege, transaction)


def _add_privilege(store: Store, name: str, right: int, transaction: Transaction, *, owned: bool) -> None:
    row_id = privilege_id_of(name).encode()
    if row_id in store.rows["privilege"].index:
        return
    can_be_narrow = b"true" if owned else b"false"
    row: Fragments = {"name": f'"{name}"'.encode(), "accessright": b"%d" % right, "canbeglobal": b"true"}
    row |= dict.fromkeys(("canbebasic", "canbelocal", "canbedeep"), can_be_narrow)
    store.insert("privilege", row_id, row, transaction)


def grant(store: Store, role_id: str, names: Mapping[str, str], transaction: Transaction) -> None:
    """Give a role privileges (name -> depth); a wider or narrower depth replaces the one it had."""
    root = root_role_id(store, role_id)
    for name, depth in names.items():
        _set_depth(store, root, privilege_id_of(name), DEPTHS[depth], transaction)


def _set_depth(store: Store, root: str, privilege_id: str, mask: int, transaction: Transaction) -> None:
    rows = store.rows["roleprivileges"]
    row_id = str(uuid5(_NAMESPACE, f"{root} {privilege_id}")).encode()
    position = rows.index.get(row_id)
    row: Fragments = {
        "roleid": f'"{root}"'.encode(),
        "privilegeid": f'"{privilege_id}"'.encode(),
        "privilegedepthmask": b"%d" % mask,
    }
    if position is None:
        store.insert("roleprivileges", row_id, row, transaction)
    else:
        store.update("roleprivileges", position, row, transaction)


def root_role_id(store: Store, role_id: str) -> str:
    """Return the id of the role in the root business unit that a role is a copy of; its own where it is none."""
    rows = store.rows["role"]
    position = rows.index.get(role_id.encode())
    found = None if position is None else from_json(rows.fragment(position, "parentrootroleid"))
    return str(found or role_id)


def role_privileges(store: Store, role_id: str) -> dict[str, int]:
    """Return privilege id -> depth mask of a role."""
    root = root_role_id(store, role_id)
    rows = store.rows["roleprivileges"]
    return {
        str(from_json(rows.fragment(i, "privilegeid"))): int(rows.fragment(i, "privilegedepthmask"))
        for i in rows.live_positions()
        if from_json(rows.fragment(i, "roleid")) == root
    }


# -- actions on roles -------------------------------------------------------------------------------------------------


def change_role(store: Store, role_id: str, action: str, body: Mapping[str, Any], transaction: Transaction) -> None:
    """Carry out AddPrivilegesRole, ReplacePrivilegesRole or RemovePrivilegeRole. Raises ServiceError."""
    rows = store.rows["role"]
    position = rows.index[role_id.encode()]
    if from_json(rows.fragment(position, "roletemplateid")) == ADMINISTRATOR_TEMPLATE:
        raise ServiceError(400, "0x80041d50", "The System Administrator role can't be changed.")
    root = root_role_id(store, role_id)
    if action == "RemovePrivilegeRole":
        wanted = parse_guid(body.get("PrivilegeId"))
        if wanted is None or wanted.encode() not in store.rows["privilege"].index:
            raise invalid_argument(f"There is no privilege with the id '{body.get('PrivilegeId')}'.")
        _remove_from_role(store, root, {wanted}, transaction)
        return
    given = body.get("Privileges")
    if not isinstance(given, list) or not given:
        raise invalid_argument(f"The action '{action}' needs Privileges.")
    masks = dict(_read_role_privilege(store, one) for one in given)
    if action == "ReplacePrivilegesRole":
        _remove_from_role(store, root, set(role_privileges(store, root)) - set(masks), transaction)
    for privilege_id, mask in masks.items():
        _set_depth(store, root, privilege_id, mask, transaction)


def _read_role_privilege(store: Store, given: Any) -> tuple[str, int]:
    """Return privilege id and depth mask of a RolePrivilege. Raises ServiceError."""
    if not isinstance(given, dict):
        raise invalid_argument("A privilege of a role is an object.")
    wanted = parse_guid(given.get("PrivilegeId"))
    if wanted is None and isinstance(given.get("PrivilegeName"), str):
        wanted = privilege_id_of(given["PrivilegeName"])
    rows = store.rows["privilege"]
    position = None if wanted is None else rows.index.get(wanted.encode())
    if wanted is None or position is None:
        raise invalid_argument(f"There is no privilege with the id '{given.get('PrivilegeId')}'.")
    depth = str(given.get("Depth", ""))
    if depth not in DEPTHS:
        raise ServiceError(400, "0x8004140b", "Invalid privilege depth.")
    if depth != "Global" and from_json(rows.fragment(position, f"canbe{depth.lower()}")) is not True:
        raise ServiceError(400, "0x8004140b", f"Invalid privilege depth: the privilege can't be {depth}.")
    return wanted, DEPTHS[depth]


def _remove_from_role(store: Store, root: str, privilege_ids: set[str], transaction: Transaction) -> None:
    rows = store.rows["roleprivileges"]
    for position in list(rows.live_positions()):
        if (
            from_json(rows.fragment(position, "roleid")) == root
            and from_json(rows.fragment(position, "privilegeid")) in privilege_ids
        ):
            store.delete("roleprivileges", position, transaction)


# -- what a caller may ------------------------------------------------------------------------------------------------


class PrivilegeCache:
    """Caches privileges by role, until one changes."""

    def __init__(self) -> None:
        self._store: Store | None = None
        self._change_count = -1
        self._known: dict[str, dict[str, int]] = {}

    def widest_masks(self, store: Store, roles: Iterable[str]) -> dict[str, int]:
        """Return privilege id -> the widest depth mask that one of these roles (root ids) gives."""
        rows = store.rows["roleprivileges"]
        if self._store is not store or self._change_count != rows.change_count:
            self._store, self._change_count, self._known = store, rows.change_count, {}
            for position in rows.live_positions():
                role = self._known.setdefault(str(from_json(rows.fragment(position, "roleid"))), {})
                privilege = str(from_json(rows.fragment(position, "privilegeid")))
                role[privilege] = int(rows.fragment(position, "privilegedepthmask"))
        masks: dict[str, int] = {}
        for one in roles:
            for privilege, mask in self._known.get(one, {}).items():
                masks[privilege] = max(mask, masks.get(privilege, 0))
        return masks


def depth_mask(caller: Caller, action: str, table: Table) -> int:
    """Return how deep the caller may take an action on a table, as a depth mask; 0 for not at all."""
    return (
        DEPTHS["Global"]
        if caller.administrator
        else caller.privileges.get(privilege_id_of(privilege_name(action, table)), 0)
    )


def require_privilege(caller: Caller, action: str, table: Table) -> int:
    """Return how deep the caller may take an action on a table, as a depth mask. Raises 403 for not at all."""
    if not caller.roles:
        raise ServiceError(403, "0x80042f09", f"The user with id {caller.user_id} has not been assigned any roles.")
    found = depth_mask(caller, action, table)
    if not found or (caller.access_mode == 1 and table.name not in _ADMINISTRATION):
        raise access_denied(caller.user_id, privilege_name(action, table), table.name, caller.access_mode)
    return found


def require_named_privilege(caller: Caller, name: str) -> None:
    """Raise 403 unless the caller has a privilege that is not about a table's rows."""
    if not (caller.administrator or caller.privileges.get(privilege_id_of(name), 0)):
        raise access_denied(caller.user_id, name, "metadata")


def row_access_test(store: Store, caller: Caller, table: Table, mask: int) -> Callable[[int], bool] | None:
    """Return a test whether the row at a position is within a depth of the caller; None where every row is."""
    if mask >= DEPTHS["Global"] or table.ownership in {"OrganizationOwned", "None"}:
        return None
    rows = store.rows[table.name]
    if table.owned:
        owners, units = rows.column_values("ownerid"), rows.column_values("owningbusinessunit")
        mine = {caller.user_id, *caller.teams}
    else:
        units = (
            [one.decode() for one in rows.ids] if table.name == "businessunit" else rows.column_values("businessunitid")
        )
        owners, mine = [one.decode() for one in rows.ids], {caller.user_id, *caller.teams}
    if mask == DEPTHS["Basic"]:
        return lambda i: owners[i] in mine
    near = {caller.business_unit_id}
    if mask == DEPTHS["Deep"]:
        near |= _descendant_units(store, caller.business_unit_id)
    return lambda i: units[i] in near or owners[i] in mine


def require_row_access(store: Store, caller: Caller, action: str, table: Table, position: int) -> None:
    """Raise 403 unless the caller may take an action on the row at a position."""
    is_within = row_access_test(store, caller, table, require_privilege(caller, action, table))
    if is_within is not None and not is_within(position):
        row_id = store.rows[table.name].ids[position].decode()
        raise ServiceError(
            403,
            "0x80048306",
            f"Principal user (Id={caller.user_id}, type=8) doesn't have {RIGHTS[action][0]}Access right for the "
            f"{table.name} with id {row_id}: not enough privilege to access the object or perform the operation.",
        )


def _descendant_units(store: Store, unit: str) -> set[str]:
    """Return the ids of the business units under one."""
    rows = store.rows["businessunit"]
    parents = rows.column_values("parentbusinessunitid")
    found: set[str] = set()
    level = {unit}
    while level:
        level = {rows.ids[i].decode() for i in rows.live_positions() if parents[i] in level} - found
        found |= level
    return found
