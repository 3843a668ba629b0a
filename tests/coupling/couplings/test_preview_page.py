"""The page Preview of Match-Based Coupling, as people of each role use it."""

import csv
import re

import pytest
from django.urls import reverse

from coupling.couplings import preview_job
from coupling.couplings.foreseen import ForeseenPairs
from coupling.couplings.preview_store import PreviewTicks
from coupling.matching.previewed import Found
from coupling.models import Coupling, CouplingPreview, PreviewException
from coupling.rows import Criterion
from jobs.models import Job
from masterdata.models import Customer
from tests.coupling.conftest import pairs, previewed, run
from tests.coupling.couplings.test_pages import as_, text, typed
from tests.sync.conftest import make_unreachable

__all__ = ["as_"]

NAME = [Criterion("name", "name"), Criterion("phone_no", "telephone1", 1)]


@pytest.fixture
def preview(customer_mapping, customers, accounts):
    """Two to couple, by two criteria; one each with several matches, a taken one, a near miss and no match."""
    names = ("Coupled", "By phone", "Several", "Taken", "Taken", "Near by", "New")
    customers([{"name": name, "phone_no": f"425 555 010{at}", "city": "Oslo"} for at, name in enumerate(names)])
    accounts([{"name": name} for name in ("Coupled", "Several", "Several", "Taken", "Nearby")])
    accounts([{"name": "=cmd()", "telephone1": "425 555 0101"}])
    return previewed(customer_mapping, NAME, create_new=True).preview


def url(preview, name="match-preview", **query):
    address = reverse(f"coupling:{name}", kwargs={"company": "cronus", "preview": preview.pk})
    return address + ("?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else "")


def shown_of(page):
    return re.search(r'name="shown" value="([^"]+)"', page).group(1)


def boxes(page):
    """Return the boxes of the list: what each is called, and whether it is ticked."""
    found = re.findall(r'name="selected" value="([^"]+)"[^>]*aria-label="([^"]+)"( checked)?', page)
    return {label: (value, bool(ticked)) for value, label, ticked in found}


def test_the_page_shows_every_record_with_the_values_compared_by_what_was_found(as_, preview, customer_mapping):
    client = as_("Operator")
    page = client.get(url(preview))
    shown = text(page)
    for words in (
        "Preview of Match-Based Coupling", "7 customers would end like this", "Nothing is written yet.",
        "3 couple", "2 create", "1 fail, several matches", "1 fail, already coupled", "Kept until",
        "Couple 3 Create 2 Several matches 1 Already coupled 1 Likely duplicates 1",
        "1. Name 2 2. Phone No. 1", "Couple these 3", "1 of the 2 new rows is a likely duplicate.",
        "such as Near by and Nearby. It is left out unless you tick it.",
        "Exactly these pairs. If a side changes before, that pair is left and told.",
        "Also create the 1 that are no duplicates", "Would be created 1, no limit",
    ):  # fmt: skip
        assert words in shown, words
    assert re.search(r"By phone 10010 =cmd\(\) 2 Phone No. 425 555 0101 425 555 0101 equal", shown)
    assert {label: ticked for label, (_, ticked) in boxes(page.content.decode()).items()} == {
        "Leave 10000 in": True, "Leave 10010 in": True, "Leave 10030 in": True,
    }  # fmt: skip
    told = {tab: text(client.get(url(preview, tab=tab))) for tab in ("create", "several", "taken", "near")}
    assert "Near by Nearby different" in told["near"]
    assert "Several; Several" in told["several"]
    assert "10030 Taken" in told["taken"]
    ticked = {
        label: box[1]
        for tab in told
        for label, box in boxes(client.get(url(preview, tab=tab)).content.decode()).items()
    }  # fmt: skip
    assert ticked == {"Create 10060": True, "Create 10050": False, "Create 10020": False, "Create 10040": False}


def test_it_is_found_by_tell_me_by_its_address_and_from_its_job(as_, preview):
    client = as_("Viewer")
    found = text(client.get("/c/cronus/search/", {"q": "Preview of Match-Based Coupling"}, follow=True))
    assert "Preview of Match-Based Coupling" in found
    listed = client.get(reverse("coupling:previews", kwargs={"company": "cronus"})).content.decode()
    assert url(preview) in listed and "3 would be coupled" in listed
    assert url(preview) in client.get(f"/c/cronus/jobs/{preview.pk}/").content.decode()
    page = client.get(url(preview)).content.decode()
    assert not boxes(page) and "Your role may look, not change." in page
    for name in ("tick-preview", "tick-all-previewed", "set-preview-brakes", "couple-previewed", "preview-again"):
        assert client.post(url(preview, name)).status_code == 403, name
    assert as_("Mapper").post(url(preview, "couple-previewed")).status_code == 403
    assert as_("Mapper").post(url(preview, "preview-again")).status_code == 302
    assert client.get(url(preview).replace(str(preview.pk), "999999")).status_code == 404


def test_what_is_unticked_is_left_and_the_others_are_coupled(as_, preview, customer_mapping):
    client = as_("Operator")
    page = client.get(url(preview)).content.decode()
    first, second, third = (value for value, _ in boxes(page).values())
    answer = client.post(
        url(preview, "tick-preview", tab="couple"), {"shown": shown_of(page), "selected": [first, second]},
        headers={"HX-Request": "true", "HX-Target": "facts"},
    )  # fmt: skip
    assert "Couple these 2" in text(answer)
    # What is ticked on the page counts, kept before or not.
    answer = client.post(url(preview, "couple-previewed"), {"shown": shown_of(page), "selected": [first, third]})
    job = run(Job.objects.get(type="coupling"))
    assert answer.url == f"/c/cronus/jobs/{job.pk}/"
    assert {str(one) for one in pairs(customer_mapping)} >= {first, third}
    assert second not in {str(one) for one in pairs(customer_mapping)}
    assert job.reasons == {"create_queued": 1}
    assert f"These pairs are coupled by job {job.pk}." in text(client.get(url(preview)))
    again = client.post(url(preview, "couple-previewed"), follow=True)
    assert "already, so nothing was done" in text(again)
    assert "Open the Preview" in text(client.get(f"/c/cronus/jobs/{job.pk}/"))


def test_all_of_a_tab_are_ticked_or_none_and_strangers_are_no_ticks(as_, preview):
    client = as_("Operator")
    client.post(url(preview, "tick-all-previewed"), {"tab": "create", "found": "new"})
    assert PreviewTicks(CouplingPreview.objects.get()).count_created() == 0
    client.post(url(preview, "tick-all-previewed"), {"tab": "several", "ticked": "1"})
    assert PreviewTicks(CouplingPreview.objects.get()).count(Found.SEVERAL) == 1
    for shown in ("", "x", shown_of(client.get(url(preview)).content.decode()) + "x"):
        client.post(url(preview, "tick-preview", tab="couple"), {"shown": shown})
    assert not PreviewException.objects.exists()


def test_the_limits_are_entered_on_the_page_and_stop_what_is_ticked(as_, preview):
    client = as_("Operator")
    client.post(url(preview, "set-preview-brakes"), {"stop_above": "0", "stop_coupled_above": "10"})
    shown = text(client.get(url(preview)))
    for words in (
        "Stopped by a brake 1 record would be created, and the brake stops above 0, so none is.",
        "Untick some, or change the limits.",
        "Would be created 1 of 0", "Would be coupled 3 of 10",
    ):  # fmt: skip
        assert words in shown, words
    client.post(url(preview, "couple-previewed"))
    assert not Job.objects.filter(type="coupling").exists()
    answer = client.post(url(preview, "set-preview-brakes"), {"stop_above": "many"})
    assert (answer.status_code, "Enter a whole number." in text(answer)) == (400, True)
    (new,) = {client.post(url(preview, "preview-again")).url}
    again = run(Job.objects.latest("pk"))
    assert (new, again.parameters["stop_above"], again.parameters["stop_coupled_above"]) == (
        url(again), 0, 10
    )  # fmt: skip


def test_what_changed_since_is_told_beforehand(as_, preview, customer_mapping):
    Customer.objects.filter(no="10000").update(name="Renamed")
    Customer.objects.get(no="10030").delete()
    shown = text(as_("Operator").get(url(preview)))
    assert "2 pairs changed since this preview." in shown
    assert "Name was Coupled in the preview and is Renamed now." in shown
    assert "The record was deleted since the preview." in shown


def test_while_it_is_made_the_page_polls_and_it_can_be_cancelled(as_, preview, customer_mapping):
    client = as_("Operator")
    client.post(url(preview, "preview-again"))
    job = Job.objects.latest("pk")
    page = client.get(url(job)).content.decode()
    assert 'hx-trigger="every 500ms"' in page and f'hx-get="{url(job)}"' in page
    client.post(url(job, "cancel-preview"))
    shown = text(client.get(url(job)))
    assert "Cancelled by operator." in shown and "Preview Again" in shown
    CouplingPreview.objects.filter(pk=preview.pk).update(kept_until=preview.job.created_at)
    assert "No longer kept" in text(client.get(url(preview)))
    assert client.post(url(preview, "couple-previewed")).status_code == 404
    assert not Coupling.objects.exists()


def test_a_tab_is_searched_narrowed_paged_and_sent_as_csv(as_, preview, monkeypatch):
    client = as_("Viewer")
    assert re.search(r"1 pair, filtered", text(client.get(url(preview, q="phone"))))
    narrowed = text(client.get(url(preview, by="1")))
    assert "By phone" in narrowed and "10000" not in narrowed
    answer = client.get(url(preview, "export-preview", tab="couple", by="1"))
    head, line = csv.reader(b"".join(answer.streaming_content).decode().removeprefix("\ufeff").splitlines())
    cells = dict(zip(head, line, strict=True))
    assert (cells["Outcome"], cells["Ticked"], cells["No."], cells["Matched by"]) == (
        "Couple",
        "Yes",
        "10010",
        "Phone No.",
    )
    assert cells["Dataverse Row"] == "'=cmd()"
    lines = b"".join(client.get(url(preview, "export-preview", tab="near")).streaming_content).decode()
    assert "Likely duplicate" in lines and "Nearby" in lines and lines.count("\n") == 2


def test_the_way_back_to_the_criteria_keeps_the_selection_for_who_made_it(as_, customers, customer_mapping):
    client = as_("Operator")
    (one, _) = customers(2)
    asked = client.post(reverse("coupling:criteria-selection", kwargs={"company": "cronus", "table": "customer"}),
                        {"selected": [one.system_id]}).url  # fmt: skip
    number = asked.rpartition("=")[2]
    answer = client.post(
        reverse("coupling:preview", kwargs={"company": "cronus", "mapping": "CUSTOMER"}),
        {**typed(customer_mapping, "name"), "selection": number},
    )
    job = run(Job.objects.get())
    assert job.total == 1 and answer.url == url(job, selection=number)
    back = f"preview={job.pk}&amp;selection={number}"
    assert back in client.get(answer.url).content.decode()
    assert "1 selected customer." in text(client.get(f"{asked}&preview={job.pk}"))
    assert back not in as_("Administrator").get(answer.url).content.decode()
    other = f"/c/cronus/mappings/of/CUSTOMER/criteria/?preview={job.pk}"
    assert "The preview was made of selected records." in text(as_("Administrator").get(other))


def test_the_page_asks_few_questions_however_many_records(
    as_, customers, account_of, customer_mapping, django_assert_max_num_queries, monkeypatch
):
    monkeypatch.setattr(preview_job, "CHUNK", 40)
    account_of(customers(120))
    preview = previewed(customer_mapping, [Criterion("phone_no", "telephone1")]).preview
    client = as_("Operator")
    client.get(reverse("coupling:previews", kwargs={"company": "cronus"}))
    with django_assert_max_num_queries(12):
        page = client.get(url(preview))  # the first time that anybody opens it
    with django_assert_max_num_queries(12):
        page = client.get(url(preview, page="3"))
    assert "101 to 120 of 120" in text(page)


def test_the_pairs_say_what_the_next_synchronization_would_write_and_the_box_adds_it_up(
    as_, customers, accounts, customer_mapping, remote
):
    customers([{"name": name, "city": "Oslo"} for name in ("Same", "Written", "Both")])
    same = {"address1_city": "Oslo"}
    accounts([{"name": "Same", **same}, {"name": "Written", "address1_city": "Bergen"}, {"name": "Both", **same}])
    found = previewed(customer_mapping, NAME[:1], synchronize=True, conflicts="send").preview
    remote.control("DELETE", "requests")
    client = as_("Operator")
    page = client.get(url(found))
    assert "Then synchronized" in text(page)
    assert "At once: Synchronize After Coupling is on." in text(page)
    shown = page.content.decode()
    written = Customer.objects.get(name="Written")
    assert f"/records/customer/{written.system_id}/" in shown
    assert re.search(r"set-up-coupling/\?mapping=CUSTOMER&amp;row=[0-9a-f-]+&amp;show=different", shown), shown
    requests = remote.requests()
    assert (requests["writes"], requests["total"]) == (0, 0)  # its job asked
    client.get(url(found, q="Same"))
    assert remote.requests()["total"] == 0
    assert not pairs(customer_mapping)


def test_while_dataverse_does_not_answer_the_page_says_that_it_does_not_know_what_would_change(as_, preview):
    make_unreachable(preview.mapping.company)
    page = text(as_("Operator").get(url(preview)))
    assert "Then synchronized" in page
    assert "Not known now." not in page  # its job has asked
    CouplingPreview.objects.update(foreseen=ForeseenPairs(problem="Dataverse does not answer.").pack())
    page = text(as_("Operator").get(url(preview)))
    assert "Then synchronized Not known now. Dataverse does not answer." in page
    assert "not read" in page


def test_what_would_fail_and_be_blanked_is_told_with_reasons_in_the_file_too_and_a_brake_stops_it(
    as_, customers, accounts, customer_mapping
):
    names = {"Several": "", "Blank": "", "Written": "Oslo", "Lost": ""}
    customers([{"name": name, "city": city} for name, city in names.items()])
    accounts([{"name": name} for name in ("Several", "Several", "Written")])
    accounts([{"name": "Blank", "address1_city": "Bergen"}])
    accounts([{"name": "Lost", "telephone1": "9" * 50}])
    found = previewed(customer_mapping, NAME[:1], synchronize=True, conflicts="get").preview
    client = as_("Operator")
    page = text(client.get(url(found)))
    assert "Would fail 2 records, 50 %, no limit 1: Multiple matches 1: Value too long" in page, page
    assert "Fields blanked 3, no limit" in page
    assert "fails: Value too long" in page
    rows = list(csv.DictReader(client.get(url(found, "export-preview")).getvalue().decode("utf-8-sig").splitlines()))
    will = {row["Name"]: row["Will change"] for row in rows}
    assert will["Lost"] == "fails: Value too long"
    assert will["Blank"] == "here: City, Phone No.", will
    answer = client.post(url(found, "set-preview-brakes"), {"stop_failed_percent": "25", "stop_blanked_above": "5"})
    page = text(client.get(answer.url))
    assert "Stopped by a brake 2 records of 4 would fail, and the brake stops above 25 %" in page
    client.post(url(found, "couple-previewed"))
    assert not pairs(customer_mapping)
    client.post(url(found, "set-preview-brakes"), {"stop_failed_percent": "50", "stop_blanked_above": "0"})
    assert "3 fields would be blanked, and the brake stops above 0, so nothing is done." in text(client.get(url(found)))
    again = Job.objects.get(pk=client.post(url(found, "preview-again")).url.strip("/").split("/")[-1])
    assert again.coupling_preview.stop_failed_percent == 50
