"""Page People: a role for each person in each company, who gave it, deactivating somebody; and Role Changes."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts import roles
from accounts.models import CompanyRole
from accounts.pages.people_form import Cell, Change, changes_in
from core.roles import Held, Role
from masterdata.models import Company

BACKEND = "django.contrib.auth.backends.ModelBackend"

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, []),
        ({"role-1-2": "Viewer", "was-1-2": "Viewer"}, []),
        ({"role-1-2": "Viewer", "was-1-2": ""}, [Change(Cell(1, 2), "", "Viewer")]),
        ({"role-1-all": "", "was-1-all": "Mapper"}, [Change(Cell(1, None), "Mapper", "")]),
        ({"role-1-2": "Viewer"}, [Change(Cell(1, 2), "", "Viewer")]),
        ({"role-1-2": "Emperor", "was-1-2": ""}, []),
        ({"role-1-2": "Viewer", "was-1-2": "Emperor"}, []),
        (
            {"role-x-2": "Viewer", "role-1-y": "Viewer", "role-1": "Viewer", "role--": "Viewer", "roll-1-2": "Viewer"},
            [],
        ),
        ({f"role-{'9' * 20}-2": "Viewer", "role-\u0661-2": "Viewer"}, []),
        ({"was-1-2": "Viewer"}, []),
    ],
)
def test_what_was_chosen_anew(given: dict[str, str], found: list[Change]) -> None:
    assert changes_in(given) == found


@pytest.fixture
def alder() -> Company:
    return Company.objects.create(name="Alder", currency_code="EUR")


@pytest.fixture
def birch() -> Company:
    return Company.objects.create(name="Birch", currency_code="EUR")


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root")


def browser(person: User) -> Client:
    client = Client()
    client.force_login(person, backend=BACKEND)
    return client


@pytest.fixture
def admin(root: User) -> Client:
    return browser(root)


@pytest.fixture
def alders(alder: Company) -> Client:
    """Somebody who administers Alder alone."""
    person = User.objects.create_user("al")
    roles.set_roles(person=person, company=alder, roles=[Role.ADMINISTRATOR])
    return browser(person)


def cell(person: User, company: Company | None, choice: str, was: str = "") -> dict[str, str]:
    name = f"{person.pk}-{company.pk if company else 'all'}"
    return {f"role-{name}": choice, f"was-{name}": was}


def page_of(client: Client, url: str = "/c/alder/people/") -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return str(answer.content.decode())


def held(person: User) -> set[Held]:
    return set(roles.stored_roles(person))


def test_roles_are_chosen_per_company_and_count_at_once(
    admin: Client, ada: User, root: User, alder: Company, birch: Company
) -> None:
    hers = browser(ada)
    assert hers.get("/c/alder/").status_code == 403
    answer = admin.post("/c/alder/people/save/", cell(ada, alder, "Viewer") | cell(ada, birch, "Mapper and Operator"))
    assert (answer.status_code, answer["Location"]) == (302, "/c/alder/people/")
    assert held(ada) == {Held("alder", "Viewer"), Held("birch", "Mapper"), Held("birch", "Operator")}
    assert {row.given_by for row in CompanyRole.objects.filter(person=ada)} == {root}
    text = page_of(admin)
    assert "2 roles are changed, from now on." in text
    assert "by root, " in text
    assert hers.get("/c/alder/").status_code == hers.get("/c/birch/").status_code == 200
    admin.post("/c/alder/people/save/", cell(ada, birch, "", "Mapper and Operator"))
    assert hers.get("/c/birch/").status_code == 404


def test_what_somebody_else_changed_meanwhile_is_not_replaced_unseen(
    admin: Client, ada: User, alder: Company, birch: Company
) -> None:
    roles.set_roles(person=ada, company=alder, roles=[Role.MAPPER], by=User.objects.create_superuser("grace"))
    answer = admin.post("/c/alder/people/save/", cell(ada, alder, "Viewer", "") | cell(ada, birch, "Viewer"))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Meanwhile it was changed to Mapper (by grace, " in text
    assert "1 role is changed, from now on." in text
    assert "1 role is not changed; the reason stands below each." in text
    assert held(ada) == {Held("alder", "Mapper"), Held("birch", "Viewer")}


def test_nothing_chosen_is_said(admin: Client, ada: User, alder: Company) -> None:
    admin.post("/c/alder/people/save/", cell(ada, alder, "", ""))
    assert "Nothing was chosen anew" in page_of(admin)


def test_the_last_administrator_is_told_why_the_role_stays(admin: Client, root: User, alder: Company) -> None:
    answer = admin.post("/c/alder/people/save/", cell(root, None, "Viewer", "Administrator"))
    assert "root is the only active person who is an Administrator in all companies." in answer.content.decode()
    assert held(root) == {Held(None, "Administrator")}


def test_whoever_takes_their_own_right_is_led_to_where_they_still_may(
    alders: Client, alder: Company, birch: Company
) -> None:
    al = User.objects.get(username="al")
    roles.set_roles(person=al, company=birch, roles=[Role.VIEWER])
    answer = alders.post("/c/alder/people/save/", cell(al, alder, "", "Administrator"))
    assert answer["Location"] == "/"
    assert alders.get("/", follow=True).redirect_chain[-1][0] == "/c/birch/"


def test_an_administrator_of_one_company_sees_and_changes_that_company_alone(
    alders: Client, ada: User, alder: Company, birch: Company
) -> None:
    vera = User.objects.create_user("vera", first_name="Vera", last_name="Moss")
    roles.set_roles(person=vera, company=birch, roles=[Role.VIEWER])
    roles.set_roles(person=ada, company=alder, roles=[Role.VIEWER])
    text = page_of(alders)
    assert "ada" in text
    for hidden in ("vera", "Birch", "All companies", "Deactivate", "/admin/"):
        assert hidden not in text, hidden
    assert "vera" not in page_of(alders, "/c/alder/people/?q=ver")
    assert "Role of vera in Alder" in page_of(alders, "/c/alder/people/?q=vera")
    for company in (birch, None):
        alders.post("/c/alder/people/save/", cell(ada, company, "Administrator"))
    alders.post("/c/alder/people/save/", cell(vera, alder, "Viewer"))
    assert held(ada) == {Held("alder", "Viewer")}
    assert held(vera) == {Held("birch", "Viewer")}
    alders.post("/c/alder/people/save/", {**cell(vera, alder, "Viewer"), "q": "vera"})
    assert held(vera) == {Held("birch", "Viewer"), Held("alder", "Viewer")}
    assert alders.post("/c/alder/people/activate/", {"person": ada.pk, "sure": "yes"}).status_code == 403
    assert alders.get("/c/birch/people/").status_code == 404


def test_an_administrator_of_one_company_reads_who_may_act_there_by_a_role_in_all(alders: Client, ada: User) -> None:
    roles.set_roles(person=ada, company=None, roles=[Role.VIEWER])
    assert "Viewer in all companies" in page_of(alders)


def test_somebody_is_deactivated_after_a_question_and_signed_out_at_once(
    admin: Client, ada: User, alder: Company
) -> None:
    hers = browser(ada)
    asked = admin.post("/c/alder/people/activate/", {"person": ada.pk})
    assert "Deactivate ada?" in asked.content.decode()
    assert hers.get("/").status_code == 200
    admin.post("/c/alder/people/activate/", {"person": ada.pk, "sure": "yes"})
    assert hers.get("/")["Location"].startswith("/sign-in/")
    assert "Inactive" in page_of(admin)
    admin.post("/c/alder/people/activate/", {"person": ada.pk})
    assert User.objects.get(pk=ada.pk).is_active
    assert hers.get("/")["Location"].startswith("/sign-in/"), "the session from before is back"


def test_nobody_deactivates_themselves(admin: Client, root: User, alder: Company) -> None:
    admin.post("/c/alder/people/activate/", {"person": root.pk, "sure": "yes"})
    assert "You cannot deactivate yourself." in page_of(admin)


@pytest.mark.parametrize("person", ["", "0", "x", "9" * 30, "\u0661"])
def test_a_person_who_is_not_there_is_not_found(admin: Client, alder: Company, person: str) -> None:
    assert admin.post("/c/alder/people/activate/", {"person": person, "sure": "yes"}).status_code == 404


def test_role_changes_say_who_gave_and_took_what(
    admin: Client, alders: Client, ada: User, alder: Company, birch: Company
) -> None:
    admin.post("/c/alder/people/save/", cell(ada, alder, "Mapper") | cell(ada, birch, "Viewer"))
    admin.post("/c/alder/people/save/", cell(ada, alder, "", "Mapper"))
    admin.post("/c/alder/people/activate/", {"person": ada.pk, "sure": "yes"})
    roles.set_roles(person=ada, company=None, roles=[Role.OPERATOR])

    told = page_of(admin, "/c/alder/people/changes/?person=ada")
    for word in ("Given", "Taken", "Deactivated", "Mapper", "Viewer", "Operator", "All companies", "A command", "root"):
        assert word in told, word
    theirs = page_of(alders, "/c/alder/people/changes/?person=ada")
    for word in ("Given", "Taken", "Mapper", "root"):
        assert word in theirs, word
    for word in ("Deactivated", "Birch", "Operator", "All companies"):
        assert word not in theirs, word
    assert "Taken" not in page_of(admin, "/c/alder/people/changes/?what=given").split("</thead>")[1]


def test_many_people_stand_on_several_pages_and_are_found(admin: Client, alder: Company) -> None:
    User.objects.bulk_create(User(username=f"p{number:03}") for number in range(60))
    assert "Page 1 of 3" in page_of(admin)
    assert "p059" in page_of(admin, "/c/alder/people/?page=3")
    found = page_of(admin, "/c/alder/people/?q=p05")
    assert "10 people" in found
    assert "Nobody is found" in page_of(admin, "/c/alder/people/?q=nobody-like-this")


def test_of_many_companies_one_is_chosen(admin: Client, alder: Company, ada: User) -> None:
    for number in range(20):
        Company.objects.create(name=f"Company {number:02}", currency_code="EUR")
    text = page_of(admin)
    assert "Role of ada in Company 19" not in text
    assert "Role of ada in Company 19" in page_of(admin, "/c/alder/people/?company=company-19")


def test_the_page_asks_little_however_many_there_are(
    admin: Client, root: User, alder: Company, birch: Company, django_assert_max_num_queries: Any
) -> None:
    for number in range(25):
        person = User.objects.create_user(f"p{number}")
        roles.set_roles(person=person, company=alder, roles=[Role.VIEWER], by=root)
    with django_assert_max_num_queries(12):
        page_of(admin)
