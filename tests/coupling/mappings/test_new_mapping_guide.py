"""The guide New Table Mapping: a draft until it is finished, checked at each step, for who may map in the company."""

import re
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from accounts.models import CompanyRole
from core.refusals import NotUsable
from core.roles import Role
from coupling.couplings.services import start_coupling
from coupling.mappings import new_mapping
from coupling.mappings.guide.fields_step import sample_filters
from coupling.mappings.new_mapping import NewMapping
from coupling.models import IntegrationTableMapping, NewMappingDraft, OptionMapping
from coupling.rows import Criterion
from dataverse.odata import LONGEST_ADDRESS
from dataverse.types import ColumnInfo, TableInfo
from masterdata.models import Company, PaymentTerms
from tests.coupling.conftest import run
from tests.coupling.couplings.test_pages import text
from tests.coupling.mappings.custom_table import connect_with_plans
from tests.example_app.models import Subscription
from tests.sync.conftest import make_unreachable, signed_in
from tests.ui.pages import read

TABLES = {"table": "subscription", "integration_table": "new_plan", "direction": "bidirectional"}
PAIRS = {
    "number": "new_number", "name": "new_name", "customer_no": "new_customerid", "monthly_fee": "new_monthlyfee",
    "starts_on": "new_startson", "active": "new_active",
}  # fmt: skip
FIELDS = {f"column-{field}": column for field, column in PAIRS.items()}
SCHEDULE = {"scheduled": "on", "every_minutes": "15", "blanks": "keep", "update_conflict": "send"}


@pytest.fixture
def plans(connected, remote):
    company = connected("Plans", connect_with_plans)
    Subscription.objects.create(company=company, number="S1", name="Gold")
    remote.load({"new_plans": [{"new_name": "gold"}, {"new_name": "bronze"}]})
    return company


@pytest.fixture
def mapper(plans):
    return signed_in("Mapper")


def url(company, step=""):
    more = {"part": step} if step else {}
    return reverse(f"coupling:new-mapping{'-step' if step else ''}", kwargs={"company": company.slug, **more})


def take(client, company, step, data):
    """Take a step. Returns where it leads, or what the step says against it."""
    answer = client.post(url(company, step), data)
    return answer["Location"].rstrip("/").rpartition("/")[2] if answer.status_code == 302 else text(answer)


def walked(client, company, *, to="finish"):
    """Take all steps before that one."""
    for step, data in (
        ("name", {"name": "PLAN"}), ("tables", TABLES), ("fields", FIELDS),
        ("filters", {"table-joined": "all", "table-0-field": "number", "table-0-op": "begins_with",
                     "table-0-value": "S", "integration-joined": "all"}),
        ("schedule", SCHEDULE),
    ):  # fmt: skip
        if step == to:
            return
        said = take(client, company, step, data)
        assert len(said) < 20, said


def test_it_is_walked_from_nothing_to_a_mapping_that_is_made_whole(plans, mapper):
    opened = text(mapper.get(url(plans)))
    assert "What is the mapping called?" in opened and "step 1 of 6" in opened
    walked(mapper, plans)
    assert not IntegrationTableMapping.objects.filter(name="PLAN").exists()
    summary = text(mapper.get(url(plans, "finish")))
    for said in ("Make the mapping PLAN?", "new_planid", "Fields: 6", "Number begins with S", "Every 15 minutes"):
        assert said in summary
    assert "all companies share its rows" in summary and "Tier (new_tier) must have a value" in summary
    card = mapper.post(url(plans, "finish"), follow=True)
    assert card.redirect_chain[0][0] == reverse("coupling:mapping", args=[plans.slug, "PLAN"])
    assert "PLAN is made with 6 fields." in text(card)
    made = IntegrationTableMapping.objects.get(company=plans, name="PLAN")
    assert (made.every_minutes, made.scheduled, made.blanks, made.update_conflict) == (15, True, "keep", "send")
    assert made.synch_only_coupled is False
    assert made.table_filter == {"field": "number", "op": "begins_with", "value": "S"}
    assert dict(made.fields.values_list("field", "integration_field")) == PAIRS
    assert not NewMappingDraft.objects.exists()
    manual = text(mapper.get(reverse("coupling:manual-mappings", args=[plans.slug])))
    assert "PLAN" in manual and "CUSTOMER" not in manual


def test_the_schedule_s_step_asks_what_the_card_asks(plans, mapper):
    walked(mapper, plans, to="schedule")
    anew = {**SCHEDULE, "deletion_conflict": "uncouple"}

    def asked(data):
        page = mapper.post(url(plans, "schedule"), data)
        assert "the next run creates that side anew" in text(page)
        return {word: re.search(rf'value="({word}:[^"]+)"', page.content.decode())[1] for word in ("yes", "no")}

    no = take(mapper, plans, "schedule", {**anew, "sure": asked(anew)["no"]})
    assert "Nothing is saved yet" in no and "Is that what you want?" not in no
    assert "schedule" not in NewMappingDraft.objects.get().answers
    assert take(mapper, plans, "schedule", {**anew, "sure": asked(anew)["yes"]}) == "finish"
    assert take(mapper, plans, "schedule", anew) == "finish", "what was agreed to is not asked again"
    mapper.post(url(plans, "finish"))
    assert IntegrationTableMapping.objects.get(company=plans, name="PLAN").deletion_conflict == "uncouple"


def test_it_can_be_left_gone_on_with_and_discarded(plans, mapper):
    walked(mapper, plans, to="fields")
    assert "Which fields belong together?" in text(mapper.get(url(plans)))
    manual = reverse("coupling:manual-mappings", args=[plans.slug])
    assert "PLAN is not made yet" in text(mapper.get(manual))
    other = signed_in("Administrator")
    assert "What is the mapping called?" in text(other.get(url(plans)))
    assert take(mapper, plans, "finish", {}) == "fields"
    discard = reverse("coupling:discard-new-mapping", args=[plans.slug])
    assert "No mapping is made" in text(mapper.get(discard))
    mapper.post(discard)
    assert not NewMappingDraft.objects.exists()
    assert "is not made yet" not in text(mapper.get(manual))


def test_the_list_of_a_table_without_mapping_leads_to_the_guide_for_it(plans, mapper):
    listed = mapper.get(reverse("records:list", args=[plans.slug, "subscription"])).content.decode()
    assert f"{url(plans)}?table=subscription" in listed
    assert "New Table Mapping" not in text(mapper.get(reverse("records:list", args=[plans.slug, "customer"])))
    named = mapper.get(f"{url(plans)}?table=subscription").content.decode()
    assert 'value="SUBSCRIPTION"' in named
    take(mapper, plans, "name", {"name": "SUBSCRIPTION", "table": "subscription"})
    assert '<option value="subscription" selected' in mapper.get(url(plans)).content.decode()


def test_proposals_say_why_and_what_is_missing(plans, mapper):
    walked(mapper, plans, to="fields")
    page = text(mapper.get(url(plans, "fields")))
    for said in (
        "7 of 7 fields mapped, 2 to check", "Same name and label", "such as S1", "Goes to integration table alone",
        "Tier (new_tier) must have a value in Dataverse",
    ):  # fmt: skip
        assert said in page
    given = {**FIELDS, "constant-new_tier": "Base"}
    assert take(mapper, plans, "fields", given) == "filters"
    stored = NewMappingDraft.objects.get().answers["fields"]["rows"]
    assert {"field": "", "column": "new_tier", "direction": "to_integration_table", "constant": "Base"} in stored
    assert "6 of 7 fields mapped" in text(mapper.get(url(plans, "fields")))


def test_a_pair_is_left_out_by_its_box_and_parts_of_the_list_are_shown_by_themselves(plans, mapper):
    walked(mapper, plans, to="fields")
    page = read(mapper.get(url(plans, "fields"))).root
    chips = [" ".join(one.text.split()) for one in page.all("label") if one.get("class") == "chip"]
    assert chips == ["All 7", "Sure 5", "To check 2"]
    boxes = {f"box-{field}": "1" for field in PAIRS} | {f"map-{field}": "on" for field in PAIRS if field != "name"}
    given = {**FIELDS, **boxes, "constant-new_tier": "Base"}
    looked = mapper.post(url(plans, "fields"), {**given, "look": "1", "show": "open"})
    inputs = {
        one.get("name"): one.attributes for one in read(looked).root.all("input") if one.get("type") == "checkbox"
    }
    assert "checked" in inputs["map-number"] and "checked" not in inputs["map-name"]
    radios = [one for one in read(looked).root.all("input") if one.get("name") == "show"]
    assert [one.get("value") for one in radios if "checked" in one.attributes] == ["open"]
    assert "5 of 7 fields mapped" in text(looked)
    assert '<option value="new_name" selected>' in looked.content.decode(), "its column can be ticked again"
    assert take(mapper, plans, "fields", given) == "filters"
    stored = NewMappingDraft.objects.get().answers["fields"]["rows"]
    assert {one["field"] for one in stored} == {"", *PAIRS} - {"name"}


def test_tables_show_what_they_hold_before_they_are_chosen(plans, mapper):
    walked(mapper, plans, to="tables")
    looked = text(mapper.post(url(plans, "tables"), {**TABLES, "choose": "1"}))
    assert "1 record. No mapping yet." in looked
    assert "2 rows. Unique identifier new_planid, known by new_name." in looked
    assert "Modified On (modifiedon)" in looked
    page = mapper.get(url(plans, "tables")).content.decode()
    assert "Customers" in page and "Tools" not in page
    called = mapper.post(url(plans, "tables"), {"table": "subscription", "choose": "1"}).content.decode()
    assert called.index('label="Called like Subscriptions"') < called.index("new_plan") < called.index("All others")


@pytest.mark.parametrize(
    ("step", "data", "said"),
    [
        ("name", {"name": " "}, "Give the mapping a name."),
        ("name", {"name": "customer"}, "has an integration table mapping CUSTOMER already"),
        ("tables", {**TABLES, "table": ""}, "Choose the table here."),
        ("tables", {**TABLES, "integration_table": "new_nothing"}, "Dataverse has no table new_nothing"),
        ("tables", {**TABLES, "modified_on": "new_name"}, "Select a valid choice"),
        ("fields", {}, "Nothing would be synchronized"),
        ("fields", {"column-number": "new_nothing"}, "The table new_plan has no column"),
        ("fields", {"column-number": "new_active", "direction-number": "bidirectional"},
         "holds yes or no, and cannot take what Number"),
        ("fields", {"column-seats": "new_seats", "direction-seats": "bidirectional"}, "Seats holds an integer"),
        ("fields", {"column-number": "new_name", "column-name": "new_name"}, "gets its value from Number already"),
        ("fields", {**FIELDS, "constant-new_tier": "x" * 21}, "takes at most 20 characters"),
        ("filters", {"table-joined": "all", "table-0-field": "seats", "table-0-op": "eq", "table-0-value": "many"},
         "Seats"),
        ("schedule", {**SCHEDULE, "every_minutes": "0"}, "greater than or equal to 1"),
    ],
)  # fmt: skip
def test_each_step_says_what_is_wrong_and_stores_nothing(plans, mapper, step, data, said):
    walked(mapper, plans, to=step)
    assert said in take(mapper, plans, step, data)
    assert step not in getattr(NewMappingDraft.objects.first(), "answers", {})


def test_other_tables_take_back_what_was_chosen_for_the_first(plans, mapper):
    walked(mapper, plans)
    assert take(mapper, plans, "tables", {**TABLES, "direction": "to_integration_table"}) == "fields"
    answers = NewMappingDraft.objects.get().answers
    assert ("fields" in answers, "filters" in answers) == (False, True)
    take(mapper, plans, "tables", {**TABLES, "table": "machine"})
    assert "filters" not in NewMappingDraft.objects.get().answers


def test_what_changed_before_the_end_is_refused_there_and_nothing_is_half_made(plans, mapper):
    walked(mapper, plans)
    IntegrationTableMapping.objects.create(
        company=plans, name="Plan", table="customer", integration_table="account", entity_set="accounts"
    )
    assert "has an integration table mapping Plan already" in take(mapper, plans, "finish", {})
    draft = NewMappingDraft.objects.get()
    draft.answers["name"]["name"] = "PLAN 2"
    draft.answers["fields"]["rows"].append({"field": "seats", "column": "new_gone", "direction": "bidirectional"})
    draft.save()
    assert "seats and new_gone" in take(mapper, plans, "finish", {})
    assert not IntegrationTableMapping.objects.filter(name="PLAN 2").exists()
    make_unreachable(plans)
    assert "Dataverse cannot be asked now" in text(mapper.get(url(plans, "finish")))


def test_it_needs_the_right_to_map_in_that_company(plans):
    other = Company.objects.create(name="Northwind", currency_code="USD")
    person = User.objects.create_user("there")
    CompanyRole.objects.create(person=person, company=other, role=Role.MAPPER)
    assert signed_in("Operator").get(url(plans)).status_code == 403
    client = signed_in("Viewer")
    assert (client.post(url(plans, "name"), {"name": "X"}).status_code, NewMappingDraft.objects.count()) == (403, 0)
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(url(plans)).status_code == 404
    assert client.get(url(other)).status_code == 200


@pytest.mark.usefixtures("contexts")
def test_proposals_are_checked_by_the_values_of_records_and_rows_that_are_the_same(plans, mapper, remote):
    """Rows that are called like records are asked for, wherever they stand among all rows."""
    remote.load({"new_plans": [{"new_number": f"X{at:03}", "new_name": f"other {at}"} for at in range(300)]})
    fees = []
    for at in range(2, 12):
        Subscription.objects.create(company=plans, number=f"S{at}", name=f"Name {at}", monthly_fee=at)
        fees.append({"new_number": f"S{at}", "new_name": f"name {at}", "new_monthlyfee": 99})
    remote.load({"new_plans": fees})
    walked(mapper, plans, to="fields")
    page = text(mapper.get(url(plans, "fields")))
    assert "Same name and label, 100 % of 10 equal, filled 100 % here" in page
    assert "0 % of 10 equal" in page and "such as 99" in page
    fee = next(row for row in mapper.get(url(plans, "fields")).context["tab_context"]["rows"]
               if row.field.name == "monthly_fee")  # fmt: skip
    assert (fee.fit.text, fee.confidence) == ("To check", 49)


def test_values_are_asked_for_in_few_short_filters_and_proposals_are_made_without_them(plans, mapper, remote):
    values = [None, "", "漢" * 101, *("漢" * 90 + str(at) for at in range(50)), "Bob's"]
    filters = sample_filters("new_name", [*values, "Bob's"])
    assert [one.count(" eq ") for one in filters] == [10, 10, 10, 10, 10, 1]
    assert filters[-1] == "new_name eq 'Bob''s'" and "None" not in str(filters)
    assert max(len(quote(one)) for one in filters) < LONGEST_ADDRESS / 3
    walked(mapper, plans, to="fields")
    mapper.get(url(plans, "fields"))
    remote.control("POST", "faults", [{"method": "GET", "path": "new_plans", "fault": "429", "retry_after": 3600}])
    page = text(mapper.get(url(plans, "fields")))
    assert "Same name and label" in page and "equal" not in page


def test_another_column_that_holds_an_id_is_refused_as_the_unique_identifier_and_says_why():
    ids = {name: ColumnInfo(name, "Uniqueidentifier") for name in ("accountid", "address1_addressid", "stageid")}
    info = TableInfo("account", "accounts", "accountid", "name", ids)
    assert new_mapping.why_not_by(info, new_mapping.other_ids(info)) == (
        "address1_addressid and stageid hold ids too, but Dataverse finds, writes and tells the changes of rows of "
        "account by accountid alone."
    )
    asked = NewMapping("OTHER", "payment_terms", "account", unique_id="stageid")
    with pytest.raises(NotUsable, match=r"stageid holds an id too, but .* by accountid alone") as refused:
        new_mapping.bare_mapping(Company(), asked, info)
    assert (refused.value.field, refused.value.fix) == ("uid_column", "Choose accountid.")


def test_a_mapping_of_choices_is_made_by_choosing_a_column_of_them_as_the_unique_identifier(plans, mapper):
    for code in ("Accounting", "Basket weaving"):
        PaymentTerms.objects.create(company=plans, code=code.upper()[:10], description=code)
    remote_choices = {"table": "payment_terms", "integration_table": "account", "uid_column": "industrycode"}
    take(mapper, plans, "name", {"name": "INDUSTRY"})
    tables = text(mapper.post(url(plans, "tables"), {**remote_choices, "direction": "bidirectional", "choose": "1"}))
    assert "Rows, by accountid" in tables and "(industrycode)" in tables
    said = take(mapper, plans, "tables", {**remote_choices, "direction": "bidirectional"})
    assert "Choices of a column go one way alone" in said
    assert "Select a valid choice" in take(
        mapper, plans, "tables", {**remote_choices, "uid_column": "name", "direction": "to_integration_table"}
    )
    assert take(mapper, plans, "tables", {**remote_choices, "direction": "to_integration_table"}) == "fields"
    asked = text(mapper.get(url(plans, "fields")))
    assert "What are the choices called here?" in asked and "of 2 records are called like one" in asked
    draft = NewMappingDraft.objects.get()
    was, draft.answers = draft.answers, {**draft.answers, "tables": {**remote_choices, "uid_column": "new_gone"}}
    draft.save()
    gone = "account has no column new_gone that holds choices any more"
    assert gone in text(mapper.get(url(plans, "fields"))), "somebody deleted it meanwhile"
    assert gone in take(mapper, plans, "fields", {"field": "description"})
    NewMappingDraft.objects.update(answers=was)
    assert take(mapper, plans, "fields", {"field": "description"}) == "filters"
    assert "accounts" not in text(mapper.get(url(plans, "filters"))).split("take part?")[1]
    assert take(mapper, plans, "filters", {"table-joined": "all"}) == "schedule"
    assert "Resolve Update Conflicts" not in text(mapper.get(url(plans, "schedule")))
    assert take(mapper, plans, "schedule", {"scheduled": "on", "every_minutes": "15"}) == "finish"
    assert "industrycode" in text(mapper.get(url(plans, "finish")))
    assert "INDUSTRY is made with 1 field." in text(mapper.post(url(plans, "finish"), follow=True))
    made = IntegrationTableMapping.objects.get(company=plans, name="INDUSTRY")
    assert (made.uid_kind, made.uid_column, made.direction) == ("option", "industrycode", "to_integration_table")
    assert list(made.fields.values_list("field", "integration_field")) == [("description", "industrycode")]
    run(start_coupling(mapping=made, criteria=[Criterion("description", "industrycode")]))
    assert [pair.caption for pair in OptionMapping.objects.filter(mapping=made)] == ["Accounting"]


def fields_page(mapper, plans, **more):
    return read(mapper.post(url(plans, "fields"), {**FIELDS, **BOXES, **more})).root


BOXES = {f"box-{name}": "1" for name in PAIRS}


def ticked(page):
    boxes = [one for one in page.all("input") if (one.get("name") or "").startswith("map-")]
    return {one.get("name").removeprefix("map-") for one in boxes if "checked" in one.attributes}


def chosen_way(page, name):
    radios = [one for one in page.all("input") if one.get("name") == f"direction-{name}"]
    return {one.get("value"): "checked" in one.attributes for one in radios}


@pytest.fixture
def at_fields(mapper, plans):
    take(mapper, plans, "name", {"name": "PLANS"})
    take(mapper, plans, "tables", TABLES)
    return mapper


def test_one_box_maps_all_pairs_that_are_shown_or_none(at_fields, plans):
    page = read(at_fields.get(url(plans, "fields"))).root
    box = next(one for one in page.all("input") if one.get("id") == "map-all")
    assert "checked" in box.attributes and box.get("hx-vals") == '{"all": "none"}'
    page = fields_page(at_fields, plans, all="none", **{f"map-{name}": "on" for name in PAIRS})
    box = next(one for one in page.all("input") if one.get("id") == "map-all")
    assert (ticked(page), "checked" in box.attributes, box.get("hx-vals")) == (set(), False, '{"all": "every"}')
    assert ticked(fields_page(at_fields, plans, all="every")) == set(PAIRS)
    part = ticked(fields_page(at_fields, plans, all="every", show="check"))
    assert part < set(PAIRS), "those that are sure are not shown, so they stay as they were"
    answer = take(at_fields, plans, "fields", {**FIELDS, **BOXES})
    assert "Nothing would be synchronized, since no field is mapped." in answer


def test_a_direction_is_chosen_among_those_in_which_the_pair_fits(at_fields, plans):
    page = read(at_fields.get(url(plans, "fields"))).root
    assert chosen_way(page, "name") == {
        "to_integration_table": False, "bidirectional": True, "from_integration_table": False
    }  # fmt: skip
    page = fields_page(at_fields, plans, look="1", **{"column-seats": "new_seats", "direction-seats": "bidirectional"})
    assert "bidirectional" not in chosen_way(page, "seats") and sum(chosen_way(page, "seats").values()) == 1
    gone = {"column-name": "gone", "direction-name": ""}
    assert at_fields.post(url(plans, "fields"), {**FIELDS, "look": "1", **gone}).status_code == 200
    take(at_fields, plans, "fields", {**FIELDS, "direction-name": "to_integration_table"})
    assert chosen_way(read(at_fields.get(url(plans, "fields"))).root, "name")["to_integration_table"]
