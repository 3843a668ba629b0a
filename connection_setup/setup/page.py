"""Page Dataverse Connection Setup: FastTabs and fact box."""

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.template.defaultfilters import date as formatted_date
from django.utils import timezone

from connection_setup.captions import CHECK_RESULTS, CLOUDS, STATUS_STYLES, TITLE, connection_status
from connection_setup.checks import judges
from connection_setup.connection import redirect_url
from connection_setup.enabled_switch import enabled_switch
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.provisioning.company_objects import team_name, unit_name
from connection_setup.secrets import certificates, credentials
from connection_setup.setup import menus
from connection_setup.setup.forms import SettingsForm
from connection_setup.setup.notices import build_notices
from connection_setup.types import SOLUTION, Report
from connection_setup.web_hook.page import web_hook_tab
from core.roles import Can, may
from dataverse import clouds
from ui.kit import Action, FactBox, FastTab, Field, Link, Page, Question, Status, Table, Tip
from ui.links import company_url

CHECK_CAPTIONS = (
    ("Solution Version", judges.SOLUTION_CHECK),
    ("Dataverse Version checked", judges.VERSION),
    ("User Roles checked", judges.USER),
    ("Team Roles checked", judges.TEAM),
    ("Entities availability checked", judges.TABLES),
)
"""The captions above the table of checks, and the check that each shows."""


CONNECTION_FIELDS = (
    "environment_url",
    "cloud",
    "tenant_id",
    "user_name",
    "user_password",
    "client_id",
    "client_secret",
    "client_secret_expires_on",
    "certificate_file",
)
"""The form's fields on the first FastTab, in their order."""


def build_page(request: HttpRequest, connection: DataverseConnection, form: SettingsForm | None = None) -> Page:
    """Return the page for this person: a form for an Administrator while the connection is not enabled, else text."""
    company = connection.company
    administrator = may(request.user, Can.ADMINISTER, company)
    report = Report.stored(connection.checks)
    editable = administrator and not connection.enabled
    if form is None and editable:
        form = SettingsForm(connection=connection)
    return Page(
        TITLE,
        company=company,
        state=connection_status(connection),
        help="connection",
        tip=Tip(
            "What this page does",
            "It connects this company to one Dataverse environment. Enter the address and the application's "
            "registration, test the connection, then turn on Enabled.",
        ),
        actions=menus.build_menus(request, connection, editable=editable),
        notices=build_notices(request, connection, report) if form is None or not form.errors else (),
        fast_tabs=(
            _connection_tab(connection, form if editable else None, administrator),
            _checks_tab(connection, report),
            _authentication_tab(connection, form if editable else None),
            _advanced_tab(connection, form if editable else None),
            *((web_hook_tab(connection),) if connection.enabled else ()),
        ),
        fact_boxes=_fact_boxes(connection),
        form_url=company_url("connection_setup:save", company) if administrator else "",
        form_enctype="multipart/form-data" if editable else "",
        submit=Action("Save", icon="save") if administrator else None,
        submit_without_scripts=connection.enabled,
    )


def _connection_tab(connection: DataverseConnection, form: SettingsForm | None, administrator: bool) -> FastTab:
    redirect = (
        Field("Redirect URL", redirect_url.effective_url(connection), copy=True)
        if form is None
        else Field(form_field=form["redirect_url"], copy=True)
    )
    if form is None:
        lock = "Turn Enabled off to change this." if connection.enabled and administrator else ""
        fields = [
            Field("Environment URL", connection.environment_url, hint=lock, copy=True),
            Field("Cloud", dict(CLOUDS).get(connection.cloud, connection.cloud)),
            Field("Tenant ID", connection.tenant_id),
            *_stored_credential(connection),
        ]
    else:
        fields = [_form_field(connection, form, name) for name in CONNECTION_FIELDS if name in form.fields]
        if credentials.provided(connection):
            fields += _stored_credential(connection)
    hint = (
        "Synchronization runs on its schedules. Turn off to disconnect; couplings are kept."
        if connection.enabled
        else "Turn on to test the settings, prepare the environment and start using it."
    )
    toggle = company_url("connection_setup:toggle", connection.company)
    enabled = (
        Field(form_field=enabled_switch(toggle, enabled=connection.enabled), hint=hint)
        if administrator
        else Field("Enabled", "Yes" if connection.enabled else "No")
    )
    host = connection.environment_url.removeprefix("https://")
    gist = " · ".join(filter(None, [host, "enabled" if connection.enabled else "not enabled"]))
    return FastTab(
        "connection",
        f"Connection from {settings.PRODUCT_NAME} to the Dataverse environment",
        (*fields, redirect, enabled),
        gist=gist,
    )


def _form_field(connection: DataverseConnection, form: SettingsForm, name: str) -> Field:
    """Return a field of the form; the address has Look Up, and a question where it can be corrected."""
    if name != "environment_url":
        return Field(form_field=form[name])
    company = connection.company
    # The address is checked while the rest is typed; only this field is taken from the answer.
    form[name].field.widget.attrs |= {
        "hx-post": company_url("connection_setup:environment-url", company),
        "hx-trigger": "change",
        "hx-target": "closest .field",
        "hx-select": f".field:has(#{form[name].auto_id})",
        "hx-swap": "outerHTML",
    }
    question = Question(
        "replace",
        (("yes", "Yes"), ("no", "No")),
        company_url("connection_setup:save", company),
        company_url("connection_setup:environment-url", company),
    )
    return Field(
        form_field=form[name],
        with_action=Action("Look Up", company_url("connection_setup:environments-look-up", company), "post"),
        question=question if form.suggestion else None,
    )


def _checks_tab(connection: DataverseConnection, report: Report) -> FastTab:
    rows = [
        (check.name, Status(CHECK_RESULTS[check.state], STATUS_STYLES[check.state]), check.user_message)
        for check in report.checks
    ]
    if not rows:
        gist = "not tested yet"
    else:
        count = "1 check" if len(rows) == 1 else f"{len(rows)} checks"
        attention = report.attention_count
        verb = "needs" if attention == 1 else "need"
        gist = f"{count}, {attention} {verb} attention" if attention else f"{count}, all OK"
        if connection.checked_at:
            moment = formatted_date(timezone.localtime(connection.checked_at), "j M Y H:i")
            gist = f"{gist} · tested {moment}"
    return FastTab(
        "checks",
        "Integration Solution Settings",
        gist=gist,
        fields=_solution_settings(report, enabled=connection.enabled),
        table=Table(
            "Checks of the last test",
            ("Check", "Result", "What it means"),
            rows,
            wrap=frozenset({2}),
            empty="Nothing was tested yet. Choose Connection, then Test Connection.",
        ),
    )


def _solution_settings(report: Report, *, enabled: bool) -> list[Field]:
    """Return what the last test found of solution, version, roles and tables; a check that was not made is left out."""
    fields = []
    for caption, name in CHECK_CAPTIONS:
        found = [check for check in report.checks if check.name.partition(":")[0] == name]
        # Until it is enabled there is no team yet whose roles could be checked.
        if not found or (name == judges.TEAM and not enabled):
            continue
        state = max((check.state for check in found), key=list(CHECK_RESULTS).index)
        version = re.search(rf"\b{SOLUTION} ([\w.]*\w)", found[0].message) if name == judges.SOLUTION_CHECK else None
        fields.append(Field(caption, Status(version[1] if version else CHECK_RESULTS[state], STATUS_STYLES[state])))
    return fields


def _stored_credential(connection: DataverseConnection) -> list[Field]:
    """Return what the connection signs in with, as far as it may be shown."""
    if credentials.provided(connection):
        return [Field("Client ID", credentials.client_id(connection), hint=PROVIDED_HINT)]
    kind = AuthenticationType(connection.authentication_type)
    fields = [Field("Client ID", connection.client_id)]
    if kind is AuthenticationType.OFFICE365:
        fields.append(Field("User Name", connection.user_name))
    stored = "Stored" if credentials.has_secret(connection) else None
    return [*fields, Field(credentials.LABELS[kind], stored)]


UNIT_AFTER_URL = "Enter the Environment URL first. The default is <company> (<company id>)."
PROVIDED_HINT = "Client ID and credential come from the provider that CREDENTIAL_PROVIDER names, not from this page."
LEGACY_HINT = (
    "Office365 is deprecated: multi-factor authentication refuses it, and Microsoft no longer supports it. Register an "
    "application and choose OAuth 2.0 with a certificate or a client secret instead."
)


def _authentication_tab(connection: DataverseConnection, form: SettingsForm | None) -> FastTab:
    kind = form.kind if form is not None else AuthenticationType(connection.authentication_type)
    hint = LEGACY_HINT if kind is AuthenticationType.OFFICE365 else ""
    if form is None:
        chosen = Field("Authentication Type", str(kind.label), hint=hint)
    else:
        choice = form["authentication_type"]
        choice.field.widget.attrs |= {
            "hx-post": company_url("connection_setup:choose", connection.company),
            "hx-trigger": "change",
        }
        chosen = Field(form_field=choice, hint=hint)
    stored = kind == connection.authentication_type and credentials.has_secret(connection)
    label = credentials.LABELS[kind]
    fields = [
        chosen,
        Field(
            label,
            "Stored" if stored else "Not stored yet",
            hint="It is stored encrypted and never shown. A new one replaces it.",
        ),
    ]
    if kind is AuthenticationType.CERTIFICATE and connection.certificate:
        pair = certificates.describe(connection.certificate)
        fields += [Field("Subject", pair.subject), Field("Thumbprint", pair.thumbprint, copy=True)]
    expires = credentials.expiry(connection, timezone.localdate())
    if expires is not None:
        fields.append(
            Field("Expires", Status(f"{expires.on:%-d %B %Y}", STATUS_STYLES[expires.state]), hint=expires.user_message)
        )
    return FastTab(
        "authentication",
        "Authentication Type Details",
        tuple(fields),
        gist=f"{kind.label} · {label.lower()} {'stored' if stored else 'not stored'}",
        open=form is not None,
    )


def _advanced_tab(connection: DataverseConnection, form: SettingsForm | None) -> FastTab:
    company = connection.company
    unit = connection.business_unit_name or unit_name(company.name, company.system_id)
    made = "" if connection.business_unit_id else "Created when the connection is enabled."
    model = connection.get_ownership_model_display()
    hint = (
        f"Team: new rows in Dataverse are owned by the team {team_name(unit)}. Person: they are owned by the user "
        "coupled with the record's salesperson, so couple SALESPEOPLE first; rows of records without a salesperson are "
        "owned by the team. With Person, only the default business unit is recommended."
    )
    ownership = (
        Field("Ownership Model", model, hint=hint)
        if form is None
        else Field(form_field=form["ownership_model"], hint=hint)
    )
    look_up = (
        Action("Look Up", company_url("connection_setup:units-look-up", company), "post") if form is not None else None
    )
    coupled = (
        Field("Coupled Business Unit", unit, hint=made, with_action=look_up)
        if connection.environment_url or connection.business_unit_name
        else Field("Coupled Business Unit", "", hint=UNIT_AFTER_URL)
    )
    return FastTab(
        "advanced",
        "Advanced Settings",
        (ownership, coupled),
        gist=f"{model} · {unit}",
        open=False,
    )


def _fact_boxes(connection: DataverseConnection) -> tuple[FactBox, ...]:
    if not connection.organization_id:
        return ()
    url = connection.environment_url
    address = (
        Link("Open the sandbox", f"{url}/_sandbox/")
        if clouds.is_loopback(urlsplit(url).hostname or "")
        else Link("Open Dataverse", url)
    )
    return (
        FactBox(
            "Environment",
            (
                ("Organization", connection.organization_name),
                ("Base currency", connection.base_currency_code),
                ("Enabled since", formatted_date(timezone.localtime(connection.enabled_at), "j M Y H:i"))
                if connection.enabled_at
                else ("Enabled", "No"),
                ("Address", address),
            ),
        ),
    )
