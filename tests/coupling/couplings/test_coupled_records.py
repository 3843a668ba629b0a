"""Records that coupled have no outcome rows; what is told of them is what rows would have told."""

import csv
import json
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.people import save_user
from core.roles import Role
from coupling.couplings import couple_writer, services
from coupling.couplings.couple_writer import CouplingWriter
from coupling.models import Coupling
from coupling.rows import Criterion
from jobs.admin import JobAdmin
from jobs.models import Job, JobOutcome, OutcomePart, Reason
from jobs.outcomes import JobOutcomes, newest_outcome
from masterdata.models import Customer
from tests.coupling.conftest import run

CRITERIA = [Criterion("phone_no", "telephone1"), Criterion("name", "name", 1), Criterion("city", "address1_city", 1)]

texts = st.sampled_from(["", "a", "b", "c"])
records = st.lists(st.fixed_dictionaries({"phone_no": texts, "name": texts, "city": texts}), max_size=12)
columns = {"phone_no": "telephone1", "name": "name", "city": "address1_city"}


def told(row):
    """Return what people see of an outcome."""
    reason, detail = str(row.reason), dict(row.detail or {})
    return (str(row.outcome), reason, row.local_id, row.local_key, row.local_name, row.integration_id,
            row.integration_name, row.message, detail)  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(here=records, there=records)
def test_they_are_told_as_rows_would_tell_them(customer_mapping, customers, accounts, monkeypatch, here, there):
    Coupling.objects.all().delete()
    Customer.objects.all().delete()
    made = customers(here)
    accounts([{columns[name]: value for name, value in one.items()} for one in there])
    monkeypatch.setattr(couple_writer, "records_per_checkpoint", lambda: 5)
    as_rows = []
    part_of = CouplingWriter._part

    def noted(self, first, end):
        rows = self._outcomes_at(range(first, end))
        as_rows.extend(row for row in rows if row.outcome == "coupled")
        return part_of(self, first, end)

    monkeypatch.setattr(CouplingWriter, "_part", noted)
    job = services.start_coupling(mapping=customer_mapping, criteria=CRITERIA, synchronize=False)
    job = run(job)
    found = [row for row in JobOutcomes(job) if row.outcome == "coupled"]
    assert [told(row) for row in found] == [told(row) for row in as_rows]
    assert [row.position for row in found] == list(range(1, len(found) + 1))
    for row in as_rows:
        last = newest_outcome(job.company, "coupling", row.local_id)
        assert last is not None and last.job == job and told(last) == told(row)
    assert not JobOutcome.objects.filter(job=job, outcome="coupled").exists()
    assert len(list(JobOutcomes(job))) == job.counters["total"] == len(made)
    every = list(JobOutcomes(job))
    parts = [JobOutcomes(job)[at : at + 3] for at in range(0, len(every), 3)]
    assert [told(row) for part in parts for row in part] == list(map(told, every))
    for text in ("1001", "a", "B"):
        assert [told(row) for row in JobOutcomes(job, text=text)] == [
            told(row) for row in every
            if row.local_key.startswith(text) or text.lower() in f"{row.local_name}\0{row.integration_name}".lower()
        ]  # fmt: skip


@pytest.fixture
def coupled(customer_mapping, customers, account_of):
    made = customers(6)
    account_of(made[:4])
    job = services.start_coupling(mapping=customer_mapping, criteria=CRITERIA[:1], synchronize=False)
    return made, run(job)


def test_a_record_that_is_uncoupled_stays_in_the_history_of_the_job_that_coupled_it(customer_mapping, coupled):
    made, job = coupled
    before = [told(row) for row in JobOutcomes(job)]
    ids = [made[1].system_id, made[2].system_id]
    ended = run(services.start_uncoupling(mapping=customer_mapping, selection=ids))
    assert ended.counters["uncoupled"] == 2
    assert [told(row) for row in JobOutcomes(job)] == before
    Customer.objects.filter(pk=made[1].pk).delete()
    row = next(row for row in JobOutcomes(job) if row.local_id == made[1].system_id)
    assert (row.local_key, row.local_name) == (made[1].no, made[1].name)
    assert [row.local_id for row in JobOutcomes(job, text=made[1].no)] == [made[1].system_id]


def test_a_pair_that_a_person_ended_keeps_on_what_it_was_matched_and_its_record_s_name(coupled):
    made, job = coupled
    pair = Coupling.objects.get(local_id=made[1].system_id)
    before = [told(row) for row in JobOutcomes(job)]
    services.delete_coupling(pair, None)
    assert [told(row) for row in JobOutcomes(job)] == before
    Customer.objects.filter(pk=made[1].pk)._raw_delete(using="default")  # past the application
    (row,) = [row for row in JobOutcomes(job) if row.local_id == made[1].system_id]
    assert (row.local_key, row.local_name) == (made[1].no, made[1].name)
    assert [field["local"] for field in row.detail["fields"]] == ["phone_no"]
    assert [row.local_id for row in JobOutcomes(job, text=made[1].no)] == [made[1].system_id]


@pytest.mark.parametrize("ended_by", ["a job", "a person"])
@pytest.mark.parametrize("going_on", [False, True])
def test_a_pair_that_was_ended_is_told_with_the_values_of_then(customer_mapping, coupled, ended_by, going_on):
    """As a row of the job that coupled it, written before the coupling is deleted."""
    made, job = coupled
    if going_on:  # its worker writes the sentences then, and nobody else
        Job.objects.filter(pk=job.pk).update(ended_at=None)
    before, counters, breakdown = [told(row) for row in JobOutcomes(job)], job.counters, job.breakdown
    pair = Coupling.objects.get(local_id=made[1].system_id)
    number = pair.pk
    if ended_by == "a job":
        run(services.start_uncoupling(mapping=customer_mapping, selection=[made[1].system_id]))
    else:
        services.delete_coupling(pair, None)
    kept = JobOutcome.objects.get(job=job, outcome="coupled")
    assert (kept.position, kept.number) == (2, number)
    assert (kept.arguments is None) is going_on
    last = newest_outcome(job.company, "coupling", made[1].system_id)
    assert last is not None and told(last) == before[1]
    Customer.objects.filter(pk=made[1].pk).update(phone_no="another", name="Renamed")
    assert [told(row) for row in JobOutcomes(job)] == before
    assert [told(row) for row in JobOutcomes(job, text=made[1].no)] == [before[1]]
    assert not list(JobOutcomes(job, text="Renamed"))
    job.refresh_from_db()
    assert (job.counters, job.breakdown) == (counters, breakdown)
    Customer.objects.filter(pk=made[1].pk)._raw_delete(using="default")
    customer_mapping.delete()
    assert told(list(JobOutcomes(job))[1]) == before[1]


@pytest.fixture
def operator(company, client):
    user, _, _ = save_user(name="olga", role=Role.OPERATOR, password="Spring-rain-77")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_only_what_has_a_row_can_be_selected(operator, customer_mapping, customers, accounts):
    customers([{"phone_no": "1"}, {"phone_no": "1"}])
    accounts([{"name": "Adatum", "telephone1": "1"}])
    job = run(services.start_coupling(mapping=customer_mapping, criteria=CRITERIA[:1], synchronize=False))
    page = operator.get(reverse("jobs:outcomes", kwargs={"company": job.company.slug, "pk": job.pk}))
    assert page.content.decode().count('name="selected"') == job.counters["failed"] == job.counters["coupled"] == 1


def test_pages_search_and_export_show_them(operator, coupled):
    made, job = coupled
    client = operator
    of_job = {"company": job.company.slug, "pk": job.pk}
    page = client.get(reverse("jobs:outcomes", kwargs=of_job)).content.decode()
    assert all(one.no in page for one in made)
    found = client.get(reverse("jobs:outcomes", kwargs=of_job), {"outcome": "coupled", "q": made[2].no})
    assert made[2].no in found.content.decode()
    assert made[2].phone_no in found.content.decode()  # why it coupled
    assert made[3].no not in found.content.decode()
    sent = client.get(reverse("jobs:export", kwargs=of_job)).getvalue().decode("utf-8-sig")
    assert [row["No."] for row in csv.DictReader(StringIO(sent))] == [one.no for one in made]


def test_the_parts_of_a_job_go_with_it(coupled):
    _, job = coupled
    assert OutcomePart.objects.get().count == 4
    Job.objects.filter(pk=job.pk).delete()
    assert not OutcomePart.objects.exists()


@pytest.mark.usefixtures("contexts")
def test_the_admin_shows_them_beside_those_with_rows_and_finds_and_pages_them(client, coupled, monkeypatch):
    _, job = coupled
    client.force_login(User.objects.create_superuser("root"), backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(reverse("admin:jobs_job_change", args=(job.pk,))).content.decode()
    url = reverse("admin:jobs_job_outcomes", args=(job.pk,))
    assert f'href="{url}?outcome=coupled&amp;reason=none">coupled: 4</a>' in page
    assert f'<a href="{url}">6</a>' in page

    def rows(**asked):
        return [tuple(str(text) for _, text in cells) for cells in client.get(url, asked).context["rows"]]

    shown = rows()
    assert shown == [
        (one.get_outcome_display(), Reason(one.reason).label if one.reason else "", one.local_key, one.local_name,
         one.integration_name, one.message, json.dumps(one.detail))
        for one in JobOutcomes(job)
    ]  # fmt: skip
    first = shown[0]
    assert rows(outcome="coupled", q=first[2]) == [first]
    assert len(rows(outcome="coupled", reason="none")) == 4
    assert client.post(url).status_code == 405
    monkeypatch.setattr(JobAdmin, "list_per_page", 4)
    assert rows(page=2) == shown[4:]
    assert "5 to 6 of 6" in " ".join(client.get(url, {"page": 2}).content.decode().split())
