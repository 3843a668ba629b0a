"""The page Dataverse User Environments: the sign-in that looks for them, and the list to choose from."""

from typing import Any

from django import forms
from django.http import HttpRequest

from connection_setup.connection.endpoints import SIGN_IN_HOST
from connection_setup.environments import services as environments
from connection_setup.models import AdministratorSignIn, DataverseConnection
from dataverse import clouds
from dataverse.errors import ConfigurationError
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Progress, Status, Table, Tip
from ui.links import company_url

TITLE = environments.TITLE
WORDS: dict[str, Status] = {
    "enabled": Status("Enabled", "ok"),
    "disabled": Status("Disabled", "bad"),
    "administration_mode": Status("Administration mode", "warn"),
}


class TenantForm(forms.Form):
    """Where to look."""

    tenant = forms.CharField(
        label="Tenant ID",
        max_length=253,
        required=False,
        help_text="The tenant whose environments you look for: its id or a domain of it. Empty means the tenant of the "
        "person who signs in; the application must then be registered for accounts in any tenant.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_tenant(self) -> str:
        """A tenant, or none."""
        value: str = self.cleaned_data["tenant"]
        try:
            clouds.authority("commercial", value, "", any_tenant=True)
        except ConfigurationError as error:
            raise forms.ValidationError(error.user_message) from None
        return value


def page(
    request: HttpRequest,  # noqa: ARG001 - the shape of every page
    connection: DataverseConnection,
    signed_in: AdministratorSignIn | None,
    form: TenantForm | None = None,
) -> Page:
    """The page: the sign-in, one that is waited for, or what was found."""
    company = connection.company
    common: dict[str, Any] = {
        "title": TITLE,
        "company": company,
        "crumbs": (Link("Dataverse Connection Setup", company_url("connection_setup:setup", company)),),
        "help": "connection#environments",
    }
    if blocked := environments.blocked_reason(connection):
        back = Action("Dataverse Connection Setup", company_url("connection_setup:setup", company))
        notice = Notice(blocked.user_message, "warn", title="No environments are looked for.", actions=(back,))
        return Page(**common, notices=(notice,))
    if signed_in is not None and signed_in.signed_in_at is not None:
        return Page(**common, **_list(connection, signed_in))
    waiting = signed_in is not None and not signed_in.problem
    tenant = signed_in.tenant if signed_in is not None else connection.tenant_id
    form = form or TenantForm(initial={"tenant": tenant})
    cloud = clouds.CLOUDS[connection.cloud].label if connection.cloud in clouds.CLOUDS else connection.cloud
    return Page(
        **common,
        notices=(Notice(signed_in.problem_text, "bad", title="The sign-in did not work."),)
        if signed_in is not None and signed_in.problem
        else (),
        tip=Tip(
            "Whose environments",
            "An administrator signs in, and the environments this person may work in are listed. For an environment "
            "in another tenant, sign in with an administrator of that tenant.",
        ),
        progress=Progress(
            "Waiting for the sign-in",
            f"It goes on in another window. If you see none, allow pop-ups from {SIGN_IN_HOST} and of this site, or "
            "sign in again below: it then happens in this window.",
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
                    Field("Cloud", cloud, hint="It is chosen on Dataverse Connection Setup."),
                ),
            ),
        ),
        form_url=company_url("connection_setup:environments-sign-in", company),
        form_window="tandem-sign-in",
        submit=Action("Sign in with administrator user", icon="person", primary=True),
        cancel=Link("Cancel", company_url("connection_setup:setup", company)),
    )


def _list(connection: DataverseConnection, signed_in: AdministratorSignIn) -> dict[str, Any]:
    company = connection.company
    found = environments.discovered(signed_in)
    said = environments.sentence(signed_in)
    if signed_in.problem:
        notice = Notice(said, "bad", title="Nothing is listed.")
    elif not found:
        notice = Notice(said, "warn", title="Nothing was found.")
    else:
        notice = Notice(said)
    rows, choices = [], []
    for one in found:
        linked = environments.is_current(connection, one)
        rows.append(
            (one.name, one.url, WORDS[one.state], "Yes" if one.administrator else Status("No", "warn"),
             Status("Current", "ok") if linked else "")
        )  # fmt: skip
        choices.append(
            Action(
                "Choose",
                company_url("connection_setup:environments-choose", company),
                "post",
                values={"environment": str(one.id)},
                off="In use" if linked else "",
                primary=len(found) == 1,
            )
        )
    return {
        "state": Status(f"Signed in as {signed_in.name}", "ok"),
        "notices": (notice,),
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
                    rows,
                    wrap=frozenset({1}),
                    empty="There is none to choose from.",
                    row_actions=choices,
                ),
            ),
        ),
    }
