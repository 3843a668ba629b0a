"""Previews: what is kept is what the job then does; these pairs are coupled, or left and told where they changed."""

import random
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from core.refusals import Refusal
from coupling.brakes import Brakes
from coupling.couplings import carry_out, match_step, preview_job, preview_services, services
from coupling.couplings.preview_job import drop_expired
from coupling.couplings.preview_store import PreviewRecords, PreviewTicks
from coupling.matching.previewed import Found
from coupling.models import Coupling, CouplingPreview, PreviewPart
from coupling.rows import Criterion
from jobs import services as jobs
from jobs.models import Job, JobOutcome
from jobs.outcomes import JobOutcomes
from jobs.running import runner
from masterdata.models import Customer
from tests.coupling.conftest import counted, pairs, previewed, run

PHONE = [Criterion("phone_no", "telephone1")]


def preview_of(mapping, criteria=PHONE, **asked):
    return CouplingPreview.objects.get(pk=previewed(mapping, criteria, **asked).preview.pk)


def couple_these(preview):
    return run(preview_services.couple_these(preview=preview))


def failures(job):
    return {row.local_key: (row.reason, row.message) for row in JobOutcomes(job, "failed")}


def test_a_preview_is_no_coupling_job_counts_nothing_and_holds_nobody_up(customer_mapping, customers, account_of):
    account_of(customers(3)[:2])
    waiting = services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False)
    job = previewed(customer_mapping, PHONE).preview.job
    waiting.refresh_from_db()
    assert (waiting.state, counted(job), job.reasons) == ("queued", {"total": 3}, {})
    assert job.message == "2 would be coupled; 1 with no match. Nothing was changed."
    assert not Coupling.objects.exists() and not JobOutcome.objects.exists()


def test_what_is_kept_is_paged_and_searched_part_by_part(customer_mapping, customers, account_of, monkeypatch):
    monkeypatch.setattr(preview_job, "CHUNK", 4)
    made = customers([{"name": f"Fabrikam {at}" if at % 3 else f"Adatum {at}"} for at in range(11)])
    account_of(made[1:])
    preview = preview_of(customer_mapping)
    assert [part.count for part in PreviewPart.objects.filter(found="couple").order_by("chunk")] == [3, 4, 3]
    found = PreviewRecords(preview, (Found.COUPLE,))
    assert (found.count, [row.record.key for row in found[2:8]]) == (10, [one.no for one in made[3:9]])
    assert [row.record.key for row in found] == [one.no for one in made[1:]]
    adatum = found.searched("adatum")
    assert (adatum.count, [row.record.key for row in adatum[1:3]]) == (3, [made[6].no, made[9].no])
    assert [row.record.key for row in found.searched(made[5].no[:-1])[0:20]] == [
        one.no for one in made if one.no[:-1] == made[5].no[:-1] and one is not made[0]
    ]
    assert found.searched("account 10020")[0:9][0].record.key == made[2].no


def test_selected_records_that_take_no_part_are_left_out_and_a_cancelled_preview_is_none(
    customer_mapping, customers, account_of
):
    made = customers([{}, {"blocked": "All"}, {}])
    account_of(made)
    found = previewed(customer_mapping, PHONE, selection=[one.system_id for one in made[:2]])
    assert [(line["outcome"], line["reason"]) for line in found.lines()] == [("couple", ""), ("skip", "outside_filter")]
    job = jobs.cancel(job=services.start_preview(mapping=customer_mapping, criteria=PHONE))
    assert (run(job).state, CouplingPreview.objects.get(job=job).complete) == ("cancelled", False)


def test_previews_are_dropped_when_their_day_is_over_but_not_while_they_are_carried_out(
    customer_mapping, customers, account_of
):
    account_of(customers(1))
    kept, used, over = (preview_of(customer_mapping, create_new=False, brakes=Brakes(at)) for at in (7, 8, 9))
    job = preview_services.couple_these(preview=used)
    past = timezone.now() - preview_job.KEPT
    CouplingPreview.objects.filter(pk__in=[used.pk, over.pk]).update(kept_until=past)
    drop_expired(timezone.now())
    assert set(CouplingPreview.objects.values_list("pk", flat=True)) == {kept.pk, used.pk}
    assert counted(run(job)) == {"total": 1, "coupled": 1}
    drop_expired(timezone.now())
    assert set(CouplingPreview.objects.values_list("pk", flat=True)) == {kept.pk}
    with pytest.raises(Refusal, match="already"):
        preview_services.couple_these(preview=preview_of_job(kept, job))


def preview_of_job(preview, job):
    """Return a preview that a job carries out."""
    CouplingPreview.objects.filter(pk=preview.pk).update(carried_out_by=job)
    return CouplingPreview.objects.get(pk=preview.pk)


# -- couple these ------------------------------------------------------------------------------------------------------


def test_exactly_the_previewed_pairs_are_coupled_and_synchronized(customer_mapping, customers, account_of, accounts):
    made = customers(4)
    rows = account_of(made[:3])
    preview = preview_of(customer_mapping, synchronize=True)
    # By now another row has the same number, and a match has come for the last one: neither was previewed.
    accounts([{"name": "New", "telephone1": one.phone_no} for one in (made[0], made[3])])
    job = couple_these(preview)
    assert pairs(customer_mapping) == {one.system_id: row for one, row in zip(made, rows, strict=False)}
    assert (counted(job), job.parameters["preview"]) == ({"total": 3, "coupled": 3}, preview.pk)
    assert [(row.local_key, row.integration_name) for row in JobOutcomes(job)] == [
        (one.no, f"Account {one.no}") for one in made[:3]
    ]
    (following,) = job.followups.all()
    assert (following.description, following.counters["total"]) == ("Synchronize after coupling", 3)
    with pytest.raises(Refusal, match="coupled by job"):
        preview_services.couple_these(preview=preview)


def test_what_a_cancelled_job_did_not_couple_is_coupled_by_another(customer_mapping, customers, account_of):
    account_of(customers(2))
    preview = preview_of(customer_mapping)
    jobs.cancel(job=preview_services.couple_these(preview=preview))
    assert counted(couple_these(preview)) == {"total": 2, "coupled": 2}


def test_pairs_that_were_coupled_before_it_was_broken_off_are_no_failures_of_the_next(
    customer_mapping, customers, account_of
):
    first, second = customers(2)
    (row_id, _) = account_of([first, second])
    preview = preview_of(customer_mapping)
    jobs.cancel(job=preview_services.couple_these(preview=preview))
    services.couple_by_hand(
        mapping=customer_mapping, local_id=first.system_id, integration_id=row_id, organization_id=uuid4()
    )
    job = couple_these(preview)
    assert counted(job) == {"total": 2, "coupled": 1, "skipped": 1}
    assert [row.local_key for row in JobOutcomes(job, "skipped")] == [first.no]


def test_what_changed_since_is_left_each_with_its_reason(customer_mapping, customers, account_of, accounts, remote):
    made = customers(9)
    rows = account_of(made)
    preview = preview_of(customer_mapping)
    Customer.objects.filter(pk=made[0].pk).update(phone_no="999")
    made[1].delete()
    Customer.objects.filter(pk=made[2].pk).update(blocked="All")
    couple(customer_mapping, made[3].system_id, uuid4())
    couple(customer_mapping, uuid4(), rows[4])
    change(remote, rows[5], telephone1="999")
    change(remote, rows[6], customertypecode=11)
    remote.control("DELETE", "requests")
    gone(remote, customer_mapping, rows[7])
    job = couple_these(preview)
    assert pairs(customer_mapping)[made[8].system_id] == rows[8]
    assert counted(job) == {"total": 9, "coupled": 1, "failed": 8}
    told = failures(job)
    assert {key: reason for key, (reason, _) in told.items()} == {
        made[0].no: "changed_since_preview", made[1].no: "record_gone", made[2].no: "outside_filter",
        made[3].no: "already_coupled", made[4].no: "already_coupled", made[5].no: "changed_since_preview",
        made[6].no: "outside_filter", made[7].no: "integration_deleted",
    }  # fmt: skip
    assert told[made[0].no][1] == (
        f"Phone No. was {made[0].phone_no} in the preview and is 999 now. Preview again to see what matches now."
    )
    assert told[made[4].no][1].startswith("The row is coupled to a record that was deleted here since the preview.")


def couple(mapping, local_id, row_id):
    Coupling.objects.create(
        company=mapping.company, mapping=mapping, table="customer", local_id=local_id, integration_id=row_id,
        organization_id=mapping.company.connection.organization_id,
    )  # fmt: skip


def change(remote, row_id, **values):
    """Change a row as somebody there does: the other values stay."""
    row = next(one for one in remote.rows("accounts") if one["accountid"] == str(row_id))
    kept = {name: value for name, value in row.items() if "@" not in name and value is not None}
    for name in ("versionnumber", "modifiedon", "createdon"):
        kept.pop(name, None)
    remote.load({"accounts": [{**kept, **values}]})


def gone(remote, mapping, row_id):
    from coupling.gateway import Gateway

    assert all(one.ok for one in Gateway(mapping.company).delete(mapping, [(row_id, "")]))


@pytest.mark.parametrize("few", [True, False])
def test_what_would_be_created_and_has_a_match_by_now_is_left_and_told(
    customer_mapping, customers, accounts, remote, monkeypatch, few
):
    if not few:
        monkeypatch.setattr(carry_out, "MAX_PROBED_RECORDS", 0)
    made = customers([{"name": f"Business {at}"} for at in range(4)])
    preview = preview_of(customer_mapping, [Criterion("name", "name")], create_new=True)
    accounts([{"name": "BUSINESS 1"}, {"name": "Business 2"}, {"name": "business 2"}])
    job = couple_these(preview)
    assert (counted(job), job.reasons) == (
        {"total": 4, "skipped": 2, "failed": 2}, {"create_queued": 2, "changed_since_preview": 2}
    )  # fmt: skip
    told = failures(job)
    assert set(told) == {made[1].no, made[2].no}
    assert told[made[1].no][1].startswith("The row BUSINESS 1 of account matches the record since the preview, so none")
    assert told[made[2].no][1].startswith("2 rows of account match the record since the preview, so none was created")
    (created,) = job.followups.all()
    assert created.counters["inserted"] == 2
    assert sorted(row["name"] for row in remote.rows("accounts")) == [
        "BUSINESS 1", "Business 0", "Business 2", "Business 3", "business 2"
    ]  # fmt: skip


def test_ticked_records_are_created_and_the_others_left(customer_mapping, customers, accounts, remote):
    made = customers([{"name": name} for name in ("Coupled", "Several", "Near by", "New", "Newer")])
    accounts([{"name": name} for name in ("Coupled", "Several", "Several", "Nearby")])
    preview = preview_of(customer_mapping, [Criterion("name", "name")], create_new=True)
    ticks = PreviewTicks(preview)
    assert [ticks.count(one) for one in Found] == [1, 2, 0, 0, 0, 0]
    preview_services.tick(
        preview=preview, shown={made[1].system_id: Found.SEVERAL, made[4].system_id: Found.NEW},
        ticked={made[1].system_id},
    )  # fmt: skip
    assert PreviewTicks(preview).count_created() == 2
    job = couple_these(preview)
    assert (counted(job), job.reasons) == ({"total": 3, "coupled": 1, "skipped": 2}, {"create_queued": 2})
    (created,) = job.followups.all()
    assert created.counters["inserted"] == 2
    assert sorted(row["name"] for row in remote.rows("accounts")) == [
        "Coupled", "Nearby", "New", "Several", "Several", "Several"
    ]  # fmt: skip
    shown = {row.local_key: row.message for row in JobOutcomes(job, "skipped")}
    assert shown[made[1].no].endswith("A new row will be created in Dataverse.")


def test_who_cancels_while_it_is_matched_again_need_not_wait_for_its_end(
    customer_mapping, customers, accounts, monkeypatch
):
    monkeypatch.setattr(match_step, "PROGRESS_INTERVAL_S", 0)
    customers([{"name": f"Business {at}"} for at in range(4)])
    accounts([{"name": "Another"}])
    preview = preview_of(customer_mapping, [Criterion("name", "name")], create_new=True)
    job, phases = preview_services.couple_these(preview=preview), []

    def cancel(row):
        phases.append(row.phase)
        if row.phase.startswith("Matching again. "):
            jobs.cancel(job=Job.objects.get(pk=job.pk))

    runner.run(job.pk, on_progress=cancel)
    job.refresh_from_db()
    assert (job.state, job.processed, "Matching again what is to be created" in phases) == ("cancelled", 0, True)
    assert not job.followups.exists()


def test_ticks_are_kept_by_record_and_for_all(customer_mapping, customers, account_of):
    made = customers(6)
    account_of(made)
    preview = preview_of(customer_mapping)
    chance, mine = random.Random(7), {one.system_id: True for one in made}
    for _ in range(12):
        shown = {one.system_id: Found.COUPLE for one in chance.sample(made, 3)}
        ticked = {one for one in shown if chance.random() < 0.5}
        preview_services.tick(preview=preview, shown=shown, ticked=ticked)
        mine |= {one: one in ticked for one in shown}
        assert_ticked(preview, mine)
    preview_services.tick_all(preview=preview, found=[Found.COUPLE], ticked=False)
    preview.refresh_from_db()
    assert_ticked(preview, dict.fromkeys(mine, False))
    with pytest.raises(Refusal, match="Nothing is ticked"):
        preview_services.couple_these(preview=preview)


def assert_ticked(preview, mine: dict[UUID, bool]):
    ticks = PreviewTicks(preview)
    assert {row.local_id: row.ticked for row in PreviewRecords(preview, (Found.COUPLE,))} == mine
    assert ticks.count(Found.COUPLE) == sum(mine.values())


def test_a_brake_stops_what_is_ticked(customer_mapping, customers, account_of):
    account_of(customers(4)[:3])
    preview = preview_of(customer_mapping, create_new=True)
    for brakes, told in ((Brakes(coupled=2), "3 records would be coupled"), (Brakes(created=0), "1 record would be")):
        preview_services.set_brakes(preview=preview, brakes=brakes)
        with pytest.raises(Refusal, match=told):
            preview_services.couple_these(preview=preview)
    preview_services.tick_all(preview=preview, found=[Found.NEW], ticked=False)
    assert counted(couple_these(preview)) == {"total": 3, "coupled": 3}


def test_choices_are_previewed_and_coupled_as_shown(company, remote):
    from coupling.models import IntegrationTableMapping
    from masterdata.models import PaymentTerms

    mapping = IntegrationTableMapping.objects.get(company=company, name="PAYMENT TERMS")
    for code in ("NET 30", "14 DAYS"):
        PaymentTerms.objects.create(company=company, code=code)
    preview = preview_of(mapping, [Criterion("code", "paymenttermscode")], create_new=False)
    job = couple_these(preview)
    assert [(row.local_key, row.integration_name) for row in JobOutcomes(job)] == [("NET 30", "Net 30 (1)")]
    assert list(mapping.options.values_list("value", flat=True)) == [1]
