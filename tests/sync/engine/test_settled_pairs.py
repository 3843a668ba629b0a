"""Pairs found settled have no outcome rows; what is told of them is what rows would have told."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from auditlog.context import disable_auditlog
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.people import save_user
from core.roles import Role
from coupling.couplings.coupled_records import kept_of_ended
from coupling.couplings.services import delete_coupling, start_coupling, start_uncoupling
from coupling.mappings import defaults
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping, NewCouplings, UndoneRecord
from coupling.rows import Criterion
from jobs import services
from jobs.models import Job, JobOutcome, Outcome, OutcomePart
from jobs.outcomes import JobOutcomes, newest_outcome
from jobs.registry import Kind, registry
from jobs.running.context import JobContext, OutcomeRow
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.engine import pair_states
from sync.engine.chunk import ChunkChanges
from sync.engine.ledger import Ledger
from sync.engine.settled_pairs import ReportedPairs, note_of
from sync.models import DuePair
from sync.start.services import start_synchronization
from tests.sync.conftest import counters, customer, synchronize, update_mapping

Handler = Callable[[JobContext], None]

name = st.sampled_from(["", "Adatum", "adatum ltd", "Fabrikam", "C10"])
told_of = st.sampled_from([("unchanged", "")] * 4 + [("modified", ""), ("failed", "refused"), ("failed", "denied")])
fate = st.sampled_from(["kept"] * 3 + ["uncoupled", "uncoupled and deleted", "deleted"])
chunks = st.lists(st.lists(st.tuples(name, name, told_of, fate), max_size=5), max_size=4)


@pytest.fixture
def mapping(transactional_db: None) -> IntegrationTableMapping:
    company = Company.objects.create(name="Forms", currency_code="USD", country_code="US")
    defaults.create_missing(company)
    return update_mapping(company)


@pytest.fixture
def operator(client: Client) -> Client:
    user, _, _ = save_user(name="olga", role=Role.OPERATOR, password="Spring-rain-77")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def kind() -> Iterator[Callable[[str, Handler], None]]:
    """Let jobs of a type be run by another handler."""
    before = dict(registry.kinds)

    def put(name: str, handler: Handler) -> None:
        registry.kinds[name] = Kind(name, handler, "test")

    yield put
    registry.kinds.clear()
    registry.kinds.update(before)


def told(row: JobOutcome) -> tuple[Any, ...]:
    """Return what people see of an outcome."""
    return (str(row.outcome), str(row.reason), row.position, row.local_id, row.local_key, row.local_name,
            row.integration_id, row.integration_name, row.message, row.detail or {})  # fmt: skip


def write(kind: Callable[..., None], mapping: IntegrationTableMapping, parts: list[Any], *, rows: bool) -> Job:
    """Have a synchronization job tell of pairs, checkpoint by checkpoint; of unchanged ones with rows, or without."""

    def handler(context: JobContext) -> None:
        for part in parts:
            with context.checkpoint() as point:
                unchanged = [(pk, row) for pk, row in part if row.outcome == Outcome.UNCHANGED and not rows]
                point.outcomes += [row for pk, row in part if (pk, row) not in unchanged]
                point.derive(Outcome.UNCHANGED, [pk for pk, _ in unchanged], [note_of(row) for _, row in unchanged])
                point.processed(len(part))
                point.total = context.job.processed + len(part)
        context.finish()

    kind("synchronization", handler)
    return run_to_end(services.start(company=mapping.company, type="synchronization", mapping_name=mapping.name))


def end_pairs(kind: Callable[..., None], mapping: IntegrationTableMapping, ended: list[OutcomeRow]) -> None:
    """Have an uncoupling job end pairs."""

    def handler(context: JobContext) -> None:
        with context.checkpoint() as point:
            point.outcomes += kept_of_ended(ended)
            Coupling.objects.filter(pk__in=[one.number for one in ended]).delete()
        context.finish()

    kind("uncoupling", handler)
    run_to_end(services.start(company=mapping.company, type="uncoupling", mapping_name=mapping.name))


def without_number(job: Job, text: str) -> str:
    """Return a text without a job's number, which the other form's job has another of.

    A part of a record's id may be the same four digits: there they stay, for both forms tell of the same records.
    """
    return re.sub(rf"(?<![-\w]){job.pk}(?![-\w])", "JOB", text)


def test_of_a_text_the_number_of_the_job_is_left_out_and_the_same_digits_in_an_id_stay() -> None:
    text = '/jobs/1014/ job 1014: 8c1f0a52-1014-4b7e-1014-5f0e6a9d1014, "id": 1014, 10140'
    assert without_number(Job(pk=1014), text) == (
        '/jobs/JOB/ job JOB: 8c1f0a52-1014-4b7e-1014-5f0e6a9d1014, "id": JOB, 10140'
    )


def command(job: Job, *form: str) -> str:
    """Return what the command prints of a job, but its number, and how long it took."""
    printed = StringIO()
    call_command("job", str(job.pk), *form, stdout=printed)
    return re.sub(r"\"seconds\": [0-9.]+", "", without_number(job, printed.getvalue()))


def admin_page(client: Client, job: Job, **asked: str) -> tuple[list[list[str]], str]:
    """Return the rows of the admin's page of a job's outcomes, and what is above and below them."""
    page = client.get(reverse("admin:jobs_job_outcomes", args=(job.pk,)), asked).content.decode()
    page = without_number(job, page.partition('id="content"')[2])
    rows = re.findall(r"<tr[ >].*?</tr>", page, re.DOTALL)
    return [[cell.strip() for cell in re.split(r"<[^>]+>", row) if cell.strip()] for row in rows], page


def pages(client: Client, job: Job, **asked: str) -> tuple[str, str]:
    """Return the rows of the page and of the export."""
    of_job = {"company": job.company.slug, "pk": job.pk}
    page = client.get(reverse("jobs:outcomes", kwargs=of_job), asked).content.decode()
    table = page.partition("<tbody")[2].partition("</tbody>")[0]
    sent = client.get(reverse("jobs:export", kwargs=of_job), asked).getvalue().decode()
    # A tick names the outcome's row, which the other form has under another id, or has not.
    table = re.sub(r'<td class="check">.*?</td>', "", table, flags=re.DOTALL)
    return without_number(job, table), sent


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chunks=chunks)
def test_jobs_of_both_forms_answer_alike(
    mapping: IntegrationTableMapping, operator: Client, kind: Callable[..., None], chunks: list[Any]
) -> None:
    with disable_auditlog():
        for model in (JobOutcome, Job, Coupling, Customer):
            model.objects.all().delete()  # type: ignore[attr-defined]
    parts: list[list[tuple[int, OutcomeRow]]] = []
    ended: list[OutcomeRow] = []
    gone: list[int] = []
    for number, chunk in enumerate(chunks):
        parts.append([])
        for at, (here, there, (outcome, reason), end) in enumerate(chunk):
            record = Customer.objects.create(company=mapping.company, no=f"C{number}{at}", name=here)
            pair = Coupling.objects.create(
                company=mapping.company, mapping=mapping, table="customer", local_id=record.system_id,
                integration_id=uuid4(),
            )  # fmt: skip
            row = OutcomeRow(
                outcome, reason, record.system_id, record.no, here, pair.integration_id, there,
                "It was refused." if reason else "", {"fields": []} if reason else None,
            )  # fmt: skip
            parts[-1].append((pair.pk, row))
            if "uncoupled" in end:
                ended.append(row._replace(outcome="uncoupled", reason="", message="", detail=None, number=pair.pk))
            if "deleted" in end:
                gone.append(record.pk)
    by_rows, by_parts = (write(kind, mapping, parts, rows=rows) for rows in (True, False))
    assert by_rows.counters == by_parts.counters and by_rows.breakdown == by_parts.breakdown
    assert not by_parts.outcomes.filter(outcome="unchanged").exists()
    end_pairs(kind, mapping, ended)
    for record in Customer.objects.filter(pk__in=gone):
        record.delete()

    for outcome, reason in [("", None), ("unchanged", None), ("unchanged", ""), ("failed", None), ("failed", "denied")]:
        for text in ("", "c1", "C10", "ada", "fabrikam", "nobody"):
            one, other = (JobOutcomes(job, outcome, reason, text=text) for job in (by_rows, by_parts))
            every = [told(row) for row in one]
            assert [told(row) for row in other] == every, (outcome, reason, text)
            assert one.count == other.count == len(every)
            for first in range(0, len(every), 3):
                assert [told(row) for row in other[first : first + 3]] == every[first : first + 3]
    for asked in ({}, {"outcome": "unchanged"}, {"outcome": "unchanged", "q": "C1"}, {"q": "ada"}):
        assert pages(operator, by_parts, **asked) == pages(operator, by_rows, **asked), asked
    superuser = Client()
    superuser.force_login(
        User.objects.get_or_create(username="root", is_superuser=True, is_staff=True)[0],
        backend="django.contrib.auth.backends.ModelBackend",
    )
    for asked in ({}, {"outcome": "unchanged", "reason": "none", "q": "c1"}):
        assert admin_page(superuser, by_parts, **asked) == admin_page(superuser, by_rows, **asked), asked
    for form in (["--errors"], ["--outcome", "unchanged", "--json"]):
        assert command(by_parts, *form) == command(by_rows, *form), form


def test_a_run_tells_of_settled_pairs_without_rows_and_the_next_search_finds_them(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox
) -> None:
    records = [customer(company, f"1000{n}", f"Adatum {n}") for n in range(3)]
    synchronize(customers)
    job = synchronize(customers, full=True)
    assert counters(job) == {"unchanged": 3}
    assert not job.outcomes.exists() and OutcomePart.objects.get(job=job).count == 3
    row_of = {one.local_id: one.integration_id for one in Coupling.objects.all()}
    for one in records:
        last = newest_outcome(company, "synchronization", one.system_id)
        assert last is not None and (last.job, last.outcome, last.local_key) == (job, "unchanged", one.no)
    assert sorted(told(row)[3:8] for row in JobOutcomes(job)) == sorted(
        (one.system_id, one.no, one.name, row_of[one.system_id], one.name) for one in records
    )
    assert [row.local_key for row in JobOutcomes(job, text="adatum 2")] == ["10002"]
    run_to_end(start_uncoupling(mapping=customers, selection=[records[1].system_id]))
    records[1].delete()
    assert sorted(row.local_name for row in JobOutcomes(job)) == ["Adatum 0", "Adatum 1", "Adatum 2"]
    records[2].delete()
    assert sorted(row.local_name for row in JobOutcomes(job)) == ["Adatum 0", "Adatum 1", "Adatum 2"]
    synchronize(customers)  # from now on it stands undone, and waits for nothing
    assert not DuePair.objects.exists() and UndoneRecord.objects.get().local_name == "Adatum 2"
    JobOutcome.objects.exclude(job=job).delete()
    for text in ("adatum 2", "10002"):
        assert [row.local_name for row in JobOutcomes(job, text=text)] == ["Adatum 2"]


def test_a_pair_that_a_person_ended_past_any_job_is_told_of_and_found_as_before(
    company: Company, customers: IntegrationTableMapping
) -> None:
    records = [customer(company, f"1000{n}", f"Adatum {n}") for n in range(2)]
    synchronize(customers)
    job = synchronize(customers, full=True)
    assert counters(job) == {"unchanged": 2}
    pair = Coupling.objects.get(local_id=records[1].system_id)
    delete_coupling(pair, None)
    assert sorted(row.local_key for row in JobOutcomes(job)) == ["10000", "10001"]
    for _ in range(2):
        (found,) = JobOutcomes(job, text="adatum 1")
        assert told(found)[3:8] == (records[1].system_id, "10001", "Adatum 1", pair.integration_id, "Adatum 1")
        Customer.objects.filter(pk=records[1].pk)._raw_delete(using="default")  # past the application


def test_a_pair_whose_record_was_deleted_past_the_application_is_uncoupled_under_the_name_it_was_known_by(
    company: Company, customers: IntegrationTableMapping
) -> None:
    record = customer(company, "10001", "Adatum 1")
    synchronize(customers)
    job = synchronize(customers, full=True)
    Customer.objects.filter(pk=record.pk)._raw_delete(using="default")
    ended = run_to_end(start_uncoupling(mapping=customers, selection=[record.system_id]))
    assert [told(row)[4:6] for row in (*JobOutcomes(ended), *JobOutcomes(job))] == [("10001", "Adatum 1")] * 2


def test_a_pair_that_is_found_as_it_was_left_counts_as_compared(
    company: Company, customers: IntegrationTableMapping
) -> None:
    record = customer(company, "10001", "Adatum 1")
    synchronize(customers)
    of_record = CouplingBase.objects.filter(coupling__local_id=record.system_id)
    of_record.update(compared=False)
    assert counters(synchronize(customers, full=True)) == {"unchanged": 1}
    assert of_record.get().compared


def test_pairs_are_marked_again_part_by_part_and_those_that_are_marked_take_no_checkpoint(
    company: Company, customers: IntegrationTableMapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        customer(company, f"1000{n}", f"Adatum {n}")
    synchronize(customers)
    job = synchronize(customers, full=True)
    CouplingBase.objects.filter(pk__in=CouplingBase.objects.order_by("pk")[:3].values("pk")).update(last_job_id=None)
    monkeypatch.setattr("core.bulk.MAX_ROWS", 2)
    opened: list[None] = []
    for _ in range(2):
        ReportedPairs(job, customers).mark_again(lambda: nullcontext(opened.append(None)))
    assert len(opened) == 2
    assert set(CouplingBase.objects.values_list("last_job_id", flat=True)) == {job.pk}


def test_where_everything_is_compared_anew_the_price_list_is_gone_through_anew(
    customers: IntegrationTableMapping,
) -> None:
    job = start_synchronization(mapping=customers)
    began = {"stage": "create", "link": "", "started": timezone.now().isoformat(), "saves": True, "fingerprint": ""}
    Job.objects.filter(pk=job.pk).update(resume={**began, "drift": ["another"], "prices": [10**9, "It failed."]})
    assert run_to_end(job).resume["prices"] == [0, ""]


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs TEST_DATABASE_URL")
def test_nobody_ends_a_pair_between_the_look_whether_it_is_there_and_what_is_saved_about_it(
    company: Company, customers: IntegrationTableMapping
) -> None:
    customer(company, "10001", "Adatum 1")
    synchronize(customers)
    (number,) = Coupling.objects.values_list("pk", flat=True)

    def end() -> str:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '200ms'")
                cursor.execute("DELETE FROM coupling_coupling WHERE id = %s", [number])
        except OperationalError as error:
            return str(error)
        finally:
            connection.close()
        return "ended"

    with ThreadPoolExecutor(1) as others, transaction.atomic():
        assert pair_states._still_coupled([number, number + 1]) == {number}
        assert "lock timeout" in others.submit(end).result()


def test_a_coupling_job_leaves_its_pairs_to_the_next_run_which_settles_each_once(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox
) -> None:
    mapping = update_mapping(company, synch_only_coupled=True)
    records = [customer(company, f"1000{n}", f"Adatum {n}") for n in range(3)]
    remote.load({"accounts": [{"name": one.name, "customertypecode": 3} for one in records]})
    synchronize(mapping)  # from now on nothing of these is reported as changed
    Customer.objects.update(modified_at=timezone.now() - timedelta(hours=1))
    job = run_to_end(start_coupling(mapping=mapping, criteria=[Criterion("name", "name")]))
    assert counters(job) == {"coupled": 3}
    assert not CouplingBase.objects.exists()
    new = NewCouplings.objects.get()
    assert (new.job_id, new.last - new.first) == (job.pk, 2)
    assert counters(synchronize(mapping, selection=[records[1].system_id])) == {"unchanged": 1}
    assert NewCouplings.objects.exists()
    assert counters(synchronize(mapping)) == {"unchanged": 2}
    assert not NewCouplings.objects.exists() and CouplingBase.objects.filter(compared=True).count() == 3
    assert counters(synchronize(mapping)) == {}


@pytest.mark.parametrize("synchronized", [True, False])
def test_a_run_that_others_interrupt_tells_of_each_record_once(
    company: Company, customers: IntegrationTableMapping, monkeypatch: pytest.MonkeyPatch, synchronized: bool
) -> None:
    """One pair that it has told of without a row is synchronized by another job, or none; one is uncoupled."""
    for number in range(4):
        customer(company, f"1000{number}")
    synchronize(customers)
    save, met = Ledger.save, list[int]()

    def interrupted(self: Ledger, changes: ChunkChanges) -> list[OutcomeRow]:
        found = save(self, changes)
        met.extend(pk for pk, _ in changes.unchanged)
        if len(met) == 2:
            ids = [Coupling.objects.get(pk=pk).local_id for pk in met]
            if synchronized:
                start_synchronization(mapping=customers, selection=ids[:1], one_record=True)
            other = start_uncoupling(mapping=customers, selection=ids[1:])
            Job.objects.filter(pk=other.pk).update(one_record=True)  # so that the run gives way to it, too
        return found

    monkeypatch.setattr(Ledger, "save", interrupted)
    monkeypatch.setattr("sync.engine.mapping_run.CHUNK", 1)
    job = run_to_end(start_synchronization(mapping=customers, full=True))
    assert counters(job) == {"unchanged": 4}
    rows = list(JobOutcomes(job))
    assert len({row.local_id for row in rows}) == len(rows) == job.total == 4
    others = Job.objects.filter(pk__gt=job.pk).order_by("pk")
    assert [counters(one) for one in others] == [*([{"unchanged": 1}] if synchronized else []), {"uncoupled": 1}]
    assert max(one.ended_at for one in others if one.ended_at) < Job.objects.get(pk=job.pk).ended_at
    assert Coupling.objects.count() == 3
