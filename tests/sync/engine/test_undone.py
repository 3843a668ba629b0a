"""Whatever a synchronization leaves undone stands on Coupled Data Synchronization Errors until it heals."""

import re
import socket
import time
from io import StringIO
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.roles import set_roles as give_roles
from connection_setup.models import DataverseConnection
from core.roles import Role
from core.vocabulary import Direction
from coupling import live
from coupling.models import Coupling, IntegrationTableMapping
from coupling.records import lists as records
from coupling.undone import left_undone
from jobs.mentions import HIDDEN
from jobs.models import Job, JobOutcome
from jobs.outcomes import JobOutcomes
from jobs.running.waiting import run_to_end
from masterdata import catalog
from masterdata.models import Company, Currency, Customer
from sync.conflicts import live_rows
from sync.conflicts.services import couple_with_successors
from tests.sync.conftest import (
    ACTIVE_CUSTOMER,
    accounts,
    counters,
    coupling_of,
    customer,
    make_unreachable,
    page_text,
    page_url,
    patch,
    synchronize,
    update_mapping,
)
from tests.sync.engine.test_failures import delete_row
from ui.cells import text_of

NOTHING = "Nothing is left out"


@pytest.fixture
def left_out(company, operator):
    """Provide the page, as an operator reads it now."""
    return lambda: page_text(operator.get(page_url(company, "skipped")))


def couple_currency(company, remote, code="EUR"):
    """Make a currency here and couple it with Dataverse's."""
    row = next(row for row in remote.rows("transactioncurrencies") if row["isocurrencycode"] == code)
    local, _ = Currency.objects.get_or_create(company=company, code=code)
    mapping = IntegrationTableMapping.objects.get(company=company, name="CURRENCY")
    Coupling.objects.create(
        company=company, mapping=mapping, table="currency", local_id=local.system_id,
        integration_id=row["transactioncurrencyid"],
    )  # fmt: skip


def currency_row(remote, code="EUR"):
    rows = remote.rows("transactioncurrencies")
    return next(row["transactioncurrencyid"] for row in rows if row["isocurrencycode"] == code)


def test_a_row_that_cannot_be_created_here_stays_listed_until_its_currency_is_coupled(
    company, customers, remote, left_out
):
    row = {"name": "Fabrikam", "transactioncurrencyid": currency_row(remote), **ACTIVE_CUSTOMER}
    remote.load({"accounts": [row]})
    assert [counters(synchronize(customers)) for _ in range(3)] == [{"failed": 1}, {"failed": 1}, {}]
    page = left_out()
    assert "Fabrikam" in page and "Currency" in page and "Related record not coupled" in page
    couple_currency(company, remote)
    assert counters(synchronize(customers)) == {"inserted": 1}
    assert Customer.objects.get(company=company, name="Fabrikam").currency_code == "EUR"
    assert NOTHING in left_out()


def test_a_row_is_created_later_although_the_run_creates_nothing_of_its_own(company, customers, remote, left_out):
    """Creating it was asked for once; that is still undone."""
    row = {"name": "Fabrikam", "transactioncurrencyid": currency_row(remote), **ACTIVE_CUSTOMER}
    remote.load({"accounts": [row, {"name": "Contoso", **ACTIVE_CUSTOMER}]})
    synchronize(customers)
    update_mapping(company, synch_only_coupled=True)
    couple_currency(company, remote)
    remote.load({"accounts": [{"name": "Not asked for", **ACTIVE_CUSTOMER}]})
    # The row of Contoso was marked as this company's, and so comes back once.
    assert counters(synchronize(customers)) == {"inserted": 1, "unchanged": 1}
    assert set(Customer.objects.values_list("name", flat=True)) == {"Fabrikam", "Contoso"}
    assert NOTHING in left_out()


def test_a_record_that_cannot_be_created_there_stays_listed_until_its_currency_is_coupled(
    company, customers, remote, left_out
):
    customer(company, "10000", "Adatum", currency_code="EUR")
    Currency.objects.create(company=company, code="EUR")
    update_mapping(company, synch_only_coupled=True)
    assert counters(synchronize(customers, create=True)) == {"failed": 1}
    assert counters(synchronize(customers)) == {"failed": 1}
    assert counters(synchronize(customers)) == {}
    page = left_out()
    assert "10000 Adatum" in page and "EUR" in page
    couple_currency(company, remote)
    assert counters(synchronize(customers)) == {"inserted": 1}
    assert "Adatum" in accounts(remote)
    assert NOTHING in left_out()


def test_a_pair_that_failed_twice_heals_when_its_currency_is_coupled(company, customers, remote, left_out):
    one = customer(company, "10000", "Adatum")
    Currency.objects.create(company=company, code="EUR")
    synchronize(customers)
    synchronize(customers)
    one.currency_code = "EUR"
    one.save()
    assert counters(synchronize(customers)) == {"failed": 1}
    assert "10000 Adatum" in left_out()
    assert [counters(synchronize(customers)) for _ in range(2)] == [{"skipped": 1}, {}]
    couple_currency(company, remote)
    assert counters(synchronize(customers)) == {"modified": 1}
    assert accounts(remote)["Adatum"]["_transactioncurrencyid_value"] == currency_row(remote)
    assert NOTHING in left_out()
    assert not coupling_of(customers, one).skipped


def test_a_pair_that_failed_twice_heals_when_the_value_is_corrected(company, customers, remote, left_out):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    pair = coupling_of(customers, one)
    patch(remote, pair.integration_id, address1_city="x" * 45)
    assert [counters(synchronize(customers)) for _ in range(3)] == [{"failed": 1}, {"skipped": 1}, {}]
    assert "City takes at most 30" in left_out()
    patch(remote, pair.integration_id, address1_city="Ulm")
    assert counters(synchronize(customers)) == {"modified": 1}
    one.refresh_from_db()
    assert one.city == "Ulm"
    assert NOTHING in left_out()


def test_a_deleted_row_is_restored_once_the_mapping_says_so(company, customers, remote, left_out):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    delete_row(company, customers, coupling_of(customers, one).integration_id)
    assert [counters(synchronize(customers)) for _ in range(3)] == [{"failed": 1}, {"skipped": 1}, {}]
    assert "was deleted in Dataverse" in left_out()
    update_mapping(company, deletion_conflict="restore")
    assert counters(synchronize(customers)) == {"inserted": 1}
    assert NOTHING in left_out()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"customertypecode": 5}, "Relationship Type is Partner"),
        ({"customertypecode": None}, "Relationship Type is blank"),
        ({"statecode": 1, "statuscode": 2}, "Status is Inactive"),
    ],
)
def test_a_row_that_leaves_the_filter_is_listed_with_the_condition_until_it_is_back(
    company, customers, remote, left_out, columns, words
):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    synchronize(customers)
    pair = coupling_of(customers, one)
    before = {name: ACTIVE_CUSTOMER.get(name, 1) for name in columns}
    patch(remote, pair.integration_id, **columns)
    job = synchronize(customers)
    assert (counters(job), job.reasons) == ({"skipped": 1}, {"outside_filter": 1})
    assert words in JobOutcome.objects.get(job=job).message
    assert counters(synchronize(customers)) == {}
    page = left_out()
    assert "10000 Adatum" in page and words in page
    patch(remote, pair.integration_id, **before)
    assert set(counters(synchronize(customers))) == {"unchanged"}
    assert NOTHING in left_out()


def test_a_record_that_leaves_the_filter_is_listed_with_the_condition_until_it_is_back(
    company, customers, remote, left_out
):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    synchronize(customers)
    one.blocked = "All"
    one.save()
    assert counters(synchronize(customers)) == {"skipped": 1}
    page = left_out()
    assert "10000 Adatum" in page and "Blocked is All" in page
    one.blocked = ""
    one.save()
    assert set(counters(synchronize(customers))) == {"unchanged"}
    assert NOTHING in left_out()


def test_a_row_that_another_company_took_is_listed_with_that_company(company, customers, remote, left_out):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    other = str(uuid4())
    remote.load({"tandem_companies": [{"tandem_companyid": other, "tandem_name": "Northwind Traders"}]})
    patch(remote, coupling_of(customers, one).integration_id, tandem_companyid=other)
    synchronize(customers)
    page = left_out()
    assert "10000 Adatum" in page and "belongs to another company, Northwind Traders" in page


def test_a_company_of_this_installation_is_named_to_those_who_have_a_role_there(company, customers, remote):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    there, row = Company.objects.create(name="Northwind Traders", currency_code="EUR"), str(uuid4())
    remote.load({"tandem_companies": [{"tandem_companyid": row, "tandem_name": there.name}]})
    patch(remote, coupling_of(customers, one).integration_id, tandem_companyid=row)
    job = synchronize(customers)
    people = {name: User.objects.create_user(name) for name in ("here", "both")}
    for name, roles in (("here", [company]), ("both", [company, there])):
        for where in roles:
            give_roles(person=people[name], company=where, roles=[Role.VIEWER])
    urls = [page_url(company, "skipped"), records.card_url(company, catalog.table("customer"), one.system_id)]
    urls.append(reverse("jobs:export", kwargs={"company": company.slug, "pk": job.pk}))
    for name, named in (("here", False), ("both", True)):
        client = Client()
        client.force_login(people[name], backend="django.contrib.auth.backends.ModelBackend")
        pages = [client.get(url) for url in urls]
        out = StringIO()
        call_command("skipped", "list", "--company", company.name, "--user", name, stdout=out)
        said = [*("".join(part.decode() for part in page) for page in pages), out.getvalue()]
        assert [there.name in text for text in said] == [named] * 4
        belongs = f"belongs to {there.name if named else HIDDEN}. Choose Delete Couplings"
        assert [belongs in text for text in said] == [True] * 4, said


def merge(remote, row_id, into):
    """Merge an account into another, as a person does in Dataverse."""
    patch(remote, row_id, statecode=1, statuscode=2, merged=True, masterid=into)


def test_a_row_merged_into_another_names_it_and_is_coupled_with_it(company, customers, remote, operator, left_out):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    old = coupling_of(customers, one).integration_id
    master = str(uuid4())
    update_mapping(company, synch_only_coupled=True)
    remote.load({"accounts": [{"accountid": master, "name": "Adatum Group", "address1_city": "Bonn",
                               **ACTIVE_CUSTOMER}]})  # fmt: skip
    merge(remote, old, master)
    synchronize(customers)
    page = left_out()
    assert "10000 Adatum" in page and "merged into Adatum Group" in page and "couple with it" in page
    (entry,) = selectable(page)
    operator.post(page_url(company, "couple-with-successor"), {"selected": [entry]})
    run_to_end(Job.objects.latest("pk"))
    assert str(coupling_of(customers, one).integration_id) == master
    assert NOTHING in left_out()


def test_many_are_coupled_with_merged_rows_by_one_job_with_an_outcome_each(company, customers, remote):
    made = [customer(company, no, f"Firm {no}") for no in ("10000", "10010", "10020")]
    synchronize(customers)
    update_mapping(company, synch_only_coupled=True)
    masters = [str(uuid4()) for _ in made]
    remote.load({"accounts": [{"accountid": one, "name": "Group", **ACTIVE_CUSTOMER} for one in masters]})
    for one, master in zip(made, [masters[0], masters[1], masters[1]], strict=True):  # two into one row
        merge(remote, coupling_of(customers, one).integration_id, master)
    synchronize(customers)
    (job,) = couple_with_successors(company=company, undone=left_undone(company))
    job = run_to_end(job)
    told = {row.local_key: (row.outcome, row.reason) for row in JobOutcomes(job)}
    assert job.counters["total"] == 3
    assert told["10020"] == ("failed", "already_coupled")
    assert {str(coupling_of(customers, one).integration_id) for one in made[:2]} == set(masters[:2])
    assert Coupling.objects.filter(local_id=made[2].system_id).exists(), "what is refused stays coupled"


def test_whether_the_coupled_row_exists_is_asked_for_the_page_shown_else_told_by_the_last_run(
    company, customers, remote, operator, left_out
):
    made = [customer(company, no) for no in ("10000", "10010")]
    synchronize(customers)
    ids = [coupling_of(customers, one).integration_id for one in made]
    for row_id in ids:
        patch(remote, row_id, customertypecode=5)
    synchronize(customers)
    delete_row(company, customers, ids[0])  # no run has seen it yet
    remote.control("DELETE", "requests")
    cells = re.findall(r'<td[^>]*data-label="Coupled Record Exists"[^>]*>(.*?)</td>', left_out(), re.DOTALL)
    answers = [re.sub(r"<[^>]*>", "", one).strip() for one in cells]
    assert sorted(answers) == ["No", "Yes"], answers
    assert remote.requests()["total"] <= 2, remote.requests()
    make_unreachable(company)
    page = left_out()
    assert page.count("Yes, by the last run") == 2


def test_a_page_waits_for_dataverse_once_and_for_all_mappings_together(
    company, customers, remote, operator, left_out, monkeypatch
):
    one = customer(company, "10000")
    synchronize(customers)
    row_id = coupling_of(customers, one).integration_id
    patch(remote, row_id, customertypecode=5)
    synchronize(customers)
    remote.control("POST", "faults", [{"method": "GET", "path": "accounts", "fault": "503", "times": 0}])
    remote.control("DELETE", "requests")
    assert left_out().count("Yes, by the last run") == 1
    assert remote.requests()["total"] <= 2, "nothing is sent a second time"
    remote.control("DELETE", "faults")
    monkeypatch.setattr(live_rows, "DEADLINE_S", 0.3)
    cache.clear()
    with socket.create_server(("localhost", 0)) as silent:  # it takes connections, and never answers
        url = f"https://localhost:{silent.getsockname()[1]}"
        DataverseConnection.objects.filter(company=company).update(environment_url=url)
        began = time.monotonic()
        assert left_out().count("Yes, by the last run") == 1
        assert time.monotonic() - began < 2
    asked = live.Impatient(0.2)
    assert 0 < asked.seconds_left() <= 0.2
    assert not asked.may_wait()
    assert live.Impatient(-1).seconds_left() == 0.01, "what is left of the deadline, not the whole for each request"


def selectable(page):
    """Return the keys of the rows that can be ticked."""
    return [part.split('value="')[1].split('"')[0] for part in page.split("<input")[1:] if 'name="selected"' in part]


def test_a_person_settles_what_stays_as_it_is_and_takes_it_up_again(company, customers, remote, operator, left_out):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, customertypecode=5)
    synchronize(customers)
    (entry,) = selectable(left_out())
    operator.post(page_url(company, "accept"), {"selected": [entry]})
    assert NOTHING in left_out()
    synchronize(customers, full=True)
    assert NOTHING in left_out(), "the same condition is settled"
    settled = page_text(operator.get(page_url(company, "skipped"), {"settled": "yes"}))
    assert "10000 Adatum" in settled
    patch(remote, coupling_of(customers, one).integration_id, customertypecode=11)
    synchronize(customers)
    assert "Relationship Type is Vendor" in left_out(), "another condition is news"


def test_rows_that_could_not_be_created_are_retried_from_the_page(company, customers, remote, operator, left_out):
    remote.load({"accounts": [{"name": "Fabrikam", "address1_city": "x" * 45, **ACTIVE_CUSTOMER}]})
    customer(company, "10000", "Adatum", currency_code="SEK")
    synchronize(customers)
    assert len(selectable(left_out())) == 2
    (row,) = remote.rows("accounts")
    Customer.objects.update(currency_code="")
    patch(remote, row["accountid"], address1_city="Ulm")
    operator.post(page_url(company, "retry-all"))
    for job in Job.objects.exclude(state="finished").order_by("pk"):
        run_to_end(job)
    assert NOTHING in left_out()
    assert Customer.objects.filter(name="Fabrikam", city="Ulm").exists() and "Adatum" in accounts(remote)


@pytest.mark.parametrize("side", ["here", "there"])
def test_what_was_deleted_is_restored_from_the_page(company, customers, remote, operator, left_out, side):
    one, two = customer(company, "10000", "Adatum"), customer(company, "10001", "Contoso", currency_code="")
    synchronize(customers)
    synchronize(customers)
    pair = coupling_of(customers, one)
    if side == "here":
        one.delete()
    else:
        delete_row(company, customers, pair.integration_id)
    two.currency_code = "SEK"
    two.save()
    synchronize(customers)
    assert "Restore Records" in left_out()
    operator.post(page_url(company, "restore"), {"selected": selectable(left_out())})
    job = run_to_end(Job.objects.latest("pk"))
    assert counters(job) == {"inserted": 1}
    assert Customer.objects.filter(name="Adatum").count() == 1 and "Adatum" in accounts(remote)
    assert Coupling.objects.filter(mapping=customers).count() == 2
    assert "Adatum" not in left_out() and "Contoso" in left_out(), "what is not deleted is left as it is"


def test_what_nobody_wants_any_more_leaves_the_list(company, customers, remote, left_out):
    """A row deleted in Dataverse or no longer inside the filter, a record deleted here: nothing is left to create."""
    remote.load({"accounts": [{"name": f"Row {n}", "address1_city": "x" * 45, **ACTIVE_CUSTOMER} for n in range(2)]})
    one = customer(company, "10000", "Adatum", currency_code="SEK")
    synchronize(customers)
    assert len(selectable(left_out())) == 3
    rows = accounts(remote)
    delete_row(company, customers, rows["Row 0"]["accountid"])
    patch(remote, rows["Row 1"]["accountid"], customertypecode=5)
    one.delete()
    synchronize(customers)
    assert NOTHING in left_out()


def test_what_is_left_out_counts_on_the_mapping_and_on_the_role_center(company, customers, remote, operator):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, customertypecode=5)
    remote.load({"accounts": [{"name": "Fabrikam", "address1_city": "x" * 45, **ACTIVE_CUSTOMER}]})
    synchronize(customers)
    for url, label in [
        ("mappings/", "Coupled Data Sync Errors"),
        ("mappings/of/CUSTOMER/", "Coupled Data Sync Errors"),
        ("", "Records left out"),
    ]:
        page = operator.get(f"/c/{company.slug}/{url}").content.decode()
        assert re.search(rf"<b>2</b>\s*<(span|strong)>{label}</", page), (url, label)


def test_an_uncoupled_records_failure_stands_on_its_card(company, customers, operator):
    one = customer(company, "10000", "Adatum", currency_code="SEK")
    synchronize(customers, direction=Direction.TO)
    page = operator.get(f"/c/{company.slug}/records/customer/{one.system_id}/").content.decode()
    assert "SEK" in page and "is not coupled to Dataverse" in page
    Customer.objects.update(currency_code="")
    assert counters(synchronize(customers, direction=Direction.TO)) == {"inserted": 1}
    page = operator.get(f"/c/{company.slug}/records/customer/{one.system_id}/").content.decode()
    assert "is not coupled to Dataverse" not in page, "after a success nothing is told any more"


def test_when_it_failed_is_told_in_the_time_zone_of_the_site(company, customers, remote, operator):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, customertypecode=5)
    job = synchronize(customers)
    with timezone.override("Asia/Tokyo"):
        page = operator.get(f"/c/{company.slug}/coupled-data-synchronization-errors/").content.decode()
        assert f">{text_of(job.ended_at)}</a>" in page
