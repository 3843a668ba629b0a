"""Every page of every room, with something on it, in Chromium: axe, and nothing wider than the screen."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from connection_setup.models import DataverseConnection
from core.roles import Role
from core.vocabulary import Recommendation
from coupling.mappings import defaults
from coupling.models import (
    Coupling,
    CouplingBase,
    IntegrationFieldMapping,
    IntegrationTableMapping,
    LookUpTable,
    OptionMapping,
    UndoneRecord,
)
from jobs.models import Alert, AlertReceiver, Job, JobOutcome, Outcome, Reason, State, Type
from masterdata.models import Company, Customer, PaymentTerms, RecordTemplate
from sync.models import FullSynchReviewLine
from tests.browser.conftest import Looks
from tests.every_url.conftest import client_of
from tests.every_url.undo_previews import undo_preview
from tests.every_url.urls import ENDPOINTS
from tests.ui.conftest import customers
from ui.context import entry_url
from ui.registry import registry

pytestmark = pytest.mark.browser

NAME = "CRONUS International"
"""The company's, whatever is in it: a page that looks the same with and without is looked at once."""
CONDITIONS = (
    "The row was merged into Adatum Corporation Holding International Group in Dataverse: couple with it.",
    "The Dataverse row is outside the mapping's integration table filter: Relationship Type is Partner (CUSTOMER takes "
    "Customer). Change that in Dataverse, or choose Delete Couplings; Accept where it is meant to be so.",
)


@pytest.fixture
def company(transactional_db: Any) -> Company:
    """Provide a company in the middle of its work: coupled in part, with jobs, failures, a conflict and a review."""
    company = Company.objects.create(name=NAME, currency_code="EUR")
    DataverseConnection.objects.create(
        company=company, environment_url="https://contoso.crm4.dynamics.com", enabled=True, organization_name="Contoso",
        checks=[{"name": "Address answers", "state": "ok", "message": "In 84 ms.", "fix": ""},
                {"name": "Tables", "state": "error", "message": "prvCreateAccount is missing.", "fix": "Assign it."}],
        checked_at=timezone.now(),
    )  # fmt: skip
    defaults.create_missing(company)
    mapping = IntegrationTableMapping.objects.get(company=company, name="CUSTOMER")
    some = customers(company, 60)
    for number, record in enumerate(some[:20]):
        field = {
            "local": "Phone No.", "integration": "telephone1",
            "local_value": "0121 2", "integration_value": "0121 20", "base_value": "0121",
        }  # fmt: skip
        pair = Coupling.objects.create(
            company=company, mapping=mapping, table="customer", local_id=record.system_id, integration_id=uuid.uuid4()
        )
        if number == 1:
            CouplingBase.objects.filter(pk=pair.pk).update(
                skipped=True, last_error="Name is too long.", last_to_reason=Reason.VALUE_TOO_LONG
            )
        if number == 2:
            conflict = {"fields": [field], "at": timezone.now().isoformat()}
            CouplingBase.objects.filter(pk=pair.pk).update(conflict=conflict)
    choices = IntegrationTableMapping.objects.get(company=company, name="PAYMENT TERMS")
    terms = PaymentTerms.objects.create(company=company, code="1M(8D)", description="1 month, 2 % within 8 days")
    OptionMapping.objects.create(
        company=company, mapping=choices, local_id=terms.system_id, value=831_200_000, caption="1M(8D)"
    )
    left_out = Coupling.objects.filter(company=company).order_by("pk")
    for pair, condition in zip(left_out, CONDITIONS, strict=False):
        UndoneRecord.objects.create(
            company=company, mapping=mapping, coupling=pair, local_id=pair.local_id, reason=Reason.OUTSIDE_FILTER,
            integration_id=pair.integration_id, condition=condition, successor_id=uuid.uuid4(),
        )  # fmt: skip
    UndoneRecord.objects.create(
        company=company, mapping=mapping, integration_id=uuid.uuid4(), integration_name="Fabrikam",
        reason=Reason.REFERENCE_NOT_COUPLED, condition="Currency is not coupled.", settled_at=timezone.now(),
    )  # fmt: skip
    job = Job.objects.create(
        company=company, type=Type.COUPLING, state=State.FINISHED, mapping_name="CUSTOMER", processed=60, total=60,
        reasons={"already_coupled": 1}, breakdown={"failed": {"no_match": 40}}, counters={"failed": 40, "total": 60},
        started_at=timezone.now(), ended_at=timezone.now(), message="20 coupled, 40 failed (40 no match).",
    )  # fmt: skip
    for record in some[20:]:
        JobOutcome.objects.create(
            job=job, outcome=Outcome.FAILED, reason=Reason.NO_MATCH, local_id=record.system_id, local_key=record.no,
            local_name=record.name, message="Phone No. found nothing.",
        )  # fmt: skip
    Job.objects.create(company=company, type=Type.SYNCHRONIZATION, mapping_name="CUSTOMER", state=State.POSTPONED)
    for name, recommendation in (("CURRENCY", Recommendation.FULL), ("CUSTOMER", Recommendation.NONE)):
        FullSynchReviewLine.objects.create(
            company=company, name=name, direction="bidirectional", recommendation=recommendation, local_count=40,
            integration_count=3,
        )  # fmt: skip
    return company


def places(company: Company) -> dict[str, str]:
    """Return what to open, by name: every page that Tell Me knows, and every URL that shows something."""
    here = {"company": company.slug}
    found = {entry.title: entry_url(entry, company) for entry in registry.all_entries() if entry.group != "Actions"}
    record = Customer.objects.filter(company=company).order_by("no").first()
    job = Job.objects.filter(company=company, state=State.FINISHED).order_by("id").last()
    running = Job.objects.filter(company=company, state=State.POSTPONED).order_by("id").last()
    preview = Job.objects.filter(company=company, type="preview", state=State.FINISHED).order_by("id").last()
    mapping = IntegrationTableMapping.objects.filter(company=company, name="CUSTOMER").first()
    undo = undo_preview(job, mapping, record) if job and mapping and record else None
    whole = Job.objects.filter(company=company, type="full_preview", state=State.FINISHED).order_by("id").last()
    administrator = client_of(Role.ADMINISTRATOR)
    field = IntegrationFieldMapping.objects.filter(mapping__company=company, mapping__name="CUSTOMER").first()
    table = LookUpTable.objects.get_or_create(company=company, name="Grade", defaults={"rows": {"A": "Good"}})[0]
    template = RecordTemplate.objects.get_or_create(company=company, code="SHOP", table="customer")[0]
    given = {
        **here, "table": "customer", "system_id": record and record.system_id, "mapping": "CUSTOMER",
        "pk": job and job.pk, "name": "index", "what": "fields", "to": "off", "step": "before-you-start", "kind": "csv",
        "part": "name",
        "uidb64": "MQ", "token": "not-a-token", "table_id": table.pk, "field": field and field.pk,
        "side": "table", "how": "leaving", "tree": "e30",
        "template_id": template.pk, "preview": preview and preview.pk, "undo": undo and undo.pk,
        "full_preview": whole and whole.pk, "receiver": alerts(company).pk,
        "hook": company.system_id,
    }  # fmt: skip
    for endpoint in ENDPOINTS:
        if endpoint.name in NO_PAGES or any(given[name] is None for name in endpoint.parameters):
            continue
        url = endpoint.url(given)
        if administrator.get(url).status_code != 405:  # it takes what is sent there and shows nothing
            found[endpoint.name] = url
    for name in ("coupling", "connection", "keyboard"):
        found[f"help on {name}"] = reverse("ui:help", kwargs={"name": name})
    found["results"] = reverse("ui:search", kwargs=here) + "?q=customer"
    found["no results"] = reverse("ui:search", kwargs=here) + "?q=zzz"
    found["an empty page of a list"] = reverse("records:list", kwargs={**here, "table": "customer"}) + "?q=zzz"
    found["accepted"] = reverse("sync:skipped", kwargs=here) + "?settled=yes"
    found["not found"] = f"/c/{company.slug}/nothing/"
    if running:
        found["running job"] = reverse("jobs:job", kwargs={**here, "pk": running.pk})
        found["cancel"] = reverse("jobs:cancel", kwargs={**here, "pk": running.pk})
    if job:
        found["failed"] = reverse("jobs:outcomes", kwargs={**here, "pk": job.pk}) + "?outcome=failed"
    return found


def alerts(company: Company) -> AlertReceiver:
    """Return a receiver of a company of whose alerts one stands and one is over."""
    found, made = AlertReceiver.objects.get_or_create(
        company=company, way="webhook", address="https://alerts.example.com/tandem",
        defaults={
            "shown_address": "https://alerts.example.com/…", "last_at": timezone.now(), "last_ok": False,
            "last_answer": "The receiver did not answer within 5 seconds.",
        },
    )  # fmt: skip
    for over_at in (None, timezone.now()) if made else ():
        Alert.objects.create(
            company=company, kind="drift", subject="it", mapping_name="CUSTOMER", over_at=over_at,
            message="The column City (address1_city) is gone in Dataverse: it was deleted or renamed. The field City "
            "is not synchronized meanwhile; the other fields go on, and no value is blanked.",
            fix="Add the column in Dataverse again: then this goes on by itself.", url=f"/c/{company.slug}/mappings/",
        )  # fmt: skip
    return found


NO_PAGES = {
    "ui:home", "ui:sign-out", "ui:sign-in", "jobs:export", "records:export", "records:by-key", "records:look-up",
    "connection_setup:solution-file",
    "records:log", "records:change-view", "records:delete-view",
    "records:import-preview", "records:import-preview-rows", "coupling:export-mappings", "coupling:export-preview",
    "sync:failures-export", "sync:history-export", "sync:undo-export", "sync:review-preview-export",
}  # fmt: skip
"""What leads elsewhere, is a file, or is looked at below; the preview of an import in test_import.py.
"""
WRONG = {"not found": 404}


@pytest.mark.timeout(400)
def test_axe_finds_nothing_on_any_page_and_nothing_overflows(looks: Callable[..., Looks], company: Company) -> None:
    look = looks()
    for name, url in places(company).items():
        look.open(name, url, WRONG.get(name, 200))
    assert len(look.seen) > 45
    look.end()


@pytest.mark.timeout(300)
def test_axe_finds_nothing_where_there_is_nothing_yet(looks: Callable[..., Looks], transactional_db: Any) -> None:
    """Empty states: no company at all, then a company with nothing in it."""
    look = looks()
    look.open("no company", "/")
    company = Company.objects.create(name=NAME, currency_code="EUR")
    missing = {name for name, url in places(company).items() if "mappings/of/" in url}
    for name, url in places(company).items():
        look.open(name, url, 404 if name in missing or name in WRONG else 200)
    look.end()


@pytest.mark.timeout(200)
def test_axe_finds_nothing_on_pages_of_what_went_wrong(
    looks: Callable[..., Looks], company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused, expired, locked out, broken; signed in and not."""
    viewer = looks(role=Role.VIEWER)
    viewer.open("forbidden", f"/c/{company.slug}/records/customer/new/", 403)
    viewer.page.evaluate(
        """() => {
            const form = document.createElement("form");
            Object.assign(form, {method: "post", action: "/preferences/appearance/"});
            document.body.append(form);
            form.submit();
        }"""
    )
    viewer.page.get_by_role("heading", name="This form has expired").wait_for()
    viewer.look("expired")
    viewer.end()

    stranger = looks(role=None)
    stranger.open("sign in", "/sign-in/")
    for attempt in range(5):
        stranger.page.get_by_label("Username").fill("ada")
        stranger.page.get_by_label("Password").fill("not the password")
        stranger.page.get_by_role("button", name="Sign in").click()
        if attempt == 0:
            stranger.page.get_by_role("alert").wait_for()
            stranger.look("wrong password")
    stranger.page.get_by_role("heading", name="Too many attempts").wait_for()
    stranger.look("locked out")
    stranger.end()

    broken = looks()
    monkeypatch.setattr("connection_setup.connection.state.connection_of", lambda _: 1 / 0)
    answer = broken.page.goto(f"/c/{company.slug}/dataverse-connection-setup/")
    assert answer is not None
    assert answer.status == 500
    broken.look("broken")
    assert not broken.complaints, "\n".join(broken.complaints)


@pytest.mark.timeout(200)
def test_axe_finds_nothing_in_dialogs_and_menus(looks: Callable[..., Looks], company: Company) -> None:
    """What opens over a page: a question, Tell Me, a menu, the column chooser, the main menu of a narrow screen."""
    look = looks()
    page = look.page
    record = Customer.objects.filter(company=company).order_by("no").first()
    page.goto(
        reverse("records:card", kwargs={"company": company.slug, "table": "customer", "system_id": record.system_id})
    )
    page.get_by_role("link", name="Delete", exact=True).first.click()  # not Delete Coupling, which is there too
    page.get_by_role("dialog").wait_for()
    look.look("dialog")
    page.keyboard.press("Escape")
    page.goto(reverse("records:list", kwargs={"company": company.slug, "table": "customer"}))
    page.keyboard.press("Alt+q")
    page.keyboard.type("cust")
    page.locator("#tellme-found").get_by_role("link").first.wait_for()
    look.look("tell me")
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 1440, "height": 900})
    for label in ("Related", "Dataverse", "Coupling"):
        page.get_by_role("button", name=label, exact=True).click()
    page.get_by_role("button", name="Match-Based Coupling").wait_for()
    look.look("menu")
    look.end()
