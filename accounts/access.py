"""The company a page is about, and those a person may see."""

from collections.abc import Iterable

from django.http import Http404, HttpRequest

from accounts import decisions
from core.roles import Can, may, no_company
from masterdata.models import Company
from ui.context import Shell


def visible_companies(request: HttpRequest, can: Can = Can.READ) -> list[Company]:
    """Return every company in which the person may do this; without `can`, every one that they may see."""
    return [company for company in Shell(request).companies if may(request.user, can, company)]


def company_or_404(request: HttpRequest, slug: str, can: Can = Can.READ) -> Company:
    """Return the company whose address part is `slug`. Raises Http404 with a sentence.

    Whoever has no role in it, or may not do this in it, finds no company there, as with an address that nobody has.
    """
    found = next((one for one in visible_companies(request, can) if one.slug == slug), None)
    if found is None:
        raise Http404(no_company(slug))
    return found


def shown_names(request: HttpRequest, names: Iterable[str]) -> tuple[str, ...]:
    """Return names of companies as the person reads them; those they may not see are only counted."""
    return decisions.names_shown(names, [company.name for company in visible_companies(request)])
