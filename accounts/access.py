"""The company a page is about."""

from django.http import Http404, HttpRequest

from masterdata.models import Company
from ui.context import Shell


def visible_companies(request: HttpRequest) -> list[Company]:
    """Return every company that the person may see."""
    return list(Shell(request).companies)


def company_or_404(request: HttpRequest, slug: str) -> Company:
    """Return the company whose address part is `slug`. Raises Http404 with a sentence.

    Every role sees every company, nobody who is not signed in sees one; a rule per person has its place here.
    """
    found: Company | None = next((one for one in Shell(request).companies if one.slug == slug), None)
    if found is None:
        raise Http404(f"There is no company with the address {slug!r}.")
    return found
