"""What people and Dataverse put into records, names and messages is shown as text on every page, never as markup."""

import re
import uuid
from typing import Any

import pytest
from django.utils import timezone

from connection_setup.models import DataverseConnection
from core.roles import Role
from coupling.models import CouplingBase, IntegrationFieldMapping, IntegrationTableMapping, UndoneRecord
from jobs.models import Alert, AlertReceiver, Job, JobOutcome, Outcome, Reason, State, Type
from masterdata.models import Customer
from tests.every_url.conftest import Place, client_of, methods
from tests.every_url.test_admin import address
from tests.every_url.urls import ADMIN_ENDPOINTS, ENDPOINTS

pytestmark = pytest.mark.usefixtures("no_network", "refusals_are_not_logged")

BAD = "<b id=own>\"'`{{7*7}}${7*7}</script><script>own()</script>"
MARKUP = re.compile(r"<b id=own>|<script>own|</script><script|49\$|\$49|49\$49")
"""What the text would be taken for where it is not shown as text; templates would make 49 of it."""
ATTRIBUTE = re.compile(r"""(?:value|title|aria-label|data-[\w-]+|href|content)="<b id=own>"'""")


EXPORTS = {
    "jobs:export", "records:export", "coupling:export-mappings", "coupling:export-preview", "sync:failures-export",
    "sync:history-export", "sync:undo-export", "sync:review-preview-export", "records:look-up",
    "connection_setup:solution-file",
}  # fmt: skip

ASKED: list[tuple[dict[str, str], dict[str, str]]] = [
    ({}, {}),
    ({"q": BAD}, {}),
    ({"q": BAD}, {"HX-Request": "true", "HX-Target": "tellme-found"}),
]
"""What is asked of a page, and with which headers: all of it, something looked for, what is found alone."""


@pytest.fixture
def spoiled(here: Place) -> Place:
    """Every text that comes from elsewhere holds markup."""
    text = {
        field.name: BAD[: field.max_length]
        for field in Customer._meta.concrete_fields
        if field.get_internal_type() in ("CharField", "TextField") and not field.choices and field.name != "search_name"
    }
    Customer.objects.filter(pk=here.customer.pk).update(**{**text, "no": "<b id=own>"})
    here.company.name = BAD[:30]
    here.company.save(update_fields=["name"])
    DataverseConnection.objects.filter(company=here.company).update(
        organization_name=BAD, business_unit_name=BAD, disable_reason=BAD, checked_at=timezone.now(),
        checks=[{"name": BAD, "state": "error", "message": BAD, "fix": BAD}],
    )  # fmt: skip
    detail = {
        "fields": [{"local": BAD, "integration": BAD, "caption": BAD, "local_value": BAD, "integration_value": BAD}],
        "candidates": [{"id": str(uuid.uuid4()), "name": BAD, "coupled_to": {"key": BAD, "name": BAD}}],
        "trail": [{"priority": 0, "fields": ["name"], "rows": 2, "result": "multiple_matches"}],
    }
    Job.objects.filter(pk=here.job.pk).update(
        message=BAD, detail=BAD, phase=BAD, description=BAD, state=State.FAILED, failure_reason=Reason.INTERNAL,
        ended_at=timezone.now(),
    )  # fmt: skip
    for outcome, reason in ((Outcome.FAILED, Reason.MULTIPLE_MATCHES), (Outcome.MODIFIED, "")):
        JobOutcome.objects.create(
            job=here.job, outcome=outcome, reason=reason, local_id=here.customer.system_id, local_key=BAD[:20],
            local_name=BAD, integration_id=uuid.uuid4(), integration_name=BAD, message=BAD, detail=detail,
        )  # fmt: skip
    Job.objects.create(
        company=here.company, type=Type.SYNCHRONIZATION, state=State.POSTPONED, mapping_name=here.mapping.name,
        message=BAD, description=BAD, started_at=timezone.now(), not_before=timezone.now(),
    )  # fmt: skip
    conflict = {"fields": [detail["fields"][0] | {"base_value": BAD}], "at": timezone.now().isoformat()}
    CouplingBase.objects.filter(company=here.company).update(last_error=BAD, conflict=conflict)
    CouplingBase.objects.filter(pk=here.coupling.pk).update(skipped=True, last_to_reason=Reason.VALUE_TOO_LONG)
    UndoneRecord.objects.filter(company=here.company).update(
        condition=BAD, local_name=BAD, integration_name=BAD, settled_at=None
    )
    Alert.objects.filter(company=here.company).update(message=BAD, fix=BAD, kind=BAD[:24], mapping_name=BAD[:40])
    AlertReceiver.objects.filter(pk=here.receiver.pk).update(
        shown_address=BAD, address=BAD, last_at=timezone.now(), last_answer=BAD, kinds=[BAD], mapping_name=BAD[:40]
    )
    IntegrationTableMapping.objects.filter(pk=here.mapping.pk).update(integration_table=BAD[:60])
    IntegrationFieldMapping.objects.filter(mapping=here.mapping).update(disabled_reason=BAD, constant=BAD[:50])
    assert CouplingBase._meta.label  # bases are never shown
    return here


def clean(where: str, text: str) -> list[str]:
    """Return what in a page would not be shown as text."""
    found = [*MARKUP.finditer(text), *ATTRIBUTE.finditer(text)]
    return [f"{where}: {text[max(0, one.start() - 120) : one.end() + 20]!r}" for one in found[:3]]


def test_markup_in_any_record_is_text_on_every_page(spoiled: Place) -> None:
    client = client_of(Role.ADMINISTRATOR)
    shown, wrong = 0, []
    for endpoint in ENDPOINTS:
        if endpoint.name in EXPORTS | {"ui:sign-out"}:
            continue
        url = endpoint.url(spoiled.given)
        takes = methods(endpoint, url)
        for given, headers in ASKED if "GET" in takes else ():
            answer: Any = client.get(url, given, headers=headers)
            assert answer.status_code < 500, endpoint.name
            text = answer.content.decode()
            shown += "&lt;b id=own&gt;" in text
            wrong += clean(endpoint.name, text)
        if "POST" in takes:
            answer = client.post(url, spoiled.selection | {"name": BAD, "environment_url": BAD, "tenant_id": BAD})
            assert answer.status_code < 500, endpoint.name
            wrong += clean(f"{endpoint.name}, sent", answer.content.decode())
    assert not wrong, "\n".join(wrong[:10])
    assert shown > 60, "the markup is hardly anywhere, so little was shown"


def test_markup_in_any_record_is_text_in_the_admin(spoiled: Place) -> None:
    client = client_of(Role.ADMINISTRATOR)
    shown, wrong = 0, []
    for endpoint in ADMIN_ENDPOINTS:
        if url := address(endpoint, spoiled):
            text = client.get(url, {"q": BAD} if "changelist" in endpoint.name else {}).content.decode()
            shown += "&lt;b id=own&gt;" in text
            wrong += clean(endpoint.name, text)
    assert not wrong, "\n".join(wrong[:10])
    assert shown > 5
