"""The action menus of Dataverse Connection Setup: Connection, Integration, Encryption, Synchronization.

An action that cannot be used now says why. Pages of the rooms above are left out where these are not installed.
"""

from urllib.parse import urlsplit
from uuid import UUID

from django.http import HttpRequest

from connection_setup.models import AuthenticationType, DataverseConnection, OwnershipModel
from connection_setup.secrets import credentials
from connection_setup.web_hook import services as web_hook
from core.roles import ONLY_ADMINISTRATORS, Can, may
from dataverse import clouds
from ui.kit import Action, Menu
from ui.links import company_url, optional_url

ONLY_ADMINISTRATORS_OF_ALL = "Only an Administrator in all companies may do this."
ENABLE_FIRST = "Enable the connection first."
DISABLE_FIRST = "Turn Enabled off first."
ENABLED_ALREADY = "The connection is enabled already."
NOTHING_TO_REPLACE = "The connection does not sign in with a client secret."
NOT_PERMITTED = {Can.OPERATE: "Only an Operator may do this.", Can.MAP: "Only a Mapper may do this."}


def build_menus(request: HttpRequest, connection: DataverseConnection, *, editable: bool) -> tuple[Action | Menu, ...]:
    """Return the menus for this person, then the actions used most; editable: the page is a form."""
    menus = _Menus(request, connection, editable)
    frequent: list[Action | None] = [menus.test()]
    if connection.enabled:
        frequent += [menus.full_synchronization(), menus.mappings()]
    return (
        Menu("Connection", menus.connection_menu(), icon="plug"),
        Menu("Integration", menus.integration_menu(), icon="settings"),
        Menu("Encryption", menus.encryption_menu(), icon="lock"),
        Menu("Synchronization", menus.synchronization_menu(), icon="sync"),
        *_without_none(frequent),
    )


def row_url(connection: DataverseConnection, table: str, entity_set: str, row_id: UUID | None) -> str:
    """Return the address of a row in Dataverse; in a sandbox, of the list it stands in."""
    url = clouds.origin(connection.environment_url)
    if clouds.is_loopback(urlsplit(url).hostname or ""):
        return f"{url}/_sandbox/rows/{entity_set}#{row_id}"
    return f"{url}/main.aspx?pagetype=entityrecord&etn={table}&id={row_id}"


class _Menus:
    """The actions for one person; the reasons why one is off are texts, "" where it is not."""

    def __init__(self, request: HttpRequest, connection: DataverseConnection, editable: bool) -> None:
        self.connection, self.company, self.editable = connection, connection.company, editable
        self.user = request.user
        self.not_administrator = "" if may(request.user, Can.ADMINISTER, self.company) else ONLY_ADMINISTRATORS
        self.not_enabled = "" if connection.enabled else ENABLE_FIRST
        self.not_disabled = DISABLE_FIRST if connection.enabled else ""

    def connection_menu(self) -> list[Action]:
        """Return the menu Connection."""
        toggle = (
            Action("Disable", self._url("disable"), icon="disconnect", off=self.not_administrator, dialog=True)
            if self.connection.enabled
            else self._form_action("Enable", "enable", "plug")
        )
        uses_secret = credentials.current_type(self.connection) == AuthenticationType.CLIENT_SECRET
        preparing_off = self.not_administrator or self.not_disabled
        return [
            self._form_action("Assisted Setup", "assist", "guide", off_while_enabled=ENABLED_ALREADY),
            self.test(),
            toggle,
            Action(
                "Use Certificate Authentication",
                self._url("certificate"),
                icon="shield",
                off=self.not_administrator or self.not_enabled,
            ),
            Action(
                "Replace Client Secret",
                self._url("secret"),
                icon="lock",
                off=self.not_administrator or self.not_enabled or ("" if uses_secret else NOTHING_TO_REPLACE),
            ),
            Action(
                "Prepare the Environment",
                self._url("administrator"),
                icon="person",
                off=preparing_off,
                note="" if preparing_off else "Prepares, then enables",
            ),
            Action("Register an Application", self._url("registration"), icon="guide", off=self.not_administrator),
            Action("Change Log", self._url("change-log"), icon="list"),
        ]

    def integration_menu(self) -> list[Action]:
        """Return the menu Integration."""
        user_id, team_id = self.connection.integration_user_id, self.connection.owning_team_id
        redeploying_off = self.not_administrator or self.not_disabled
        return _without_none(
            [
                *self._people(),
                self.mappings(),
                Action(
                    "Redeploy Integration Solution",
                    company_url("connection_setup:administrator", self.company, query={"purpose": "redeploy"}),
                    icon="reset",
                    off=redeploying_off,
                    note="" if redeploying_off else "With an administrator's sign-in",
                ),
                *self._web_hook(),
                Action("Integration Solutions", self._url("solutions"), icon="list", off=self.not_enabled),
                Action("Integration User Roles", self._url("user-roles"), icon="shield", off=self.not_enabled),
                Action("Owning Team Roles", self._url("team-roles"), icon="shield", off=self.not_enabled),
                self._row_action("Dataverse Integration User", "systemuser", "systemusers", user_id, icon="person"),
                self._row_action("Dataverse Owning Team", "team", "teams", team_id, icon="people"),
                Action("Dynamics 365 Connection Setup", self._url("dynamics"), icon="plug"),
                Action("Dataverse Connections of All Companies", self._url("companies"), icon="list"),
            ]
        )

    def _people(self) -> list[Action | None]:
        """Return Couple Salespeople and Add Coupled Users to Team, with the reason while they are of no use."""
        off = self.not_enabled
        if not off and self.connection.ownership_model != OwnershipModel.PERSON:
            off = "The ownership model is Team, so no user owns rows."
        team = optional_url("sync:salespeople-team", self.company)
        return [
            self._page_action("Couple Salespeople", "sync:salespeople", "couple", off=off),
            Action("Add Coupled Users to Team", team, "post", "person", off=self.not_administrator or off)
            if team
            else None,
        ]

    def _web_hook(self) -> list[Action]:
        """Return Register Web Hook and Remove Web Hook, with the reason while they are of no use."""
        off = self.not_administrator or self.not_enabled
        problem = web_hook.address_problem(self.connection) if not off else None
        signing_in = company_url("connection_setup:administrator", self.company, query={"purpose": "webhook"})
        registering_off = off or (problem.user_message if problem else "")
        return [
            Action(
                "Register Web Hook",
                signing_in,
                icon="plug",
                off=registering_off,
                note="" if registering_off else "With an administrator's sign-in",
            ),
            Action("Remove Web Hook", self._url("web-hook-remove"), icon="disconnect", off=off, dialog=True),
        ]

    def encryption_menu(self) -> list[Action]:
        """Return the menu Encryption."""
        everywhere = may(self.user, Can.ADMINISTER_ALL, self.company)
        off = "" if everywhere else self.not_administrator or ONLY_ADMINISTRATORS_OF_ALL
        return [Action("Encryption Management", self._url("encryption"), icon="lock", off=off)]

    def synchronization_menu(self) -> list[Action]:
        """Return the menu Synchronization."""
        return _without_none(
            [
                self.full_synchronization(),
                Action(
                    "Synchronize Modified Records",
                    self._url("synchronize-modified"),
                    icon="sync",
                    dialog=True,
                    off=self.not_enabled or self._not_permitted(Can.OPERATE),
                ),
                Action(
                    "Use Default Synchronization Setup",
                    self._url("default-setup"),
                    icon="reset",
                    dialog=True,
                    off=self.not_enabled or self._not_permitted(Can.MAP),
                ),
                self._page_action("Skipped Synch. Records", "sync:skipped", "warning", off=self.not_enabled),
                self._page_action("Synch. Job Queue Entries", "jobs:queue", "job"),
            ]
        )

    def test(self) -> Action:
        """Return Test Connection, which may always be used."""
        return self._form_action("Test Connection", "test", "check")

    def full_synchronization(self) -> Action | None:
        """Return Run Full Synchronization."""
        return self._page_action("Run Full Synchronization", "sync:review", "sync", off=self.not_enabled)

    def mappings(self) -> Action | None:
        """Return Integration Table Mappings."""
        return self._page_action("Integration Table Mappings", "coupling:mappings", "list", off=self.not_enabled)

    # -- how they are made ---------------------------------------------------------------------------------------

    def _url(self, name: str) -> str:
        return company_url(f"connection_setup:{name}", self.company)

    def _form_action(self, label: str, name: str, icon: str, *, off_while_enabled: str = "") -> Action:
        """Return an action that takes along what was typed into the page's form."""
        off = self.not_administrator or (off_while_enabled if self.connection.enabled else "")
        return Action(label, self._url(name), "post", icon=icon, off=off, with_form=self.editable and not off)

    def _page_action(self, label: str, name: str, icon: str, *, off: str = "") -> Action | None:
        """Return the way to a page of a room above; None where no app offers it."""
        url = optional_url(name, self.company)
        return Action(label, url, icon=icon, off=off) if url else None

    def _row_action(self, label: str, table: str, entity_set: str, row_id: UUID | None, *, icon: str) -> Action:
        off = self.not_enabled or ("" if row_id else "It is not known yet. Test the connection.")
        return Action(label, row_url(self.connection, table, entity_set, row_id), icon=icon, off=off)

    def _not_permitted(self, can: Can) -> str:
        return "" if may(self.user, can, self.company) else NOT_PERMITTED[can]


def _without_none(actions: list[Action | None]) -> list[Action]:
    return [action for action in actions if action is not None]
