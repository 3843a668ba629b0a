"""The pages of this room, asked as a person's browser asks them."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from connection_setup.enabling import services
from coupling.models import Coupling
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sync.full import services as full
from sync.models import FullSynchReviewLine
from tests.sync.conftest import ACTIVE_CUSTOMER, changed, coupled, customer, patch, synchronize


def signed_in(role: str) -> Client:
    user = User.objects.create_user(role.lower())
    user.groups.add(Group.objects.get_or_create(name=role)[0])
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def operator(company: Company) -> Client:
    return signed_in("Operator")


def url(company: Company, name: str, **more: Any) -> str:
    return reverse(f"sync:{name}", kwargs={"company": company.slug, **more})


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer
    return answer.content.decode()


def test_the_review_counts_when_it_is_opened_first_and_leads_to_the_criteria(company, operator, remote):
    customer(company, "10000")
    remote.load({"accounts": [{"name": "A", **ACTIVE_CUSTOMER}]})
    page = text(operator.get(url(company, "review")))
    assert "<h1" in page and "Dataverse Full Synch. Review" in page
    assert "Select Coupling Criteria" in page and "1 here, 1 in Dataverse" in page
    assert "Full synchronization" in page
    changed(company).fields.filter(field="phone_no").update(use_for_match=True)
    assert "Review Selected Coupling Criteria" in text(operator.get(url(company, "review")))


def test_sync_all_asks_first_then_starts(company, operator, remote):
    customer(company, "10000")
    operator.get(url(company, "review"))
    asked = text(operator.get(url(company, "sync-all")))
    assert "CUSTOMER: create 1 in Dataverse and 0 here." in asked
    assert not Job.objects.exists()
    operator.post(url(company, "sync-all"))
    assert Job.objects.filter(type="synchronization").exists()
    page = text(operator.get(url(company, "review")))
    assert "of 3 mappings" in page
    for _ in range(5):
        for job in Job.objects.filter(state="queued"):
            run_to_end(job)
        full.advance(company)
    assert FullSynchReviewLine.objects.get(company=company, name="CUSTOMER").status == "finished"
    page = text(operator.get(url(company, "review")))
    assert "Finished" in page and "of 3 mappings" not in page


def test_lines_are_acted_on_by_selection_and_nothing_selected_does_nothing(company, operator, remote):
    customer(company, "10000")
    remote.load({"accounts": [{"name": "A", **ACTIVE_CUSTOMER}]})
    operator.get(url(company, "review"))
    line = FullSynchReviewLine.objects.get(company=company, name="CUSTOMER")
    operator.post(url(company, "review-recommend-full"), {})
    line.refresh_from_db()
    assert not line.overridden
    operator.post(url(company, "review-recommend-full"), {"selected": [line.pk]})
    page = text(operator.get(url(company, "review")))
    assert "Possible duplicates" in page
    operator.post(url(company, "review-remove"), {"selected": [line.pk]})
    assert line.pk not in {row.pk for row in full.lines(company)}
    operator.post(url(company, "review-reset"))
    assert "CUSTOMER" in {row.name for row in full.lines(company)}
    answer = operator.post(url(company, "review-restart"), {"selected": [full.lines(company)[0].pk]}, follow=True)
    assert "cannot be restarted" in text(answer)
    assert "counted again" in text(operator.post(url(company, "review-refresh"), follow=True))


def test_without_a_connection_every_page_says_so(company, operator, remote):
    services.disable(company=company, user=None)
    for name in ("review", "conflicts", "skipped"):
        assert "not enabled" in text(operator.get(url(company, name)))


def test_conflicts_show_all_three_values_and_are_resolved_by_choice(company, customers, operator, remote):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    patch(remote, coupled(customers, one).integration_id, address1_city="Ulm")
    one.city = "Köln"
    one.save()
    synchronize(customers)
    page = text(operator.get(url(company, "conflicts")))
    assert all(word in page for word in ("Köln", "Ulm", "Bonn", "10000 Adatum"))
    pair = coupled(customers, one)
    before = Job.objects.count()
    operator.post(url(company, "resolve"), {"choice": "get"})
    assert Job.objects.count() == before
    operator.post(url(company, "resolve"), {"choice": "get", "selected": [pair.pk]})
    run_to_end(Job.objects.latest("pk"))
    one.refresh_from_db()
    assert one.city == "Ulm"
    assert "No conflicts" in text(operator.get(url(company, "conflicts")))


def test_records_left_out_are_retried_or_uncoupled(company, customers, operator, remote):
    records = [customer(company, f"1000{number}") for number in range(3)]
    synchronize(customers)
    Customer.objects.update(currency_code="SEK")
    ids = [record.system_id for record in records]
    synchronize(customers, selection=ids)
    synchronize(customers, selection=ids)
    page = text(operator.get(url(company, "skipped")))
    assert page.count("SEK") >= 3 and "Related record not coupled" in page
    pairs = list(Coupling.objects.filter(skipped=True).order_by("pk"))
    operator.post(url(company, "retry"), {"selected": [pairs[0].pk]})
    run_to_end(Job.objects.latest("pk"))
    assert Coupling.objects.filter(skipped=True).count() == 2
    operator.post(url(company, "delete-couplings"), {"selected": [pairs[1].pk]})
    run_to_end(Job.objects.latest("pk"))
    assert not Coupling.objects.filter(pk=pairs[1].pk).exists()
    Customer.objects.update(currency_code="")
    operator.post(url(company, "retry-all"))
    run_to_end(Job.objects.latest("pk"))
    assert "Nothing is left out" in text(operator.get(url(company, "skipped")))


def test_synchronize_now_asks_for_the_way_and_starts_one_job(company, customers, operator, remote):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    patch(remote, coupled(customers, one).integration_id, address1_city="Ulm")
    address = url(company, "synchronize-selection", table="customer")
    before = Job.objects.count()
    operator.post(address, {})
    assert Job.objects.count() == before
    page = text(operator.post(address, {"selected": [str(one.system_id)]}))
    assert all(
        word in page for word in ("Send data update to Dataverse", "Get data update from Dataverse", "Merge data")
    )
    assert Job.objects.count() == before
    token = page.split('name="selection" value="')[1].split('"')[0]
    operator.post(address, {"selection": token, "way": "to"})
    job = run_to_end(Job.objects.latest("pk"))
    assert job.one_record and job.direction == "to_integration_table"
    assert remote.rows("accounts")[0]["address1_city"] == "Bonn"


def test_a_mapping_is_synchronized_after_asking(company, customers, operator, remote):
    customer(company, "10000")
    address = url(company, "synchronize-mapping", mapping="CUSTOMER")
    assert "changed on either side" in text(operator.get(address))
    assert "Every coupled pair" in text(operator.get(f"{address}?full=1"))
    operator.post(address, {"full": "1"})
    assert Job.objects.get().parameters["full"] is True
    assert operator.get(url(company, "synchronize-mapping", mapping="NOTHING")).status_code == 404


@pytest.mark.parametrize(
    ("role", "may"), [("Administrator", True), ("Operator", True), ("Mapper", False), ("Viewer", False)]
)
def test_everybody_reads_and_only_some_start(company, customers, remote, role, may):
    client = signed_in(role)
    for name in ("review", "conflicts", "skipped"):
        assert client.get(url(company, name)).status_code == 200
    for name in ("sync-all", "review-refresh", "review-reset", "review-restart", "resolve", "retry", "retry-all"):
        assert (client.post(url(company, name)).status_code == 403) is not may, name
        assert client.get(url(company, name)).status_code in ({200, 302, 405} if may else {403, 405}), name


def test_the_pages_ask_the_database_little(company, customers, operator, remote):
    for number in range(30):
        customer(company, f"1{number:04}", currency_code="")
    synchronize(customers)
    conflict = {"fields": [{"local": "city", "caption": "City"}]}
    Coupling.objects.update(skipped=True, last_to_reason="denied", last_error="No.", conflict=conflict)
    full.generate(company)
    for name in ("review", "conflicts", "skipped"):
        operator.get(url(company, name))
        with CaptureQueriesContext(connection) as asked:
            operator.get(url(company, name))
        assert len(asked) <= 12, (name, "\n".join(query["sql"][:160] for query in asked))
