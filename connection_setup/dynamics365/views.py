"""Views of Dynamics 365 Connection Setup."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_or_404
from connection_setup.dynamics365 import page
from connection_setup.dynamics365 import services as dynamics
from core.refusals import Refusal
from core.roles import Can, may, requires
from dataverse.errors import DataverseError
from masterdata.models import Company
from ui import render
from ui.kit import Action
from ui.links import company_url


@requires(Can.READ)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """Show the page."""
    owner = company_or_404(request, company)
    administrator = may(request.user, Can.ADMINISTER, owner)
    return render.page(request, page.build_page(dynamics.get_setup(owner), administrator=administrator))


@requires(Can.ADMINISTER)
@require_POST
def test(request: HttpRequest, company: str) -> HttpResponse:
    """Test what the environment has (Test Connection)."""
    owner = company_or_404(request, company)
    report = dynamics.test_sales(company=owner)
    if report.failed is None:
        messages.success(request, "The connection test was successful. The environment has what Dynamics 365 needs.")
    return _redirect_to_page(request, owner)


@requires(Can.ADMINISTER)
@require_POST
def toggle(request: HttpRequest, company: str) -> HttpResponse:
    """Follow the Enabled switch; turning off asks first."""
    owner = company_or_404(request, company)
    wanted = bool(request.POST.get("enabled"))
    if wanted == dynamics.get_setup(owner).enabled:
        return _redirect_to_page(request, owner)
    if not wanted:
        return render.redirect(request, company_url("connection_setup:dynamics-disable", owner))
    return _enable(request, owner)


@requires(Can.ADMINISTER)
@require_POST
def enable(request: HttpRequest, company: str) -> HttpResponse:
    """Enable, by its own POST; enabled already is fine."""
    return _enable(request, company_or_404(request, company))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def disable(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, then disable."""
    owner = company_or_404(request, company)
    if request.method == "POST":
        dynamics.disable(company=owner, user=request.user)
        messages.success(request, "Dynamics 365 is disabled. Its schedules are on hold; couplings are kept.")
        return _redirect_to_page(request, owner)
    return render.confirm(
        request,
        title="Disable Dynamics 365?",
        text="The schedules of UNIT OF MEASURE and ITEM-PRODUCT are put on hold, and these mappings are not "
        "synchronized until Dynamics 365 is enabled again. Mappings and couplings are kept. Nothing is removed in "
        "Dynamics 365.",
        action=Action("Disable", company_url("connection_setup:dynamics-disable", owner), "post", primary=True),
        back=company_url("connection_setup:dynamics", owner),
        company=owner,
    )


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def reset(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, then reset mappings and schedules to their defaults."""
    owner = company_or_404(request, company)
    if request.method == "POST":
        try:
            dynamics.reset(company=owner, user=request.user)
        except Refusal as refusal:
            messages.warning(request, f"Nothing was changed. {refusal.user_message}")
        else:
            messages.success(
                request, "UNIT OF MEASURE and ITEM-PRODUCT are reset to their defaults. Couplings are kept."
            )
        return _redirect_to_page(request, owner)
    return render.confirm(
        request,
        title="Use Default Synchronization Setup?",
        text="The mappings UNIT OF MEASURE and ITEM-PRODUCT are reset to their default settings, filters, fields and "
        "schedules. What was customized on them is deleted. Couplings are kept.",
        action=Action(
            "Use Default Synchronization Setup",
            company_url("connection_setup:dynamics-reset", owner),
            "post",
            primary=True,
        ),
        back=company_url("connection_setup:dynamics", owner),
        company=owner,
    )


def _enable(request: HttpRequest, company: Company) -> HttpResponse:
    try:
        report = dynamics.enable(company=company, user=request.user)
    except (Refusal, DataverseError) as error:
        messages.error(request, f"Dynamics 365 is not enabled. {error.user_message}")
        return _redirect_to_page(request, company)
    if report.failed:
        messages.error(request, f"Dynamics 365 is not enabled. {report.failed.user_message}")
    else:
        messages.success(
            request,
            "Dynamics 365 is enabled. Next, couple items with products by criteria, or run a full synchronization.",
        )
    return _redirect_to_page(request, company)


def _redirect_to_page(request: HttpRequest, company: Company) -> HttpResponse:
    return render.redirect(request, company_url("connection_setup:dynamics", company))
