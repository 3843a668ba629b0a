"""Couple Dataverse Users with Salespeople: choosing, creating, matching, the team; with 0, 1 and thousands of users."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client

from connection_setup.connection import redirect_url, state
from connection_setup.enabling import services
from connection_setup.models import DataverseConnection
from connection_setup.provisioning import preparation
from connection_setup.provisioning import sign_in as administrator
from connection_setup.types import ROLE
from coupling.mappings import defaults
from coupling.models import Coupling
from masterdata.models import Salesperson
from sync.salespeople import services as salespeople
from tests.connection_setup.setup.test_page import text_of
from tests.sandbox.browsing import sign_in
from tests.sandbox.conftest import api_of
from tests.sync.conftest import make_unreachable
from tests.ui.pages import check

PAGE = "/c/cronus-international/couple-dataverse-users-with-salespeople/"
SETUP = "/c/cronus-international/dataverse-connection-setup/"


@pytest.fixture
def admin(db: None) -> Client:
    return person("Administrator")


def person(role: str) -> Client:
    user = User.objects.create_user(role.lower(), password="x")
    user.groups.add(Group.objects.get_or_create(name=role)[0])
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def owned(company):
    """Return the company, with the ownership model Person."""
    DataverseConnection.objects.update(ownership_model="person")
    defaults.apply_ownership_model(company)
    return company


@pytest.fixture
def people(remote, owned):
    """people(3): so many licensed users in Dataverse beside those of the start; their ids."""
    kept = {row["systemuserid"]: row for row in remote.rows("systemusers")}
    root = next(iter(kept.values()))["_businessunitid_value"]

    def make(wanted):
        names = [f"Person {n:04d}" for n in range(wanted)] if isinstance(wanted, int) else wanted
        rows = [
            {
                "systemuserid": str(uuid4()), "fullname": name, "firstname": name.split(" ")[0],
                "lastname": name.partition(" ")[2] or name, "islicensed": True, "isdisabled": False,
                "isintegrationuser": False, "internalemailaddress": f"{name.lower().replace(' ', '.')}@contoso.example",
                "_businessunitid_value": root, "businessunitid": root,
            }
            for name in names
        ]  # fmt: skip
        remote.load({"systemusers": [{k: v for k, v in row.items() if k != "_businessunitid_value"} for row in rows]})
        return [UUID(row["systemuserid"]) for row in rows]

    return make


def seller(company, code, **values):
    return Salesperson.objects.create(company=company, **{"code": code, "name": f"Seller {code}", **values})


def read(client, url=PAGE, **query):
    return re.sub(r"\s+", " ", text_of(client.get(url, query).content.decode()))


def post(client, action, follow=True, **given):
    return client.post(f"{PAGE}{action}/", given, follow=follow)


def text_in(answer):
    return re.sub(r"\s+", " ", text_of(answer.content.decode()))


def pairs(company):
    found = Coupling.objects.filter(company=company, table="salesperson").values_list("integration_id", "local_id")
    codes = dict(Salesperson.objects.values_list("system_id", "code"))
    return {row: codes[key] for row, key in found}


def test_the_page_lists_users_of_dataverse_and_is_found(admin, owned, people, remote):
    ada, _ = people(["Ada Adams", "Ben Bright"])
    remote.load({"systemusers": [
        {"systemuserid": str(uuid4()), "fullname": "Left Already", "lastname": "Already", "islicensed": True,
         "isdisabled": True, "isintegrationuser": False},
        {"systemuserid": str(uuid4()), "fullname": "No Licence", "lastname": "Licence", "islicensed": False,
         "isdisabled": False, "isintegrationuser": False},
    ]})  # fmt: skip
    answer = admin.get(PAGE)
    assert check(answer).h1 == "Couple Dataverse Users with Salespeople"
    page = text_in(answer)
    for head in ("User Name", "Email Address", "Salesperson", "Coupled", "Default Team Member"):
        assert head in page
    assert "Ada Adams ada.adams@contoso.example" in page
    assert "Left Already" not in page
    assert "No Licence" not in page
    own = state.connection_of(owned).integration_user_id
    assert str(own) not in answer.content.decode()
    assert str(ada) in answer.content.decode()
    found = admin.get("/c/cronus-international/search/", {"q": "couple dataverse users"}).content.decode()
    assert PAGE in found


def test_an_outdated_page_undoes_nothing_that_others_did_meanwhile(admin, owned, people):
    ada, ben = people(["Ada Adams", "Ben Bright"])
    seller(owned, "AA"), seller(owned, "BB"), seller(owned, "CC")
    page = admin.get(PAGE).content.decode()
    assert f'name="was-{ada}" value=""' in page
    # Somebody couples Ada; this page still shows her without a salesperson, and only Ben is chosen on it.
    post(admin, "save", **{f"code-{ada}": "AA", "way": "save"})
    stale = {f"code-{ada}": "", f"was-{ada}": "", f"code-{ben}": "BB", f"was-{ben}": "", "way": "save"}
    assert "1 user is coupled." in text_in(post(admin, "save", **stale))
    assert pairs(owned) == {ada: "AA", ben: "BB"}
    # Chosen on that page all the same: theirs stays, and the row says so.
    refused = text_in(post(admin, "save", **{**stale, f"code-{ada}": "CC"}))
    assert "Somebody else changed this meanwhile: AA stands here now." in refused
    assert pairs(owned) == {ada: "AA", ben: "BB"}


def test_choices_couple_move_and_uncouple(admin, owned, people):
    ada, ben = people(["Ada Adams", "Ben Bright"])
    seller(owned, "AA"), seller(owned, "BB")
    page = text_in(post(admin, "save", **{f"code-{ada}": "AA", f"code-{ben}": "", "way": "save"}))
    assert "1 user is coupled." in page
    assert pairs(owned) == {ada: "AA"}
    assert any("integration_id" in one.changes_dict for one in LogEntry.objects.all())
    asked = text_in(post(admin, "save", **{f"code-{ben}": "aa", "way": "save"}))
    assert "AA Seller AA is coupled with Ada Adams and moves to Ben Bright." in asked
    assert pairs(owned) == {ada: "AA"}, "nothing is moved before the answer"
    asked = text_in(post(admin, "save", **{f"code-{ada}": "AA", f"code-{ben}": "AA", "way": "save"}))
    assert "moves to Ben Bright." in asked, "what is shown unchanged was not chosen"
    page = text_in(post(admin, "save", **{f"code-{ben}": "AA", "way": "save", "move": "1"}))
    assert "1 user is coupled." in page
    assert pairs(owned) == {ben: "AA"}
    post(admin, "save", **{f"code-{ada}": "AA", f"code-{ben}": "BB", "way": "save"})
    assert pairs(owned) == {ada: "AA", ben: "BB"}, "freed in the same save"
    page = text_in(post(admin, "save", **{f"code-{ada}": "", f"code-{ben}": "BB", "way": "save"}))
    assert "1 coupling is deleted." in page
    assert pairs(owned) == {ben: "BB"}


def test_impossible_choices_are_explained_beside_the_user_and_nothing_is_saved(admin, owned, people):
    ada, ben = people(["Ada Adams", "Ben Bright"])
    seller(owned, "AA")
    answer = post(admin, "save", **{f"code-{ada}": "AA", f"code-{ben}": "ZZ", "way": "save"})
    check(answer)
    assert "There is no salesperson ZZ." in text_in(answer)
    answer = post(admin, "save", **{f"code-{ada}": "AA", f"code-{ben}": "AA", "way": "save"})
    check(answer)
    assert "AA is chosen for 2 users." in text_in(answer)
    assert pairs(owned) == {}


def test_ok_asks_about_the_rest_and_creates_them(admin, owned, people):
    ada, *_ = people(["Ada Adams", "Ben Bright", "Cy Cole"])
    seller(owned, "AA")
    total = len(salespeople.read_users(owned))
    asked = text_in(post(admin, "save", **{f"code-{ada}": "AA", "way": "ok"}))
    assert f"1 of {total} Dataverse users are coupled. {total - 1} salespeople are created for the rest" in asked
    page = text_in(post(admin, "create", all="1"))
    assert f"{total - 1} salespeople are created and coupled." in page
    ben = Salesperson.objects.get(company=owned, name="Ben Bright")
    assert ben.e_mail == "ben.bright@contoso.example"
    assert len(pairs(owned)) == total
    done = post(admin, "save", **{f"code-{ada}": "AA", "way": "ok"}, follow=False)
    assert done.headers["Location"] == SETUP
    assert "coupled already, so nobody was created" in text_in(post(admin, "create", all="1"))


def test_actions_work_on_the_selected_users_and_say_so_without_any(admin, owned, people):
    ada, ben = people(["Ada Adams", "Ben Bright"])
    assert "1 salesperson is created and coupled." in text_in(post(admin, "create", selected=[str(ada)]))
    assert list(pairs(owned)) == [ada]
    assert "None of them is coupled" in text_in(post(admin, "delete-couplings", selected=[str(ben)]))
    assert "1 coupling is deleted; users and salespeople stay." in text_in(
        post(admin, "delete-couplings", selected=[str(ada), str(ben)])
    )
    assert pairs(owned) == {}
    assert Salesperson.objects.filter(company=owned).count() == 1
    for action in ("create", "delete-couplings"):
        assert "No user is selected, so nothing was done." in text_in(post(admin, action))
    seller(owned, f"SP NO. {'9' * 13}")
    full = text_in(post(admin, "create", selected=[str(ben)]))
    assert f"The next code of the series is SP NO. 1{'0' * 13}, and a salesperson's code holds 20 characters." in full
    assert str(ben) not in map(str, pairs(owned))


def test_two_people_who_create_at_once_create_each_salesperson_once(company, owned, people):
    people(12)
    users = salespeople.read_users(company)
    together = threading.Barrier(2)

    def create(_number):
        together.wait()
        try:
            return salespeople.create_salespeople(company=company, users=users)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(create, range(2)))
    assert sorted(made) == [0, len(users)]
    assert Salesperson.objects.count() == Coupling.objects.filter(table="salesperson").count() == len(users)


def test_match_by_e_mail_couples_what_is_clear_and_names_what_is_not(admin, owned, people):
    ada, ben, _ = people(["Ada Adams", "Ben Bright", "Cy Cole"])
    seller(owned, "AA", e_mail="ADA.adams@contoso.example ".strip())
    seller(owned, "B1", e_mail="ben.bright@contoso.example"), seller(owned, "B2", e_mail="ben.bright@contoso.example")
    assert "same e-mail address" in read(admin, f"{PAGE}match/")
    page = text_in(post(admin, "match"))
    assert "1 user is coupled by e-mail." in page
    assert "Several share an e-mail address, so nothing was done: Ben Bright." in page
    assert pairs(owned) == {ada: "AA"}
    assert ben not in pairs(owned)


def test_coupled_users_are_added_to_the_team_each_with_a_result(admin, owned, people, remote):
    ada, ben = people(["Ada Adams", "Ben Bright"])
    post(admin, "create", selected=[str(ada), str(ben)])
    assert "Ada Adams ada.adams@contoso.example" in read(admin)
    answer = post(admin, "team")
    page = text_in(answer)
    assert "2 of 2 coupled users are in the owning team." in page, page
    members = {one.id: one.is_member for one in salespeople.read_users(owned)}
    assert (members[ada], members[ben]) == (True, True)
    assert "already" in text_in(post(admin, "team"))
    Coupling.objects.filter(integration_id=ben).update(integration_id=uuid4())  # a user whom Dataverse does not know
    page = text_in(post(admin, "team"))
    assert "0 of 1 coupled users" in page
    assert "Ben Bright: " in page


def test_where_the_application_may_not_an_administrator_adds_them(owned, people, remote, admin_user):
    ada, ben = people(["Ada Adams", "Ben Bright"])
    users = salespeople.read_users(owned)
    salespeople.create_salespeople(company=owned, users=users, user_ids=[ada, ben])
    remote.control(
        "POST", "applications", {"client_id": remote.client_id, "redirect_urls": [redirect_url.default_url()]}
    )
    address = administrator.begin(company=owned, user=admin_user, session_key="s", return_url="/", purpose="team")
    back = sign_in(remote, address, remote.admin_user, remote.admin_password)
    done = administrator.finish(session_key="s", user=admin_user, returned=back)
    assert done.problem == ""
    steps = preparation.take_all_steps(done)
    assert [one.state for one in steps] == ["done", "done"], steps
    assert "2 of 2 coupled users are in the owning team." in steps[-1].message
    assert {one.id for one in salespeople.read_users(owned) if one.is_member} >= {ada, ben}


def test_a_denied_application_leads_to_the_administrators_sign_in(admin, owned, people, remote):
    (ada,) = people(["Ada Adams"])
    post(admin, "create", selected=[str(ada)])
    api = api_of(remote, grant_type="password", username=remote.admin_user, password=remote.admin_password)
    roles = api.get(f"roles?$select=roleid&$filter=name eq '{ROLE}'")["value"]
    privilege = api.get("privileges?$select=privilegeid&$filter=name eq 'prvWriteTeam'")["value"][0]["privilegeid"]
    for role in roles:
        taken = api.send(
            "POST",
            f"roles({role['roleid']})/Microsoft.Dynamics.CRM.RemovePrivilegeRole",
            json={"PrivilegeId": privilege},
        )
        assert taken.status_code < 500, taken.text
    answer = post(admin, "team", follow=False)
    assert answer.headers["Location"] == f"{SETUP}administrator/?purpose=team"
    page = admin.get(answer.headers["Location"])
    assert "The application may not add users to a team." in text_in(page)
    assert 'value="team"' in page.content.decode()


def test_thousands_of_users_are_paged_and_searched(admin, owned, people, remote):
    people(3000)
    remote.control("DELETE", "requests")
    page = read(admin)
    assert "Page 1 of" in page
    assert page.count("Select Person") == 0
    assert remote.requests()["total"] < 8, remote.requests()
    assert "Person 2999" in read(admin, q="person 2999")
    assert "1 of 3" in read(admin, q="person 2999")
    assert "Nobody is found" in read(admin, q="nobody at all")
    assert "Page 2 of" in read(admin, page="2")
    assert "Page 1 of" in read(admin, page="x")


def test_the_page_explains_that_there_are_no_users_or_that_dataverse_is_unreachable(admin, owned, remote, company):
    for one in salespeople.read_users(owned):
        remote.load({"systemusers": [{"systemuserid": str(one.id), "lastname": one.name, "isdisabled": True}]})
    assert "Dataverse has no user who is enabled, licensed" in read(admin)
    make_unreachable(company)
    answer = admin.get(PAGE)
    assert answer.status_code == 200
    assert "The users cannot be read." in text_in(answer)
    assert "cannot be reached" in text_in(answer)
    assert "Nothing was changed." in text_in(post(admin, "create", all="1"))


def test_the_menu_says_why_it_is_off(admin, company, owned):
    page = read(admin, SETUP)
    assert "Couple Salespeople" in page
    DataverseConnection.objects.update(ownership_model="team")
    assert "Couple Salespeople The ownership model is Team, so no user owns rows." in read(admin, SETUP)
    assert "ownership model Team" in text_in(post(admin, "team"))
    services.disable(company=company, user=None)
    assert "Couple Salespeople Enable the connection first." in read(admin, SETUP)
    assert "The connection to Dataverse is not enabled." in read(admin)


@pytest.mark.parametrize("role", ["Mapper", "Viewer"])
def test_mappers_and_viewers_see_the_page_and_cannot_change_it(owned, people, role):
    (ada,) = people(["Ada Adams"])
    client = person(role)
    page = client.get(PAGE)
    check(page)
    html = page.content.decode()
    assert f'name="code-{ada}"' not in html
    assert post(client, "save", **{f"code-{ada}": "AA"}).status_code == 403


def test_person_asks_to_map_salespeople_after_enabling_once(admin, owned):
    assert "Map salespeople to Dataverse users?" not in read(admin, SETUP)  # one question at a time, encryption first
    admin.post(f"{SETUP}questions/encryption/", {"answer": "no"})
    assert "Map salespeople to Dataverse users?" in read(admin, SETUP)
    sent = admin.post(f"{SETUP}questions/salespeople/", {"answer": "yes"})
    assert sent.headers["Location"] == PAGE
    assert "Map salespeople to Dataverse users?" not in read(admin, SETUP)
