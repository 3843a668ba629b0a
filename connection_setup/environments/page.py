"""Page Dataverse User Environments: the sign-in that looks for them, and the list to choose from."""

from collections.abc import Mapping, Sequence
from typing import Any

from connection_setup import captions
from connection_setup.connection.sign_in_waiting import BELOW, WAITING
from connection_setup.environments import services as environments
from connection_setup.environments.forms import TenantForm
from connection_setup.environments.services import DiscoveredEnvironment, EnvironmentState
from connection_setup.models import AdministratorSignIn, DataverseConnection
from dataverse import clouds
from ui.kit import Action, Cell, FastTab, Field, Link, Notice, Page, Progress, Status, Table, Tip
from ui.links import company_url

TITLE = environments.TITLE
STATES: Mapping[EnvironmentState, Status] = {
    "enabled": Status("Enabled", "ok"),
    "disabled": Status("Disabled", "bad"),
    "administration_mode": Status("Administration mode", "warn"),
}


def build_page(
    connection: DataverseConnection, signed_in: AdministratorSignIn | None, form: TenantForm | None = None
) -> Page:
    """Return the page: the sign-in, the wait for one, or the environments that were found.

    signed_in: the session's sign-in that looks for environments, if there is one; form: with its errors.
    """
    company = connection.company
    common: dict[str, Any] = {
        "title": TITLE,
        "company": company,
        "crumbs": (Link(captions.TITLE, company_url("connection_setup:setup", company)),),
        "help": "connection#environments",
    }
    if blocked := environments.blocked_reason(connection):
        back = Action(captions.TITLE, company_url("connection_setup:setup", company))
        title = "You cannot look for environments now."
        return Page(**common, notices=(Notice(blocked.user_message, "warn", title=title, actions=(back,)),))
    if signed_in is not None and signed_in.signed_in_at is not None:
        return Page(**common, **_list(connection, signed_in))
    problem = signed_in.problem_text if signed_in is not None else ""
    waiting = signed_in is not None and not problem
    tenant = signed_in.tenant if signed_in is not None else connection.tenant_id
    form = form or TenantForm(initial={"tenant": tenant})
    cloud = clouds.CLOUDS[connection.cloud].label if connection.cloud in clouds.CLOUDS else connection.cloud
    return Page(
        **common,
        notices=(Notice(problem, "bad", title="The sign-in did not work."),) if problem else (),
        tip=Tip(
            "Whose environments",
            "An administrator signs in, and the environments that this person may work in are listed. For an "
            "environment in another tenant, sign in as an administrator of that tenant.",
        ),
        progress=Progress(
            WAITING,
            BELOW,
            poll_url=company_url("connection_setup:environments", company),
        )
        if waiting
        else None,
        fast_tabs=(
            FastTab(
                "tenant",
                "Where to look",
                (
                    Field(form_field=form["tenant"]),
                    Field("Cloud", cloud, hint="Chosen on Dataverse Connection Setup."),
                ),
            ),
        ),
        form_url=company_url("connection_setup:environments-sign-in", company),
        form_window="tandem-sign-in",
        submit=Action("Sign in with administrator user", icon="person", primary=True),
        cancel=Link("Cancel", company_url("connection_setup:setup", company)),
    )


def _list(connection: DataverseConnection, signed_in: AdministratorSignIn) -> dict[str, Any]:
    """Return what the page shows of the environments that were found."""
    company = connection.company
    found = environments.discovered_environments(signed_in)
    return {
        "state": Status(f"Signed in as {signed_in.name}", "ok"),
        "notices": (_result_notice(signed_in, found),),
        "actions": (
            Action("Look Again", company_url("connection_setup:environments-again", company), "post", icon="search"),
            Action(
                "Sign in as Somebody Else",
                company_url("connection_setup:environments-forget", company),
                "post",
                icon="person",
            ),
        ),
        "fast_tabs": (
            FastTab(
                "environments",
                "Environments",
                gist=f"{len(found)} found",
                table=Table(
                    TITLE,
                    ("Name", "URL", "State", "System Administrator", "Linked"),
                    [_row(connection, one) for one in found],
                    wrap=frozenset({1}),
                    empty="There is none to choose from.",
                    row_actions=[_choose_action(connection, one, primary=len(found) == 1) for one in found],
                ),
            ),
        ),
    }


def _result_notice(signed_in: AdministratorSignIn, found: Sequence[DiscoveredEnvironment]) -> Notice:
    result = environments.describe_result(signed_in)
    if signed_in.problem:
        return Notice(result, "bad", title="Nothing is listed.")
    return Notice(result) if found else Notice(result, "warn", title="Nothing was found.")


def _row(connection: DataverseConnection, one: DiscoveredEnvironment) -> tuple[Cell, ...]:
    return (
        one.name,
        one.url,
        STATES[one.state],
        "Yes" if one.administrator else Status("No", "warn"),
        Status("Current", "ok") if environments.is_current(connection, one) else "",
    )


def _choose_action(connection: DataverseConnection, one: DiscoveredEnvironment, *, primary: bool) -> Action:
    return Action(
        "Choose",
        company_url("connection_setup:environments-choose", connection.company),
        "post",
        values={"environment": str(one.id)},
        off="In use" if environments.is_current(connection, one) else "",
        primary=primary,
    )
