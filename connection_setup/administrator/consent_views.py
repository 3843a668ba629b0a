"""Consent of an administrator for the whole tenant: the way to Microsoft's page, and what it comes back with.

The answer says admin_consent=True also when nothing was granted, so its error decides. The tenant it names is believed
in nothing. Whoever opens a link that was passed on is told the result, and nothing is stored.
"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render as render_template
from django.views.decorators.http import require_http_methods

from accounts.access import company_or_404
from connection_setup.connection import redirect_url, state
from connection_setup.provisioning import sign_in as administrator_sign_in
from core.refusals import Refusal
from core.roles import Can, requires
from dataverse.errors import DataverseError
from dataverse.sign_in_rules import consent_problem
from ui.links import company_url

GIVEN = "Consent was given for everybody in the tenant, so people who prepare the environment can sign in now."


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def grant(request: HttpRequest, company: str) -> HttpResponse:
    """Redirect to Microsoft's page where an administrator of the tenant consents for everyone."""
    connection = state.connection_of(company_or_404(request, company))
    here = company_url("connection_setup:administrator", connection.company)
    if request.method != "POST":
        return HttpResponseRedirect(here)
    if request.session.session_key is None:
        request.session.create()
    try:
        address = administrator_sign_in.begin_consent(
            company=connection.company,
            user=request.user,
            session_key=str(request.session.session_key),
            return_url=redirect_url.safe_return_path(request.POST.get("back", ""), here)[: redirect_url.MAX_LENGTH],
            origin=redirect_url.begun_elsewhere(request, connection),
        )
    except (DataverseError, Refusal) as error:
        messages.error(request, f"Consent cannot be asked for. {error.user_message}")
        return HttpResponseRedirect(here)
    return HttpResponseRedirect(address)


def came_back(request: HttpRequest, returned: dict[str, str]) -> HttpResponse:
    """Tell whether consent was given: on the page it was begun on, or to whoever followed a link."""
    key = request.session.session_key
    begun = None
    if key and request.user.is_authenticated:
        begun = administrator_sign_in.take_consent(session_key=key, user=request.user, sent=returned.get("state", ""))
    problem = consent_problem(returned, asked=begun is not None)
    if begun is None:
        told = {"problem": problem.user_message if problem else "", "given": GIVEN}
        return render_template(request, "connection_setup/administrator/consent.html", told)
    if problem is not None:
        messages.error(request, problem.user_message)
    else:
        messages.success(request, GIVEN)
    return HttpResponseRedirect(
        redirect_url.safe_return_path(begun.return_url, company_url("connection_setup:administrator", begun.company))
    )
