"""Who is in the owning team: users of Dataverse are added to it one by one, each with a result of its own.

The application may be allowed to; where it lacks the privilege, an administrator who signs in adds them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from dataverse import odata
from dataverse.errors import AccessDenied, DataverseError, Gone
from dataverse.types import Page


class Adder(Protocol):
    """The part of the client that reads and fills a team."""

    def pages(self, entity_set: str, *, select: Sequence[str]) -> Iterator[Page]: ...  # noqa: D102
    def associate(  # noqa: D102
        self, entity_set: str, row_id: UUID | str, navigation: str, other_set: str, other_id: UUID | str
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one user; `problem` is "" where it is in the team now."""

    user_id: UUID
    name: str
    problem: str = ""
    denied: bool = False


def members(client: Adder, team_id: UUID) -> frozenset[UUID]:
    """The users in a team. Raises DataverseError."""
    path = f"{odata.key('teams', team_id)}/teammembership_association"
    pages = client.pages(path, select=["systemuserid"])
    return frozenset(UUID(row["systemuserid"]) for page in pages for row in page.rows)


def add(client: Adder, team_id: UUID, users: Mapping[UUID, str]) -> list[Added]:
    """Add users (id -> name) to a team, whoever is in it already included; one result per user.

    Raises DataverseError for what concerns all of them: no connection, a limit.
    """
    return list(_added(client, team_id, users))


def _added(client: Adder, team_id: UUID, users: Mapping[UUID, str]) -> Iterator[Added]:
    for user_id, name in users.items():
        try:
            client.associate("teams", team_id, "teammembership_association", "systemusers", user_id)
        except AccessDenied as error:
            yield Added(user_id, name, error.user_message, denied=True)
        except Gone:
            yield Added(user_id, name, "The user, or the owning team, no longer exists in Dataverse.")
        except DataverseError as error:
            if error.reason in ("unreachable", "throttled", "sign_in"):
                raise
            yield Added(user_id, name, error.user_message)
        else:
            yield Added(user_id, name)


def sentence(results: Iterable[Added]) -> tuple[str, str]:
    """What became of all of them, and of those that could not be added, by name."""
    found = list(results)
    failed = [one for one in found if one.problem]
    done = len(found) - len(failed)
    told = f"{done:,} of {len(found):,} coupled users {'is' if done == 1 else 'are'} in the owning team."
    named = " ".join(f"{one.name}: {one.problem}" for one in failed[:MOST_NAMED])
    more = f" And {len(failed) - MOST_NAMED:,} more." if len(failed) > MOST_NAMED else ""
    return told, f"{named}{more}"


MOST_NAMED = 10
"""So many of those that could not be added are told by name."""


def missing(client: Adder, team_id: UUID, users: Mapping[UUID, str]) -> dict[UUID, str]:
    """Those of the users that are not in the team yet. Raises DataverseError."""
    there = members(client, team_id)
    return {user_id: name for user_id, name in users.items() if user_id not in there}
