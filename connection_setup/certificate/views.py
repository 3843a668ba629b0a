"""Use Certificate Authentication in the browser."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.access import company as company_of
from connection_setup.certificate import page
from connection_setup.certificate import services as certificate
from connection_setup.companies import page as companies
from connection_setup.connection import state
from connection_setup.setup.forms import certificate_text
from core.refusals import Refusal
from core.roles import Can, requires
from dataverse.errors import DataverseError
from masterdata.models import Company
from ui import render
from ui.links import company_url


@requires(Can.ADMINISTER)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """The page."""
    return render.page(request, page.page(request, state.connection_of(company_of(request, company))))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("text")
def offer(request: HttpRequest, company: str) -> HttpResponse:
    """Make a certificate, or take the one of the file."""
    owner = company_of(request, company)
    if request.method != "POST":
        return HttpResponseRedirect(company_url("connection_setup:certificate", owner))
    form = page.OfferForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            text = certificate_text(form.cleaned_data["certificate_file"])
            made = certificate.prepare_certificate(
                company=owner, user=request.user, bundle=text, client_id=form.cleaned_data["client_id"]
            )
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            messages.success(request, f"The certificate {made.thumbprint} waits. Register it, then verify and switch.")
            return HttpResponseRedirect(company_url("connection_setup:certificate", owner))
    return render.page(request, page.page(request, state.connection_of(owner), form))


@requires(Can.ADMINISTER)
@require_safe
def file(request: HttpRequest, company: str) -> HttpResponse:
    """The certificate that waits, for the registration: its public part alone."""
    connection = state.connection_of(company_of(request, company))
    if not connection.next_certificate:
        messages.warning(request, "No certificate waits, so there is none to download. Make one first.")
        return HttpResponseRedirect(company_url("connection_setup:certificate", connection.company))
    response = HttpResponse(connection.next_certificate, content_type="application/x-pem-file")
    response["Content-Disposition"] = f'attachment; filename="{connection.company.slug}-certificate.pem"'
    return response


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def switch(request: HttpRequest, company: str) -> HttpResponse:
    """Try a sign-in with the certificate that waits, and change to it if it works."""
    owner = company_of(request, company)
    if request.method != "POST":
        return HttpResponseRedirect(company_url("connection_setup:certificate", owner))
    return HttpResponseRedirect(switched(request, owner))


@requires(Can.ADMINISTER)
@require_POST
def withdraw(request: HttpRequest, company: str) -> HttpResponse:
    """Throw the certificate away that waits."""
    owner = company_of(request, company)
    certificate.withdraw(company=owner, user=request.user)
    messages.success(request, "The certificate and its key are thrown away. What is in use stays in use.")
    return HttpResponseRedirect(company_url("connection_setup:certificate", owner))


def switched(request: HttpRequest, company: Company) -> str:
    """Change to the certificate that waits and tell how it went; where to go from here."""
    try:
        report = certificate.switch(company=company, user=request.user)
    except (Refusal, DataverseError) as error:
        messages.error(request, f"Nothing was changed. {error.user_message}")
        return company_url("connection_setup:certificate", company)
    if certificate.needs_administrator(state.connection_of(company), report):
        messages.warning(
            request,
            "The certificate works, but its application has no user in Dataverse yet. An administrator signs in once, "
            "and the user is made with all roles of the one before.",
        )
        return f"{company_url('connection_setup:administrator', company)}?purpose=certificate"
    if report.failed:
        messages.error(request, f"Nothing was changed. {report.failed.user_message}")
        return company_url("connection_setup:certificate", company)
    messages.success(
        request,
        "The connection signs in with the certificate now; its user needs no licence. What it signed in with before "
        "may be removed from the registration.",
    )
    if left := companies.certificates_left(access.companies(request)):
        named = left[0].name if len(left) == 1 else f"{len(left)} companies"
        messages.warning(request, f"Repeat this in each company: {named} still to do. See {companies.TITLE}.")
    return company_url("connection_setup:setup", company)
