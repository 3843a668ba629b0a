"""Page Delete Mapping: ask, with what goes, then delete."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods

from accounts import access
from core.roles import Can, requires
from coupling.couplings import delete_mapping as deletion
from coupling.models import IntegrationTableMapping
from coupling.page_parts import EXPLAINED, mapping_or_404, permission_reason, show_error
from ui import render
from ui.kit import Action
from ui.links import company_url


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def delete(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Ask about a mapping and its couplings, then delete them."""
    owner = access.company_or_404(request, company)
    one = mapping_or_404(owner, mapping)
    back = company_url("coupling:mappings", owner)
    count = deletion.count_couplings(one)
    off = permission_reason(request, owner, Can.OPERATE) if count else ""
    if request.method != "POST" or off:
        label = f"Delete {one.name}" + (f" and {count:,} coupling{'s' if count != 1 else ''}" if count else "")
        action = Action(label, request.path, "post", "delete", primary=True, off=off)
        return render.confirm(
            request, title="Delete Mapping", text=_question(one, count), action=action, back=back, company=owner
        )
    try:
        job = deletion.delete_mapping(mapping=one, user=request.user)
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(back)
    if job is None:
        messages.success(request, f"{one.name} is deleted.")
        return HttpResponseRedirect(back)
    return HttpResponseRedirect(company_url("jobs:job", owner, pk=job.pk))


def _question(mapping: IntegrationTableMapping, count: int) -> str:
    """Return what is deleted, what stays, and who would miss it."""
    text = f"This deletes the mapping {mapping.name} with its fields, filters, matching criteria and schedule."
    if count == 1:
        text += " Its coupling goes with it, and the row in Dataverse is released from this company."
    elif count:
        text += f" Its {count:,} couplings go with it, and the rows in Dataverse are released from this company."
    text += " No data is deleted on either side, and its jobs can still be read."
    if names := deletion.dependents(mapping):
        text += f" {', '.join(names)} can no longer transfer what refers to its records."
    return text
