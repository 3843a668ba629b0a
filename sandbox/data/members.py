"""People of the tenant as users of an environment: their rows, roles, teams, and when a row comes into being.

Roles that come through teams are links of the team; the members of an Entra group are known to the directory, and get
their row and their membership here at their first access alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import NAMESPACE_URL, uuid5

from sandbox.base.values import from_json
from sandbox.data.privileges import ADMINISTRATOR_TEMPLATE
from sandbox.data.rules import user_role_names
from sandbox.data.seed import Seed
from sandbox.data.store import Store

PARTNER = "crmoln2@microsoft.com"
"""The one user as whom all administrators of partners come in."""
ADMINISTRATIVE, DELEGATED = 1, 5
OWNER_TEAM, GROUP_TEAM = 0, 2
_KINDS = {"owner": OWNER_TEAM, "group": GROUP_TEAM}


@dataclass(frozen=True, slots=True)
class TeamRoles:
    """A team that somebody is a member of: an owner team, or one of an Entra group, with the team's roles."""

    name: str
    kind: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Membership:
    """Somebody as a user. `late`: the row comes with their first call; `vanished`: there is none any more."""

    member: bool = True
    licensed: bool = True
    roles: tuple[str, ...] = ()
    disabled: bool = False
    access_mode: int = 0
    teams: tuple[TeamRoles, ...] = ()
    late: bool = False
    vanished: bool = False


@dataclass(slots=True)
class Members:
    """Who is to become a user at their first call, who is in which group, and who administers for a partner."""

    late: dict[str, Membership] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=dict)
    """Id of a group team -> names of the group's members."""
    partners: set[str] = field(default_factory=set)

    def clear(self) -> None:
        """Forget everybody."""
        self.late.clear()
        self.groups.clear()
        self.partners.clear()


def save(members: Members, seed: Seed, name: str, about: Membership) -> None:
    """Add somebody as a user, or change or remove that user. Raises ValueError for an unknown role or kind of team."""
    members.late.pop(name, None)
    members.partners.discard(name)
    for team in about.teams:
        _save_team(members, seed, name, team)
    if about.vanished:
        remove_user(seed.store, name)
    elif about.access_mode == DELEGATED:
        members.partners.add(name)
        seed.add_member(PARTNER, licensed=False, disabled=False, roles=(), access_mode=DELEGATED)
    elif about.late:
        seed.role_ids(about.roles)  # refused now, not at the first call
        members.late[name] = about
    else:
        _add(seed, name, about)


def admit(members: Members, seed: Seed, name: str) -> None:
    """Let somebody in whose first call this is: with their row, and as a member of their groups' teams."""
    about = members.late.pop(name, None)
    if about is not None:
        _add(seed, name, about)
    user = find_user(seed.store, name)
    for team, names in members.groups.items():
        if user is not None and name in names:
            seed.link("teammembership", user, team)


def _add(seed: Seed, name: str, about: Membership) -> None:
    seed.add_member(
        name,
        licensed=about.licensed,
        disabled=about.disabled,
        roles=about.roles,
        access_mode=about.access_mode,
    )
    user = find_user(seed.store, name)
    for team in about.teams:
        if team.kind == "owner" and user is not None:
            seed.link("teammembership", user, _team_id(seed, team.name))


def _team_id(seed: Seed, name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{seed.organization_id}/team {name}"))


def _save_team(members: Members, seed: Seed, member: str, team: TeamRoles) -> None:
    if team.kind not in _KINDS:
        raise ValueError(f"'{team.kind}' is no kind of team; there are owner and group.")
    row_id, wanted = _team_id(seed, team.name), seed.role_ids(team.roles)
    if row_id.encode() not in seed.store.rows["team"].index:
        seed.add(
            "team",
            row_id,
            name=team.name,
            businessunitid=seed.unit_id,
            administratorid=seed.admin_id,
            teamtype=_KINDS[team.kind],
            isdefault=False,
            systemmanaged=False,
            organizationid=str(seed.organization_id),
        )
    for role in wanted:
        seed.link("teamroles", role, row_id)
    if team.kind == "group":
        members.groups.setdefault(row_id, set()).add(member)


def find_user(store: Store, name: str) -> str | None:
    """Return the id of the user with a name; None where there is none."""
    rows = store.rows["systemuser"]
    values = rows.column_values("domainname")
    return next((rows.ids[i].decode() for i in rows.live_positions() if values[i] == name.casefold()), None)


def remove_user(store: Store, name: str) -> None:
    """Delete somebody's row, as when they left; what refers to it keeps its id."""
    rows = store.rows["systemuser"]
    user = find_user(store, name)
    if user is not None:
        rows.remove(rows.index[user.encode()], store.next_version())
        for pairs in store.links.values():
            pairs.difference_update({pair for pair in pairs if user in pair})


def all_role_ids(store: Store, members: Members, user: str, name: str) -> list[str]:
    """Return the ids of all roles somebody has: direct ones, through teams, through groups without a membership yet."""
    found = set(user_role_names(store, user)) if user else set()
    of_groups = {team for team, names in members.groups.items() if name in names}
    return sorted(found | {role for role, team in store.links.get("teamroles", ()) if team in of_groups})


def rename_roles(store: Store, names: Mapping[str, str]) -> None:
    """Give roles names in another language; their templates stay. Raises ValueError for a role there is not."""
    rows = store.rows["role"]
    left = dict(names)
    for position in list(rows.live_positions()):
        row = rows.fragments(position)
        name = str(from_json(row["name"]))
        if name in names:
            left.pop(name, None)
            rows.replace(position, {**row, "name": f'"{names[name]}"'.encode()}, store.next_version())
    if left:
        raise ValueError(f"There is no role '{next(iter(left))}'.")


def is_administrator(store: Store, roles: Iterable[str]) -> bool:
    """Return whether one of these roles (root ids) is made from the System Administrator template."""
    rows = store.rows["role"]
    positions = (rows.index.get(role.encode()) for role in roles)
    found = (from_json(rows.fragment(i, "roletemplateid")) for i in positions if i is not None)
    return ADMINISTRATOR_TEMPLATE in found
