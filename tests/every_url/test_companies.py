"""Rights per company: every address of the application for somebody whose role is one in another company."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from accounts.models import CompanyRole
from core.roles import CAPABILITIES, Can, Role
from jobs.models import Job, Type
from masterdata.models import Company
from tests.every_url.conftest import STAFF_THERE, Place, client_of, members, methods, nothing_written
from tests.every_url.test_admin import address
from tests.every_url.test_roles import as_role, only_reads, unchanged
from tests.every_url.urls import ADMIN_ENDPOINTS, COMPANY_ENDPOINTS, ENDPOINTS, OBJECT_ENDPOINTS, Endpoint
from tests.every_url.walk import for_each

pytestmark = pytest.mark.usefixtures("no_network", "refusals_are_not_logged")


def browser(role: Role, here: Place, there: Place, *, viewer: bool = False) -> Client:
    """Somebody with the role in `there`, and none in `here`, or that of a Viewer."""
    return client_of(None, name=list(members(role, here, there))[viewer])


def two_roles(endpoint: Endpoint) -> tuple[Role, Role]:
    """Return an administrator, who may all that the others may, and by turns one of the others."""
    others = [role for role in Role if role is not Role.ADMINISTRATOR]
    return Role.ADMINISTRATOR, others[ENDPOINTS.index(endpoint) % len(others)]


def allowed_in_one(endpoint: Endpoint, role: Role) -> bool:
    """Whether the role allows it in its company; what concerns all companies no role in one does."""
    return endpoint.capability in CAPABILITIES[role] - {Can.ADMINISTER_ALL}


def send(client: Client, method: str, url: str, of: Place) -> Any:
    return getattr(client, method.lower())(url, of.selection if method == "POST" else {})


def body(answer: Any) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return str(content.decode(errors="replace")) + str(dict(answer.headers))


@for_each(COMPANY_ENDPOINTS)
def test_a_company_in_which_one_has_no_role_is_not_there(here: Place, there: Place, endpoint: Endpoint) -> None:
    """Neither with its own objects nor with those of one's own company; and it looks like one that is nowhere.

    No other role opens more than an administrator's (see below).
    """
    url = endpoint.url(here.given)
    tries = [(url, here)]
    if endpoint in OBJECT_ENDPOINTS:
        tries.append((endpoint.url({**there.given, "company": here.company.slug}), there))
    takes = sorted(methods(endpoint, url))
    for role in two_roles(endpoint):
        client = browser(role, here, there)
        for method in takes:
            for one, of in tries:
                with nothing_written():
                    answer = send(client, method, one, of)
                assert answer.status_code == 404, (role, method, answer.status_code)
                assert here.company.name not in body(answer)


@for_each(OBJECT_ENDPOINTS)
def test_nor_are_its_objects_in_one_s_own_company(here: Place, there: Place, endpoint: Endpoint) -> None:
    url = endpoint.url({**here.given, "company": there.company.slug})
    for role in Role:
        with unchanged(here):
            for method in sorted(methods(endpoint, url)):
                answer = send(browser(role, here, there), method, url, here)
                told = (role, method, answer.status_code)
                assert answer.status_code == (404 if allowed_in_one(endpoint, role) else 403), told
                assert here.company.name not in body(answer)


@for_each(COMPANY_ENDPOINTS)
def test_a_role_in_one_company_allows_there_what_it_allows_and_names_no_other(
    here: Place, there: Place, endpoint: Endpoint
) -> None:
    """What a role allows at each address is tested with roles for all companies; that one for a company is asked too,
    with two of them.
    """
    url = endpoint.url(there.given)
    takes = sorted(methods(endpoint, url))
    for role in two_roles(endpoint):
        for method in takes:
            with as_role(role), unchanged(here):
                answer = send(browser(role, here, there), method, url, there)
                told = (role, method, answer.status_code)
                if not allowed_in_one(endpoint, role) or (method == "POST" and only_reads(endpoint, role)):
                    assert answer.status_code == 403, told
                else:
                    assert answer.status_code in (200, 204, 302, 400, 404), told
                assert here.company.name not in body(answer), told
                assert f"/c/{here.company.slug}/" not in body(answer), told


def test_each_role_may_a_part_of_what_an_administrator_may() -> None:
    """So what an administrator's role in one company does not open in another, no other role does."""
    assert all(CAPABILITIES[role] <= CAPABILITIES[Role.ADMINISTRATOR] for role in Role)


@for_each(COMPANY_ENDPOINTS)
def test_a_viewer_here_stays_one_though_they_are_an_administrator_there(
    here: Place, there: Place, endpoint: Endpoint
) -> None:
    url = endpoint.url(here.given)
    reads = endpoint.capability is Can.READ
    client = browser(Role.ADMINISTRATOR, here, there, viewer=True)
    for method in sorted(methods(endpoint, url)):
        with unchanged(here):
            answer = send(client, method, url, here)
            told = (method, answer.status_code)
            if reads and not (method == "POST" and only_reads(endpoint, Role.VIEWER)):
                assert answer.status_code in (200, 204, 302, 400, 404), told
            else:
                assert answer.status_code == 403, told


@for_each([endpoint for endpoint in ENDPOINTS if endpoint not in COMPANY_ENDPOINTS])
def test_what_belongs_to_no_company_names_none_that_one_does_not_see(
    here: Place, there: Place, endpoint: Endpoint
) -> None:
    url = endpoint.url(here.given)
    for role in Role:
        for method in sorted(methods(endpoint, url)):
            with as_role(role):
                assert here.company.name not in body(send(browser(role, here, there), method, url, here))


def test_somebody_without_a_role_is_told_so_and_reads_no_company_s_name(here: Place, there: Place) -> None:
    client = client_of(None)
    for url in ("/", f"/c/{here.company.slug}/", "/c/nowhere/"):
        answer = client.get(url)
        assert here.company.name not in body(answer)
        assert there.company.name not in body(answer)
    assert "You have no role in any company yet." in body(client.get("/"))
    known, unknown = client.get(f"/c/{here.company.slug}/"), client.get("/c/nowhere/")
    assert known.status_code == unknown.status_code == 403


@pytest.fixture
def staff(here: Place, there: Place) -> Client:
    """Provide an administrator of the other company whom somebody gave every right of the Django admin."""
    return client_of(None, name=STAFF_THERE)


@for_each(ADMIN_ENDPOINTS)
def test_the_admin_shows_nothing_of_a_company_in_which_one_has_no_role(
    staff: Client, here: Place, there: Place, endpoint: Endpoint
) -> None:
    url = address(endpoint, here)
    if url is None or endpoint.name in {"admin:login", "admin:logout"}:
        return
    with unchanged(here):
        for method in ("GET", "POST"):
            answer = send(staff, method, url, here)
            assert answer.status_code in (200, 302, 403, 404, 405), (method, answer.status_code)
            assert here.company.name not in body(answer), method
            assert here.customer.name not in body(answer), method


def test_the_admin_still_shows_staff_their_own_company(staff: Client, there: Place) -> None:
    assert there.customer.name in body(staff.get(reverse("admin:masterdata_customer_changelist")))
    assert there.mapping.name in body(staff.get(reverse("admin:jobs_job_changelist")))
    assert there.company.name in body(staff.get(reverse("admin:masterdata_company_changelist")))


def test_nobody_makes_a_company_in_the_admin_who_does_not_administer_all(staff: Client, there: Place) -> None:
    url, given = reverse("admin:masterdata_company_add"), {"name": "Cedar", "slug": "cedar", "currency_code": "EUR"}
    assert [staff.get(url).status_code, staff.post(url, given).status_code] == [403, 403]
    User.objects.create_superuser("root")
    assert client_of(None, name="root").post(url, given).status_code == 302
    assert Company.objects.filter(name="Cedar").exists()


def test_filters_of_the_admin_offer_no_mapping_of_a_company_that_one_does_not_see(
    staff: Client, here: Place, there: Place
) -> None:
    for place, name in ((here, "MERGER"), (there, "OURS")):
        Job.objects.create(company=place.company, type=Type.COUPLING, mapping_name=name)
    for model in ("job", "joboutcome"):
        shown = body(staff.get(reverse(f"admin:jobs_{model}_changelist")))
        assert "OURS" in shown
        assert "MERGER" not in shown


def test_staff_who_administer_nothing_do_not_enter_the_admin(staff: Client, here: Place, there: Place) -> None:
    user = User.objects.get(username=STAFF_THERE)
    user.company_roles.update(role=Role.MAPPER)
    assert staff.get(reverse("admin:index")).status_code in (302, 403)


def test_a_role_given_or_taken_counts_with_the_next_request(here: Place, there: Place) -> None:
    client = browser(Role.OPERATOR, here, there)
    url = reverse("ui:role-center", kwargs={"company": here.company.slug})
    assert client.get(url).status_code == 404
    given = CompanyRole.objects.create(
        person=User.objects.get(username="operator-there"), company=here.company, role=Role.VIEWER
    )
    assert client.get(url).status_code == 200
    given.delete()
    assert client.get(url).status_code == 404
