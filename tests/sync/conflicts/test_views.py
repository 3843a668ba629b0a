"""The pages Resolve Update Conflicts and Coupled Data Synchronization Errors, requested as a browser does."""

from connection_setup.models import DataverseConnection
from coupling.models import Coupling
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Customer
from tests.sync.conftest import coupling_of, customer, page_text, page_url, patch, signed_in, synchronize


def test_conflicts_show_all_three_values_and_are_resolved_by_choice(company, customers, operator, remote):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, address1_city="Ulm")
    one.city = "Köln"
    one.save()
    synchronize(customers)
    page = page_text(operator.get(page_url(company, "conflicts")))
    assert all(word in page for word in ("Köln", "Ulm", "Bonn", "10000 Adatum"))
    assert page.count("Set Up Coupling") == 1
    pair = coupling_of(customers, one)
    before = Job.objects.count()
    operator.post(page_url(company, "resolve"), {"choice": "get"})
    assert Job.objects.count() == before
    operator.post(page_url(company, "resolve"), {"choice": "get", "selected": [pair.pk]})
    run_to_end(Job.objects.latest("pk"))
    one.refresh_from_db()
    assert one.city == "Ulm"
    assert "No conflicts" in page_text(operator.get(page_url(company, "conflicts")))


def test_skipped_pairs_are_retried_or_uncoupled(company, customers, operator, remote):
    records = [customer(company, f"1000{number}") for number in range(3)]
    synchronize(customers)
    Customer.objects.update(currency_code="SEK")
    ids = [record.system_id for record in records]
    synchronize(customers, selection=ids)
    synchronize(customers, selection=ids)
    page = page_text(operator.get(page_url(company, "skipped")))
    assert page.count("SEK") >= 3 and "Related record not coupled" in page
    assert all(f"/records/customer/{one.system_id}/" in page for one in records), "each leads to its card"
    pairs = list(Coupling.objects.filter(base__skipped=True).order_by("pk"))
    operator.post(page_url(company, "retry"), {"selected": [pairs[0].undone.pk]})
    run_to_end(Job.objects.latest("pk"))
    assert Coupling.objects.filter(base__skipped=True).count() == 2
    operator.post(page_url(company, "delete-couplings"), {"selected": [pairs[1].undone.pk]})
    run_to_end(Job.objects.latest("pk"))
    assert not Coupling.objects.filter(pk=pairs[1].pk).exists()
    Customer.objects.update(currency_code="")
    operator.post(page_url(company, "retry-all"))
    run_to_end(Job.objects.latest("pk"))
    assert "Nothing is left out" in page_text(operator.get(page_url(company, "skipped")))


def test_a_reason_that_holds_for_all_actions_is_said_once(company, customers, operator):
    DataverseConnection.objects.filter(company=company).update(enabled=False)
    page = page_text(operator.get(page_url(company, "skipped")))
    assert page.count("Enable the connection first.") == 1
    assert all(label in page for label in ("Retry All", "Synchronize", "Find for Deleted", "Delete Records"))
    viewer = page_text(signed_in("Viewer").get(page_url(company, "skipped")))
    assert viewer.count("Enable the connection first.") == 1
