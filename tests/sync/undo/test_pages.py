"""The page that asks before a job is undone, and the command."""

from urllib.parse import urlencode

import pytest

from core.vocabulary import ConflictOption
from coupling.couplings.services import delete_coupling
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Customer
from sync.models import UndoPreview
from sync.undo.services import start_undo
from tests.coupling.test_commands import spoken
from tests.sync.conftest import accounts, coupling_of, page_text, page_url, patch, signed_in, synchronize
from tests.sync.undo.conftest import couple, coupled, previewed, undo


@pytest.fixture
def adatum(matching):
    return Customer.objects.get(company=matching, no="10000")


@pytest.fixture
def job(mapping):
    return couple(mapping, synchronize=True, conflicts=ConflictOption.SEND)


def undo_url(job: Job) -> str:
    return page_url(job.company, "undo", pk=job.pk)


def preview_url(found: UndoPreview, **query: str) -> str:
    url = page_url(found.undone.company, "undo-preview", undo=found.pk)
    return f"{url}?{urlencode(query)}" if query else url


def test_the_page_tells_what_ends_what_stays_and_which_values_go_back(mapping, job, matching, django_user_model):
    other = Customer.objects.get(company=matching, no="20000")
    delete_coupling(coupling_of(mapping, other), django_user_model.objects.create_user("ada"))
    found, operator = previewed(job), signed_in("Viewer")
    tabs = {
        "ends": ("Undo CUSTOMER, match-based coupling", "The coupling ends that the job made", "Adatum"),
        "stays": ("Not coupled", "ada deleted the coupling already"),
        "back": ("City", "In Dataverse", "Bonn", "Köln"),
        "kept": ("Nothing that synchronization wrote has to stay",),
    }
    for tab, words in tabs.items():
        text = page_text(operator.get(preview_url(found, tab=tab)))
        assert not [one for one in words if one not in text], tab


@pytest.mark.parametrize(("choice", "city"), [("back", "Köln"), ("keep", "Bonn")])
def test_the_page_starts_the_undo_as_the_person_chose(mapping, job, remote, choice, city):
    operator = signed_in("Operator")
    asked = operator.post(undo_url(job))
    making = Job.objects.get(type="undo_preview")
    assert asked.url.endswith(f"/undo-previews/{making.pk}/")
    assert "Queued" in page_text(operator.get(asked.url))
    run_to_end(making)
    answer = operator.post(f"{asked.url}carry-out/", {"values": choice})
    done = Job.objects.get(type="undo")
    assert answer.url.endswith(f"/jobs/{done.pk}/")
    run_to_end(done)
    assert accounts(remote)["Adatum"]["address1_city"] == city
    assert coupled(mapping) == set()


def test_the_job_offers_undo_to_those_who_may_couple(matching, job):
    url = f"/c/{matching.slug}/jobs/{job.pk}/"
    assert undo_url(job) in page_text(signed_in("Operator").get(url))
    viewer = signed_in("Viewer")
    text = page_text(viewer.get(url))
    assert "Undo This Job" in text
    assert undo_url(job) not in text
    assert viewer.post(undo_url(job)).status_code == 403
    found = previewed(job)
    assert "Your role may look, not change." in page_text(viewer.get(preview_url(found)))
    assert viewer.post(f"{preview_url(found)}carry-out/").status_code == 403


def test_a_second_undo_is_told_that_nothing_is_left(job):
    found = previewed(job)
    undo(job)
    operator = signed_in("Operator")
    assert "Nothing is left of job" in page_text(operator.post(undo_url(job), follow=True))
    assert "Nothing is left of job" in page_text(operator.post(f"{preview_url(found)}carry-out/", follow=True))
    assert Job.objects.filter(type="undo").count() == 1


def test_a_value_changed_in_dataverse_and_seen_by_a_run_is_told_as_changed_since(mapping, job, adatum, remote):
    patch(remote, coupling_of(mapping, adatum).integration_id, address1_city="Aachen")
    synchronize(mapping)
    text = page_text(signed_in("Operator").get(preview_url(previewed(job), tab="kept")))
    assert "City was changed in Dataverse since" in text
    assert "Aachen" in text


def test_the_command_prints_the_job_with_what_ended_and_what_stays(mapping, job, adatum, django_user_model):
    delete_coupling(coupling_of(mapping, adatum), django_user_model.objects.create_user("ada"))
    (document,), code = spoken("undo", str(job.pk))
    assert (code, document["type"], document["state"]) == (0, "undo", "finished")
    assert (document["counters"]["uncoupled"], document["counters"]["skipped"]) == (1, 1)
    assert document["reasons"] == {"not_coupled": 1}


def test_the_preview_prints_an_object_for_each_record_and_the_document_last(mapping, job, adatum, remote):
    before = remote.requests()["writes"]
    (first, second, last), code = spoken("undo", str(job.pk), "--preview")
    assert (code, last["state"], last["job"], last["counters"]["uncoupled"]) == (0, "preview", job.pk, 2)
    assert first["local"] == {"id": str(adatum.system_id), "key": "10000", "name": "Adatum"}
    assert (first["outcome"], second["outcome"]) == ("uncouple", "uncouple")
    city = next(one for one in first["values"] if one["field"] == "City")
    assert city == {"field": "City", "side": "integration", "now": "Bonn", "back": "Köln", "why": ""}
    assert remote.requests()["writes"] == before
    assert coupled(mapping) == {"10000", "20000"}
    assert not Job.objects.filter(type="undo").exists()


def test_the_command_keeps_values_where_it_is_asked_to(job, remote):
    _, code = spoken("undo", str(job.pk), "--keep-values")
    assert (code, accounts(remote)["Adatum"]["address1_city"]) == (0, "Bonn")


def test_the_command_refuses_what_cannot_be_undone(job):
    undone = undo(job)
    (document,), code = spoken("undo", str(job.pk))
    assert (code, document["error"]["reason"]) == (1, "nothing_left")
    (document,), code = spoken("undo", str(undone.pk))
    assert (code, document["error"]["reason"]) == (1, "configuration")
    (document,), code = spoken("undo", "999999", "--preview")
    assert (code, document["error"]["reason"]) == (1, "unknown_job")


def test_a_waiting_undo_is_not_queued_a_second_time(job):
    first = start_undo(job=job)
    assert start_undo(job=job).pk == first.pk
