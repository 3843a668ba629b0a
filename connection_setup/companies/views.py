"""Dataverse Connections of All Companies in the browser."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts import access
from connection_setup.companies import page as companies
from core.roles import Can, may, requires
from ui import render


@requires(Can.READ)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """The list of the companies that the person sees."""
    owner = access.company(request, company)
    administrator = may(request.user, Can.ADMINISTER)
    return render.page(request, companies.page(owner, access.companies(request), administrator=administrator))
