"""Replace Client Secret: a new secret beside the one in use, taken only once a sign-in with it works."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts.access import company as company_of
from connection_setup import captions
from connection_setup.connection import state
from connection_setup.enabling import services as enabling_services
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import credentials
from connection_setup.setup.forms import SettingsForm
from core.refusals import Refusal
from core.roles import Can, requires
from dataverse.errors import DataverseError
from ui import render
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Tip
from ui.links import company_url

TITLE = "Replace Client Secret"


class SecretForm(SettingsForm):
    """The new secret, and when it runs out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shown = ("client_secret", "client_secret_expires_on")
        self.fields = {name: self.fields[name] for name in shown if name in self.fields}
        if "client_secret" in self.fields:
            self.fields["client_secret"].required = True
            self.fields[
                "client_secret"
            ].help_text = "The new secret's value; the one in use stays until this one works."
            self.initial["client_secret_expires_on"] = None


def why_not(connection: DataverseConnection) -> str:
    """Why no secret can be replaced here, as a sentence; "" when one can."""
    if credentials.provided(connection):
        return "The client secret comes from the provider that CREDENTIAL_PROVIDER names. Give it the new one there."
    if connection.authentication_type != AuthenticationType.CLIENT_SECRET:
        return "The connection does not sign in with a client secret."
    if not connection.enabled:
        return "The connection is not enabled, so the new secret is entered on Dataverse Connection Setup."
    return ""


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("client_secret")
@sensitive_variables()
def replace(request: HttpRequest, company: str) -> HttpResponse:
    """The page; a POST tests the new secret and takes it where it works."""
    connection = state.connection_of(company_of(request, company))
    if why_not(connection) or request.method != "POST":
        return _shown(request, connection)
    form = SecretForm(request.POST, connection=connection)
    if not form.is_valid():
        return _shown(request, connection, form)
    values = {"client_secret_expires_on": form.cleaned_data["client_secret_expires_on"]}
    try:
        report = enabling_services.enable(
            company=connection.company, user=request.user, values=values, secret=form.secret
        )
        problem = report.failed.user_message if report.failed else ""
    except (Refusal, DataverseError) as error:
        problem = error.user_message
    if problem:
        form.add_error("client_secret", f"Nothing was changed; the secret in use stays. {problem}")
        return _shown(request, connection, form)
    messages.success(
        request, "The connection signs in with the new client secret now. Delete the old one in the registration."
    )
    return HttpResponseRedirect(company_url("connection_setup:setup", connection.company))


def _shown(request: HttpRequest, connection: DataverseConnection, form: SecretForm | None = None) -> HttpResponse:
    company, off = connection.company, why_not(connection)
    form = form or SecretForm(connection=connection)
    fields = () if off else tuple(Field(form_field=form[name]) for name in form.fields)
    return render.page(
        request,
        Page(
            TITLE,
            company=company,
            crumbs=(Link(captions.TITLE, company_url("connection_setup:setup", company)),),
            help="connection#secret",
            tip=Tip(
                "Without a gap",
                "A registration may have two secrets. Make the new one there, enter it here, and delete the old one "
                "once this page says that the new one is in use.",
            ),
            notices=(Notice(off, "warn", title="There is nothing to replace."),) if off else (),
            fast_tabs=(FastTab("secret", "New client secret", fields),) if fields else (),
            form_url=company_url("connection_setup:secret", company) if fields else "",
            submit=Action("Verify and Replace", icon="check", primary=True) if fields else None,
            cancel=Link("Cancel", company_url("connection_setup:setup", company)) if fields else None,
        ),
    )
