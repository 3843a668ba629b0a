"""View of Replace Client Secret."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts.access import company_or_404
from connection_setup.client_secret import page
from connection_setup.client_secret import services as client_secret
from connection_setup.client_secret.forms import SecretForm
from connection_setup.connection import state
from core.refusals import Refusal
from core.roles import Can, requires
from dataverse.errors import DataverseError
from ui import render
from ui.links import company_url


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("client_secret")
@sensitive_variables()
def replace(request: HttpRequest, company: str) -> HttpResponse:
    """Show the page; a POST tests the new secret and takes it if it works."""
    connection = state.connection_of(company_or_404(request, company))
    if client_secret.blocked_reason(connection) or request.method != "POST":
        return render.page(request, page.build_page(connection))
    form = SecretForm(request.POST, connection=connection)
    if not form.is_valid():
        return render.page(request, page.build_page(connection, form))
    try:
        report = client_secret.replace_secret(
            company=connection.company,
            user=request.user,
            secret=form.secret,
            expires_on=form.cleaned_data["client_secret_expires_on"],
        )
        problem = report.failed.user_message if report.failed else ""
    except (Refusal, DataverseError) as error:
        problem = error.user_message
    if problem:
        form.add_error("client_secret", f"Nothing was changed; the secret in use stays. {problem}")
        return render.page(request, page.build_page(connection, form))
    messages.success(
        request, "The connection signs in with the new client secret now. Delete the old one in the registration."
    )
    return HttpResponseRedirect(company_url("connection_setup:setup", connection.company))
