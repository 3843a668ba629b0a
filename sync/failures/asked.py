"""What a form of Integration Synchronization Errors asks for: the records selected, and the way back to the list."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

from masterdata.models import Company
from sync.failures.listing import failures_listing
from sync.failures.page import SETTLED
from ui import ids, listing
from ui.links import company_url

MOST_KEPT = 500
"""Lines that say in place what was done about them."""


def shows_ignored(request: HttpRequest) -> bool:
    """Return whether the form is that of the list of what is ignored."""
    return request.POST.get("ignored") == "yes"


def selected_failures(request: HttpRequest, owner: Company) -> listing.Selection:
    """Return the failed records that a form selects; the button of one line means that line."""
    what = failures_listing(owner, ignored=shows_ignored(request))
    number = ids.parse_id(request.POST.get("only", ""))
    if number is not None:
        rows = what.rows.filter(pk=number)
        return listing.Selection(rows, rows.count(), token=what.signed(keys=[str(number)]), key=what.key)
    return listing.selected(request, what)


def way_back(request: HttpRequest, owner: Company) -> str:
    """Return the list as the person left it."""
    own = company_url("sync:failures", owner)
    given = request.POST.get("back", "")
    safe = url_has_allowed_host_and_scheme(given, {request.get_host()}, require_https=request.is_secure())
    return given if safe and urlsplit(given).path == own and len(given) < 2000 else own


def tell_settled(request: HttpRequest, owner: Company, lines: Iterable[tuple[int, int]]) -> HttpResponse:
    """Go back to the list, where lines say in place what was done about them: (failed record, job or 0)."""
    kept = dict(list(lines)[:MOST_KEPT])
    request.session[SETTLED] = {"company": owner.pk, "lines": {str(pk): job for pk, job in kept.items()}}
    back = _without(way_back(request, owner), ("settled", "select"))
    return HttpResponseRedirect(f"{back}{'&' if '?' in back else '?'}settled=yes")


def _without(url: str, names: Sequence[str]) -> str:
    path, _, query = url.partition("?")
    kept = [part for part in query.split("&") if part and part.partition("=")[0] not in names]
    return f"{path}?{'&'.join(kept)}" if kept else path
