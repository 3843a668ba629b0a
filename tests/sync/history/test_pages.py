"""The history on its page, on the record's card and on the job's list; its exports; and putting a value back."""

import csv
import html
import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from auditlog.context import set_actor
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.vocabulary import ConflictOption
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sync.models import SynchronizedField, SynchronizedValue
from tests.sync.conftest import accounts, coupling_of, page_text, page_url, patch, signed_in, synchronize
from tests.sync.history.conftest import THERE, edit


@pytest.fixture
def job(mapping, adatum, remote) -> Job:
    """Return a run that wrote the city there and the phone number here."""
    edit(adatum, city="Ulm")
    patch(remote, coupling_of(mapping, adatum).integration_id, telephone1="555-9")
    return synchronize(mapping)


@pytest.fixture
def viewer(in_step: Company) -> Client:
    return signed_in("Viewer")


@pytest.fixture
def operator(in_step: Company) -> Client:
    return signed_in("Operator")


def address(name: str, company: Company, record: Any) -> str:
    return reverse(name, kwargs={"company": company.slug, "table": "customer", "system_id": record.system_id})


def card(company: Company, record: Any) -> str:
    return address("records:card", company, record)


def history(company: Company, record: Any) -> str:
    """Return where the card fetches the history from, and a link of it leads."""
    return address("sync:record-history", company, record)


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)).replace(" becomes ", " ").replace("&rarr;", "->")


def test_the_page_lists_what_was_written_with_before_and_after_and_leads_to_record_and_job(in_step, job, viewer):
    text = page_text(viewer.get(page_url(in_step, "history")))
    assert "<h1" in text and "Synchronization History" in text
    told = plain(text)
    for word in ("Adatum", "City", "Bonn", "Ulm", "Phone No.", "555-1", "555-9", "To Dataverse", "From Dataverse"):
        assert word in told
    assert f"Job {job.pk}" in told
    assert "2 changes" in told


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"field": "city"}, ["City"]),
        ({"way": "from"}, ["Phone No."]),
        ({"mapping": "CUSTOMER"}, ["City", "Phone No."]),
        ({"q": "10000"}, ["City", "Phone No."]),
        ({"q": "adat"}, ["City", "Phone No."]),
        ({"q": "ulm"}, ["City"]),
        ({"q": "nothing like it"}, []),
        ({"since": "2020-01-01"}, ["City", "Phone No."]),
        ({"until": "2020-01-01"}, []),
        ({"since": "not a day"}, ["City", "Phone No."]),
        ({"since": "9999-12-31"}, []),
        ({"job": "1"}, []),
        ({"record": "nobody"}, []),
    ],
)
def test_the_list_is_narrowed_by_field_direction_record_value_day_and_job(in_step, job, viewer, asked, shown):
    answer = viewer.get(reverse("sync:history-export", kwargs={"company": in_step.slug, "kind": "csv"}), asked)
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert sorted(row["Field"] for row in rows) == shown
    text = page_text(viewer.get(page_url(in_step, "history"), asked))
    assert ("Ulm" in plain(text).split("Export", 1)[-1]) is ("City" in shown)


def test_the_exports_tell_the_same_as_csv_and_json(in_step, job, adatum, viewer):
    url = reverse("sync:history-export", kwargs={"company": in_step.slug, "kind": "json"})
    told = json.loads(b"".join(viewer.get(url).streaming_content))
    by_field = {one["field"]: one for one in told}
    city = by_field["city"]
    assert {name: city[name] for name in ("mapping", "job", "direction", "before", "after", "person")} == {
        "mapping": "CUSTOMER", "job": job.pk, "direction": "to_integration_table", "before": "Bonn", "after": "Ulm",
        "person": None,
    }  # fmt: skip
    assert city["local"] == {"id": str(adatum.system_id), "key": "10000", "name": "Adatum"}
    assert city["integration"]["name"] == "Adatum"
    assert by_field["phone_no"]["direction"] == "from_integration_table"
    empty = b"".join(viewer.get(url, {"job": "1"}).streaming_content)
    assert json.loads(empty) == []
    assert viewer.get(url.replace("/json/", "/pdf/")).status_code == 404


def test_the_modified_list_of_a_job_shows_before_and_after(in_step, job, viewer):
    url = reverse("jobs:outcomes", kwargs={"company": in_step.slug, "pk": job.pk})
    text = page_text(viewer.get(url, {"outcome": "modified"}))
    assert re.search(r"<dt>City in Dataverse</dt><dd><del>Bonn</del>.*?<ins>Ulm</ins></dd>", text)
    assert re.search(r"<dt>Phone No.</dt><dd><del>555-1</del>.*?<ins>555-9</ins></dd>", text)
    file = viewer.get(reverse("jobs:export", kwargs={"company": in_step.slug, "pk": job.pk}), {"outcome": "modified"})
    assert "City in Dataverse: Bonn becomes Ulm" in b"".join(file.streaming_content).decode()


def test_an_older_job_tells_before_and_after_by_what_it_compared(in_step, job, viewer):
    SynchronizedValue.objects.all().delete()
    url = reverse("jobs:outcomes", kwargs={"company": in_step.slug, "pk": job.pk})
    assert "<dt>City in Dataverse</dt><dd><del>Bonn</del>" in page_text(viewer.get(url, {"outcome": "modified"}))


def test_the_card_tells_the_record_s_history_day_by_day_with_what_was_not_written(
    in_step, mapping, job, adatum, remote, viewer
):
    edit(adatum, city="Hamm", address="1 Elm Road")
    patch(remote, coupling_of(mapping, adatum).integration_id, address1_city="Trier", address1_line1="2 Oak Road")
    synchronize(mapping)
    synchronize(mapping, selection=[adatum.system_id], conflict=ConflictOption.SEND)
    assert f'hx-get="{history(in_step, adatum)}"' in page_text(viewer.get(card(in_step, adatum)))
    told = plain(page_text(viewer.get(history(in_step, adatum))))
    assert "Synchronization History 4 changes in 2 runs" in told
    for words in (
        "Today, ", "Here to Dataverse", "Dataverse to here", "Not written Update conflict: Address, City",
        "City, Address had changed on both sides: Here, a person chose", "Created in Dataverse",
        "All changes of this record",
    ):  # fmt: skip
        assert words in told, words
    assert told.index("Not written") < told.index("Dataverse to here")  # newest first
    assert told.count("had changed on both sides") == 1, "both fields in one sentence"
    assert "Put Back" not in told  # a viewer looks
    narrowed = plain(page_text(viewer.get(history(in_step, adatum), {"field": "phone_no"})))
    assert "1 change in 1 run" in narrowed and "Created in Dataverse" not in narrowed
    assert "No change matches" in plain(page_text(viewer.get(history(in_step, adatum), {"until": "2020-01-01"})))


def test_a_record_that_was_never_written_has_no_history_on_its_card(in_step, viewer):
    new = Customer.objects.create(company=in_step, no="20000", name="New")
    assert "Synchronization History" not in page_text(viewer.get(card(in_step, new))).split("<main", 1)[1]
    assert "Synchronization wrote nothing of this record yet" in page_text(viewer.get(history(in_step, new)))


def test_long_texts_are_shown_in_part_and_whole_to_who_asks(in_step, job, viewer):
    SynchronizedValue.objects.filter(field__local="city").update(after="Once upon a time " * 20)
    text = page_text(viewer.get(page_url(in_step, "history")))
    assert '<details class="long"><summary>Once upon a time' in text
    assert "340 characters" in text


def test_an_operator_puts_a_value_back_after_a_question_that_says_what_happens(in_step, job, adatum, operator, remote):
    text = page_text(operator.get(history(in_step, adatum)))
    line = SynchronizedValue.objects.get(field__local="city")
    url = page_url(in_step, "put-back")
    assert f"{url}?line={line.pk}&amp;" in text
    question = page_text(operator.get(url, {"line": line.pk, "back": history(in_step, adatum)}))
    assert "1 value is put back in Dataverse; the next synchronization brings it here" in question
    assert "10000 Adatum, City in Dataverse: Ulm becomes Bonn again" in question
    given = dict(re.findall(r'<input\s+type="hidden"\s+name="(\w+)"\s+value="([^"]*)"', question))
    answer = operator.post(url, {**given, "sure": "yes"})
    found = run_to_end(Job.objects.get(type="restore"))
    assert answer.url == reverse("jobs:job", kwargs={"company": in_step.slug, "pk": found.pk})
    assert (found.state, str(found.requested_by)) == ("finished", "operator")
    assert accounts(remote)["Adatum"]["address1_city"] == "Bonn"
    told = plain(page_text(operator.get(history(in_step, adatum))))
    assert "Put back in Dataverse operator, by job" in told


def test_what_stays_since_it_was_changed_can_be_put_back_anyway_from_the_job(
    in_step, mapping, job, adatum, operator, remote
):
    patch(remote, coupling_of(mapping, adatum).integration_id, address1_city="Trier")
    line = SynchronizedValue.objects.get(field__local="city")
    url = page_url(in_step, "put-back")
    operator.post(url, {"selected": [line.pk], "sure": "yes"})
    stayed = run_to_end(Job.objects.get(type="restore"))
    text = page_text(operator.get(reverse("jobs:job", kwargs={"company": in_step.slug, "pk": stayed.pk})))
    assert "Put Back Anyway" in text
    token = re.search(r'name="selection"\s+value="([^"]+)"', text)
    assert token is not None
    question = page_text(operator.post(url, {"selection": token[1], "anyway": "yes"}))
    assert "What somebody changed since is overwritten, too." in question
    operator.post(url, {"selection": token[1], "anyway": "yes", "sure": "yes"})
    run_to_end(Job.objects.filter(type="restore").latest("pk"))
    assert accounts(remote)["Adatum"]["address1_city"] == "Bonn"


def test_nobody_puts_back_without_the_right_or_what_belongs_to_another_company(in_step, job, viewer, operator):
    line = SynchronizedValue.objects.first()
    assert line is not None
    url = page_url(in_step, "put-back")
    assert viewer.post(url, {"selected": [line.pk], "sure": "yes"}).status_code == 403
    other = Company.objects.create(name="Fabrikam", currency_code="USD")
    operator.post(page_url(other, "put-back"), {"selected": [line.pk], "sure": "yes"})
    assert not Job.objects.filter(type="restore").exists()
    there = User.objects.create_user("there")
    there.groups.add(Group.objects.get_or_create(name="Viewer")[0])
    assert "Adatum" not in page_text(operator.get(page_url(other, "history")))


def test_choosing_nothing_puts_nothing_back_and_says_so(in_step, job, operator):
    answer = operator.post(page_url(in_step, "put-back"), {}, follow=True)
    assert "Nothing is selected" in page_text(answer)


@pytest.mark.parametrize(
    ("sizes", "shown"),
    [([3, 49, 1], [50, 3]), ([3, 49, 2], [2, 49, 3]), ([120, 2], [2, 120]), ([50], [50]), ([51], [51])],
)
def test_what_one_job_wrote_of_a_record_stands_on_one_page_of_its_card(mapping, adatum, operator, sizes, shown):
    job = synchronize(mapping)
    for size in sizes:
        run = Job.objects.create(company=job.company, type=job.type, state=job.state, mapping_name=mapping.name)
        for number in range(size):
            field, _ = SynchronizedField.objects.get_or_create(
                company=job.company, mapping_name=mapping.name, table=mapping.table, name=f"field {number}",
                defaults={"local": f"field_{number}", "caption": f"Field {number}"},
            )  # fmt: skip
            SynchronizedValue.objects.create(
                company=job.company, job=run, field=field, side=THERE, at=timezone.now(), local_id=adatum.system_id,
                integration_id=coupling_of(mapping, adatum).integration_id, before="a", after="b",
            )  # fmt: skip
    url, found = page_url(job.company, "record-history", table="customer", system_id=adatum.system_id), []
    while url:
        text = page_text(operator.get(url))
        found.append(text.count("<ins>b</ins>"))
        earlier = re.search(r'href="([^"]*)#history">Earlier', text)
        url = html.unescape(earlier[1]) if earlier else ""
    assert sum(found) == sum(sizes)
    assert found == shown


def test_the_card_says_who_had_changed_here_what_went_to_dataverse(mapping, adatum, operator, django_user_model):
    ada = django_user_model.objects.create_user("ada")
    with set_actor(ada):
        edit(adatum, city="Ulm")
    synchronize(mapping)
    url = page_url(mapping.company, "record-history", table="customer", system_id=adatum.system_id)
    assert "ada changed it here at " in page_text(operator.get(url))
    edit(adatum, city="Essen")
    synchronize(mapping)
    newest = page_text(operator.get(url)).split('class="timeline"')[1].split("</li>")[0]
    assert "Essen" in newest and "changed it here" not in newest, "nobody is known to have"


def test_the_card_names_the_import_that_had_changed_a_record(mapping, adatum, operator):
    edit(adatum, city="Ulm")
    entry = LogEntry.objects.filter(object_pk=str(adatum.pk)).latest("pk")
    LogEntry.objects.exclude(pk=entry.pk).delete()
    entry.additional_data = {"job": 1, "file": "customers.csv"}
    entry.timestamp -= timedelta(days=2)
    entry.save()
    synchronize(mapping)
    url = page_url(mapping.company, "record-history", table="customer", system_id=adatum.system_id)
    day = timezone.localtime(entry.timestamp)
    assert f"import of customers.csv on {day.day} {day:%b %Y} at {day:%H:%M}" in page_text(operator.get(url))
