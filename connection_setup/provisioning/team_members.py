"""Members of the owning team: users of Dataverse are added one by one, each with a result of its own.

The application adds them where it may; where it lacks the privilege, an administrator who signs in does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from dataverse import odata
from dataverse.errors import AccessDenied, DataverseError, Gone
from dataverse.types import Page

MAX_NAMED = 10
"""How many of those that could not be added are named."""


class Adder(Protocol):
    """The part of the client that reads and fills a team."""

    def pages(self, entity_set: str, *, select: Sequence[str]) -> Iterator[Page]: ...  # noqa: D102
    def associate(  # noqa: D102
        self, entity_set: str, row_id: UUID | str, navigation: str, other_set: str, other_id: UUID | str
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Added:
    """The result for one user; `problem` is "" when the user is in the team now. denied: a privilege is missing."""

    user_id: UUID
    name: str
    problem: str = ""
    denied: bool = False


def member_ids(client: Adder, team_id: UUID) -> frozenset[UUID]:
    """Return the ids of the users in a team. Raises DataverseError."""
    path = f"{odata.key('teams', team_id)}/teammembership_association"
    pages = client.pages(path, select=["systemuserid"])
    return frozenset(UUID(row["systemuserid"]) for page in pages for row in page.rows)


def add_members(client: Adder, team_id: UUID, users: Mapping[UUID, str]) -> list[Added]:
    """Add users (id -> name) to a team, those in it already included; return one result per user.

    Raises DataverseError for what concerns all of them: no connection, no sign-in, a limit.
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


def summarize(results: Iterable[Added]) -> tuple[str, str]:
    """Return two sentences: how many are in the team, and who could not be added, with the reason; "" for nobody."""
    found = list(results)
    failed = [one for one in found if one.problem]
    done = len(found) - len(failed)
    added = f"{done:,} of {len(found):,} coupled users {'is' if done == 1 else 'are'} in the owning team."
    named = " ".join(f"{one.name}: {one.problem}" for one in failed[:MAX_NAMED])
    more = f" And {len(failed) - MAX_NAMED:,} more." if len(failed) > MAX_NAMED else ""
    return added, f"{named}{more}"


def missing_members(client: Adder, team_id: UUID, users: Mapping[UUID, str]) -> dict[UUID, str]:
    """Return those of the users (id -> name) that are not in the team. Raises DataverseError."""
    there = member_ids(client, team_id)
    return {user_id: name for user_id, name in users.items() if user_id not in there}
