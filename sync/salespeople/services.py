"""Salespeople and the Dataverse users they are coupled with: read, couple, create, match by e-mail, add to the team.

With the ownership model Person the user coupled with a record's salesperson owns its row. The couplings are those of
the mapping SALESPEOPLE. Requests to Dataverse are sent before a transaction begins.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction

from connection_setup.connection.clients import client_for
from connection_setup.connection.state import connection_of
from connection_setup.provisioning import team_members
from core.refusals import NotUsable
from coupling.couplings.services import couple_by_hand, delete_coupling
from coupling.gateway import Gateway
from coupling.mappings.defaults import SALESPEOPLE
from coupling.mappings.services import get_mapping
from coupling.models import Coupling, IntegrationTableMapping
from dataverse.errors import DataverseError
from masterdata import catalog
from masterdata.models import Company, Salesperson
from sync import number_series

TABLE = "salesperson"
EMAIL, PHONE = "internalemailaddress", "mobilephone"


@dataclass(frozen=True, slots=True)
class User:
    """A Dataverse user, and the salesperson it is coupled with."""

    id: UUID
    name: str
    email: str = ""
    phone: str = ""
    local_id: UUID | None = None
    code: str = ""
    salesperson: str = ""
    is_member: bool | None = None
    """Whether the user is in the owning team; None where that could not be read."""

    def contains(self, text: str) -> bool:
        """Return whether a text searched for occurs in name, e-mail address or salesperson."""
        wanted = text.casefold()
        return any(wanted in part.casefold() for part in (self.name, self.email, self.code, self.salesperson))


class _Person(NamedTuple):
    """A salesperson."""

    local_id: UUID
    code: str
    name: str


def has_mapping(company: Company) -> bool:
    """Return whether the mapping that the couplings belong to exists."""
    return IntegrationTableMapping.objects.filter(company=company, name=SALESPEOPLE).exists()


def read_users(company: Company) -> list[User]:
    """Read the Dataverse users who may be coupled, by name: enabled, licensed, not the integration's own.

    Raises Refusal (no mapping), NotConnected, DataverseError.
    """
    mapping = get_mapping(company, SALESPEOPLE)
    rows = [row for page in Gateway(company).scan(mapping, [EMAIL, PHONE]) for row in page.rows]
    own_id = connection_of(company).integration_user_id
    members = _read_team_members(company)
    people = _people_by_id(company)
    pairs = dict(
        Coupling.objects.filter(company=company, table=TABLE, pending=False).values_list("integration_id", "local_id")
    )
    found = []
    for row in rows:
        if row.id == own_id:
            continue
        local_id = pairs.get(row.id)
        person = people.get(local_id) if local_id is not None else None
        found.append(
            User(
                row.id, row.name, str(row.values.get(EMAIL) or ""), str(row.values.get(PHONE) or ""),
                local_id if person else None, person.code if person else "", person.name if person else "",
                None if members is None else row.id in members,
            )
        )  # fmt: skip
    return sorted(found, key=lambda user: (user.name.casefold(), user.id))


def _read_team_members(company: Company) -> frozenset[UUID] | None:
    """Read who is in the owning team; None where that cannot be read: the page does without. Raises NotConnected."""
    team = connection_of(company).owning_team_id
    if team is None:
        return None
    try:
        return team_members.member_ids(client_for(company), team)
    except DataverseError:
        return None


def list_salespeople(company: Company) -> list[tuple[str, str]]:
    """Return code and name of every salesperson, by code."""
    return list(Salesperson.objects.filter(company=company).order_by("code").values_list("code", "name"))


def _people_by_id(company: Company) -> dict[UUID, _Person]:
    rows = Salesperson.objects.filter(company=company).values_list("system_id", "code", "name")
    return {row[0]: _Person(*row) for row in rows}


# -- choosing --------------------------------------------------------------------------------------------------------


class Move(NamedTuple):
    """A salesperson who would be taken from one user and coupled with another, by their names."""

    salesperson: str
    from_user: str
    to_user: str


@dataclass(slots=True)
class ChoiceResult:
    """What became of choices: how many users were coupled and uncoupled, problems by user.

    With `moves` nothing was saved: a person confirms them first.
    """

    coupled: int = 0
    uncoupled: int = 0
    problems: dict[UUID, str] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)


def save_choices(
    *,
    company: Company,
    users: Sequence[User],
    choices: Mapping[UUID, str],
    shown: Mapping[UUID, str] | None = None,
    move: bool = False,
    user: Any = None,
) -> ChoiceResult:
    """Couple users with the salespeople chosen for them by code; "" deletes a coupling. All of it, or nothing.

    users: as they were read. move: take a salesperson from the user it is coupled with already; without it the result
    names such moves and nothing is saved. shown: the codes that stood beside the users when they were chosen; where
    another one does by now, somebody else was first, and that choice is a problem. Raises Refusal, NotConnected.
    """
    mapping = get_mapping(company, SALESPEOPLE)
    result = ChoiceResult()
    people = _people_by_id(company)
    wanted = _find_people(people, {one.id for one in users}, choices, result)
    organization_id = Gateway(company).organization_id
    with transaction.atomic():
        couplings = {
            one.integration_id: one for one in Coupling.objects.select_for_update().filter(company=company, table=TABLE)
        }
        current = {user_id: one.local_id for user_id, one in couplings.items()}
        _check_shown(people, current, wanted.keys(), shown or {}, result)
        changed = {
            user_id: person
            for user_id, person in wanted.items()
            if current.get(user_id) != (person.local_id if person else None)
        }
        _check_chosen_once(changed, result)
        if result.problems:
            return result
        to_delete = [couplings[user_id] for user_id in changed if user_id in couplings]
        names = {one.id: one.name for one in users}
        holders = {local_id: user_id for user_id, local_id in current.items()}
        for user_id, person in changed.items():
            holder = holders.get(person.local_id) if person else None
            if person is None or holder is None or holder in changed:
                continue
            before = names.get(holder, "a user who is not in this list")
            result.moves.append(Move(f"{person.code} {person.name}".strip(), before, names[user_id]))
            to_delete.append(couplings[holder])
        if result.moves and not move:
            return result
        result.moves = []
        _delete(to_delete, user)
        for user_id, person in changed.items():
            if person is None:
                result.uncoupled += 1
                continue
            couple_by_hand(
                mapping=mapping, local_id=person.local_id, integration_id=user_id, organization_id=organization_id,
                user=user,
            )  # fmt: skip
            result.coupled += 1
    return result


def _find_people(
    people: Mapping[UUID, _Person], user_ids: set[UUID], choices: Mapping[UUID, str], result: ChoiceResult
) -> dict[UUID, _Person | None]:
    """Return the salesperson chosen for each user, None for none; a problem where there is no such salesperson."""
    by_code = {person.code.upper(): person for person in people.values()}
    wanted: dict[UUID, _Person | None] = {}
    for user_id, text in choices.items():
        code = text.strip()
        if user_id not in user_ids:
            continue
        if code and code.upper() not in by_code:
            result.problems[user_id] = f"There is no salesperson {code}. Choose one of the list, or create one."
            continue
        wanted[user_id] = by_code[code.upper()] if code else None
    return wanted


def _check_shown(
    people: Mapping[UUID, _Person],
    current: Mapping[UUID, UUID],
    user_ids: Iterable[UUID],
    shown: Mapping[UUID, str],
    result: ChoiceResult,
) -> None:
    for user_id in user_ids:
        if user_id not in shown:
            continue
        person = people.get(current[user_id]) if user_id in current else None
        code = person.code if person else ""
        if code.upper() != shown[user_id].strip().upper():
            stands = f"{code} stands here" if code else "nobody stands here"
            result.problems[user_id] = f"Somebody else changed this meanwhile: {stands} now. Look, and choose again."


def _check_chosen_once(changed: Mapping[UUID, _Person | None], result: ChoiceResult) -> None:
    times = Counter(person.local_id for person in changed.values() if person is not None)
    for user_id, person in changed.items():
        if person is not None and times[person.local_id] > 1:
            result.problems[user_id] = (
                f"{person.code} is chosen for {times[person.local_id]} users. A salesperson has one user."
            )


def _delete(couplings: Iterable[Coupling], user: Any) -> None:
    for one in couplings:
        delete_coupling(one, user)


@transaction.atomic
def delete_couplings(*, company: Company, user_ids: Iterable[UUID], user: Any = None) -> int:
    """Delete the couplings of these users; neither users nor salespeople are deleted. Return how many there were."""
    found = list(
        Coupling.objects.select_for_update().filter(company=company, table=TABLE, integration_id__in=list(user_ids))
    )
    _delete(found, user)
    return len(found)


def create_salespeople(
    *, company: Company, users: Sequence[User], user_ids: Iterable[UUID] | None = None, user: Any = None
) -> int:
    """Create and couple a salesperson for each of the users without one; None means all. Return how many.

    Raises Refusal, NotConnected.
    """
    mapping = get_mapping(company, SALESPEOPLE)
    selected = None if user_ids is None else set(user_ids)
    organization_id = Gateway(company).organization_id
    table = catalog.table(TABLE)
    with transaction.atomic():
        # Two people who create at once wait in turn.
        IntegrationTableMapping.objects.select_for_update().get(pk=mapping.pk)
        coupled = set(Coupling.objects.filter(company=company, table=TABLE).values_list("integration_id", flat=True))
        new = [one for one in users if one.id not in coupled and (selected is None or one.id in selected)]
        codes = number_series.next_free_keys(company, table, len(new))
        if codes and (room := number_series.room_for(table, codes[-1])) is not None:
            raise NotUsable(
                f"The next code of the series is {codes[-1]}, and a salesperson's code holds {room} characters.",
                "Nobody was created. Create these salespeople here with codes of their own, then couple them.",
            )
        for one, code in zip(new, codes, strict=True):
            person = Salesperson.objects.create(
                company=company, code=code, name=one.name[:50], e_mail=one.email[:80], phone_no=one.phone[:30]
            )
            couple_by_hand(
                mapping=mapping, local_id=person.system_id, integration_id=one.id, organization_id=organization_id,
                user=user,
            )  # fmt: skip
    return len(new)


@dataclass(frozen=True, slots=True)
class MatchResult:
    """What a match by e-mail came to: how many users were coupled, and those left out, by reason."""

    coupled: int
    unmatched: int
    """Users without an e-mail address, or whose address no salesperson without a user has."""
    ambiguous: tuple[str, ...]
    """Names of users whose e-mail address several salespeople or users share."""


def couple_by_email(*, company: Company, users: Sequence[User], user: Any = None) -> MatchResult:
    """Couple users and salespeople who have the same e-mail address, where nobody else has it.

    Raises Refusal, NotConnected.
    """
    mapping = get_mapping(company, SALESPEOPLE)
    organization_id = Gateway(company).organization_id
    with transaction.atomic():
        pairs = Coupling.objects.filter(company=company, table=TABLE).values_list("local_id", "integration_id")
        local_ids, user_ids = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
        by_email: dict[str, list[UUID]] = {}
        rows = Salesperson.objects.filter(company=company).exclude(e_mail="").values_list("system_id", "e_mail")
        for local_id, email in rows:
            if local_id not in local_ids:
                by_email.setdefault(email.strip().casefold(), []).append(local_id)
        uncoupled = [one for one in users if one.id not in user_ids]
        sharing = Counter(one.email.strip().casefold() for one in uncoupled if one.email.strip())
        coupled, unmatched, ambiguous = 0, 0, []
        for one in uncoupled:
            email = one.email.strip().casefold()
            found = by_email.get(email, []) if email else []
            if not found:
                unmatched += 1
            elif len(found) > 1 or sharing[email] > 1:
                ambiguous.append(one.name)
            else:
                couple_by_hand(
                    mapping=mapping, local_id=found[0], integration_id=one.id, organization_id=organization_id,
                    user=user,
                )  # fmt: skip
                coupled += 1
    return MatchResult(coupled, unmatched, tuple(ambiguous))


# -- the team --------------------------------------------------------------------------------------------------------


def coupled_users(company: Any) -> dict[UUID, str]:
    """Return the users that salespeople are coupled with, by id, with code and name of the salesperson."""
    people = _people_by_id(company)
    pairs = Coupling.objects.filter(company=company, table=TABLE, pending=False).values_list(
        "integration_id", "local_id"
    )
    found = {}
    for user_id, local_id in pairs:
        person = people.get(local_id)
        found[user_id] = f"{person.code} {person.name}".strip() if person else "a salesperson who was deleted"
    return found


def add_to_team(*, company: Company) -> list[team_members.Added]:
    """Add the coupled users who are not in the owning team, as the application. Return one result per user.

    Raises NotConnected, DataverseError.
    """
    team = connection_of(company).owning_team_id
    client = client_for(company)
    if team is None:
        return []
    return team_members.add_members(client, team, team_members.missing_members(client, team, coupled_users(company)))
