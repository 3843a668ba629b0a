"""Views of Dynamics 365 Connection Setup."""

from collections.abc import Callable
from dataclasses import dataclass

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
        text="The schedules of the sales tables are put on hold, and their mappings are not synchronized until "
        "Dynamics 365 is enabled again. Mappings and couplings are kept. Nothing is removed in "
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
                request, "The mappings of the sales tables are reset to their defaults. Couplings are kept."
            )
        return _redirect_to_page(request, owner)
    return render.confirm(
        request,
        title="Use Default Synchronization Setup?",
        text="The mappings of the sales tables are reset to their default settings, filters, fields and schedules. "
        "What was customized on them is deleted. Couplings are kept.",
        lines=dynamics.discarded_by_reset(owner),
        action=Action(
            "Use Default Synchronization Setup",
            company_url("connection_setup:dynamics-reset", owner),
            "post",
            primary=True,
        ),
        back=company_url("connection_setup:dynamics", owner),
        company=owner,
    )


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def units(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, then turn Unit Group Mapping on or off."""
    return _turn(request, company_or_404(request, company), _UNITS)


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def prices(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, then turn Extended Prices on or off."""
    return _turn(request, company_or_404(request, company), _PRICES)


@dataclass(frozen=True, slots=True)
class _Setting:
    """How something is mapped: on and off are what either means, warning what to know before."""

    name: str
    page: str
    choose: Callable[..., object]
    on: str
    off: str
    warning: str


_UNITS = _Setting(
    "unit_groups", "dynamics-units", dynamics.map_unit_groups,
    "Each item and resource gets a unit group of its own, with all of its units.",
    "Each unit of measure becomes a unit group with that one unit.",
    "Dynamics 365 may refuse another unit group for products that are coupled already: retire these, or delete their "
    "couplings first.",
)  # fmt: skip
_PRICES = _Setting(
    "extended_prices", "dynamics-prices", dynamics.map_price_lists,
    "Price lists and their lines are synchronized, in place of the prices of customer price groups.",
    "The prices of customer price groups are synchronized, in place of price lists and their lines.",
    "What is in Dynamics 365 already stays there.",
)  # fmt: skip


def _turn(request: HttpRequest, owner: Company, setting: _Setting) -> HttpResponse:
    caption, chosen = dynamics.caption(setting.name), request.POST.get("turn")
    # What was asked is done: another person may have answered the same question since.
    on = chosen == "on" if chosen in ("on", "off") else not getattr(dynamics.get_setup(owner), setting.name)
    word = "on" if on else "off"
    if request.method == "POST" and chosen == word:
        try:
            setting.choose(company=owner, user=request.user, on=on)
        except Refusal as refusal:
            messages.warning(request, f"Nothing was changed. {refusal.user_message}")
        else:
            messages.success(request, f"{caption}: {word}. Enable Dynamics 365 for it to take effect.")
        return _redirect_to_page(request, owner)
    return render.confirm(
        request,
        title=f"Turn {caption} {word}?",
        text=f"{setting.on if on else setting.off} {setting.warning}",
        action=Action(
            f"Turn {caption} {word.title()}", company_url(f"connection_setup:{setting.page}", owner), "post",
            primary=True, values={"turn": word},
        ),
        back=company_url("connection_setup:dynamics", owner),
        company=owner,
    )  # fmt: skip


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
