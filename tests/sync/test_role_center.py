"""The role center: what needs a person comes first, no number contradicts another, and rows written are told by day."""

import re
from datetime import timedelta
from html import unescape

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from connection_setup.models import DataverseConnection
from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping
from coupling.undone import left_undone
from jobs.models import Job, State, Type
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sandbox.testing import Sandbox
from sync.conflicts.services import delete_survivors
from sync.models import WrittenRows
from sync.written_rows import DAYS, count_written, written_by_day
from tests.sync.conftest import ACTIVE_CUSTOMER, accounts, coupling_of, customer, patch, synchronize, update_mapping


def home(client: Client, company: Company) -> str:
    answer = client.get(f"/c/{company.slug}/")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def cues(page: str) -> list[tuple[str, str, str]]:
    """Return (number, label, detail) of what needs a person, in the order shown."""
    return re.findall(r"<b>([\d,]+)</b> <strong>([^<]+)</strong> <span>([^<]*)</span>", page)


def written_today(company: Company) -> tuple[int, int]:
    return written_by_day(company, timezone.localdate())[-1][1:]


def test_every_row_written_counts_once_on_its_side(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox
) -> None:
    record = customer(company, "10000", "Adatum")
    remote.load({"accounts": [{"name": "Fabrikam", "accountnumber": "20000", **ACTIVE_CUSTOMER}]})
    synchronize(customers)
    there, here = written_today(company)
    assert (there, here) == (1, 1)
    patch(remote, accounts(remote)["Adatum"]["accountid"], telephone1="555 0100", address1_city="Aarhus")
    synchronize(customers)
    assert written_today(company) == (there, here + 1)
    record.refresh_from_db()
    record.name_2 = "Trading"
    record.city = "Odense"
    record.save()
    synchronize(customers)
    assert written_today(company) == (there + 1, here + 1)
    synchronize(customers)
    assert written_today(company) == (there + 1, here + 1)


def test_what_is_deleted_counts_as_written_on_its_side(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox
) -> None:
    made = [customer(company, no) for no in ("10000", "10010")]
    synchronize(customers)
    there, here = written_today(company)
    made[0].delete()
    Gateway(company).delete(customers, [(coupling_of(customers, made[1]).integration_id, "*")])
    synchronize(customers)
    (job,) = delete_survivors(undone=left_undone(company))
    assert run_to_end(job).counters["deleted"] == 2
    assert written_today(company) == (there + 1, here + 1)


def test_what_is_written_adds_up_by_day_over_mappings_and_old_days_are_left_out(company: Company) -> None:
    today = timezone.localdate()
    for day, name, there, here in (
        (today, "CUSTOMER", 3, 1), (today, "CUSTOMER", 2, 0), (today, "VENDOR", 5, 4),
        (today - timedelta(days=1), "VENDOR", 0, 7), (today - timedelta(days=DAYS), "VENDOR", 90, 90),
    ):  # fmt: skip
        count_written(company_id=company.pk, mapping_name=name, day=day, to_dataverse=there, from_dataverse=here)
    assert WrittenRows.objects.filter(company=company).count() == 4
    days = written_by_day(company, today)
    assert len(days) == DAYS
    assert [numbers for _, *numbers in days[-2:]] == [[0, 7], [10, 5]]
    assert not any(there or here for _, there, here in days[:-2])


def test_where_nothing_is_wrong_nothing_needs_attention_and_that_is_said(
    company: Company, customers: IntegrationTableMapping, operator: Client
) -> None:
    page = home(operator, company)
    assert cues(page) == []
    assert "Nothing needs you now." in page
    assert "No update conflict waits" in page and "No job failed today" in page
    assert "Nothing was written in the last 14 days." in page


def test_nothing_is_said_to_be_well_where_a_notice_stands_above(
    company: Company, customers: IntegrationTableMapping, operator: Client
) -> None:
    DataverseConnection.objects.filter(company=company).update(enabled=False)
    page = home(operator, company)
    assert "Dataverse is not connected." in page and "Nothing needs you now." not in page


def test_the_failed_jobs_of_today_are_those_that_the_number_leads_to(company: Company, operator: Client) -> None:
    now = timezone.now()
    for begun, ended in ((2, 2), (2, 0), (0, 0)):
        job = Job.objects.create(
            company=company, type=Type.COUPLING, state=State.FAILED, ended_at=now - timedelta(days=ended)
        )
        Job.objects.filter(pk=job.pk).update(created_at=now - timedelta(days=begun))
    page = home(operator, company)
    url = re.search(r'href="([^"]+)"> <span class="status" data-state="bad">Failed</span> <b>(\d+)</b>', page)
    assert url is not None
    listed = operator.get(unescape(url[1])).content.decode()
    assert url[2] == "2"
    assert "2 jobs, filtered" in " ".join(listed.split())


def test_the_worst_comes_first_and_what_failed_is_not_counted_as_uncoupled_too(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox, operator: Client
) -> None:
    customer(company, "10000", "Adatum", currency_code="SEK")
    synchronize(customers)
    update_mapping(company, synch_only_coupled=True)
    customer(company, "20000", "Fabrikam")
    Job.objects.create(company=company, type=Type.SYNCHRONIZATION, state=State.FAILED, ended_at=timezone.now())
    page = home(operator, company)
    found = cues(page)
    labels = [label for _, label, _ in found]
    assert ("1", "Records failed", "Customers 1") in found
    assert ("1", "Records not coupled", "Customers 1") in found
    assert ("1", "Failed jobs today", "Each says why, and what to do") in found
    assert labels.index("Records failed") < labels.index("Records not coupled")
    assert labels.index("Failed jobs today") < labels.index("Records not coupled")
    assert "All records are coupled" not in page
    assert re.search(
        r"<b>0</b> of 2</span><span class=\"rest\"><a [^>]+>1 failed</a>, <a [^>]+>1 more uncoupled</a>", page
    )


def test_a_late_mapping_is_named_and_its_last_success_looks_late(
    company: Company, customers: IntegrationTableMapping, operator: Client
) -> None:
    synchronize(customers)
    update_mapping(company, scheduled=True, next_run_at=timezone.now() - timedelta(minutes=1))
    assert "Late schedules" not in home(operator, company)
    update_mapping(company, next_run_at=timezone.now() + timedelta(minutes=20))
    Job.objects.filter(company=company).update(ended_at=timezone.now() - timedelta(hours=3))
    update_mapping(company, next_run_at=timezone.now() - timedelta(minutes=20))
    page = home(operator, company)
    assert ("1", "Late schedules", "CUSTOMER") in cues(page)
    assert re.search(r'data-state="late">3 h ago<', page)


def test_what_is_in_process_shows_how_far_it_is(company: Company, operator: Client) -> None:
    Job.objects.create(
        company=company, type=Type.SYNCHRONIZATION, mapping_name="CUSTOMER", state=State.IN_PROCESS, phase="Comparing",
        processed=40, total=100, started_at=timezone.now(), lease_until=timezone.now() + timedelta(minutes=1),
        requests=1_204, exclusive_key="a",
    )  # fmt: skip
    Job.objects.create(company=company, type=Type.COUPLING, state=State.QUEUED, exclusive_key="b")
    page = home(operator, company)
    assert re.search(r"CUSTOMER, synchronization</a>: Comparing, 40 of 100 records", page)
    assert re.search(r'<progress max="100" value="40"', page)
    assert re.search(r"<dt>Waiting</dt> <dd> <a [^>]+>1</a>", page)
    assert "1,204" in page


def test_the_role_center_asks_few_queries(company: Company, operator: Client) -> None:
    home(operator, company)
    with CaptureQueriesContext(connection) as queries:
        home(operator, company)
    print("\n".join(one["sql"][:100] + " ... " + one["sql"][-120:] for one in queries))
    assert len(queries) <= 12


def test_conflicts_say_their_fields_and_age_the_connection_its_last_answer_and_a_secret_when_it_expires(
    company: Company, customers: IntegrationTableMapping, operator: Client, remote: Sandbox
) -> None:
    record = customer(company, "10000", "Adatum")
    synchronize(customers)
    patch(remote, accounts(remote)["Adatum"]["accountid"], telephone1="1", address1_city="Ulm")
    record.phone_no, record.city = "2", "Bonn"
    record.save()
    synchronize(customers)
    ends = timezone.localdate() + timedelta(days=12)
    DataverseConnection.objects.filter(company=company).update(client_secret_expires_on=ends)
    home(operator, company)
    with CaptureQueriesContext(connection) as queries:
        page = home(operator, company)
    assert len(queries) <= 12
    assert "2 fields: Customers 1. The oldest was found just now" in page
    assert re.search(r"<dt>Last answer</dt> <dd>\s*[\d,]+ ms, just now", page), page[-3000:]
    assert ("12 d", "Client Secret expires") in re.findall(r"<b>([\d,]+ d)</b> <strong>([^<]+)</strong>", page)
    assert Job.objects.latest("pk").answer_ms
