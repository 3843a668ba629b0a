"""The guide's last steps on a connected company: salespeople, recommendations with criteria, finishing, progress."""

import re

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from connection_setup.models import AssistedSetup, DataverseConnection
from coupling.matching import criteria
from coupling.page_parts import mapping_url
from jobs.models import Job
from sync.full import services as full
from tests.connection_setup.setup.test_page import text_of
from tests.sync.conftest import ACTIVE_CUSTOMER, customer, make_unreachable, update_mapping

GUIDE = "/c/cronus-international/assisted-setup/dataverse/"


@pytest.fixture
def admin(db: None) -> Client:
    user = User.objects.create_user("ada", password="x")
    user.groups.add(Group.objects.get_or_create(name="Administrator")[0])
    client = Client()
    client.force_login(user)
    return client


def read(answer) -> str:
    return re.sub(r"\s+", " ", text_of(answer.content.decode()))


@pytest.fixture
def on_both_sides(company, customers, remote):
    customer(company, "10000", "Adatum", phone_no="555")
    remote.load({"accounts": [{"name": "Adatum Inc", "telephone1": "555", **ACTIVE_CUSTOMER}]})
    return company


def test_an_enabled_connection_resumes_at_the_recommendations(admin, on_both_sides):
    assert "What to synchronize first?" in read(admin.get(GUIDE))
    said = read(admin.get(f"{GUIDE}recommendations/"))
    assert "CUSTOMER 1 1 Select Coupling Criteria" in said
    assert "CUSTOMER (1 here, 1 in Dataverse)" in said


def test_criteria_chosen_in_the_guide_are_kept_and_nothing_is_started(admin, on_both_sides):
    mapping = update_mapping(on_both_sides)
    page = admin.get(f"{GUIDE}recommendations/").content.decode()
    link = re.search(r'href="([^"]*criteria[^"]*within=guide)"', page)
    assert link is not None
    opened = admin.get(link.group(1)).content.decode()
    assert 'name="within" value="guide"' in opened
    field = mapping.fields.get(field="phone_no")
    saving = re.search(r'<form\s+id="page-form"[^>]*action="([^"]*)"', opened).group(1)
    answer = admin.post(saving, {"use": str(field.pk), f"compare-{field.pk}": "text", "within": "guide"})
    assert answer["Location"] == f"{GUIDE}recommendations/"
    assert [one.local for one in criteria.stored_criteria(mapping)] == ["phone_no"]
    assert not Job.objects.exists()
    assert "Review Selected Coupling Criteria" in read(admin.get(f"{GUIDE}recommendations/"))


def test_an_unknown_within_is_ignored(admin, on_both_sides):
    answer = admin.get(mapping_url("criteria", update_mapping(on_both_sides)), {"within": "https://evil.example/"})
    page = answer.content.decode()
    assert 'name="within"' not in page
    assert not re.search(r'(href|action|value)="https://evil', page)


def test_finishing_with_a_run_shows_how_it_goes_and_completes_the_guide(admin, on_both_sides):
    update_mapping(on_both_sides).fields.filter(field="phone_no").update(use_for_match=True)
    admin.get(f"{GUIDE}recommendations/")
    assert admin.post(f"{GUIDE}recommendations/", {"overridden": "CUSTOMER"})["Location"] == f"{GUIDE}finish/"
    asked = read(admin.get(f"{GUIDE}finish/"))
    assert (
        "CUSTOMER: couple by the criteria, then create what has nothing like it on the other side; likely duplicates "
        "wait for a person."
    ) in asked
    assert admin.post(f"{GUIDE}finish/", {"run": "full"})["Location"] == f"{GUIDE}finish/"
    assert AssistedSetup.objects.get().completed_at is not None
    assert Job.objects.exists()
    assert any(line.started for line in full.lines(on_both_sides))
    assert "The full synchronization is running" in read(admin.get(f"{GUIDE}finish/"))
    assert "Completed" in read(admin.get("/c/cronus-international/assisted-setup/"))


def test_finishing_without_a_run_starts_nothing(admin, on_both_sides):
    admin.post(f"{GUIDE}recommendations/")
    assert "This field is required" in read(admin.post(f"{GUIDE}finish/", {}))
    answer = admin.post(f"{GUIDE}finish/", {"run": "later"}, follow=True)
    assert "is connected to Dataverse. The setup is completed." in read(answer)
    assert not Job.objects.exists()


def test_an_unreachable_dataverse_is_shown_at_the_step_and_the_counts_stay(admin, on_both_sides):
    admin.get(f"{GUIDE}recommendations/")
    make_unreachable(on_both_sides)
    said = read(admin.get(f"{GUIDE}recommendations/"))
    assert "The records could not be counted." in said
    assert "CUSTOMER 1 1" in said


def test_with_person_the_salespeople_come_before_the_recommendations(admin, on_both_sides):
    assert admin.get(f"{GUIDE}salespeople/").status_code == 404
    DataverseConnection.objects.update(ownership_model="person")
    assert "Which user is which salesperson?" in read(admin.get(GUIDE))
    said = read(admin.get(f"{GUIDE}salespeople/"))
    assert re.search(r"Users coupled with salespeople 0 of \d+", said), said
    people = "/c/cronus-international/couple-dataverse-users-with-salespeople/"
    assert f'href="{people}"' in admin.get(f"{GUIDE}salespeople/").content.decode()
    admin.post(f"{GUIDE}salespeople/")
    assert "What to synchronize first?" in read(admin.get(GUIDE))
    make_unreachable(on_both_sides)
    assert "The users of Dataverse cannot be read." in read(admin.get(f"{GUIDE}salespeople/"))
