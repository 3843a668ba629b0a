"""Integration Synchronization Errors as a browser gets it: one walk through the list and each action above it."""

import csv
import re
from io import StringIO

from django.db import connection
from django.test.utils import CaptureQueriesContext

from coupling.failures.standing import standing
from coupling.models import Coupling, FailedRecord
from jobs.models import Job
from jobs.running.waiting import run_to_end
from jobs.services import cancel
from masterdata.models import Customer
from sync.failures.remedies import remedy
from tests.sync.conftest import make_unreachable, page_text, page_url
from tests.sync.failures.conftest import CALGARY, PINE_ID, RIDGE


def pk_of(key):
    return FailedRecord.objects.get(local_key=key).pk


def test_the_list_says_each_reason_once_and_shows_both_sides(company, failed, operator):
    page = page_text(operator.get(page_url(company, "failures")))
    assert "<h1" in page
    assert "Integration Synchronization Errors" in page
    for head in ("Already coupled, 1", "Multiple matches, 1", "No match, 2"):
        assert page.count(head) == 1
    assert "1 has a row that is nearly alike: check it first. The others are best created there" in page
    assert "+44 20 7946 014<mark>5</mark>" in page
    assert "+44 20 7946 014<mark>6</mark>" in page
    assert 'aria-label="Couple 10020 to Iris Bicycles Ltd., Calgary"' in page
    assert "coupled to <a" in page
    assert "nothing like it." in page
    narrowed = page_text(operator.get(page_url(company, "failures"), {"reason": "nearly", "select": "all"}))
    assert "10030" in narrowed
    assert "10040" not in narrowed
    assert narrowed.count("checked") >= 2


def test_the_job_leads_to_its_failures_and_old_addresses_too(company, failed, operator):
    answer = operator.get(f"/c/{company.slug}/jobs/{failed.pk}/outcomes/?outcome=failed&reason=no_match")
    assert answer.headers["Location"] == f"{page_url(company, 'failures')}?job={failed.pk}&reason=no_match"
    page = page_text(operator.get(answer.headers["Location"]))
    assert "Integration Coupling Jobs" in page
    assert "10040" in page
    assert "10020" not in page
    assert operator.get(f"/c/{company.slug}/jobs/errors/").headers["Location"] == page_url(company, "failures")


def test_several_matches_are_settled_by_candidate_and_say_so_in_place(company, failed, operator):
    pk = pk_of("10020")
    given = {"selected": pk, f"candidate-{pk}": CALGARY, "back": page_url(company, "failures")}
    answer = operator.post(page_url(company, "failures-couple"), given, follow=True)
    page = page_text(answer)
    assert Coupling.objects.get(local_id=Customer.objects.get(no="10020").system_id).integration_id == CALGARY
    assert "Coupled to Iris Bicycles Ltd." in page
    assert "1 record is coupled." in page
    assert "Coupled to Iris" not in page_text(operator.get(page_url(company, "failures")))


def test_rows_nearly_alike_are_coupled_after_a_question_about_exactly_these_pairs(company, failed, operator):
    everything = {"selected": [pk_of(key) for key in ("10020", "10030", "10040")]}
    asked = page_text(operator.post(page_url(company, "failures-couple"), everything))
    assert "10030 Pine Logistics Ltd with Pine Logistics Ltd, London" in asked
    token = asked.split('name="pairs" value="')[1].split('"')[0]
    operator.post(page_url(company, "failures-couple"), {"pairs": token})
    assert Coupling.objects.get(local_id=Customer.objects.get(no="10030").system_id).integration_id == PINE_ID
    assert [one.local_key for one in standing(company)] == ["10010", "10020", "10040"]


def test_creating_asks_where_duplicates_are_likely_and_one_line_can_be_created_alone(company, failed, operator):
    asked = page_text(operator.post(page_url(company, "failures-create"), {"selected": pk_of("10030")}))
    assert "a likely duplicate" in asked
    assert not Job.objects.filter(type="synchronization").exists()
    page = page_text(operator.post(page_url(company, "failures-create"), {"only": pk_of("10040")}, follow=True))
    job = Job.objects.get(type="synchronization")
    assert f"Taken up by job {job.pk}" in page
    assert "Select 10040" not in page
    assert "Select all 2" in page
    cancel(job=job)
    page = page_text(operator.get(page_url(company, "failures"), {"settled": "yes"}))
    assert f"Tried by job {job.pk}" in page
    assert "Select 10040" in page


def test_retry_other_criteria_by_hand_and_release_take_the_selected_records(company, failed, operator):
    both = {"selected": [pk_of("10030"), pk_of("10040")]}
    operator.post(page_url(company, "failures-retry"), both)
    assert Job.objects.filter(type="coupling", selection_only=True).get().records.count() == 2
    answer = operator.post(page_url(company, "failures-criteria"), both)
    assert re.search(r"/mappings/of/CUSTOMER/criteria/\?selection=\d+$", answer.headers["Location"])
    answer = operator.post(page_url(company, "failures-by-hand"), {"selected": pk_of("10020")})
    record = Customer.objects.get(no="10020")
    assert answer.headers["Location"].startswith(
        page_url(company, "set-up-coupling", table="customer", system_id=record.system_id)
    )
    answer = operator.post(page_url(company, "failures-by-hand"), both, follow=True)
    assert "One record is coupled by hand at a time" in page_text(answer)
    answer = operator.post(page_url(company, "failures-release"), {"selected": pk_of("10010")}, follow=True)
    assert "No row in question is coupled with a record that was deleted here" in page_text(answer)


def test_the_list_of_a_job_that_coupled_something_leads_to_its_undo(company, failed, operator):
    undo = page_url(company, "undo", pk=failed.pk)
    assert undo not in page_text(operator.get(page_url(company, "failures"), {"job": failed.pk}))
    failed.counters["coupled"] = 1
    failed.save()
    assert undo in page_text(operator.get(page_url(company, "failures"), {"job": failed.pk}))
    assert undo not in page_text(operator.get(page_url(company, "failures")))


def test_the_list_with_what_was_settled_asks_a_bounded_number_of_queries(company, failed, operator):
    given = {"selected": [pk_of(key) for key in ("10020", "10030")], f"candidate-{pk_of('10020')}": CALGARY}
    operator.post(page_url(company, "failures-couple"), {**given, f"candidate-{pk_of('10030')}": PINE_ID})
    operator.post(page_url(company, "failures-retry"), {"selected": pk_of("10040")})
    for query in ({"settled": "yes"}, {}):
        operator.get(page_url(company, "failures"), query)
        with CaptureQueriesContext(connection) as asked:
            assert operator.get(page_url(company, "failures"), query).status_code == 200
        assert len(asked) <= 24, "\n".join(one["sql"][:230] for one in asked)


def test_the_reason_of_what_refers_to_others_offers_another_owner():
    told = remedy("reference_not_coupled", "3", 0)
    assert "gone or disabled" in told
    assert "choose another owner" in told


def test_the_list_refreshes_by_itself_when_the_job_that_took_up_its_lines_ends(company, failed, operator):
    answer = operator.post(page_url(company, "failures-retry"), {"selected": pk_of("10040")}, follow=True)
    page = page_text(answer)
    url = answer.redirect_chain[-1][0]
    assert re.search(r'hx-get="[^"]*settled=yes"\s+hx-trigger="every 2s"', page)
    assert '<a href="">Refresh</a>' in page
    assert "http-equiv" not in page, "without scripts nothing is reloaded under what somebody ticks"
    polled = {"headers": {"HX-Request": "true", "HX-Target": "live"}}
    with CaptureQueriesContext(connection) as asked:
        under_way = operator.get(url, **polled)
    assert (under_way.headers.get("HX-Retarget"), len(asked) <= 12) == (None, True), len(asked)
    run_to_end(Job.objects.latest("pk"))
    ended = operator.get(url, **polled)
    assert ended.headers["HX-Retarget"] == "#main"
    assert ">Refresh</a>" not in ended.content.decode()


def test_records_are_ignored_for_a_reason_and_listed_again(company, failed, operator, remote):
    chosen = {"selected": [pk_of("10010"), pk_of("10040")]}
    asked = page_text(operator.post(page_url(company, "failures-ignore"), chosen))
    token = asked.split('name="selection" value="')[1].split('"')[0]
    refused = operator.post(page_url(company, "failures-ignore"), {"selection": token, "because": " "})
    assert (refused.status_code, "Say why" in refused.content.decode()) == (400, True)
    given = {"selection": token, "because": "closed branch"}
    assert "Ignored" in page_text(operator.post(page_url(company, "failures-ignore"), given, follow=True))
    assert [one.local_key for one in standing(company)] == ["10020", "10030"]
    page = page_text(operator.get(page_url(company, "failures"), {"ignored": "yes"}))
    assert ("closed branch" in page, "Changed in Dataverse since" in page) == (True, False)
    remote.control("PUT", "clock", {"offset_s": 5})  # Dataverse tells when a row was changed by the second
    remote.load({"accounts": [{**RIDGE, "name": "Ridge Boatyard Ltd"}]})
    page = page_text(operator.get(page_url(company, "failures"), {"ignored": "yes"}))
    assert page.count("The next synchronization, or job that tries it, lists it again.") == 1
    operator.post(page_url(company, "failures-stop-ignoring"), {"selected": pk_of("10010"), "ignored": "yes"})
    assert [one.local_key for one in standing(company)] == ["10010", "10020", "10030"]


def test_the_export_has_every_candidate_and_the_page_says_when_dataverse_is_down(company, failed, operator):
    answer = operator.get(page_url(company, "failures-export"), {"reason": "multiple_matches"})
    (line,) = csv.DictReader(StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))
    assert (line["No."], line["Candidates"].count("Iris Bicycles Ltd.")) == ("10020", 5)
    make_unreachable(company)
    page = page_text(operator.get(page_url(company, "failures")))
    assert "City, phone, owner and the values compared are not shown" in page
    assert "Iris Bicycles Ltd." in page
