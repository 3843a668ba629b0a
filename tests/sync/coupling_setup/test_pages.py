"""Set Up Coupling and Create Here from Dataverse, requested as a browser without scripts does."""

import html
import re
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.roles import set_roles
from core.roles import Role
from coupling.couplings import by_hand
from coupling.models import Coupling, CouplingBase, UndoneRecord
from jobs.models import Job, JobOutcome, Outcome, Reason, State, Type
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer, PaymentTerms
from sync.coupling_setup import services
from tests.sync.conftest import (
    connect,
    coupling_of,
    customer,
    make_unreachable,
    page_text,
    page_url,
    patch,
    signed_in,
    synchronize,
    update_mapping,
)
from tests.sync.coupling_setup.conftest import CALGARY, COTTON, EDMONTON, PARTS, account
from tests.ui.pages import check


def set_up_url(company, record, table="customer"):
    return page_url(company, "set-up-coupling", table=table, system_id=record.system_id)


def said(answer):
    """Return a page's text, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page_text(answer))).split())


@pytest.fixture
def iris(company):
    return customer(company, "10000", "Iris Bicycles Ltd.", city="Calgary", phone_no="(587) 555-0117", e_mail="i@x.org")


def test_the_page_shows_the_record_and_the_rows_told_apart(company, customers, rows, operator, iris):
    parts = customer(company, "10440", "Parts")
    services.couple(mapping=customers, local_id=parts.system_id, integration_id=PARTS)
    rows.control("DELETE", "requests")
    answer = operator.get(set_up_url(company, iris))
    assert rows.control("GET", "requests")["total"] <= 3
    page, text = check(answer), said(answer)
    assert page.h1 == "Set Up Coupling"
    for words in (
        "Here: Customer", "In Dataverse: account", "Iris Bicycles Ltd. A-100, Calgary, +1 (587) 555-0117 uncoupled",
        "Iris Bicycles Ltd. Edmonton, edmonton@iris.example uncoupled", "coupled to 10440 Parts", "Create New",
        "3 rows found, inside the Integration Table Filter.", "Synchronize After Coupling", "Yes - Use the Tandem data",
        "Yes - Use the Dataverse data", "Not coupled",
    ):  # fmt: skip
        assert words in text, words
    assert "Field by field" not in text  # two may be meant: a person chooses
    found = said(operator.get(set_up_url(company, iris), {"q": "imports", "everywhere": "1"}))
    assert "Iris Imports not possible" in " ".join(found.split())
    assert "Relationship Type is Vendor" in found


def test_both_sides_are_compared_and_each_choice_says_what_it_would_write(company, customers, rows, operator, iris):
    url = set_up_url(company, iris)
    asked = {"q": "iris", "row": str(CALGARY), "do": "compare", "initial": "from"}
    compared = operator.post(url, asked)
    assert not Coupling.objects.exists()
    text = said(operator.get(compared["Location"]))
    for words in (
        "Field by field", "Phone No. Here (587) 555-0117 equal as phone In Dataverse +1 (587) 555-0117",
        "City Here Calgary equal In Dataverse Calgary", "E-Mail Here i@x.org blank there",
        "Writes there: E-Mail, Phone No. Yes", "Writes here: Phone No. Clears here: E-Mail. Couple",
        "wait on Resolve Update Conflicts", "Blank on one side",
    ):  # fmt: skip
        assert words in text, (words, text)
    only = said(operator.get(url, {"q": "iris", "row": str(CALGARY), "show": "blank"}))
    assert "i@x.org blank there" in only
    assert "equal as phone" not in only
    # One row alone may be meant: it is compared at once.
    assert "Field by field" in said(operator.get(url, {"q": "edmonton@iris"}))


def test_what_a_choice_says_it_would_write_is_what_its_job_writes(company, customers, rows, operator, iris):
    other = customer(company, "10001", "Iris", city="Bonn", address="Main St 1")
    for record, row, initial, hint in ((iris, CALGARY, "to", "Writes there: "), (other, EDMONTON, "from", "here: ")):
        text = said(operator.get(set_up_url(company, record), {"row": str(row)}))
        answer = operator.post(set_up_url(company, record), {"row": str(row), "do": "couple", "initial": initial})
        job = run_to_end(Job.objects.latest("pk"))
        assert answer["Location"].endswith(f"/jobs/{job.pk}/")
        (outcome,) = JobOutcome.objects.filter(job=job)
        written = [one["caption"] for one in outcome.detail["fields"] if "written" in one]
        assert written
        told = text.split(hint, 1)[1].split("Yes - Use" if initial == "to" else "Couple")[0]
        assert all(caption in told for caption in written), (written, told)
        assert "Name" not in told or initial == "from"


def test_a_pair_is_coupled_from_the_page_and_a_refusal_comes_back_to_the_same_rows(
    company, customers, rows, operator, iris
):
    url = set_up_url(company, iris)
    nothing = operator.post(url, {"q": "iris", "do": "couple"}, follow=True)
    assert "No row was chosen, so nothing was coupled." in said(nothing)
    other = customer(company, "10440", "Parts")
    services.couple(mapping=customers, local_id=other.system_id, integration_id=PARTS)
    taken = operator.post(url, {"q": "iris", "row": str(PARTS), "do": "couple", "everywhere": "1"}, follow=True)
    text = said(taken)
    assert "The row is coupled already to 10440 Parts in CRONUS International." in text
    assert "choose Delete Coupling on the card of 10440 Parts" in text
    assert "q=iris" in taken.redirect_chain[0][0]
    back = page_url(company, "skipped")
    done = operator.post(url, {"row": str(CALGARY), "do": "couple", "initial": "none", "next": back})
    assert done["Location"] == back
    assert coupling_of(customers, iris).method == "manual"
    assert not Job.objects.exists()
    other_mapping = {"row": str(EDMONTON), "do": "couple", "mapping": "SOLD" + "x" * 200}
    gone = operator.post(set_up_url(company, customer(company, "10001")), other_mapping, follow=True)
    assert "There is no integration table mapping SOLD" in said(gone)  # and no other one takes its place
    assert Coupling.objects.count() == 2
    coupled = said(operator.get(url))
    for words in ("Coupled to Dataverse", "Delete Coupling", "Synchronize Now", "Field by field", "Close"):
        assert words in coupled, words
    again = operator.post(url, {"row": str(EDMONTON), "do": "couple"}, follow=True)
    assert "The record is coupled already with the row" in said(again)
    away = operator.get(url, {"next": "https://evil.example/"}).content.decode()
    assert 'href="https://evil.example' not in away


def test_create_new_creates_the_row_by_a_job(company, customers, rows, operator, iris):
    answer = operator.post(set_up_url(company, iris), {"row": "new", "do": "couple"})
    job = run_to_end(Job.objects.get())
    assert answer["Location"].endswith(f"/jobs/{job.pk}/")
    assert (job.one_record, job.counters["inserted"]) == (True, 1)
    assert coupling_of(customers, iris).method == "created"
    update_mapping(company, direction="from_integration_table")
    text = said(operator.get(set_up_url(company, customer(company, "10001"))))
    assert "CUSTOMER only takes data from Dataverse" in text
    assert "CUSTOMER is not synchronized that way." in text


def test_where_nothing_can_be_coupled_the_page_says_why(company, customers, rows, operator, iris):
    terms = PaymentTerms.objects.create(company=company, code="1M(8D)", description="1 Month")
    answer = said(operator.get(set_up_url(company, terms, "payment_terms")))
    assert "Couple them on Dataverse Option Mapping." in answer
    assert operator.get(page_url(company, "set-up-coupling", table="customer", system_id=uuid4())).status_code == 404
    lost = said(operator.get(set_up_url(company, iris), {"row": str(uuid4()), "page": "x"}))
    assert "This page of rows belongs to another search." in lost
    assert "The row is gone" in said(operator.get(set_up_url(company, iris), {"row": str(uuid4())}))
    customers.fields.filter(enabled=True).update(rules=["shout"])
    broken = said(operator.get(set_up_url(company, iris), {"row": str(CALGARY)}))
    assert "The fields cannot be compared." in broken
    assert "A-100" in broken  # and yet it can be coupled
    Coupling.objects.create(
        company=company, mapping=customers, table="customer", local_id=iris.system_id, integration_id=uuid4(),
        pending=True,
    )  # fmt: skip
    pending = said(operator.get(set_up_url(company, iris)))
    assert "Being created in Dataverse" in pending
    assert "Delete Coupling" not in pending.replace("choose Delete Coupling first", "")
    Coupling.objects.all().delete()
    make_unreachable(company)
    assert "The rows cannot be read" in said(operator.get(set_up_url(company, iris)))
    refused = operator.post(set_up_url(company, iris), {"row": str(CALGARY), "do": "couple"}, follow=True)
    assert not Coupling.objects.exists()
    assert "The rows cannot be read" in said(refused)


def test_lists_lead_to_the_page_for_one_record_at_a_time(company, customers, rows, operator, iris):
    other = customer(company, "10001")
    url = page_url(company, "set-up-coupling-records", table="customer")
    one = operator.post(url, {"selected": [str(iris.system_id)]})
    assert one["Location"].split("?")[0] == set_up_url(company, iris)
    several = operator.post(url, {"selected": [str(iris.system_id), str(other.system_id)]}, follow=True)
    assert "One record is coupled by hand at a time" in said(several)
    assert "Nothing is selected" in said(operator.post(url, {}, follow=True))
    card = operator.get(f"/c/{company.slug}/records/customer/{iris.system_id}/").content.decode()
    assert set_up_url(company, iris) in card
    # From what was left out, from conflicts and from outcomes of a job.
    services.couple(mapping=customers, local_id=iris.system_id, integration_id=CALGARY)
    pair = coupling_of(customers, iris)
    CouplingBase.objects.filter(pk=pair.pk).update(conflict={"fields": []})
    undone = [
        UndoneRecord.objects.create(company=company, mapping=customers, coupling=pair, local_id=iris.system_id,
                                    reason=Reason.VALUE_INVALID, condition="x"),
        UndoneRecord.objects.create(company=company, mapping=customers, integration_id=COTTON,
                                    reason=Reason.VALUE_INVALID, condition="x"),
    ]  # fmt: skip
    job = Job.objects.create(
        company=company, type=Type.COUPLING, state=State.FINISHED, mapping_name="CUSTOMER", counters={"failed": 1},
        breakdown={"failed": {"no_match": 1}},
    )  # fmt: skip
    outcome = JobOutcome.objects.create(
        job=job, outcome=Outcome.FAILED, reason=Reason.NO_MATCH, local_id=other.system_id, local_key="10001"
    )
    for name, key, record, more in (
        ("set-up-coupling-undone", undone[0].pk, iris, {}),
        ("set-up-coupling-conflicts", pair.pk, iris, {}),
        ("set-up-coupling-outcomes", outcome.pk, other, {"pk": job.pk}),
    ):
        answer = operator.post(page_url(company, name, **more), {"selected": [str(key)]})
        assert answer["Location"].split("?")[0] == set_up_url(company, record), name
        assert "next=" in answer["Location"]
    alone = operator.post(page_url(company, "set-up-coupling-undone"), {"selected": [str(undone[1].pk)]}, follow=True)
    assert "This line is about a Dataverse row alone" in said(alone)
    listed = operator.get(f"/c/{company.slug}/jobs/{job.pk}/").content.decode()
    assert page_url(company, "set-up-coupling-outcomes", pk=job.pk) in listed
    assert "Last try" in said(operator.get(set_up_url(company, other)))


def test_rows_are_created_for_a_selection_after_asking(company, customers, rows, operator, iris):
    other = customer(company, "10001", "Novelty")
    url = page_url(company, "create-in-dataverse", table="customer")
    both = {"selected": [str(iris.system_id), str(other.system_id)]}
    asked = page_text(operator.post(url, both))
    assert "each of the 2 selected records that is not coupled" in asked
    assert not Job.objects.exists()
    token = asked.split('name="selection" value="')[1].split('"')[0]
    operator.post(url, {"selection": token, "confirmed": "yes"})
    assert run_to_end(Job.objects.get()).counters["inserted"] == 2
    third = customer(company, "10002")
    operator.post(url, {"selected": [str(third.system_id)]})
    assert run_to_end(Job.objects.latest("pk")).counters["inserted"] == 1
    assert "Nothing is selected" in said(operator.post(url, {}, follow=True))


def test_uncoupled_rows_are_listed_searched_and_created_here(company, customers, rows, operator, iris, monkeypatch):
    services.couple(mapping=customers, local_id=iris.system_id, integration_id=CALGARY)
    url = page_url(company, "uncoupled-rows", mapping="CUSTOMER")
    answer = operator.get(url)
    assert check(answer).h1 == "Create Here from Dataverse"
    text = said(answer)
    assert "3 not coupled of 4 looked at" in text
    assert "100% Cotton_Mills A-200" in text
    assert "Red Deer" not in said(operator.get(url, {"q": "cotton"}))
    created = operator.post(page_url(company, "create-here", mapping="CUSTOMER"), {"selected": [str(COTTON), "x"]})
    job = run_to_end(Job.objects.get())
    assert created["Location"].endswith(f"/jobs/{job.pk}/")
    assert Customer.objects.get(name="100% Cotton_Mills").company == company
    assert "Nothing is selected" in said(
        operator.post(page_url(company, "create-here", mapping="CUSTOMER"), follow=True)
    )
    assert signed_in("Viewer").get(url).status_code == 403  # it reads tables from the service
    assert "Your role may look, not change." in said(signed_in("Mapper").get(url))
    # All that a search finds, after asking with their number.
    every = {"q": "parts", "every": "1"}
    asked = said(operator.post(page_url(company, "create-here", mapping="CUSTOMER"), every))
    assert "each of 1 row found by “parts” that nothing is coupled with" in asked
    assert Job.objects.count() == 1
    monkeypatch.setattr(by_hand, "PAGE_SIZE", 1)
    monkeypatch.setattr(by_hand, "MOST_REQUESTS", 2)
    asked = said(operator.post(page_url(company, "create-here", mapping="CUSTOMER"), {"every": "1"}))
    assert "There are more rows behind those looked at" in asked
    # Pages end where enough rows are found, or enough were read; the next one goes on from there.
    monkeypatch.setattr(by_hand, "READ", 2)
    monkeypatch.setattr(by_hand, "SHOWN", 1)
    monkeypatch.setattr(by_hand, "MOST_REQUESTS", 1)
    seen, at = [], url
    for _ in range(9):
        page = operator.get(at).content.decode()
        seen += re.findall(r'name="selected"\s+value="([^"]+)"', page)
        found = re.search(r'href="([^"]+)"\s+rel="next"', page)
        if found is None:
            break
        at = html.unescape(found[1])
    assert sorted(seen) == sorted([str(EDMONTON), str(PARTS)])
    operator.post(page_url(company, "create-here", mapping="CUSTOMER"), {**every, "confirmed": "yes"})
    assert run_to_end(Job.objects.latest("pk")).counters["inserted"] == 1
    nothing = operator.post(page_url(company, "create-here", mapping="CUSTOMER"), every, follow=True)
    assert "No records are selected" in said(nothing)
    assert "choices of a column" in said(operator.get(page_url(company, "uncoupled-rows", mapping="PAYMENT TERMS")))


def test_tell_me_finds_the_page_and_asks_for_which_mapping(company, customers, operator):
    found = operator.get(f"/c/{company.slug}/search/", {"q": "set up coupling"}).content.decode()
    assert page_url(company, "choose-coupling") in found
    answer = operator.get(page_url(company, "choose-coupling"))
    assert check(answer).h1 == "Set Up Coupling"
    assert page_url(company, "uncoupled-rows", mapping="CUSTOMER") in answer.content.decode()


def test_a_coupled_pair_is_compared_with_what_both_sides_agreed_on(company, customers, rows, operator, iris):
    services.couple(mapping=customers, local_id=iris.system_id, integration_id=CALGARY, initial="to")
    run_to_end(Job.objects.get())
    patch(rows, CALGARY, address1_city="Ulm")
    assert "City Here Calgary different In Dataverse Ulm" in said(operator.get(set_up_url(company, iris)))
    synchronize(customers)
    iris.refresh_from_db()
    assert iris.city == "Ulm"
    assert "City Here Ulm equal In Dataverse Ulm" in said(operator.get(set_up_url(company, iris)))
    Coupling.objects.all().delete()  # alike, and yet to be coupled
    text = said(operator.get(set_up_url(company, iris), {"row": str(CALGARY)}))
    assert text.count("Nothing differs that would be written.") == 3


def test_what_a_row_of_another_company_holds_is_not_shown_and_its_name_to_those_with_a_role_there(
    company, customers, rows, iris
):
    """Held by its coupling there, or by a mark of nobody here: of each mark it is asked once whose it is."""
    services.couple(mapping=customers, local_id=iris.system_id, integration_id=CALGARY)
    foreign = str(uuid4())
    rows.load({"tandem_companies": [{"tandem_companyid": foreign, "tandem_name": "Birch & Sons"}]})
    marked = [account(f"Iris {n}", tandem_companyid=foreign, address1_city="Whitehorse") for n in range(3)]
    rows.load({"accounts": marked})
    other = Company.objects.create(name="Northwind Traders", currency_code="USD", country_code="US")
    connect(other, rows)
    url = set_up_url(other, customer(other, "1", "Iris"))
    asked = {"row": str(CALGARY), "q": "iris", "everywhere": "1"}
    for roles, label in (([other], "A row of another company"), ([other, company], "Iris Bicycles Ltd.")):
        person, ada = Client(), User.objects.create_user(f"ada {len(roles)}")
        person.force_login(ada, "django.contrib.auth.backends.ModelBackend")
        for one in roles:
            set_roles(person=ada, company=one, roles=[Role.OPERATOR])
        rows.control("DELETE", "requests")
        text = said(person.get(url, asked))
        assert rows.control("GET", "requests")["by"]["GET tandem_companies"] == 1
        assert f"{label} not possible The row belongs to" in text, text
        assert text.count("A row of another company not possible The row belongs to another company, Birch") == 3
        assert "What it holds is not shown here." in text
        assert "Iris Bicycles Ltd. Edmonton" in text
        for hidden in ("A-100", "+1 (587) 555-0117", "Whitehorse", "Iris 0", "Field by field", "Writes there"):
            assert hidden not in text, hidden
        assert len(roles) > 1 or text.count("Iris Bicycles Ltd.") == 1
