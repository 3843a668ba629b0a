"""The address that Dataverse calls after a change there. Nothing of a call is believed: it only wakes mappings.

Dataverse waits for the answer, so it comes at once. Which table changed is a header's word; a wrong one wakes what has
nothing to do. The body is taken in and not looked at: who is cut off while sending may take the answer for lost.
"""

from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from connection_setup.web_hook import services
from connection_setup.web_hook.registration import HEADER
from sync.schedules import waking
from ui.uploads import takes_from_strangers

MOST_BYTES = 512 * 1024
"""Dataverse sends 256 KB at most, and some for what JSON makes longer."""
_PART = 64 * 1024
_TABLE = "x-ms-dynamics-entity-name"


@csrf_exempt
@login_not_required
@takes_from_strangers(MOST_BYTES)
@require_POST
@sensitive_variables("key")
def called(request: HttpRequest, hook: UUID) -> HttpResponse:
    """Wake the mappings of the table that changed; hook: the company's system id.

    Who does not prove to be Dataverse learns nothing.
    """
    key = request.headers.get(HEADER, "")
    owner = services.accepts(hook, key)
    if owner is None:
        return HttpResponseNotFound()
    while request.read(_PART):
        pass
    waking.wake_by_dataverse(owner.pk, request.headers.get(_TABLE, "")[:200])
    return HttpResponse(status=204)
