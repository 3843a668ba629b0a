"""Views of Dataverse Connections of All Companies, and of a connection's Change Log."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts import access
from connection_setup.companies import change_log_page, page
from connection_setup.connection import state
from core.roles import Can, may, requires
from ui import render


@requires(Can.READ)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """Show the list of the companies that the person sees."""
    owner = access.company_or_404(request, company)
    administered = access.visible_companies(request, Can.ADMINISTER)
    return render.page(request, page.build_page(owner, access.visible_companies(request), administered))


@requires(Can.READ)
@require_safe
def change_log(request: HttpRequest, company: str) -> HttpResponse:
    """Show who changed what of the company's mappings, and to its administrators what of the connection."""
    owner = access.company_or_404(request, company)
    administrator = may(request.user, Can.ADMINISTER, owner)
    page = change_log_page.build_page(state.connection_for_request(request, owner), administrator=administrator)
    return render.page(request, page)
