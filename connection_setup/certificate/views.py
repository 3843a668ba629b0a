"""Views of Use Certificate Authentication."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.access import company_or_404
from connection_setup.certificate import forms, page
from connection_setup.certificate import services as certificate
from connection_setup.companies import page as companies
from connection_setup.connection import state
from connection_setup.models import DataverseConnection
from connection_setup.setup.forms import read_certificate_file
from core.refusals import Refusal
from core.roles import Can, requires
from dataverse.errors import DataverseError
from masterdata.models import Company
from ui import render
from ui.links import company_url


@requires(Can.ADMINISTER)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """Show the page."""
    return _render(request, state.connection_of(company_or_404(request, company)))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("text")
def offer(request: HttpRequest, company: str) -> HttpResponse:
    """Make a certificate, or take the uploaded one, as pending."""
    owner = company_or_404(request, company)
    if request.method != "POST":
        return HttpResponseRedirect(company_url("connection_setup:certificate", owner))
    form = forms.CertificateForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            text = read_certificate_file(form.cleaned_data["certificate_file"])
            made = certificate.prepare_certificate(
                company=owner, user=request.user, bundle=text, client_id=form.cleaned_data["client_id"]
            )
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            messages.success(
                request, f"The certificate {made.thumbprint} is pending. Register it, then choose Verify and Switch."
            )
            return HttpResponseRedirect(company_url("connection_setup:certificate", owner))
    return _render(request, state.connection_of(owner), form)


@requires(Can.ADMINISTER)
@require_safe
def file(request: HttpRequest, company: str) -> HttpResponse:
    """Download the pending certificate for the registration: its public part alone."""
    connection = state.connection_of(company_or_404(request, company))
    if not connection.next_certificate:
        messages.warning(request, "There is no pending certificate to download. Make one first.")
        return HttpResponseRedirect(company_url("connection_setup:certificate", connection.company))
    response = HttpResponse(connection.next_certificate, content_type="application/x-pem-file")
    response["Content-Disposition"] = f'attachment; filename="{connection.company.slug}-certificate.pem"'
    return response


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def switch(request: HttpRequest, company: str) -> HttpResponse:
    """Test a sign-in with the pending certificate, and change to it if it works."""
    owner = company_or_404(request, company)
    if request.method != "POST":
        return HttpResponseRedirect(company_url("connection_setup:certificate", owner))
    return HttpResponseRedirect(switch_and_report(request, owner))


@requires(Can.ADMINISTER)
@require_POST
def withdraw(request: HttpRequest, company: str) -> HttpResponse:
    """Discard the pending certificate."""
    owner = company_or_404(request, company)
    certificate.discard_certificate(company=owner, user=request.user)
    messages.success(request, "The certificate and its key are discarded. The connection signs in as before.")
    return HttpResponseRedirect(company_url("connection_setup:certificate", owner))


def switch_and_report(request: HttpRequest, company: Company) -> str:
    """Change to the pending certificate, add messages with the result, and return the address to go to."""
    try:
        report = certificate.switch_to_certificate(company=company, user=request.user)
    except (Refusal, DataverseError) as error:
        messages.error(request, f"Nothing was changed. {error.user_message}")
        return company_url("connection_setup:certificate", company)
    if certificate.needs_administrator(state.connection_of(company), report):
        messages.warning(
            request,
            "The certificate works, but its application has no user in Dataverse yet. Have an administrator sign in "
            "once: that makes the user, with all roles of the previous one.",
        )
        return company_url("connection_setup:administrator", company, query={"purpose": "certificate"})
    if report.failed:
        messages.error(request, f"Nothing was changed. {report.failed.user_message}")
        return company_url("connection_setup:certificate", company)
    messages.success(
        request,
        "The connection signs in with the certificate now; its user needs no licence. You can remove the previous "
        "credential from the registration.",
    )
    if remaining := companies.companies_to_upgrade(access.visible_companies(request, Can.ADMINISTER)):
        names = remaining[0].name if len(remaining) == 1 else f"{len(remaining)} companies"
        messages.warning(request, f"Repeat this in each company: {names} still to do. See {companies.TITLE}.")
    return company_url("connection_setup:setup", company)


def _render(
    request: HttpRequest, connection: DataverseConnection, form: forms.CertificateForm | None = None
) -> HttpResponse:
    return render.page(request, page.build_page(connection, access.visible_companies(request, Can.ADMINISTER), form))
