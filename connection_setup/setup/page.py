"""Dataverse Connection Setup as data for the page kit: actions, FastTabs, fact box."""

import re
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.template.defaultfilters import date as formatted_date
from django.urls import reverse
from django.utils import timezone

from connection_setup import hooks
from connection_setup.captions import CLOUDS, STATES, TITLE, WORDS, state
from connection_setup.checks import judges
from connection_setup.connection import redirect_url
from connection_setup.enabling import questions
from connection_setup.enabling import run as enabling
from connection_setup.models import AuthenticationType, DataverseConnection, EnablingRun
from connection_setup.provisioning.company_objects import team_name, unit_name
from connection_setup.secrets import certificates, credentials
from connection_setup.setup import menus
from connection_setup.setup.forms import SettingsForm
from connection_setup.types import SOLUTION, Report
from core.roles import Can, may
from dataverse import clouds
from masterdata.models import Company
from ui.kit import Action, FactBox, FastTab, Field, Link, Notice, Page, Question, Status, Table, Tip
from ui.links import company_url, optional_url

PREPARED = (judges.USER, judges.SOLUTION_CHECK, judges.TABLES)
"""The checks whose failures an administrator mends by preparing the environment."""

CHECKED = (
    ("Solution Version", judges.SOLUTION_CHECK),
    ("Dataverse Version checked", judges.VERSION),
    ("User Roles checked", judges.USER),
    ("Team Roles checked", judges.TEAM),
    ("Entities availability checked", judges.TABLES),
)
"""What the FastTab says of the last test above its table, and the check that says it."""


class EnabledForm(forms.Form):
    """The switch alone, while all else is locked."""

    enabled = forms.BooleanField(label="Enabled", required=False)


def switch(company: Company, *, enabled: bool, data: Any = None) -> forms.BoundField:
    """The Enabled switch. With scripts it acts at once; without, the form's button sends it."""
    form = EnabledForm(data, initial={"enabled": enabled})
    form.fields["enabled"].widget.attrs.update(
        {
            "hx-post": company_url("connection_setup:toggle", company),
            "hx-trigger": "change",
            "hx-swap": "none",
            "hx-sync": "this:drop",
            "autocomplete": "off",
        }
    )
    return form["enabled"]


def setup(request: HttpRequest, connection: DataverseConnection, form: SettingsForm | None = None) -> Page:
    """The page for this person: a form for an Administrator while the connection is off, else what is set."""
    company = connection.company
    administrator = may(request.user, Can.ADMINISTER)
    report = Report.stored(connection.checks)
    editable = administrator and not connection.enabled
    if form is None and editable:
        form = SettingsForm(connection=connection)
    return Page(
        TITLE,
        company=company,
        state=state(connection),
        help="connection",
        tip=Tip(
            "What this page does",
            "It connects this company to one Dataverse environment. Fill in the address and the application's "
            "registration, test, then turn on Enabled.",
        ),
        actions=menus.of(request, connection, editable=editable),
        notices=_notices(connection, report, administrator) if form is None or not form.errors else (),
        fast_tabs=(
            _connection_tab(connection, form if editable else None, administrator),
            _checks_tab(connection, report),
            _authentication_tab(connection, form if editable else None),
            _advanced_tab(connection, form if editable else None),
        ),
        fact_boxes=_fact_boxes(connection),
        form_url=company_url("connection_setup:save", company) if administrator else "",
        form_enctype="multipart/form-data" if editable else "",
        submit=Action("Save", icon="save") if administrator else None,
        submit_without_scripts=connection.enabled,
    )


def _notices(connection: DataverseConnection, report: Report, administrator: bool) -> tuple[Notice, ...]:
    notices = []
    if connection.disable_reason and not connection.enabled:
        notices.append(Notice(connection.disable_reason, "warn", title="The connection was disabled."))
    run = enabling.current_run(connection.company) if administrator and not connection.enabled else None
    if run is not None and run.ended_at is None:
        notices += _unfinished(run)
    failed = enabling.failed_step(run) if run is not None else None
    if report.failed and connection.checked_at and (failed is None or failed.message != report.failed.message):
        ways: tuple[Action, ...] = ()
        # A check of one table is named after it: "Tables and privileges: account".
        if report.failed.name.partition(":")[0] in PREPARED and not connection.enabled and administrator:
            ways = (
                Action("Prepare the environment", company_url("connection_setup:administrator", connection.company)),
            )
        notices.append(Notice(report.failed.fix, "bad", title=report.failed.message, actions=ways))
    if administrator and (asked := questions.pending(connection)) is not None:
        notices.append(_question(connection, asked))
    notices += _shared(connection)
    if problem := credentials.provider_problem(connection):
        notices.append(Notice(problem.fix, "bad", title=problem.message))
    expires = credentials.expiry(connection, timezone.localdate())
    if expires is not None and expires.warning_days is not None:
        notices.append(Notice(expires.fix, STATES[expires.state], title=expires.message))
    return tuple(notices)


def _shared(connection: DataverseConnection) -> list[Notice]:
    """That other companies of this site use the same environment, and where to say what each synchronizes."""
    if not connection.enabled or connection.organization_id is None:
        return []
    others = DataverseConnection.objects.filter(enabled=True, organization_id=connection.organization_id)
    names = list(others.exclude(pk=connection.pk).order_by("company__name").values_list("company__name", flat=True))
    if not names:
        return []
    mappings = optional_url("coupling:mappings", connection.company)
    ways = [Action("Integration Table Mappings", mappings)] if mappings else []
    ways.append(Action("Learn more", f"{reverse('ui:help', kwargs={'name': 'connection'})}#companies"))
    return [
        Notice(
            f"{', '.join(names)} {'uses' if len(names) == 1 else 'use'} it too. Look at the filters of the mappings, "
            "so that each company synchronizes its own rows.",
            title="Several companies share this environment.",
            actions=tuple(ways),
        )
    ]


def _unfinished(run: EnablingRun) -> list[Notice]:
    """An enabling that failed, or waits for somebody: why, and the way back to it."""
    failed, waiting = enabling.failed_step(run), enabling.waiting_step(run)
    ways = (Action("Go on enabling", company_url("connection_setup:enabling", run.company)),)
    if failed is not None:
        text = f"{failed.caption}: {failed.user_message}"
        return [Notice(text, "bad", title="The connection is not enabled.", actions=ways)]
    if waiting is not None:
        return [Notice(waiting.user_message, "warn", title="Enabling waits for you.", actions=ways)]
    return []


def _question(connection: DataverseConnection, asked: hooks.Question) -> Notice:
    """A question with its two answers; each is a button of its own."""
    url = company_url("connection_setup:answer", connection.company, name=asked.name)
    ways = tuple(
        Action(word, url, "post", primary=asked.default == value, values={"answer": value})
        for word, value in (("Yes", "yes"), ("No", "no"))
    )
    return Notice(asked.text, title=asked.caption, actions=ways)


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
        shown = ("environment_url", "cloud", "tenant_id", "user_name", "user_password", "client_id", "client_secret",
                 "client_secret_expires_on", "certificate_file")  # fmt: skip
        fields = [_typed(connection, form, name) for name in shown if name in form.fields]
        if credentials.provided(connection):
            fields += _stored_credential(connection)
    hint = (
        "Synchronization runs on its schedules. Turn off to disconnect; couplings are kept."
        if connection.enabled
        else "Turn on to test the settings, prepare the environment and start using it."
    )
    enabled = (
        Field(form_field=switch(connection.company, enabled=connection.enabled), hint=hint)
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


def _typed(connection: DataverseConnection, form: SettingsForm, name: str) -> Field:
    """A field of the form; the address with its look-up, and the question where it can be mended."""
    if name != "environment_url":
        return Field(form_field=form[name])
    company = connection.company
    # The verdict on an address comes while the rest is typed; only this field is taken from the answer.
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
        (check.name, Status(WORDS[check.state], STATES[check.state]), check.user_message) for check in report.checks
    ]
    if not rows:
        gist = "not tested yet"
    else:
        count = "1 check" if len(rows) == 1 else f"{len(rows)} checks"
        left = report.attention_count
        gist = f"{count}, {left} {'needs' if left == 1 else 'need'} attention" if left else f"{count}, all OK"
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
    """What the last test found of solution, version, roles and tables; what it did not get to is left out."""
    fields = []
    for caption, name in CHECKED:
        found = [check for check in report.checks if check.name.partition(":")[0] == name]
        # Until it is enabled there is no team yet whose roles could be checked.
        if not found or (name == judges.TEAM and not enabled):
            continue
        state = max((check.state for check in found), key=list(WORDS).index)
        version = re.search(rf"\b{SOLUTION} ([\w.]*\w)", found[0].message) if name == judges.SOLUTION_CHECK else None
        fields.append(Field(caption, Status(version[1] if version else WORDS[state], STATES[state])))
    return fields


def _stored_credential(connection: DataverseConnection) -> list[Field]:
    """What the connection signs in with, as far as it may be shown."""
    if credentials.provided(connection):
        return [Field("Client ID", credentials.client_id(connection), hint=PROVIDED)]
    kind = AuthenticationType(connection.authentication_type)
    fields = [Field("Client ID", connection.client_id)]
    if kind is AuthenticationType.OFFICE365:
        fields.append(Field("User Name", connection.user_name))
    stored = "Stored" if credentials.has_secret(connection) else None
    return [*fields, Field(credentials.LABELS[kind], stored)]


UNIT_LATER = "Enter the Environment URL first: the default is then <company> (<company id>)."
PROVIDED = "Client ID and credential come from the provider that CREDENTIAL_PROVIDER names, not from this page."
LEGACY = (
    "Office365 is deprecated: multi-factor authentication refuses it, and Microsoft no longer supports it. Register an "
    "application and choose OAuth 2.0 with a certificate or a client secret instead."
)


def _authentication_tab(connection: DataverseConnection, form: SettingsForm | None) -> FastTab:
    kind = form.kind if form is not None else AuthenticationType(connection.authentication_type)
    hint = LEGACY if kind is AuthenticationType.OFFICE365 else ""
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
            hint="It is sealed in the database and never shown. A new one replaces it.",
        ),
    ]
    if kind is AuthenticationType.CERTIFICATE and connection.certificate:
        pair = certificates.describe(connection.certificate)
        fields += [Field("Subject", pair.subject), Field("Thumbprint", pair.thumbprint, copy=True)]
    expires = credentials.expiry(connection, timezone.localdate())
    if expires is not None:
        fields.append(
            Field("Expires", Status(f"{expires.on:%-d %B %Y}", STATES[expires.state]), hint=expires.user_message)
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
    made = "" if connection.business_unit_id else "Made when the connection is enabled."
    model = connection.get_ownership_model_display()
    hint = (
        f"Team: new rows in Dataverse are owned by the team {team_name(unit)}. Person: by the user coupled with the "
        "record's salesperson, so couple SALESPEOPLE first; records without a salesperson go to the team. With "
        "Person, only the default business unit is recommended."
    )
    ownership = (
        Field("Ownership Model", model, hint=hint)
        if form is None
        else Field(form_field=form["ownership_model"], hint=hint)
    )
    pick = (
        Action("Look Up", company_url("connection_setup:units-look-up", company), "post") if form is not None else None
    )
    shown = unit if connection.environment_url or connection.business_unit_name else ""
    coupled = Field(
        "Coupled Business Unit", shown, hint=made if shown else UNIT_LATER, with_action=pick if shown else None
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
    where = (
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
                ("Address", where),
            ),
        ),
    )
