"""Dataverse Connections of All Companies in the browser."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from connection_setup import companies
from masterdata import access
from ui import render
from ui.roles import Can, may, requires


@requires(Can.READ)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """The list of the companies that the person sees."""
    owner = access.company(request, company)
    administrator = may(request.user, Can.ADMINISTER)
    return render.page(request, companies.page(owner, access.companies(request), administrator=administrator))
