"""Page Retention Policies: what is kept how long, and removing what is older."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from core.roles import Role
from jobs.models import Job, RetentionPolicy
from masterdata.models import Company
from tests.jobs.retention.test_removing import ended

URL = "/c/cronus/jobs/retention/"


def signed_in(role: Role) -> Client:
    user = User.objects.create_user(role.lower())
    user.groups.add(Group.objects.get_or_create(name=role)[0])
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_an_administrator_saves_how_long_jobs_are_kept(company: Company) -> None:
    client = signed_in(Role.ADMINISTRATOR)
    assert 'value="365"' in client.get(URL).content.decode()
    assert client.post(f"{URL}save/", {"days": "90", "idle_days": "", "most": "5000"}).status_code == 302
    policy = RetentionPolicy.objects.get(company=company)
    assert (policy.days, policy.idle_days, policy.most) == (90, None, 5000)


@pytest.mark.parametrize(("field", "value"), [("days", "0"), ("most", "5"), ("idle_days", "soon"), ("days", "1e9")])
def test_a_number_that_is_none_to_choose_says_so_at_its_field_and_nothing_is_saved(
    company: Company, field: str, value: str
) -> None:
    entered = {"days": "90", "idle_days": "9", "most": "5000", field: value}
    answer = signed_in(Role.ADMINISTRATOR).post(f"{URL}save/", entered)
    assert answer.status_code == 400
    assert f'value="{value}"' in answer.content.decode()
    assert "Nothing was saved yet" in answer.content.decode()
    assert not RetentionPolicy.objects.exists()


def test_a_viewer_sees_it_and_changes_nothing(company: Company) -> None:
    client = signed_in(Role.VIEWER)
    page = client.get(URL).content.decode()
    assert "Only an Administrator may do this." in page
    assert "<input" not in page.partition("<main")[2].partition("Keep Jobs (Days)")[2].partition("</section>")[0]
    assert client.post(f"{URL}save/", {"days": "1", "idle_days": "1", "most": "100"}).status_code == 403
    assert client.post(f"{URL}run/").status_code == 403


def test_removing_now_says_what_goes_and_starts_the_job(company: Company) -> None:
    client = signed_in(Role.ADMINISTRATOR)
    assert "Nothing is old enough to be removed." in client.get(f"{URL}run/").content.decode()
    ended(company, 400)
    ended(company, 1)
    asked = client.get(f"{URL}run/").content.decode()
    assert "1 job would be removed, with what became of 1 record." in asked
    answer: Any = client.post(f"{URL}run/")
    job = Job.objects.get(type="retention")
    assert answer["location"] == f"/c/cronus/jobs/{job.pk}/"
    assert job.created_at <= timezone.now()
