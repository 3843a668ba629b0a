"""Salespeople and the Dataverse users they are coupled with: read, couple, create, match by e-mail, add to the team.

With the ownership model Person the user coupled with a record's salesperson owns its row. The couplings are those of
the mapping SALESPEOPLE. Whatever asks Dataverse does so before a transaction begins.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from auditlog.models import LogEntry
from django.db import transaction

from connection_setup.connection.clients import client_for, verify_organization
from connection_setup.connection.state import connection_of
from connection_setup.provisioning import team_members
from coupling.couplings.services import couple_by_hand
from coupling.gateway import Gateway
from coupling.mappings.defaults import SALESPEOPLE
from coupling.mappings.services import get_mapping
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping
from dataverse.errors import DataverseError
from jobs import audit
from masterdata import catalog
from masterdata.models import Company, Salesperson
from sync import number_series

TABLE = "salesperson"
EMAIL, PHONE = "internalemailaddress", "mobilephone"


@dataclass(frozen=True, slots=True)
class User:
    """A Dataverse user, and whom it is coupled with."""

    id: UUID
    name: str
    email: str = ""
    phone: str = ""
    local_id: UUID | None = None
    code: str = ""
    salesperson: str = ""
    member: bool | None = None
    """Whether the user is in the owning team; None where that could not be read."""

    def holds(self, text: str) -> bool:
        """Whether a text searched for is found in it."""
        wanted = text.casefold()
        return any(wanted in part.casefold() for part in (self.name, self.email, self.code, self.salesperson))


def users(company: Company) -> list[User]:
    """The users of Dataverse who may be coupled, by name: not disabled, licensed, not the integration's own.

    Raises Refusal (no mapping), NotConnected, DataverseError.
    """
    mapping = get_mapping(company, SALESPEOPLE)
    door = Gateway(company)
    rows = [row for page in door.scan(mapping, [EMAIL, PHONE]) for row in page.rows]
    own = connection_of(company).integration_user_id
    there = membership_of(company)
    people = _people(company)
    pairs = dict(
        Coupling.objects.filter(company=company, table=TABLE, pending=False).values_list("integration_id", "local_id")
    )
    found = []
    for row in rows:
        if row.id == own:
            continue
        local_id = pairs.get(row.id)
        code, name = people.get(local_id, ("", "")) if local_id is not None else ("", "")
        found.append(
            User(
                row.id, row.name, str(row.values.get(EMAIL) or ""), str(row.values.get(PHONE) or ""),
                local_id if code else None, code, name, None if there is None else row.id in there,
            )
        )  # fmt: skip
    return sorted(found, key=lambda user: (user.name.casefold(), user.id))


def membership_of(company: Company) -> frozenset[UUID] | None:
    """The users in the owning team; None where it cannot be read: the page does without. Raises NotConnected."""
    team = connection_of(company).owning_team_id
    if team is None:
        return None
    try:
        return team_members.member_ids(client_for(company), team)
    except DataverseError:
        return None


def salespeople(company: Company) -> list[tuple[str, str]]:
    """Code and name of every salesperson, by code."""
    return list(Salesperson.objects.filter(company=company).order_by("code").values_list("code", "name"))


def _people(company: Company) -> dict[UUID, tuple[str, str]]:
    rows = Salesperson.objects.filter(company=company).values_list("system_id", "code", "name")
    return {key: (code, name) for key, code, name in rows}


# -- choosing --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Saved:
    """What became of choices: numbers, what cannot be (by user), and whose salesperson would be taken from whom."""

    coupled: int = 0
    uncoupled: int = 0
    problems: dict[UUID, str] = field(default_factory=dict)
    moves: list[tuple[str, str, str]] = field(default_factory=list)
    """(salesperson, the user it is coupled with, the user it was chosen for): asked for before anything is saved."""


def choose(
    *,
    company: Company,
    known: Sequence[User],
    choices: Mapping[UUID, str],
    shown: Mapping[UUID, str] | None = None,
    move: bool = False,
    user: Any = None,
) -> Saved:
    """Couple users with the salespeople chosen for them by code; "" takes a coupling away. All of it, or nothing.

    known: the users as they were read. A salesperson who is coupled with another user already is moved only with
    `move`; else `moves` names them and nothing is saved. shown: the codes that stood beside the users when they were
    chosen: where another stands there by now, somebody else was first, and theirs stays. Raises Refusal, NotConnected.
    """
    mapping = get_mapping(company, SALESPEOPLE)
    by_id = {one.id: one for one in known}
    people = {code.upper(): (key, code, name) for key, (code, name) in _people(company).items()}
    saved = Saved()
    wanted: dict[UUID, tuple[UUID, str, str] | None] = {}
    for user_id, text in choices.items():
        code = text.strip()
        if user_id not in by_id:
            continue
        if code and code.upper() not in people:
            saved.problems[user_id] = f"There is no salesperson {code}. Choose one of the list, or create one."
            continue
        wanted[user_id] = people[code.upper()] if code else None
    organization = Gateway(company).organization_id
    with transaction.atomic():
        couplings = {
            one.integration_id: one for one in Coupling.objects.select_for_update().filter(company=company, table=TABLE)
        }
        holder = {one.local_id: user_id for user_id, one in couplings.items()}
        codes = {key: code for key, code, _ in people.values()}
        for user_id in wanted.keys() & (shown or {}).keys():
            now = codes.get(couplings[user_id].local_id, "") if user_id in couplings else ""
            if now.upper() != (shown or {})[user_id].strip().upper():
                stands = f"{now} stands here" if now else "nobody stands here"
                saved.problems[user_id] = f"Somebody else changed this meanwhile: {stands} now. Look, and choose again."
        changed = {
            user_id: one
            for user_id, one in wanted.items()
            if (couplings[user_id].local_id if user_id in couplings else None) != (one[0] if one else None)
        }
        twice = Counter(one[0] for one in changed.values() if one is not None)
        for user_id, one in changed.items():
            if one is not None and twice[one[0]] > 1:
                saved.problems[user_id] = f"{one[1]} is chosen for {twice[one[0]]} users. A salesperson has one user."
        if saved.problems:
            return saved
        gone = [couplings[user_id] for user_id in changed if user_id in couplings]
        for user_id, one in changed.items():
            other = holder.get(one[0]) if one is not None else None
            if one is None or other is None or other in changed:
                continue
            before = by_id[other].name if other in by_id else "a user who is not in this list"
            saved.moves.append((f"{one[1]} {one[2]}".strip(), before, by_id[user_id].name))
            gone.append(couplings[other])
        if saved.moves and not move:
            return saved
        saved.moves = []
        _uncouple(gone, user)
        for user_id, one in changed.items():
            if one is None:
                saved.uncoupled += 1
                continue
            couple_by_hand(
                mapping=mapping, local_id=one[0], integration_id=user_id, organization_id=organization, user=user
            )
            saved.coupled += 1
    return saved


def _uncouple(couplings: Iterable[Coupling], user: Any) -> None:
    for one in couplings:
        told = {"local_id": (one.local_id, None), "integration_id": (one.integration_id, None)}
        audit.record_audit_entry(one, LogEntry.Action.DELETE, told, user=user)
        CouplingBase.objects.filter(coupling=one).delete()
        one.delete()


@transaction.atomic
def delete_couplings(*, company: Company, user_ids: Iterable[UUID], user: Any = None) -> int:
    """Take the couplings of these users away; nobody is deleted. Returns how many there were."""
    found = list(
        Coupling.objects.select_for_update().filter(company=company, table=TABLE, integration_id__in=list(user_ids))
    )
    _uncouple(found, user)
    return len(found)


def create(*, company: Company, known: Sequence[User], user_ids: Iterable[UUID] | None = None, user: Any = None) -> int:
    """Create a salesperson for each of the users without one, coupled with the user; how many. None means all users.

    Raises Refusal, NotConnected.
    """
    mapping = get_mapping(company, SALESPEOPLE)
    chosen = None if user_ids is None else set(user_ids)
    organization = Gateway(company).organization_id
    table = catalog.table(TABLE)
    with transaction.atomic():
        # Two people who create at once wait in turn.
        IntegrationTableMapping.objects.select_for_update().get(pk=mapping.pk)
        coupled = set(Coupling.objects.filter(company=company, table=TABLE).values_list("integration_id", flat=True))
        new = [one for one in known if one.id not in coupled and (chosen is None or one.id in chosen)]
        for one, code in zip(new, number_series.next_free(company, table, len(new)), strict=True):
            made = Salesperson.objects.create(
                company=company, code=code, name=one.name[:50], e_mail=one.email[:80], phone_no=one.phone[:30]
            )
            couple_by_hand(
                mapping=mapping, local_id=made.system_id, integration_id=one.id, organization_id=organization, user=user
            )
    return len(new)


@dataclass(frozen=True, slots=True)
class Matched:
    """What a match by e-mail came to: how many were coupled, and the users left out, by reason."""

    coupled: int
    without: int
    """Users whose e-mail no salesperson without a user has, or who have none."""
    unclear: tuple[str, ...]
    """Users whose e-mail several salespeople or users share."""


def match(*, company: Company, known: Sequence[User], user: Any = None) -> Matched:
    """Couple users and salespeople who have the same e-mail address, where it is nobody else's. Raises Refusal."""
    mapping = get_mapping(company, SALESPEOPLE)
    organization = Gateway(company).organization_id
    with transaction.atomic():
        pairs = Coupling.objects.filter(company=company, table=TABLE).values_list("local_id", "integration_id")
        local_ids, user_ids = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
        by_mail: dict[str, list[UUID]] = {}
        rows = Salesperson.objects.filter(company=company).exclude(e_mail="").values_list("system_id", "e_mail")
        for key, mail in rows:
            if key not in local_ids:
                by_mail.setdefault(mail.strip().casefold(), []).append(key)
        free = [one for one in known if one.id not in user_ids]
        shared = Counter(one.email.strip().casefold() for one in free if one.email.strip())
        done, without, unclear = 0, 0, []
        for one in free:
            mail = one.email.strip().casefold()
            found = by_mail.get(mail, []) if mail else []
            if not found:
                without += 1
            elif len(found) > 1 or shared[mail] > 1:
                unclear.append(one.name)
            else:
                couple_by_hand(
                    mapping=mapping, local_id=found[0], integration_id=one.id, organization_id=organization, user=user
                )
                done += 1
    return Matched(done, without, tuple(unclear))


# -- the team --------------------------------------------------------------------------------------------------------


def coupled_users(company: Any) -> dict[UUID, str]:
    """The users salespeople are coupled with, by the name of the salesperson: what connection_setup asks for."""
    people = _people(company)
    pairs = Coupling.objects.filter(company=company, table=TABLE, pending=False).values_list(
        "integration_id", "local_id"
    )
    return {row: " ".join(people.get(key, ("", "a salesperson who was deleted"))).strip() for row, key in pairs}


def add_to_team(*, company: Company) -> list[team_members.Added]:
    """Add the coupled users who are not in the owning team, as the application; one result per user.

    Raises NotConnected, DataverseError.
    """
    team = connection_of(company).owning_team_id
    client = client_for(company)
    if team is None:
        return []
    verify_organization(company, client)
    return team_members.add_members(client, team, team_members.missing_members(client, team, coupled_users(company)))


def ready(company: Company) -> bool:
    """Whether the mapping that keeps the couplings exists."""
    return IntegrationTableMapping.objects.filter(company=company, name=SALESPEOPLE).exists()
