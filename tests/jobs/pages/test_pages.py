"""The job log's pages: what they say, where their numbers lead, and that they cost little at any size."""

import csv
import re
import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.people import save_user
from core import bulk
from core.roles import Role
from jobs.models import JobOutcome, State, no_counts
from jobs.registry import Schedule, registry
from tests.jobs.conftest import stored
from tests.ui.pages import check, read

pytestmark = pytest.mark.django_db


def sign_in(client, role=Role.OPERATOR, name="olga"):
    user, _, _ = save_user(name=name, role=role, password="Spring-rain-77")
    client.force_login(user)
    return client


def outcomes(job, *rows):
    fields = ("job_id", "outcome", "reason", "local_id", "local_key", "local_name", "message", "detail")
    bulk.insert(JobOutcome, fields, [(job.pk, *row) for row in rows])


@pytest.fixture
def failed_job(company):
    job = stored(
        company, type="coupling", state=State.FINISHED, mapping_name="CUSTOMER",
        started_at=timezone.now() - timedelta(seconds=75), ended_at=timezone.now(),
        counters=no_counts() | {"total": 3, "coupled": 1, "failed": 2},
        reasons={"no_match": 1, "multiple_matches": 1},
        breakdown={"coupled": {"": 1}, "failed": {"no_match": 1, "multiple_matches": 1}},
    )  # fmt: skip
    outcomes(
        job,
        ("coupled", "", uuid.uuid4(), "10000", "Cannon Group", "", None),
        ("failed", "no_match", uuid.uuid4(), "20000", "=Selangorian <b>Ltd.</b>", "Name found nothing.",
         {"fields": [{"local": "name", "integration": "name", "local_value": "Selangorian"}], "candidates": []}),
        ("failed", "multiple_matches", uuid.uuid4(), "30000", "Haddock", "Phone No. is on 2 accounts.",
         {"candidates": [{"id": "1", "name": "Haddock A", "coupled_to": None},
                         {"id": "2", "name": "Haddock B", "coupled_to": {"key": "30010"}}]}),
    )  # fmt: skip
    return job


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("", "Integration Synchronization Jobs"),
        ("?type=synchronization", "Integration Synchronization Jobs"),
        ("?type=coupling", "Integration Coupling Jobs"),
        ("?type=uncoupling", "Integration Uncoupling Jobs"),
        ("?type=nonsense", "Integration Synchronization Jobs"),
    ],
)
def test_the_log_is_titled_by_its_type_filter(client, company, query, title):
    page = sign_in(client).get(f"/c/{company.slug}/jobs/{query}").content.decode()
    assert f">{title}</h1>" in page


def test_the_log_of_a_mapping_has_its_jobs_alone_newest_first(client, company):
    jobs = [stored(company, mapping_name=name) for name in ("CUSTOMER", "VENDOR", "CUSTOMER")]
    page = sign_in(client).get(f"/c/{company.slug}/jobs/?mapping=CUSTOMER").content.decode()
    first, other, last = (page.find(f"/c/{company.slug}/jobs/{job.pk}/") for job in jobs)
    assert other == -1 and 0 < last < first


def test_the_log_leads_from_failed_to_the_failed_records(client, company, failed_job):
    page = sign_in(client).get(f"/c/{company.slug}/jobs/").content.decode()
    assert f"/c/{company.slug}/jobs/{failed_job.pk}/outcomes/?outcome=failed" in page
    assert "1 min 15 s" in page


def test_the_job_card_names_the_mapping_and_kind_and_counts_with_drill_down(client, company, failed_job):
    page = sign_in(client).get(f"/c/{company.slug}/jobs/{failed_job.pk}/").content.decode()
    assert ">CUSTOMER, " in page
    assert "outcomes/?outcome=coupled" in page
    assert "Multiple matches" in page
    assert "Haddock A, Haddock B (coupled to 30010)" in page
    assert "&lt;b&gt;Ltd.&lt;/b&gt;" in page
    assert "hx-get" not in page.split('id="live"')[1].split(">")[0]


@pytest.mark.parametrize("state", [State.FINISHED, State.FAILED, State.IN_PROCESS])
def test_the_job_card_tells_each_number_once(client, company, state):
    counters = {
        "coupled": 1013, "uncoupled": 1019, "inserted": 1021, "modified": 1031, "unchanged": 1033, "skipped": 1039,
        "deleted": 1049, "failed": 1051, "conflicts": 1061,
    }  # fmt: skip
    breakdown = {("conflict" if name == "conflicts" else name): {"": count} for name, count in counters.items()}
    breakdown["failed"] = {"refused": 600, "no_match": 451}
    now, total = timezone.now(), sum(counters.values())
    job = stored(
        company, type="synchronization", mapping_name="CUSTOMER", state=state, counters={**counters, "total": 20_011},
        breakdown=breakdown, processed=total, total=20_011, requests=7013, throttled=1409, active_s=12.0,
        started_at=now, ended_at=None if state == State.IN_PROCESS else now, lease_until=now + timedelta(minutes=1),
    )  # fmt: skip
    page = sign_in(client).get(f"/c/{company.slug}/jobs/{job.pk}/").content.decode()
    card = page.partition("<main")[2].partition('<section class="list"')[0]  # the list counts what it lists by itself
    card = re.sub(r'<span class="gist">.*?</span>', " ", card, flags=re.DOTALL)  # shown while its tab is closed alone
    text = " ".join(re.sub(r"<[^>]*>", " ", card).split())
    numbers = [*counters.values(), 600, 451, 7013, 1409]
    if state == State.IN_PROCESS:
        numbers += [total, 20_011]  # how far it is
    told = {number: len(re.findall(rf"(?<![\d,]){number:,}(?![\d,])", text)) for number in numbers}
    assert told == dict.fromkeys(numbers, 1), text


def test_a_running_job_is_polled_and_can_be_cancelled_after_a_question(client, company):
    job = stored(
        company, type="coupling", mapping_name="CUSTOMER", state=State.IN_PROCESS, processed=61_240, total=91_000,
        active_s=15.7,        lease_until=timezone.now() + timedelta(minutes=1), requests=13, phase="Coupling",
    )  # fmt: skip
    url = f"/c/{company.slug}/jobs/{job.pk}/"
    sign_in(client)
    page = client.get(url).content.decode()
    for text in ("61,240 of 91,000 records", "3,901 a second", "13 requests, none throttled", 'value="67"', "every 2s"):
        assert text in page
    part = client.get(url, headers={"HX-Request": "true", "HX-Target": "live"}).content.decode()
    assert "61,240" in part
    assert "<h1" not in part
    asked = client.get(f"{url}cancel/").content.decode()
    assert "checkpoint" in asked
    job.refresh_from_db()
    assert not job.cancel_requested
    said = client.post(f"{url}cancel/", follow=True).content.decode()
    job.refresh_from_db()
    assert job.cancel_requested
    assert "after the batch in hand" in said


def test_a_queued_job_says_what_it_waits_for_and_a_postponed_one_until_when(client, company):
    soon = timezone.now() + timedelta(minutes=5)
    holder = stored(company, mapping_name="CUSTOMER", state=State.IN_PROCESS, exclusive_key="k", lease_until=soon)
    queued = stored(company, mapping_name="CUSTOMER", exclusive_key="k")
    postponed = stored(company, state=State.POSTPONED, not_before=soon, message="Dataverse asks to wait.")
    sign_in(client)
    assert f"job {holder.pk}" in client.get(f"/c/{company.slug}/jobs/{queued.pk}/").content.decode()
    assert "Waiting until" in client.get(f"/c/{company.slug}/jobs/{postponed.pk}/").content.decode()
    queue = client.get(f"/c/{company.slug}/jobs/queue/").content.decode()
    assert f">Job {holder.pk}<" in queue
    assert "Job Queue Entries</h1>" in queue


def test_a_failed_job_shows_both_texts(client, company):
    job = stored(
        company, type="coupling", state=State.FAILED, failure_reason="denied", message="The privilege is missing.",
        detail="0x80040220", ended_at=timezone.now(),
    )  # fmt: skip
    page = sign_in(client).get(f"/c/{company.slug}/jobs/{job.pk}/").content.decode()
    for text in ("Privilege missing", "The privilege is missing.", "0x80040220"):
        assert text in page


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("?outcome=failed", ["20000", "30000", "Integration Synchronization Errors</h1>"], ["10000"]),
        ("?outcome=failed&reason=no_match", ["20000"], ["30000", "10000"]),
        ("?outcome=coupled", ["10000"], ["20000"]),
        ("?outcome=nonsense", ["10000", "20000"], []),
        ("", ["10000", "20000", "30000"], []),
        ("?outcome=failed&q=haddock", ["30000"], ["20000"]),
        ("?q=2000", ["20000"], ["10000"]),
    ],
)
def test_outcomes_are_narrowed_by_outcome_reason_and_search(client, company, failed_job, query, shown, hidden):
    page = sign_in(client).get(f"/c/{company.slug}/jobs/{failed_job.pk}/outcomes/{query}").content.decode()
    for text in shown:
        assert text in page
    body = page.split("<tbody>")[1].split("</tbody>")[0]
    for text in hidden:
        assert text not in body


GROUPS = {"failed": {"record_gone": 40, "no_match": 70, "multiple_matches": 1, "": 9}, "coupled": {"": 60}}


@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize(
    ("query", "last"), [("", 4), ("outcome=failed", 3), ("outcome=failed&reason=no_match", 2), ("outcome=coupled", 2)]
)
def test_every_page_of_outcomes_by_its_number_is_the_lists_next_part(client, company, query, last, numbered):
    """Sought by positions where outcomes have them, and skipped to where they were written by somebody else."""
    job = stored(company, type="coupling", state=State.FINISHED, breakdown=GROUPS)
    fields = ("job_id", "outcome", "reason", "position", "local_key")
    rows = [
        (job.pk, outcome, reason, (n + 1) * numbered, f"{outcome}-{reason}-{n}")
        for outcome, by in GROUPS.items()
        for reason, count in by.items()
        for n in range(count)
    ]
    bulk.insert(JobOutcome, fields, rows)
    narrowed = dict(part.split("=") for part in query.split("&") if part)
    expected = list(
        job.outcomes.filter(**narrowed).order_by("outcome", "reason", "id").values_list("local_key", flat=True)
    )
    sign_in(client)
    found = []
    for number in range(1, last + 1):
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(f"/c/{company.slug}/jobs/{job.pk}/outcomes/?{query}&page={number}")
        rows = read(answer).rows()
        found += [row[0] or row[1] for row in rows]
        assert any("OFFSET" in one["sql"] for one in queries) == (number > 1 and not numbered)
    assert found == expected


def test_a_failed_row_of_dataverse_is_named_although_it_has_no_record_here(client, company):
    job = stored(
        company, type="synchronization", state=State.FINISHED, mapping_name="CUSTOMER",
        counters=no_counts() | {"total": 1, "failed": 1}, breakdown={"failed": {"value_too_long": 1}},
    )  # fmt: skip
    JobOutcome.objects.create(
        job=job, outcome="failed", reason="value_too_long", integration_id=uuid.uuid4(),
        integration_name="The Amalgamated Guild of Wharfingers", message="The name has 132 characters.",
    )  # fmt: skip
    page = check(sign_in(client).get(f"/c/{company.slug}/jobs/{job.pk}/outcomes/?outcome=failed"))
    assert [cell for cell in page.rows()[0] if cell] == [
        "The Amalgamated Guild of Wharfingers", "Value too long", "The name has 132 characters.",
    ]  # fmt: skip


def test_errors_without_a_job_are_those_of_the_company(client, company, failed_job):
    response = sign_in(client).get(f"/c/{company.slug}/jobs/errors/", follow=True)
    assert "No record is left with a failure" in response.content.decode()


@pytest.mark.parametrize("reason", ['x"; filename="evil.exe', "x\r\nSet-Cookie: a=b", "x\x00", "\u202egpj"])
def test_what_an_address_says_is_no_part_of_the_files_name(client, company, failed_job, reason):
    sign_in(client)
    url = f"/c/{company.slug}/jobs/{failed_job.pk}/outcomes/export/"
    answer = client.get(url, {"outcome": "failed", "reason": reason})
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == f'attachment; filename="job-{failed_job.pk}-failed.csv"'
    assert not answer.cookies


def test_the_export_is_the_list_as_csv_without_formulas(client, company, failed_job):
    response = sign_in(client).get(
        f"/c/{company.slug}/jobs/{failed_job.pk}/outcomes/export/?outcome=failed&reason=no_match"
    )
    rows = list(csv.reader(StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))
    assert len(rows) == 2
    assert dict(zip(rows[0], rows[1], strict=True))["Name"] == "'=Selangorian <b>Ltd.</b>"
    assert dict(zip(rows[0], rows[1], strict=True))["Compared Fields"] == "Name: Selangorian"


def test_another_companys_job_is_not_found(client, company, failed_job):
    other = type(company).objects.create(name="Northwind", currency_code="EUR")
    sign_in(client)
    for path in ("", "outcomes/", "cancel/", "outcomes/export/"):
        assert client.get(f"/c/{other.slug}/jobs/{failed_job.pk}/{path}").status_code == 404


def test_a_viewer_reads_but_does_not_cancel(client, company):
    job = stored(company)
    sign_in(client, Role.VIEWER)
    page = client.get(f"/c/{company.slug}/jobs/{job.pk}/").content.decode()
    assert "/cancel/" not in page
    assert client.post(f"/c/{company.slug}/jobs/{job.pk}/cancel/").status_code == 403


@pytest.mark.parametrize(
    "path", ["", "?type=coupling", "queue/", "{job}/", "{job}/outcomes/", "{job}/outcomes/?outcome=failed&page=40"]
)
def test_no_page_of_the_log_needs_more_than_twelve_queries(
    client, company, failed_job, path, django_assert_max_num_queries
):
    outcomes(
        failed_job, *(("failed", "no_match", uuid.uuid4(), str(n), f"Customer {n}", "", None) for n in range(3000))
    )
    for number in range(60):
        stored(company, type="coupling", exclusive_key=f"k{number % 3}", mapping_name=f"M{number}")
    sign_in(client)
    url = f"/c/{company.slug}/jobs/{path.format(job=failed_job.pk)}"
    assert client.get(url).status_code == 200
    with django_assert_max_num_queries(12):
        assert client.get(url).status_code == 200


def test_the_role_center_shows_failed_jobs_and_the_latest(client, company, failed_job):
    stored(company, state=State.FAILED, ended_at=timezone.now(), mapping_name="VENDOR")
    page = sign_in(client).get(f"/c/{company.slug}/").content.decode()
    assert "Failed jobs today" in page
    assert "Latest jobs" in page
    assert "VENDOR" in page


def test_the_admin_carries_the_products_name_and_icon(client, db):
    client.force_login(get_user_model().objects.create_superuser("root"))
    page = read(client.get("/admin/"))
    assert page.root.all("title")[0].text.endswith(" - Tandem")
    assert page.by_id("site-name").text == "Tandem administration"
    assert [link.get("href") for link in page.root.all("link") if link.get("rel") == "icon"]


def test_the_admin_shows_jobs_and_outcomes_read_only_with_drill_down(client, company, failed_job):
    client.force_login(get_user_model().objects.create_superuser("root"))
    page = client.get(
        "/admin/jobs/job/?type__exact=coupling&state__exact=finished&mapping_name=CUSTOMER"
    ).content.decode()
    assert f"/admin/jobs/joboutcome/?job__id__exact={failed_job.pk}&amp;outcome__exact=failed" in page
    card = client.get(f"/admin/jobs/job/{failed_job.pk}/change/").content.decode()
    assert "failed, Multiple matches: 1" in card
    assert 'name="_save"' not in card
    listed = client.get(
        f"/admin/jobs/joboutcome/?job__id__exact={failed_job.pk}&reason__exact=no_match"
    ).content.decode()
    assert "20000" in listed
    assert "30000" not in listed
    for path in ("job/add/", "joboutcome/add/", f"job/{failed_job.pk}/delete/"):
        assert client.get(f"/admin/jobs/{path}").status_code == 403
    assert client.post(f"/admin/jobs/job/{failed_job.pk}/change/", {"state": "queued"}).status_code == 403


def test_an_outcome_leads_to_its_record_through_what_the_upper_rooms_know(client, company, failed_job, monkeypatch):
    monkeypatch.setattr(
        registry, "record_links", [lambda job, rows: {row.local_id: f"/records/{row.local_key}/" for row in rows}]
    )
    page = sign_in(client).get(f"/c/{company.slug}/jobs/{failed_job.pk}/outcomes/?outcome=failed").content.decode()
    assert 'href="/records/20000/"' in page


def test_schedules_of_the_upper_rooms_show_on_the_queue(client, company, monkeypatch):
    line = Schedule("CUSTOMER - synchronization", "CUSTOMER", "Ready", timezone.now(), "every 30 min", "/mapping/")
    monkeypatch.setattr(registry, "schedules", [lambda request, found: [line]])
    page = sign_in(client).get(f"/c/{company.slug}/jobs/queue/").content.decode()
    assert "every 30 min" in page
    assert 'href="/mapping/"' in page
