"""The integration solution with its publisher, and the application's user with the role.

Made as the administrator who signed in, through documented Web API calls. Each part is looked for first, made only
where it is missing, and read back: running it again changes nothing and resumes where a failure stopped it. Tables and
role have modules of their own.
"""

from collections.abc import Sequence
from uuid import UUID

from connection_setup.provisioning.client import Definer, first_row, own_id, root_unit
from connection_setup.provisioning.settling import NotSettled, Settling
from connection_setup.types import ROLE, SOLUTION
from dataverse import odata
from dataverse.errors import ConfigurationError
from dataverse.types import Row

PUBLISHER = "tandem"
PUBLISHER_NAME = "Tandem"
SOLUTION_NAME = "Tandem Base Integration"
VERSION = "1.0.0.0"
OPTION_PREFIX = 83_120
"""First digits of the publisher's own choice values; any number from 10,000 to 99,999 is allowed."""
NON_INTERACTIVE = 4


# -- the solution ---------------------------------------------------------------------------------


def make_solution(client: Definer, settling: Settling) -> bool:
    """Make publisher and solution where they are missing or older. Return whether something was made.

    Raises NotSettled, ConfigurationError (a publisher of that name has another prefix), DataverseError.
    """
    made = settling.ensure(
        "publisher", what=f"The publisher {PUBLISHER}", there=lambda: _publisher(client) is not None,
        make=lambda: client.create(
            "publishers",
            {
                "publisherid": str(own_id(client, "publisher")), "uniquename": PUBLISHER,
                "friendlyname": PUBLISHER_NAME, "customizationprefix": PUBLISHER,
                "customizationoptionvalueprefix": OPTION_PREFIX,
            },
            primary_id="publisherid",
        ),
    )  # fmt: skip
    publisher = _publisher(client)
    if publisher is None:  # another server answered, which does not know it yet
        raise NotSettled(f"The publisher {PUBLISHER}")
    made = settling.ensure(
        "solution", what=f"The solution {SOLUTION}", there=lambda: find_solution(client) is not None,
        make=lambda: client.create(
            "solutions",
            {
                "solutionid": str(own_id(client, "solution")), "uniquename": SOLUTION,
                "friendlyname": SOLUTION_NAME, "version": VERSION,
                **odata.bind("publisherid", "publishers", publisher),
            },
            primary_id="solutionid",
        ),
    ) or made  # fmt: skip
    there = find_solution(client)
    if there is not None and is_older(str(there.get("version") or "")):
        client.update("solutions", there["solutionid"], {"version": VERSION})
        return True
    return made


def find_solution(client: Definer) -> Row | None:
    """Return the solution's row; None where it is not there."""
    return first_row(client, "solutions", ["solutionid", "version"], odata.eq("uniquename", SOLUTION))


def is_older(version: str) -> bool:
    """Whether a solution's version is older than VERSION; a text that is no version is."""
    return _numbers(version) < _numbers(VERSION)


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()


def _publisher(client: Definer) -> UUID | None:
    columns = ["publisherid", "customizationprefix"]
    found = first_row(client, "publishers", columns, odata.eq("uniquename", PUBLISHER))
    if found is None:
        return None
    prefix = str(found.get("customizationprefix") or "")
    if prefix.lower() != PUBLISHER:
        raise ConfigurationError(
            f"The environment has a publisher {PUBLISHER} whose prefix is {prefix or 'blank'} and not {PUBLISHER}, so "
            "it is somebody else's.",
            "Have its administrator delete it, if nothing needs it, and try again.",
            reason="configuration",
        )
    return UUID(found["publisherid"])


# -- the application's user ---------------------------------------------------------------------------------


def make_application_user(client: Definer, application_id: str, settling: Settling) -> tuple[UUID, bool]:
    """Make the application's own user, which needs no licence, and give it the integration's role.

    Return the user's id and whether something was made. Raises ConfigurationError when there are several users.
    """
    values = {
        "systemuserid": str(own_id(client, f"application user {application_id}")),
        "applicationid": application_id, "firstname": "Tandem", "lastname": "Integration",
        "accessmode": NON_INTERACTIVE, **odata.bind("businessunitid", "businessunits", root_unit(client)),
    }  # fmt: skip
    made = settling.ensure(
        f"user {application_id}", what="The application's user",
        there=lambda: bool(_users(client, application_id)),
        make=lambda: client.create("systemusers", values, primary_id="systemuserid"),
    )  # fmt: skip
    users = _users(client, application_id)
    if not users:  # another server answered, which does not know it yet
        raise NotSettled("The application's user")
    found = users[0]
    user_id = UUID(found["systemuserid"])
    if found.get("isdisabled"):
        client.update("systemusers", user_id, {"isdisabled": False})
        made = True
    given = settling.ensure(
        f"role of {application_id}", what=f"The role {ROLE} of the application's user",
        there=lambda: any(one["name"] == ROLE for one in _roles(client, user_id)),
        make=lambda: _give_role(client, user_id),
    )  # fmt: skip
    return user_id, made or given


def _users(client: Definer, application_id: str) -> Sequence[Row]:
    """Return the application's user, in a list; empty where there is none. Raises ConfigurationError for several."""
    rows = client.first_page(
        "systemusers",
        select=["systemuserid", "isdisabled"],
        filter=odata.eq("applicationid", UUID(application_id)),
    ).rows
    if len(rows) > 1:
        raise ConfigurationError(
            f"The environment has {len(rows)} users for the application {application_id}, so it is not "
            "clear which one to use.",
            "Keep one of them under Users + permissions, Application users.",
        )
    return rows


def _give_role(client: Definer, user_id: UUID) -> None:
    inside = odata.all_of(odata.eq("name", ROLE), odata.eq(odata.lookup("businessunitid"), root_unit(client)))
    role = first_row(client, "roles", ["roleid"], inside)
    if role is None:
        raise ConfigurationError(f"The environment has no security role {ROLE}.", "Try again.")
    client.associate("systemusers", user_id, "systemuserroles_association", "roles", role["roleid"])


def copy_roles(client: Definer, from_user: UUID, to_application: str) -> list[str]:
    """Assign an application's user every role of another user; return the names of those that were missing.

    Raises ConfigurationError when the application has no user.
    """
    to_user = _application_user(client, to_application)
    held = {row["roleid"] for row in _roles(client, to_user)}
    missing = [row for row in _roles(client, from_user) if row["roleid"] not in held]
    for row in missing:
        client.associate("systemusers", to_user, "systemuserroles_association", "roles", row["roleid"])
    return sorted(str(row["name"]) for row in missing)


def _application_user(client: Definer, application_id: str) -> UUID:
    found = first_row(client, "systemusers", ["systemuserid"], odata.eq("applicationid", UUID(application_id)))
    if found is None:
        raise ConfigurationError(
            f"The environment has no user for the application {application_id}.",
            "Try again.",
        )
    return UUID(found["systemuserid"])


def _roles(client: Definer, user_id: UUID) -> Sequence[Row]:
    path = f"{odata.key('systemusers', user_id)}/systemuserroles_association"
    return client.first_page(path, select=["roleid", "name"]).rows
