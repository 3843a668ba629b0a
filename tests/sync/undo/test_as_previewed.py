"""A preview tells what undoing would do, as both sides are; undoing does exactly that and tells what changed since."""

import csv
import io
import tracemalloc
from datetime import timedelta

import pytest
from django.utils import timezone

from core.refusals import Refusal
from core.vocabulary import ConflictOption
from coupling.couplings.services import delete_coupling
from coupling.models import Coupling
from jobs.models import Job
from jobs.running.context import JobContext
from jobs.running.waiting import run_to_end
from jobs.services import cancel
from masterdata.models import Customer
from sync.models import UndoPreview, UndoPreviewPart
from sync.undo import preview_job
from sync.undo.previewed import ENDS, PreviewedPair, PreviewedValue, pack_pairs
from sync.undo.services import start_preview, undo_as_previewed
from sync.undo.store import BACK, FoundPairs, in_order
from sync.unsettled_jobs import needed_jobs
from tests.sync.conftest import accounts, counters, coupling_of, customer, page_text, page_url, patch, signed_in
from tests.sync.engine.test_kills import kill_once, run_despite_kills
from tests.sync.history.conftest import edit
from tests.sync.undo.conftest import couple, coupled, previewed, told, undo


@pytest.fixture
def adatum(matching):
    return Customer.objects.get(company=matching, no="10000")


@pytest.fixture
def job(mapping):
    return couple(mapping, synchronize=True, conflicts=ConflictOption.SEND)


def carry_out(found, **asked):
    done = run_to_end(undo_as_previewed(preview=found, **asked))
    assert done.state == "finished", (done.message, done.detail)
    return done


def values_of(found, no):
    """Return caption, side, what a value is, what it goes back to; None for one that stays."""
    (pair,) = [one.pair for one in in_order(found) if one.pair.key == no]
    return {(one.caption, one.here): (one.held, None if one.why else one.back) for one in pair.values}


def test_the_preview_reads_the_rows_so_that_it_tells_what_no_run_has_seen_yet(job, mapping, adatum, remote):
    patch(remote, coupling_of(mapping, adatum).integration_id, address1_city="Aachen")
    before = remote.requests()["writes"]
    found = previewed(job)
    assert values_of(found, "10000")["City", False] == ("Aachen", None)
    assert values_of(found, "10000")["Phone No.", False] == ("555-1", "555-9")
    assert values_of(found, "20000")["City", False] == ("Ulm", "Trier")
    assert remote.requests()["writes"] == before
    assert coupled(mapping) == {"10000", "20000"}
    done = carry_out(found)
    assert counters(done) == {"uncoupled": 2}
    assert {row["address1_city"] for row in accounts(remote).values()} == {"Aachen", "Trier"}


@pytest.mark.parametrize("side", ["there", "here"])
def test_a_pair_that_changes_after_the_preview_stays_whole_and_says_so(mapping, adatum, remote, side):
    option = ConflictOption.SEND if side == "there" else ConflictOption.GET
    job = couple(mapping, synchronize=True, conflicts=option)
    found = previewed(job)
    if side == "there":
        patch(remote, coupling_of(mapping, adatum).integration_id, address1_city="Aachen")
    else:
        edit(adatum, city="Aachen")
    row = accounts(remote)["Adatum"]
    done = carry_out(found)
    assert counters(done) == {"uncoupled": 1, "skipped": 1}
    assert told(done)["10000"][:2] == ("skipped", "changed_since_preview")
    assert "not what the preview told any more" in told(done)["10000"][2]
    assert coupled(mapping) == {"10000"}
    assert accounts(remote)["Adatum"] == row, "nothing of it was written"


def test_what_nobody_synchronized_may_change_after_the_preview(job, mapping, adatum):
    found = previewed(job)
    edit(adatum, phone_no="555-3")
    assert counters(carry_out(found)) == {"uncoupled": 2}


def test_where_values_stay_the_couplings_end_whatever_changed_since(job, mapping, adatum, remote):
    found = previewed(job)
    patch(remote, coupling_of(mapping, adatum).integration_id, address1_city="Aachen")
    assert counters(carry_out(found, values=False)) == {"uncoupled": 2}
    assert accounts(remote)["Adatum"]["address1_city"] == "Aachen"


def test_what_was_touched_before_or_after_the_preview_stays(matching, mapping, adatum, django_user_model):
    ada = django_user_model.objects.create_user("ada")
    customer(matching, "40000", "Adatum Two")
    job = couple(mapping, create_new=True)
    delete_coupling(coupling_of(mapping, adatum), ada)
    found = previewed(job)
    assert [one.kind for one in in_order(found) if one.pair.key == "10000"] == ["not_coupled"]
    delete_coupling(coupling_of(mapping, Customer.objects.get(company=matching, no="20000")), ada)
    done = carry_out(found)
    assert {no: told(done)[no][1] for no in ("10000", "20000")} == dict.fromkeys(("10000", "20000"), "not_coupled")
    assert counters(done) == {"uncoupled": 2, "skipped": 2}


def test_what_was_to_stay_stays_although_it_could_end_by_now(job, mapping, adatum, remote):
    Coupling.objects.filter(local_id=adatum.system_id).update(pending=True)
    found = previewed(job)
    Coupling.objects.filter(local_id=adatum.system_id).update(pending=False)
    done = carry_out(found)
    assert told(done)["10000"][:2] == ("skipped", "changed_since_preview")
    assert coupled(mapping) == {"10000"}


def test_a_value_that_cannot_go_back_keeps_its_coupling_and_is_told_beforehand(job, mapping, adatum):
    mapping.fields.filter(field="city").update(direction="from_integration_table")
    found = previewed(job)
    assert [one.kind for one in in_order(found)] == ["fails", "fails"]
    assert values_of(found, "10000")["City", False] == ("Bonn", None)
    done = carry_out(found)
    assert counters(done) == {"failed": 2}
    assert "does not write City to Dataverse any more" in told(done)["10000"][2]
    again = previewed(job)
    assert counters(carry_out(again, values=False)) == {"uncoupled": 2}


def test_a_preview_is_carried_out_once_while_it_is_kept(job):
    found = previewed(job)
    UndoPreview.objects.filter(pk=found.pk).update(kept_until=timezone.now() - timedelta(hours=1))
    with pytest.raises(Refusal, match="no longer kept"):
        undo_as_previewed(preview=found)
    UndoPreview.objects.filter(pk=found.pk).update(kept_until=timezone.now() + timedelta(hours=1))
    cancel(job=undo_as_previewed(preview=found))
    first = undo_as_previewed(preview=found)
    with pytest.raises(Refusal, match=f"Job {first.pk} undoes this already"):
        undo_as_previewed(preview=found)
    assert counters(run_to_end(first)) == {"uncoupled": 2}


def test_previews_go_a_day_after_they_were_made_but_not_while_they_are_carried_out(job):
    found = previewed(job)
    later = timezone.now() + timedelta(hours=25)
    assert {*needed_jobs(job.company, [found.pk])} == {found.pk, job.pk}
    waiting = undo_as_previewed(preview=found)
    assert {*needed_jobs(job.company, [])} == {found.pk, job.pk}
    preview_job.drop_expired(later)
    assert UndoPreviewPart.objects.filter(preview=found).exists()
    run_to_end(waiting)
    preview_job.drop_expired(later)
    assert not UndoPreview.objects.exists()
    assert not UndoPreviewPart.objects.exists()


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_preview_and_an_undo_killed_anywhere_end_as_undisturbed_ones(job, mapping, remote, monkeypatch, at):
    monkeypatch.setattr(preview_job, "PAIRS", 1)
    making = start_preview(job=job)
    with monkeypatch.context() as patched:
        kill_once(patched, JobContext, "_committed", after=False, at=at)
        assert run_despite_kills(making).state == "finished"
    found = UndoPreview.objects.get()
    assert (found.numbers["total"], found.numbers[ENDS], found.parts.count()) == (2, 2, 2)
    undoing = undo_as_previewed(preview=found)
    with monkeypatch.context() as patched:
        kill_once(patched, JobContext, "_committed", after=False, at=at)
        assert counters(run_despite_kills(undoing)) == {"uncoupled": 2}
    assert {row["address1_city"] for row in accounts(remote).values()} == {"Köln", "Trier"}


def test_the_preview_goes_along_as_csv(job, mapping, adatum, django_user_model):
    delete_coupling(coupling_of(mapping, adatum), django_user_model.objects.create_user("ada"))
    found, viewer = previewed(job), signed_in("Viewer")
    url = page_url(mapping.company, "undo-export", undo=found.pk)

    def lines(**query):
        answer = viewer.get(url, query)
        text = b"".join(answer.streaming_content).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text)))

    (stays,) = lines(tab="stays")
    assert (stays["No."], stays["Reason"]) == ("10000", "Not coupled")
    assert "ada deleted the coupling already" in stays["Why"]
    back = {one["Field"]: (one["Holds now"], one["Goes back to"]) for one in lines(tab="back")}
    assert back["City"] == ("Ulm", "Trier")
    assert lines(tab="back", q="100") == []


def test_a_page_of_a_large_preview_reads_the_parts_that_it_shows(job, django_assert_max_num_queries, monkeypatch):
    found = previewed(job)
    UndoPreviewPart.objects.all().delete()
    parts, each = 400, 200
    city = PreviewedValue("city:address1_city", "City", True, "Bonn", "Köln")
    pairs = [PreviewedPair(at, b"1" * 16, b"2" * 16, f"{at}", "Adatum", values=[city]) for at in range(each)]
    UndoPreviewPart.objects.bulk_create(
        UndoPreviewPart(
            preview=found, kind=ENDS, chunk=at + 1, first=at * each, count=each, first_back=at * each, back=each,
            first_kept=0, kept=0, packed=pack_pairs(pairs),
        )
        for at in range(parts)
    )  # fmt: skip
    found.numbers = {"total": parts * each, ENDS: parts * each, f"{ENDS}:back": parts * each}
    found.save()
    for values in ("", BACK):
        source = FoundPairs(found, [ENDS], values)
        assert source.count == parts * each
        with django_assert_max_num_queries(1) as asked:
            shown = source[each * 300 - 1 : each * 300 + 49]
        assert [one.pair.key for one in shown] == ["199", *map(str, range(49))]
        assert len(asked) == 1
    viewer, url = signed_in("Viewer"), page_url(job.company, "undo-preview", undo=found.pk)
    viewer.get(url)
    with django_assert_max_num_queries(12):
        text = page_text(viewer.get(url, {"tab": "back", "page": 900}))
    assert "80,000 couplings" in text


def test_a_search_in_a_large_preview_keeps_places_and_no_couplings(job, django_assert_max_num_queries):
    found = previewed(job)
    UndoPreviewPart.objects.all().delete()
    parts, each = 60, 200
    values = [PreviewedValue(f"f{at}:c{at}", "City", True, "Bonn", "Köln") for at in range(3)]
    UndoPreviewPart.objects.bulk_create(
        UndoPreviewPart(
            preview=found, kind=ENDS, chunk=chunk + 1, first=chunk * each, count=each, first_back=chunk * each * 3,
            back=each * 3, first_kept=0, kept=0,
            packed=pack_pairs(
                [
                    PreviewedPair(
                        at, b"1" * 16, b"2" * 16, f"{at}", "Adatum" if at % 2 else "Fabrikam", values=values
                    )
                    for at in range(chunk * each, (chunk + 1) * each)
                ]
            ),
        )
        for chunk in range(parts)
    )  # fmt: skip
    tracemalloc.start()
    try:
        source = FoundPairs(found, [ENDS]).searched("ADATUM")
        assert source.count == parts * each // 2
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 2_000_000, f"{kept:,} bytes for {source.count:,} couplings"
    with django_assert_max_num_queries(1):
        shown = source[3990:4010]
    assert [one.pair.key for one in shown] == [str(at * 2 + 1) for at in range(3990, 4010)]
    assert [one.pair.key for one in source][-1] == str(parts * each - 1) and len(list(source)) == source.count
    of_values = FoundPairs(found, [ENDS], BACK).searched("adatum")
    assert of_values.count == parts * each // 2 * 3
    assert [(one.pair.key, one.value.name) for one in of_values[598:602]] == [
        ("399", "f1:c1"), ("399", "f2:c2"), ("401", "f0:c0"), ("401", "f1:c1"),
    ]  # fmt: skip


def test_a_preview_says_what_else_became_of_it(job, mapping):
    waiting = start_preview(job=job)
    url = page_url(mapping.company, "undo-preview", undo=waiting.pk)
    operator = signed_in("Operator")
    operator.post(f"{url}cancel/")
    assert "No preview" in page_text(operator.get(url))
    assert operator.get(f"{url}export/").status_code == 404
    found = previewed(job)
    UndoPreview.objects.update(kept_until=timezone.now() - timedelta(minutes=1))
    url = page_url(mapping.company, "undo-preview", undo=found.pk)
    assert "No longer kept" in page_text(operator.get(url))
    assert operator.post(f"{url}carry-out/").status_code == 404
    undo(job)
    assert Job.objects.filter(type="undo").count() == 1
