"""The pages of records whose table has no column for an id: a list, its filters and selection, cards and forms."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client, RequestFactory
from django.urls import reverse

from coupling.models import Coupling, IntegrationTableMapping
from coupling.records.lists import record_listing, selected_records
from masterdata import catalog
from masterdata.models import Company
from tests.example_app.models import Machine, Tool
from ui.listing import Selection

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    cache.clear()
    return Company.objects.create(name="CRONUS International", currency_code="USD")


@pytest.fixture
def ada() -> Client:
    client = Client()
    user = User.objects.create_superuser("ada", password="x")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def address(company: Company, page: str, table: str, record: Any = None) -> str:
    more = {"system_id": record.system_id} if record is not None else {}
    return reverse(f"records:{page}", kwargs={"company": company.slug, "table": table, **more})


def record_of(company: Company, table: str, label: str) -> Any:
    return catalog.table(table).records(company).get(label=label)


@pytest.mark.parametrize(("table", "key"), [("machine", "serial_no"), ("tool", "code")])
def test_a_record_is_entered_changed_and_deleted_on_its_pages(
    company: Company, ada: Client, table: str, key: str
) -> None:
    answer = ada.post(address(company, "new", table), {key: "A1", "label": "Lathe", "weight": "1"})
    one = record_of(company, table, "Lathe")
    assert answer["Location"] == address(company, "card", table, one)
    card = ada.get(answer["Location"]).content.decode()
    assert "A1 · Lathe" in card
    assert "Last modified" in card
    twice = ada.post(address(company, "new", table), {key: "A1", "label": "Drill", "weight": "1"})
    assert "A1 is taken by another record." in twice.content.decode()

    seen = one.modified_at.isoformat()
    change = {key: "A1" if table == "machine" else "B1", "label": "Big Lathe", "weight": "2", "seen": seen}
    assert ada.post(address(company, "edit", table, one), change).status_code == 302
    changed = record_of(company, table, "Big Lathe")
    assert (getattr(changed, key), changed.system_id) == ("A1", one.system_id)
    late = ada.post(address(company, "edit", table, one), {**change, "label": "Small Lathe"}).content.decode()
    assert "Somebody changed this record while you were editing" in late

    assert ada.post(address(company, "delete", table, one)).status_code == 302
    assert not catalog.table(table).records(company).exists()
    assert ada.get(address(company, "card", table, one)).status_code == 404


def test_a_list_shows_what_was_stored_past_save_and_narrows_and_selects_it(company: Company, ada: Client) -> None:
    Machine.objects.bulk_create(
        [Machine(tenant=company.slug, serial_no=f"M{number}", label=f"Lathe {number}") for number in range(3)]
    )
    page = ada.get(address(company, "list", "machine")).content.decode()
    assert all(f"Lathe {number}" in page for number in range(3))
    mapping = IntegrationTableMapping.objects.create(company=company, name="MACHINE", table="machine")
    one = record_of(company, "machine", "Lathe 1")
    Coupling.objects.create(
        company=company, mapping=mapping, table="machine", local_id=one.system_id, integration_id=uuid4()
    )
    listing = record_listing(company, catalog.table("machine"))
    assert [row.label for row in listing.narrowed({"coupled": "yes"})] == ["Lathe 1"]
    assert [row.label for row in listing.narrowed({"coupled": "no", "q": "lathe 2"})] == ["Lathe 2"]
    chosen = selected(company, {"selected": [str(one.system_id), str(uuid4()), "nonsense"]})
    assert (chosen.count, chosen.ids) == (1, [one.system_id])
    found = ada.get(reverse("ui:search", args=[company.slug]), {"q": "lathe"}).content.decode()
    assert address(company, "card", "machine", one) in found


def test_the_list_of_a_table_of_another_company_is_empty(company: Company, ada: Client) -> None:
    other = Company.objects.create(name="Other", currency_code="USD")
    Tool.objects.create(code="T1", label="Hammer")
    assert "Hammer" in ada.get(address(company, "list", "tool")).content.decode()
    assert "Hammer" not in ada.get(address(other, "list", "tool")).content.decode()
    answer = ada.post(address(other, "new", "tool"), {"code": "T2", "label": "Saw"})
    assert answer.status_code == 200, answer
    assert "Tools cannot be added to Other" in answer.content.decode()


def selected(company: Company, given: dict[str, Any]) -> Selection:
    return selected_records(RequestFactory().post("/", given), company, catalog.table("machine"))
