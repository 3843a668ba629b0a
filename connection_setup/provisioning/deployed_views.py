"""Views of what is deployed in Dataverse: Integration Solutions, Integration User Roles, Owning Team Roles."""

import io
from collections.abc import Callable

from django.http import FileResponse, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts.access import company_or_404
from connection_setup import captions
from connection_setup.connection import state
from connection_setup.models import DataverseConnection
from connection_setup.provisioning import deployed, languages
from connection_setup.provisioning import solution_file as files
from core.roles import Can, may, requires
from dataverse.errors import DataverseError
from ui import render
from ui.kit import Action, FastTab, Link, Notice, Page, Status, Table
from ui.links import company_url

Shown = tuple[str, Table, list[str]]
"""Whose objects they are, the table, and a sentence for each that is missing."""


@requires(Can.READ)
@require_safe
def solutions(request: HttpRequest, company: str) -> HttpResponse:
    """Show Integration Solutions."""
    return _page(request, company, "Integration Solutions", _solutions, file=True)


@requires(Can.READ)
@require_safe
def user_roles(request: HttpRequest, company: str) -> HttpResponse:
    """Show Integration User Roles."""
    return _page(request, company, "Integration User Roles", _user_roles)


@requires(Can.READ)
@require_safe
def team_roles(request: HttpRequest, company: str) -> HttpResponse:
    """Show Owning Team Roles."""
    return _page(request, company, "Owning Team Roles", _team_roles)


@requires(Can.ADMINISTER)
@require_safe
def solution_file(request: HttpRequest, company: str) -> FileResponse:
    """Send the solution as a file to import by hand; language, sales: see provisioning.solution_file.build."""
    company_or_404(request, company)
    given = request.GET.get("language", "")
    language = int(given) if given.isdecimal() and len(given) < 6 else languages.ENGLISH
    packed = files.build(language, sales=request.GET.get("sales") != "0")
    return FileResponse(
        io.BytesIO(packed), as_attachment=True, filename=files.FILE_NAME, content_type="application/zip"
    )


def _page(
    request: HttpRequest, company: str, title: str, read: Callable[[DataverseConnection], Shown], *, file: bool = False
) -> HttpResponse:
    connection = state.connection_of(company_or_404(request, company))
    owner = connection.company
    notices: tuple[Notice, ...] = ()
    tabs: tuple[FastTab, ...] = ()
    try:
        whose, table, missing = read(connection)
    except (DataverseError, state.NotConnected) as error:
        notices = (Notice(error.user_message, "bad", title=f"{title} cannot be read."),)
    else:
        notices = tuple(Notice(one, "bad") for one in missing)
        tabs = (FastTab("standing", whose, table=table),)
    crumbs = (Link(captions.TITLE, company_url("connection_setup:setup", owner)),)
    offered = file and may(request.user, Can.ADMINISTER, owner)
    url = company_url("connection_setup:solution-file", owner)
    actions = (Action("Download Solution File", url, icon="export"),) if offered else ()
    return render.page(
        request,
        Page(
            title,
            company=owner,
            crumbs=crumbs,
            help="connection#solution-file" if file else "connection#standing",
            notices=notices,
            fast_tabs=tabs,
            actions=actions,
        ),
    )


def _solutions(connection: DataverseConnection) -> Shown:
    found = deployed.solutions(connection)
    rows = [
        (
            one.unique_name,
            one.friendly_name,
            one.version if one.installed else Status("Not installed", "bad"),
            one.installed_on,
            "" if not one.installed else "Yes" if one.managed else "No",
        )
        for one in found
    ]
    missing = [
        f"The solution {one.unique_name} is not installed. {deployed.REDEPLOY}" for one in found if not one.installed
    ]
    head = ("Unique Name", "Friendly Name", "Version", "Installed On", "Managed")
    return connection.organization_name or "Solutions", Table("Integration Solutions", head, rows), missing


def _user_roles(connection: DataverseConnection) -> Shown:
    name, roles = deployed.user_roles(connection)
    missing = [
        f"The role {one.name} is not assigned to {name}. {deployed.REDEPLOY}" for one in roles if not one.assigned
    ]
    return name, _roles("Integration User Roles", roles), missing


def _team_roles(connection: DataverseConnection) -> Shown:
    name, roles = deployed.team_roles(connection)
    missing = [
        f"The role {one.name} is not assigned to the team {name}. Turn Enabled off and on again: that assigns it."
        for one in roles
        if not one.assigned
    ]
    return name, _roles("Owning Team Roles", roles), missing


def _roles(caption: str, roles: list[deployed.Role]) -> Table:
    rows = [
        (
            one.name,
            Status("Yes", "ok") if one.assigned else Status("No", "bad"),
            "Yes" if one.required else "",
        )
        for one in roles
    ]
    return Table(caption, ("Role Name", "Assigned", "Required"), rows)
