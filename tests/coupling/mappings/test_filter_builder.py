"""The condition builder on a mapping's card: without scripts, by submit buttons, with counts of both sides."""

import json
import re

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone

from coupling.couplings.services import start_coupling
from coupling.mappings.filter_counts import Uncoupled
from coupling.models import Coupling
from coupling.rows import Criterion
from masterdata.models import Contact, Salesperson
from tests.coupling.conftest import run
from tests.ui.pages import read

SETTINGS = {"direction": "bidirectional", "synch_only_coupled": "on", "every_minutes": "30"}


@pytest.fixture
def mapper(client, company):
    user = User.objects.create(username="mapper")
    user.groups.add(Group.objects.get_or_create(name="Mapper")[0])
    client.force_login(user)
    return client


CARD = reverse("coupling:mapping", kwargs={"company": "cronus", "mapping": "CUSTOMER"})
BUILDERS = f"{CARD}?filters=change"


def form_of(answer):
    """Return what a browser would send: the values of the page's form."""
    found = {}
    root = read(answer).root
    form = next(one for one in root.all("form") if one.get("id") == "page-form")
    for one in form.all("input"):
        ticked = one.get("type") != "checkbox" or "checked" in one.attributes
        if one.get("name") and ticked:
            found[one.get("name")] = one.get("value") or ("on" if one.get("type") == "checkbox" else "")
    for one in form.all("select"):
        chosen = [option.get("value") for option in one.all("option") if "selected" in option.attributes]
        first = [option.get("value") for option in one.all("option")][:1]
        found[one.get("name")] = chosen or ([] if "multiple" in one.attributes else first)
    return found


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def press(client, answer, button, **typed):
    """Press a button of the builders, after typing; the form is as the page had it."""
    return client.post(BUILDERS, form_of(answer) | typed | {"do": button})


def test_the_card_leads_to_the_builders_which_show_the_filters_and_count(
    mapper, company, customer_mapping, customers, accounts, remote
):
    customers([{"city": "Berlin"}, {"blocked": "All"}, {}])
    accounts([{"name": "A"}, {"name": "B", "customertypecode": 11}])
    remote.control("DELETE", "requests")
    card = mapper.get(CARD)
    assert remote.requests()["total"] == 0
    assert "Blocked is blank" in text(card) and "filters=change" in card.content.decode()
    answer = mapper.get(BUILDERS)
    assert "2 of 3 Customers" in text(answer)
    assert re.search(r"\d+ of \d+ accounts", text(answer))
    assert "Reads: Blocked is blank." in text(answer)
    assert "Reads: Status is Active, Relationship Type is Customer." in text(answer)
    form = form_of(answer)
    assert (form["table-0-field"], form["table-0-op"]) == (["blocked"], ["blank"])
    assert (form["integration-1-field"], form["integration-1-value"]) == (["customertypecode"], ["3"])


def test_a_filter_is_built_by_submit_buttons_and_saved(mapper, company, customer_mapping, customers, accounts):
    customers(
        [{"phone_no": "1", "city": "Berlin"}, {"phone_no": "2", "city": "Bonn"}, {"phone_no": "3", "city": "Rome"}]
    )
    accounts([{"name": f"Account {at}", "telephone1": str(at)} for at in (1, 2, 3)])
    run(start_coupling(mapping=customer_mapping, criteria=[Criterion("phone_no", "telephone1")], synchronize=True))

    answer = press(mapper, mapper.get(BUILDERS), "table:add-group")
    assert answer.status_code == 200
    answer = press(mapper, answer, "table:look", **{"table-1-0-field": "city", "table-1-0-op": "in"})
    answer = press(mapper, answer, "table:add-1", **{"table-1-0-value": "Berlin, bonn"})
    answer = press(mapper, answer, "table:look", **{"table-1-1-field": "credit_limit", "table-1-1-op": "gt"})
    answer = press(mapper, answer, "table:look", **{"table-1-1-value": "1000"})
    assert "2 of 3 Customers" in text(answer)
    assert "Reads: Blocked is blank, (City is Berlin or bonn or Credit Limit (LCY) is more than 1000)." in text(answer)
    assert "1 left out. 1 coupled would leave" in text(answer)
    assert "10020 " in text(answer)
    customer_mapping.refresh_from_db()
    assert customer_mapping.table_filter == {"field": "blocked", "op": "blank"}, "nothing is saved before Save"

    answer = press(mapper, answer, "integration:remove-1")
    answer = mapper.post(CARD, form_of(answer) | SETTINGS, follow=True)
    assert "CUSTOMER is saved." in text(answer)
    assert "1 coupling is outside the Table Filter: it stays, is left out of runs, and stands on" in text(answer)
    customer_mapping.refresh_from_db()
    either = [
        {"field": "city", "op": "in", "value": ["Berlin", "bonn"]},
        {"field": "credit_limit", "op": "gt", "value": 1000},
    ]  # fmt: skip
    assert customer_mapping.table_filter == {"all": [{"field": "blocked", "op": "blank"}, {"any": either}]}
    assert customer_mapping.integration_filter == {"field": "statecode", "op": "eq", "value": 0, "label": "Active"}

    answer = press(mapper, mapper.get(BUILDERS), "table:remove-1-0")
    answer = press(mapper, answer, "table:remove-1-0")
    assert "3 of 3 Customers" in text(answer)
    assert "1 coupled would take part again." in text(answer)


def test_what_is_not_coupled_is_counted_too_where_it_would_leave_or_take_part(
    mapper, company, customer_mapping, customers, accounts
):
    made = customers([{"city": "Berlin"}, {"city": "Bonn"}, {"city": "Rome"}, {"city": "Berlin", "blocked": "All"}])
    rows = accounts(
        [{"name": "A", "address1_city": "Bonn"}, {"name": "B", "address1_city": "Bonn"}, {"name": "C", "statecode": 1},
         {"name": "D", "customertypecode": 11}, {"name": "E", "customertypecode": 11, "statecode": 1}]
    )  # fmt: skip
    Coupling.objects.create(
        company=company, mapping=customer_mapping, table="customer", local_id=made[1].system_id, integration_id=rows[0]
    )
    answer = press(mapper, mapper.get(BUILDERS), "table:look", **{"table-0-field": "city", "table-0-op": "eq"})
    answer = press(mapper, answer, "table:look", **{"table-0-value": "Berlin"})
    here = "2 left out. 1 coupled would leave: they stay coupled, and runs leave them out."
    assert f"{here} 1 uncoupled would leave. 1 uncoupled would take part." in text(answer)
    answer = press(mapper, answer, "integration:remove-1")
    answer = press(mapper, answer, "integration:look", **{"integration-0-op": "ne"})
    there = "3 left out. 1 coupled would leave: they stay coupled, and runs leave them out."
    assert f"{there} 1 uncoupled would leave. 2 uncoupled would take part." in text(answer)
    saved = text(mapper.post(CARD, form_of(answer) | SETTINGS, follow=True))
    assert "1 uncoupled left the Table Filter. 1 uncoupled entered the Table Filter." in saved
    assert "1 uncoupled left the Integration Table Filter. 2 uncoupled entered the Integration Table Filter." in saved


def test_more_than_is_counted_is_not_told_as_a_number():
    assert Uncoupled(None, 2, at_most=True).sentence() == (
        "5,000 or more would leave, coupled and uncoupled. At most 2 uncoupled would take part."
    )


def test_a_contact_without_a_business_that_is_customer_or_vendor_counts_as_left_out(mapper, company):
    business = Contact.objects.create(company=company, no="B1", type="Company", company_no="B1", name="Adatum")
    Contact.objects.create(company=company, no="P1", type="Person", company_no="B1", first_name="Ada")
    builders = BUILDERS.replace("CUSTOMER", "CONTACT")
    assert "0 of 2 Contacts" in text(mapper.get(builders))
    business.customer_no = "10000"
    business.save()
    assert "1 of 2 Contacts" in text(mapper.get(builders))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"table-0-field": "credit_limit", "table-0-op": "lt", "table-0-value": "much"},
         "Credit Limit (LCY) (credit_limit) takes a number, not &#x27;much&#x27;. Nothing was changed."),
        ({"table-0-field": "city", "table-0-op": "eq", "table-0-value": " "}, "City has nothing to compare with."),
        ({"table-0-field": "colour", "table-0-op": "blank"}, "Customer has no field &#x27;colour&#x27;"),
        ({"integration-0-field": "name", "integration-0-op": "begins_with", "integration-0-value": "x" * 161},
         "Account Name (name) takes 160 characters"),
        ({"integration-0-field": "createdon", "integration-0-op": "ge", "integration-0-value": "soon"},
         "takes a time such as 2026-01-31T08:00:00Z, not &#x27;soon&#x27;."),
        ({"integration-0-field": "ownerid", "integration-0-op": "eq", "integration-0-value": "ada"},
         "takes a GUID, not"),
    ],
)  # fmt: skip
def test_a_refused_filter_keeps_what_was_typed(mapper, company, customer_mapping, typed, said):
    before = json.dumps([customer_mapping.table_filter, customer_mapping.integration_filter])
    answer = mapper.post(CARD, form_of(mapper.get(BUILDERS)) | SETTINGS | typed)
    assert answer.status_code == 400
    assert said in re.sub(r"\s+", " ", answer.content.decode())
    form = form_of(answer)
    for name, value in typed.items():
        if name.endswith("-value") and value.strip():
            assert form[name] in (value, [value])
    customer_mapping.refresh_from_db()
    assert json.dumps([customer_mapping.table_filter, customer_mapping.integration_filter]) == before


def options_of(answer, name):
    """Return the options of a select: values and what they are called."""
    one = next(one for one in read(answer).root.all("select") if one.get("name") == name)
    return {option.get("value"): option.text.strip() for option in one.all("option")}


def test_values_of_choices_are_chosen(mapper, company, customer_mapping):
    answer = press(
        mapper, mapper.get(BUILDERS), "integration:look",
        **{"integration-1-op": "in", "integration-1-value": ["3", "11"]},
    )  # fmt: skip
    assert "Relationship Type is Customer or Vendor" in text(answer)
    assert form_of(answer)["integration-1-value"] == ["3", "11"]


def test_records_here_are_searched_for_by_key_or_name_and_their_keys_are_stored(mapper, company, customer_mapping):
    """More of them than a list shows; Enter in the search box, which sends the form, searches too."""
    names = [f"Ann {at:03d}" for at in range(300)] + ["Jo Berry", "Émile Jo", "Zoë Quince"]
    Salesperson.objects.bulk_create(
        Salesperson(company=company, code=f"{name[:2].upper()}{at}", name=name) for at, name in enumerate(names)
    )
    name = "table-0-value"
    answer = press(
        mapper, mapper.get(BUILDERS), "table:look", **{"table-0-field": "salesperson_code", "table-0-op": "eq"}
    )
    assert len(options_of(answer, name)) == 21 and "The first 20; search for others" in text(answer)
    answer = mapper.post(CARD, form_of(answer) | SETTINGS | {"table-0-find": "ÉMILE"})
    assert "Nothing is saved yet: choose among the records that the search found." in text(answer)
    assert options_of(answer, name) == {"": "(choose)", "ÉM301": "ÉM301 Émile Jo"}
    answer = press(mapper, answer, "table:look", **{"table-0-find": "jo"})
    assert set(options_of(answer, name)) == {"", "JO300", "ÉM301"}
    answer = press(mapper, answer, "table:look", **{name: "JO300", "table-0-find": "quince"})
    assert options_of(answer, name) == {"": "(choose)", "JO300": "JO300 Jo Berry", "ZO302": "ZO302 Zoë Quince"}
    answer = press(mapper, answer, "table:look", **{"table-0-op": "in", name: ["JO300", "ZO302"]})
    answer = mapper.post(CARD, form_of(answer) | SETTINGS, follow=True)
    assert "CUSTOMER is saved." in text(answer)
    assert "Salesperson Code is JO300 Jo Berry or ZO302 Zoë Quince" in text(answer)
    customer_mapping.refresh_from_db()
    assert customer_mapping.table_filter["value"] == ["JO300", "ZO302"]
    assert form_of(mapper.get(BUILDERS))[name] == ["JO300", "ZO302"]
    press_begins = press(mapper, mapper.get(BUILDERS), "table:look", **{"table-0-op": "begins_with", name: "JO"})
    assert form_of(press_begins)[name] == "JO", "a part of a code is typed"


def test_rows_in_dataverse_are_searched_for_by_name_and_their_ids_are_stored(
    mapper, company, customer_mapping, accounts, remote
):
    contoso, _, percent = accounts([{"name": "Contoso Group"}, {"name": "Fabrikam"}, {"name": "100% Contoso"}])
    contact = "0c000000-0000-4000-8000-000000000001"
    remote.load({"contacts": [{"contactid": contact, "lastname": "Contoso", "firstname": "Ann"}]})
    name = "integration-0-value"
    answer = press(
        mapper, mapper.get(BUILDERS), "integration:look",
        **{"integration-0-field": "parentaccountid", "integration-0-op": "eq"},
    )  # fmt: skip
    assert set(options_of(answer, name).values()) == {"(choose)", "100% Contoso", "Contoso Group", "Fabrikam"}
    answer = press(mapper, answer, "integration:look", **{"integration-0-find": "contoso"})
    assert options_of(answer, name) == {
        "": "(choose)", str(percent): "100% Contoso", str(contoso): "Contoso Group"
    }  # fmt: skip
    answer = press(mapper, answer, "integration:look", **{"integration-0-find": "0%"})
    assert set(options_of(answer, name)) == {"", str(percent)}
    answer = press(mapper, answer, "integration:look", **{"integration-0-find": str(contoso)})
    answer = press(mapper, answer, "integration:look", **{name: str(contoso), "integration-0-find": "nothing such"})
    assert options_of(answer, name) == {"": "(choose)", str(contoso): "Contoso Group"}
    assert mapper.post(CARD, form_of(answer) | SETTINGS).status_code == 302
    customer_mapping.refresh_from_db()
    stored = customer_mapping.integration_filter
    assert stored["all"][0] == {
        "field": "parentaccountid", "op": "eq", "value": str(contoso), "label": "Contoso Group"
    }  # fmt: skip
    again = mapper.get(BUILDERS)
    assert options_of(again, name)[str(contoso)] == "Contoso Group" and form_of(again)[name] == [str(contoso)]
    remote.load({"accounts": [{"accountid": str(contoso), "name": "Contoso plc"}]})
    assert mapper.post(CARD, form_of(mapper.get(BUILDERS)) | SETTINGS).status_code == 302
    customer_mapping.refresh_from_db()
    assert customer_mapping.integration_filter == stored, "a new name alone is no change of the filter"


def test_without_a_connection_the_columns_of_the_filter_can_be_changed(mapper, company, customer_mapping):
    company.connection.enabled = False
    company.connection.save()
    answer = mapper.get(BUILDERS)
    assert "The connection to Dataverse is not enabled." in text(answer)
    assert form_of(answer)["integration-0-field"] == ["statecode"]


@pytest.mark.parametrize("online", [True, False])
def test_saving_another_setting_leaves_filters_to_the_letter(mapper, company, customer_mapping, online):
    """Without the columns' metadata too, where nobody knows that a status is a number."""
    company.connection.enabled = online
    company.connection.save()
    customer_mapping.integration_filter = {"all": [
        {"field": "statecode", "op": "eq", "value": 0, "label": "Active"},
        {"field": "customertypecode", "op": "in", "value": [3, None, 4711]},
        {"field": "donotphone", "op": "ne", "value": True},
    ]}  # fmt: skip
    customer_mapping.save()
    before = customer_mapping.integration_filter
    answer = mapper.get(BUILDERS)
    assert mapper.post(CARD, form_of(answer) | {"every_minutes": "45"}).status_code == 302
    customer_mapping.refresh_from_db()
    assert (customer_mapping.integration_filter, customer_mapping.every_minutes) == (before, 45)


def test_without_a_connection_a_changed_number_stays_a_number(mapper, company, customer_mapping):
    company.connection.enabled = False
    company.connection.save()
    sent = form_of(mapper.get(BUILDERS)) | {"integration-0-value": "1"}
    assert mapper.post(CARD, sent).status_code == 302
    customer_mapping.refresh_from_db()
    assert customer_mapping.integration_filter["all"][0]["value"] == 1


def test_a_mapping_of_choices_has_no_filter_of_rows(mapper, company, customer_mapping):
    card = CARD.replace("CUSTOMER", "PAYMENT%20TERMS")
    shown = mapper.get(f"{card}?filters=change")
    assert "Table Filter" in text(shown) and "Integration Table Filter" not in text(shown)
    for setting in ("Multi-Company", "Resolve Update Conflicts", "Blank Values A blank"):
        assert setting not in text(shown), "it would change nothing"
    sent = {"direction": "to_integration_table", "synch_only_coupled": "on", "every_minutes": "30"}
    assert mapper.post(card, form_of(shown) | sent).status_code == 302
    assert "Integration Table Filter" not in text(mapper.get(card))


def test_many_conditions_are_counted_as_a_whole(mapper, company, customer_mapping, remote):
    some = [{"field": "name", "op": "ne", "value": f"Name {at}"} for at in range(30)]
    customer_mapping.integration_filter = {"all": some}
    customer_mapping.save()
    remote.control("DELETE", "requests")
    assert mapper.get(BUILDERS).status_code == 200
    assert remote.requests()["total"] < 8


def test_a_filter_with_more_conditions_than_the_builder_has_rows_keeps_them(mapper, company, customer_mapping):
    many = {"any": [{"field": "city", "op": "eq", "value": f"City {at}"} for at in range(80)]}
    customer_mapping.table_filter = many
    customer_mapping.save()
    page = text(mapper.get(BUILDERS))
    assert "The Table Filter has 80 conditions; at most 60 can be changed here." in page
    assert "manage.py mapping set CUSTOMER" in page
    sent = {"table-joined": "any", **{f"table-{at}-field": "city" for at in range(61)}}
    customer_mapping.table_filter = {}
    customer_mapping.save()
    for do in ({}, {"do": "table:add"}):
        refused = mapper.post(CARD, SETTINGS | {"every_minutes": "45"} | sent | do)
        assert refused.status_code == 400
        assert "A filter of 61 conditions was sent; at most 60 can be changed here." in text(refused)
    customer_mapping.refresh_from_db()
    assert (customer_mapping.table_filter, customer_mapping.every_minutes) == ({}, 30)


@pytest.mark.parametrize(
    "sent",
    [
        {"do": "table:add-999"}, {"do": "table:remove-999-999"}, {"do": "nowhere:add"}, {"do": "table:"},
        {"do": "table:add", "table-0-field": "x" * 5000, "table-0-op": "\x00", "table-0-value": "\ud7ff" * 30_000},
        {"do": "table:look", "table-0-field": "city", "table-0-op": "in", "table-0-value": '"' + "a," * 200_000},
        {"do": "table:add", **{f"table-{at}-field": "city" for at in range(60)}},
    ],
)  # fmt: skip
def test_nothing_sent_breaks_the_builders(mapper, company, sent):
    assert mapper.post(BUILDERS, {"table-joined": "all", "integration-joined": "any", **sent}).status_code == 200


def test_who_may_look_alone_sees_words(client, company):
    user = User.objects.create(username="viewer")
    user.groups.add(Group.objects.get_or_create(name="Viewer")[0])
    client.force_login(user)
    answer = client.get(BUILDERS)
    assert "Blocked is blank" in text(answer)
    assert 'name="table-joined"' not in answer.content.decode()


def test_all_couplings_that_a_filter_would_move_are_a_list_in_pages(
    mapper, company, customer_mapping, customers, accounts
):
    made = customers([{"city": "Bonn"} for _ in range(60)])
    rows = accounts([{"name": f"Account {at}", "address1_city": "Bonn"} for at in range(60)])
    Coupling.objects.bulk_create(
        Coupling(
            company=company, mapping=customer_mapping, table="customer", local_id=one.system_id, integration_id=row
        )
        for one, row in zip(made, rows, strict=True)
    )
    answer = press(mapper, mapper.get(BUILDERS), "table:add")
    answer = press(mapper, answer, "table:look", **{"table-1-field": "city", "table-1-op": "eq"})
    answer = press(mapper, answer, "table:look", **{"table-1-value": "Rome"})
    answer = press(mapper, answer, "integration:remove-1")
    answer = press(mapper, answer, "integration:add")
    answer = press(
        mapper, answer, "integration:look", **{"integration-1-field": "address1_city", "integration-1-op": "ne"}
    )
    answer = press(mapper, answer, "integration:look", **{"integration-1-value": "Bonn"})
    assert "60 coupled would leave" in text(answer)
    links = re.findall(r'<a href="([^"]+/moved/[^"]+)">Show all 60</a>', answer.content.decode())
    assert [link.split("/moved/")[1].split("/")[:2] for link in links] == [
        ["table", "leaving"], ["integration", "leaving"]
    ]  # fmt: skip
    for link in links:
        first = mapper.get(link)
        assert "60" in text(first) and "these couplings of CUSTOMER would leave" in text(first)
        assert "10000 Customer 0" in text(first) and "10590 Customer 59" not in text(first)
        assert "10590 Customer 59" in text(mapper.get(link, {"page": "2"}))
    entering = links[0].replace("/leaving/", "/entering/")
    assert "No coupling is moved by the filter." in text(mapper.get(entering))


@pytest.mark.parametrize("tree", ["e30", "x", "bnVsbA", "W10", "eyJmaWVsZCI6ImNvbG91ciIsIm9wIjoiYmxhbmsifQ"])
@pytest.mark.parametrize("side", ["table", "integration"])
def test_an_address_that_names_no_filter_leads_back_with_a_sentence(mapper, company, customer_mapping, side, tree):
    answer = mapper.get(f"{CARD}moved/{side}/leaving/{tree}/", follow=True)
    assert answer.status_code == 200
    if tree != "e30":
        assert answer.redirect_chain[0][0] == CARD
    assert mapper.get(f"{CARD}moved/{side}/sideways/{tree}/").status_code == 404


def test_whether_and_how_often_a_mapping_runs_by_itself_is_changed_on_its_card(mapper, company, customer_mapping):
    assert "Schedule" in text(mapper.get(CARD)) and "not scheduled" in text(mapper.get(CARD))
    mapper.post(CARD, form_of(mapper.get(CARD)) | {"scheduled": "on", "every_minutes": "20"})
    customer_mapping.refresh_from_db()
    minutes = (customer_mapping.next_run_at - timezone.now()).total_seconds() / 60
    assert customer_mapping.scheduled and 19 < minutes <= 20
    entry = LogEntry.objects.get_for_object(customer_mapping).first()
    assert entry.changes_dict["scheduled"] == ["False", "True"]
    form = form_of(mapper.get(CARD))
    assert form["scheduled"] == "on"
    form.pop("scheduled")
    mapper.post(CARD, form)
    customer_mapping.refresh_from_db()
    assert (customer_mapping.scheduled, customer_mapping.next_run_at) == (False, None)
