"""The action menus of Dataverse Connection Setup: Connection, Integration, Encryption, Synchronization.

An action that cannot be used now says why. Pages of the rooms above are left out where these are not there.
"""

from urllib.parse import urlsplit
from uuid import UUID

from django.http import HttpRequest

from connection_setup.models import AuthenticationType, DataverseConnection, OwnershipModel
from connection_setup.secrets import credentials
from core.roles import Can, may
from dataverse import clouds
from ui.kit import Action, Menu
from ui.links import company_url, optional_url

ONLY_ADMINISTRATORS = "Only an Administrator may do this."
ENABLE_FIRST = "Enable the connection first."
NOTHING_TO_REPLACE = "The connection does not sign in with a client secret."
DISABLE_FIRST = "Turn Enabled off first."
NOT_YOURS = {Can.OPERATE: "Only an Operator may do this.", Can.MAP: "Only a Mapper may do this."}


def of(request: HttpRequest, connection: DataverseConnection, *, editable: bool) -> tuple[Action | Menu, ...]:
    """The menus for this person, and before them nothing; behind them what is used most."""
    made = _Menus(request, connection, editable)
    connect, integrate, encrypt, synchronize = (
        made.connection(), made.integration(), made.encryption(), made.synchronization(),
    )  # fmt: skip
    often: list[Action | None] = [made.test()]
    if connection.enabled:
        often += [made.full(), made.mappings()]
    return (
        Menu("Connection", connect, icon="plug"),
        Menu("Integration", integrate, icon="settings"),
        Menu("Encryption", encrypt, icon="lock"),
        Menu("Synchronization", synchronize, icon="sync"),
        *[one for one in often if one is not None],
    )


def row_url(connection: DataverseConnection, table: str, entity_set: str, row_id: UUID | None) -> str:
    """Where a row opens in Dataverse; in a sandbox, the list it stands in."""
    url = clouds.origin(connection.environment_url)
    if clouds.is_loopback(urlsplit(url).hostname or ""):
        return f"{url}/_sandbox/rows/{entity_set}"
    return f"{url}/main.aspx?pagetype=entityrecord&etn={table}&id={row_id}"


class _Menus:
    def __init__(self, request: HttpRequest, connection: DataverseConnection, editable: bool) -> None:
        self.kept, self.company, self.editable = connection, connection.company, editable
        self.user = request.user
        self.administers = "" if may(request.user, Can.ADMINISTER) else ONLY_ADMINISTRATORS
        self.enabled = "" if connection.enabled else ENABLE_FIRST
        self.disabled = DISABLE_FIRST if connection.enabled else ""

    def connection(self) -> list[Action]:
        """Connection."""
        toggle = (
            Action("Disable", self._own("disable"), icon="disconnect", off=self.administers, dialog=True)
            if self.kept.enabled
            else self._form("Enable", "enable", "plug")
        )
        return [
            self._form("Assisted Setup", "assist", "guide", off="The connection is enabled already."),
            self.test(),
            toggle,
            Action(
                "Use Certificate Authentication",
                self._own("certificate"),
                icon="shield",
                off=self.administers or self.enabled,
            ),
            Action(
                "Replace Client Secret",
                self._own("secret"),
                icon="lock",
                off=self.administers
                or self.enabled
                or (
                    ""
                    if credentials.current_type(self.kept) == AuthenticationType.CLIENT_SECRET
                    else NOTHING_TO_REPLACE
                ),
            ),
            Action(
                "Prepare the Environment",
                self._own("administrator"),
                icon="person",
                off=self.administers or self.disabled,
                note="" if self.administers or self.disabled else "Prepares, then enables",
            ),
            Action("Register an Application", self._own("registration"), icon="guide", off=self.administers),
            Action("Change Log", self._own("change-log"), icon="list", off=self.administers),
        ]

    def integration(self) -> list[Action]:
        """Integration."""
        kept = self.kept
        found = [
            *self._people(),
            self.mappings(),
            Action(
                "Redeploy Integration Solution",
                f"{self._own('administrator')}?purpose=redeploy",
                icon="reset",
                off=self.administers or self.disabled,
                note="" if self.administers or self.disabled else "With an administrator's sign-in",
            ),
            Action("Integration Solutions", self._own("solutions"), icon="list", off=self.enabled),
            Action("Integration User Roles", self._own("user-roles"), icon="shield", off=self.enabled),
            Action("Owning Team Roles", self._own("team-roles"), icon="shield", off=self.enabled),
            self._row("Dataverse Integration User", "systemuser", "systemusers", kept.integration_user_id, "person"),
            self._row("Dataverse Owning Team", "team", "teams", kept.owning_team_id, "people"),
            Action("Dynamics 365 Connection Setup", self._own("dynamics"), icon="plug"),
            Action("Dataverse Connections of All Companies", self._own("companies"), icon="list"),
        ]
        return [one for one in found if one is not None]

    def _people(self) -> list[Action | None]:
        """Couple Salespeople and Add Coupled Users to Team, with the reason while they make no sense."""
        why = self.enabled
        if not why and self.kept.ownership_model != OwnershipModel.PERSON:
            why = "The ownership model is Team, so no user owns rows."
        team = optional_url("sync:salespeople-team", self.company)
        return [
            self._page("Couple Salespeople", "sync:salespeople", "couple", off=why),
            Action("Add Coupled Users to Team", team, "post", "person", off=self.administers or why) if team else None,
        ]

    def encryption(self) -> list[Action]:
        """Encryption."""
        return [Action("Encryption Management", self._own("encryption"), icon="lock", off=self.administers)]

    def synchronization(self) -> list[Action]:
        """Synchronization."""
        found = [
            self.full(),
            Action(
                "Synchronize Modified Records",
                self._own("synchronize-modified"),
                icon="sync",
                dialog=True,
                off=self.enabled or self._lacks(Can.OPERATE),
            ),
            Action(
                "Use Default Synchronization Setup",
                self._own("default-setup"),
                icon="reset",
                dialog=True,
                off=self.enabled or self._lacks(Can.MAP),
            ),
            self._page("Skipped Synch. Records", "sync:skipped", "warning", off=self.enabled),
            self._page("Synch. Job Queue Entries", "jobs:queue", "job"),
        ]
        return [one for one in found if one is not None]

    def test(self) -> Action:
        """Test Connection: always."""
        return self._form("Test Connection", "test", "check", off="", always=True)

    def full(self) -> Action | None:
        """Run Full Synchronization."""
        return self._page("Run Full Synchronization", "sync:review", "sync", off=self.enabled)

    def mappings(self) -> Action | None:
        """Integration Table Mappings."""
        return self._page("Integration Table Mappings", "coupling:mappings", "list", off=self.enabled)

    # -- how they are made ---------------------------------------------------------------------------------------

    def _own(self, name: str) -> str:
        return company_url(f"connection_setup:{name}", self.company)

    def _form(self, label: str, name: str, icon: str, *, off: str = "", always: bool = False) -> Action:
        """What takes along what was typed."""
        why = self.administers or (off if self.kept.enabled and not always else "")
        return Action(label, self._own(name), "post", icon=icon, off=why, with_form=self.editable and not why)

    def _page(self, label: str, name: str, icon: str, *, off: str = "") -> Action | None:
        url = optional_url(name, self.company)
        return Action(label, url, icon=icon, off=off) if url else None

    def _row(self, label: str, table: str, entity_set: str, row_id: UUID | None, icon: str) -> Action:
        off = self.enabled or ("" if row_id else "It is not known yet. Test the connection.")
        return Action(label, row_url(self.kept, table, entity_set, row_id), icon=icon, off=off)

    def _lacks(self, can: Can) -> str:
        return "" if may(self.user, can) else NOT_YOURS[can]
