"""The pages of mappings, criteria and uncoupling, as people of each role use them."""

import html
import re
from uuid import uuid4

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db import IntegrityError
from django.urls import reverse

from connection_setup.enabling import services as enabling_services
from core.refusals import Refusal
from coupling.couplings import services, suggest_services
from coupling.couplings.criteria_state import changes_since
from coupling.mappings import criteria_sets
from coupling.matching.criteria import stored_criteria
from coupling.models import Coupling, CriteriaSet, IntegrationTableMapping, Selection, SelectionRecord
from coupling.rows import Criterion
from jobs.models import Job, JobRecord
from masterdata.models import Customer
from tests.coupling.conftest import match_on, pairs, run
from tests.ui.pages import read

PHONE = [Criterion("phone_no", "telephone1")]


@pytest.fixture
def as_(client):
    """Sign in as a role."""

    def sign_in(role):
        user, _ = User.objects.get_or_create(username=role.lower())
        user.groups.set([Group.objects.get_or_create(name=role)[0]])
        client.force_login(user)
        return client

    return sign_in


def url(name, **kwargs):
    return reverse(f"coupling:{name}", kwargs={"company": "cronus", **kwargs})


def of_customer(name):
    return url(name, mapping="CUSTOMER")


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def typed(mapping, *used, **values):
    """Return the criteria page's form with some fields ticked; priorities as <field>=1."""
    fields = {row.field: row.pk for row in mapping.fields.all()}
    return {
        "use": [fields[name] for name in used],
        **{f"priority-{fields[name]}": value for name, value in values.items() if name in fields},
        **{name: value for name, value in values.items() if name not in fields},
    }


# -- mappings -----------------------------------------------------------------------------------------------------


def test_the_list_shows_each_mapping_with_its_numbers(as_, company, customers, account_of, customer_mapping):
    made = customers([{}, {}, {"blocked": "All"}, {}])
    account_of(made[:1])
    run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    shown = text(as_("Viewer").get(url("mappings")))
    assert "Integration Table Mappings" in shown
    assert re.search(r"CUSTOMER Customers Bidirectional account 3 1 2 2", shown)
    assert "SALESPEOPLE" in shown


def test_the_list_asks_few_questions_however_many_mappings(
    as_, company, customers, customer_mapping, django_assert_max_num_queries
):
    customers(3)
    client = as_("Administrator")
    client.get(url("mappings"))
    with django_assert_max_num_queries(12):
        client.get(url("mappings"))


def test_an_action_without_a_selected_mapping_does_nothing(as_, company):
    answer = as_("Operator").post(url("selected", what="match"), follow=True)
    assert "Nothing is selected" in text(answer)
    both = IntegrationTableMapping.objects.values_list("pk", flat=True)
    answer = as_("Operator").post(url("selected", what="match"), {"selected": list(both)}, follow=True)
    assert "Several mappings are selected" in text(answer)


@pytest.mark.parametrize(
    ("what", "where"),
    [
        ("match", "/mappings/of/CUSTOMER/criteria/"),
        ("fields", "/mappings/of/CUSTOMER/fields/"),
        ("edit", "/mappings/of/CUSTOMER/"),
        ("coupling-log", "/jobs/?type=coupling&mapping=CUSTOMER"),
        ("uncoupling-log", "/jobs/?type=uncoupling&mapping=CUSTOMER"),
        ("uncouple", "/mappings/uncouple/?id="),
        ("reset", "/mappings/reset/?id="),
    ],
)
def test_the_actions_lead_on_with_the_selected_mapping(as_, customer_mapping, what, where):
    answer = as_("Administrator").post(url("selected", what=what), {"selected": customer_mapping.pk})
    assert answer.status_code == 302
    assert answer.url.startswith(f"/c/cronus{where}")


def test_a_mapping_is_read_by_viewers_and_changed_by_mappers(as_, customer_mapping):
    values = {
        "direction": "to_integration_table", "update_conflict": "", "deletion_conflict": "restore", "every_minutes": 5,
        "blank_is_no_match": "on", "blanks": "keep", "stop_above": 50, "stop_above_percent": "",
        "stop_coupled_above": 0,
    }  # fmt: skip
    shown = text(as_("Viewer").get(of_customer("mapping")))
    assert "Blank Values A blank blanks the other side" in shown
    assert as_("Viewer").post(of_customer("mapping"), values).status_code == 403
    assert as_("Mapper").post(of_customer("mapping"), values).status_code == 302
    customer_mapping.refresh_from_db()
    assert (customer_mapping.direction, customer_mapping.blank_is_no_match) == ("to_integration_table", True)
    assert (customer_mapping.deletion_conflict, customer_mapping.synch_only_coupled) == ("restore", False)
    assert customer_mapping.blanks == "keep"
    assert customer_mapping.brakes == {"created": 50, "coupled": 0}
    again = as_("Mapper").get(of_customer("criteria")).content.decode()
    assert re.search(r'name="stop_above"[^>]*value="50"|value="50"[^>]*name="stop_above"', again)


def test_a_card_that_is_out_of_date_says_what_changed_and_saves_nothing_until_sent_again(as_, customer_mapping):
    def seen_in(answer):
        return html.unescape(re.search(r'name="seen" value="([^"]*)"', answer.content.decode()).group(1))

    client, card = as_("Mapper"), of_customer("mapping")
    sent = {"direction": "bidirectional", "every_minutes": 30, "blanks": "send", "seen": seen_in(client.get(card))}
    IntegrationTableMapping.objects.filter(pk=customer_mapping.pk).update(every_minutes=7, brakes={"created": 5})
    refused = client.post(card, sent)
    shown = text(refused)
    assert refused.status_code == 400
    for words in ("Synchronize every (minutes) is 7 now.", "Brakes is created at most 5 now.", "Nothing was saved."):
        assert words in shown
    customer_mapping.refresh_from_db()
    assert customer_mapping.every_minutes == 7
    assert client.post(card, {**sent, "seen": seen_in(refused)}).status_code == 302
    customer_mapping.refresh_from_db()
    assert customer_mapping.every_minutes == 30


def test_the_criteria_page_shows_which_records_and_rows_take_part(as_, customer_mapping):
    shown = text(as_("Operator").get(of_customer("criteria")))
    assert "Table Filter Blocked is blank" in shown
    assert (
        "Integration Table Filter Status is Active, Relationship Type is Customer, Company is this company or blank"
        in shown
    )
    IntegrationTableMapping.objects.filter(pk=customer_mapping.pk).update(multi_company=True)
    shown = text(as_("Operator").get(of_customer("criteria")))
    assert "Integration Table Filter Status is Active, Relationship Type is Customer" in shown
    assert "Company is this company" not in shown


CARD = {"direction": "bidirectional", "update_conflict": "", "deletion_conflict": "", "every_minutes": 30}


def test_a_direction_that_no_field_goes_is_refused(as_, customer_mapping):
    values = {"direction": "from_integration_table", "every_minutes": 5}
    answer = as_("Mapper").post(of_customer("mapping"), values)
    assert answer.status_code == 400
    assert "No enabled field of CUSTOMER goes from integration table" in text(answer)


def test_field_mappings_are_switched_and_what_cannot_be_on_says_why(as_, customer_mapping):
    phone = customer_mapping.fields.get(field="phone_no")
    waits = {"enabled": False, "disabled_reason": "The related records have no mapping PAYMENT TERMS yet."}
    customer_mapping.fields.filter(field="payment_terms_code").update(**waits)
    terms = customer_mapping.fields.get(field="payment_terms_code")
    client = as_("Mapper")
    assert "The related records have no mapping PAYMENT TERMS yet." in text(client.get(of_customer("fields")))
    client.post(url("switch-fields", mapping="CUSTOMER", to="off"), {"selected": phone.pk})
    phone.refresh_from_db()
    assert not phone.enabled
    answer = client.post(url("switch-fields", mapping="CUSTOMER", to="on"), {"selected": terms.pk}, follow=True)
    assert "Payment Terms Code cannot be enabled" in text(answer)
    terms.refresh_from_db()
    assert not terms.enabled
    answer = client.post(url("switch-fields", mapping="CUSTOMER", to="on"), follow=True)
    assert "Nothing is selected" in text(answer)


def test_what_people_change_is_in_the_audit_log(as_, customer_mapping):
    client = as_("Mapper")
    client.post(of_customer("save-criteria"), typed(customer_mapping, "phone_no"))
    entry = LogEntry.objects.filter(actor__username="mapper").first()
    assert entry.changes_dict["use_for_match"] == ["False", "True"]


def test_default_setup_asks_first(as_, customer_mapping):
    match_on(customer_mapping, "phone_no")
    client = as_("Mapper")
    asked = client.get(f"{url('reset')}?id={customer_mapping.pk}")
    assert "Use Default Synchronization Setup" in text(asked)
    assert customer_mapping.fields.filter(use_for_match=True).exists()
    client.post(url("reset"), {"id": str(customer_mapping.pk)})
    assert not IntegrationTableMapping.objects.get(name="CUSTOMER").fields.filter(use_for_match=True).exists()


# -- criteria -----------------------------------------------------------------------------------------------------


def test_the_page_offers_every_field_with_how_well_it_tells_records_apart(as_, customers, customer_mapping):
    customers([{"city": "Oslo"}, {"city": "oslo "}, {"city": ""}, {"city": "Bergen"}])
    page = as_("Operator").get(of_customer("criteria")).content.decode()
    assert "<h1" in page
    for caption in (
        "Match on this Field", "Field Name", "Integration Field Name", "Case-sensitive Matching", "Match Priority",
        "Compare As", "Synchronize After Coupling", "Resolve Update Conflicts", "Create New if Unable to Find a Match",
        "Reset Criteria",
    ):  # fmt: skip
        assert caption in page
    row = re.search(r"<tr>(?:(?!</tr>).)*Match on City.*?</tr>", page, re.S).group(0)
    assert "75 %" in row
    assert "67 %" in row


def test_conflicts_and_create_new_are_offered_only_where_they_make_sense(as_, company):
    client = as_("Operator")
    from_only = client.get(url("criteria", mapping="SALESPEOPLE")).content.decode()
    assert "Create New if Unable" not in from_only
    assert "Resolve Update Conflicts" not in from_only
    to_only = client.get(url("criteria", mapping="CURRENCY")).content.decode()
    assert "Create New if Unable" in to_only
    assert "Resolve Update Conflicts" not in to_only


def test_starting_leads_to_the_job_and_keeps_an_administrator_s_criteria(as_, customers, account_of, customer_mapping):
    made = customers(3)
    account_of(made)
    answer = as_("Administrator").post(
        of_customer("start"), typed(customer_mapping, "phone_no", "city", city="1", synchronize="on", conflicts="send")
    )
    job = Job.objects.get()
    assert answer.url == reverse("jobs:job", kwargs={"company": "cronus", "pk": job.pk})
    assert job.parameters["conflict"] == "send"
    assert [(one["local"], one["priority"]) for one in job.parameters["criteria"]] == [("city", 1), ("phone_no", 0)]
    customer_mapping.refresh_from_db()
    assert customer_mapping.synch_after_coupling
    assert customer_mapping.fields.get(field="city").match_priority == 1
    job = run(job)
    assert job.counters["coupled"] == 3


def stored_then(page):
    return next(one.get("value") for one in page.root.all("input") if one.get("name") == "seen")


@pytest.mark.parametrize("action", ["save-criteria", "start"])
def test_a_page_that_is_out_of_date_says_what_changed_and_by_whom_and_replaces_it_only_when_asked_again(
    as_, customers, customer_mapping, action
):
    customers(1)
    match_on(customer_mapping, "name", "city")
    seen = stored_then(read(as_("Administrator").get(of_customer("criteria"))))
    other = as_("Mapper")
    values = typed(customer_mapping, "name", "phone_no", name="3", phone_no="2", synchronize="on", conflicts="get")
    values[f"compare-{customer_mapping.fields.get(field='phone_no').pk}"] = "phone"
    values["case"] = [customer_mapping.fields.get(field="name").pk]
    assert other.post(of_customer("save-criteria"), values).status_code == 302
    mine = {**typed(customer_mapping, "e_mail"), "seen": seen}
    answer = as_("Administrator").post(of_customer(action), mine)
    shown = text(answer)
    assert answer.status_code == 409
    for said in (
        "Changed since this page was opened", "Name is of priority 3, case-sensitive now.",
        "City is matched on no longer now.", "Phone No. is matched on, of priority 2, compared as phone number now.",
        "Synchronize After Coupling is on now.", "Resolve Update Conflicts is Get data update from integration table",
        "The last change is by mapper, just now.", "Nothing was saved or started.",
    ):  # fmt: skip
        assert said in shown, said
    assert not Job.objects.exists()
    assert {one.local for one in stored_criteria(customer_mapping)} == {"name", "phone_no"}
    again = as_("Administrator").post(of_customer(action), {**mine, "seen": stored_then(read(answer))})
    assert again.status_code == 302
    assert {one.local for one in stored_criteria(customer_mapping)} == {"e_mail"}


@pytest.mark.parametrize("seen", ["", "{", '{"x":' + "[" * 50_000, "[]", '{"fields": 1}', "\ud800", "x" * 200_000])
def test_a_form_that_says_nothing_of_what_was_stored_is_taken_as_it_is(as_, customer_mapping, seen):
    match_on(customer_mapping, "city")
    given = {**typed(customer_mapping, "name"), "seen": seen.encode("utf-8", "replace").decode()[:60_000]}
    assert as_("Mapper").post(of_customer("save-criteria"), given).status_code == 302
    assert [one.local for one in stored_criteria(customer_mapping)] == ["name"]
    assert changes_since(customer_mapping, seen) == []


def test_an_operator_starts_with_criteria_of_its_own_that_are_not_kept(as_, customers, customer_mapping):
    customers(1)
    assert as_("Operator").post(of_customer("start"), typed(customer_mapping, "phone_no")).status_code == 302
    assert Job.objects.count() == 1
    assert not customer_mapping.fields.filter(use_for_match=True).exists()


def test_a_mapper_keeps_criteria_and_does_not_start(as_, customer_mapping):
    client = as_("Mapper")
    assert client.post(of_customer("start"), typed(customer_mapping, "phone_no")).status_code == 403
    assert client.post(of_customer("save-criteria"), typed(customer_mapping, "phone_no")).status_code == 302
    assert customer_mapping.fields.get(use_for_match=True).field == "phone_no"
    client.post(of_customer("reset-criteria"))
    assert not customer_mapping.fields.filter(use_for_match=True).exists()
    assert as_("Operator").post(of_customer("save-criteria"), {}).status_code == 403
    assert as_("Viewer").post(of_customer("start"), {}).status_code == 403


def test_without_a_field_to_match_on_it_is_refused_with_a_sentence(as_, customer_mapping):
    answer = as_("Operator").post(of_customer("start"), typed(customer_mapping))
    assert answer.status_code == 400
    assert "No field of CUSTOMER is chosen to match on" in text(answer)
    assert not Job.objects.exists()


def test_a_priority_that_is_no_number_is_refused_beside_its_field(as_, customer_mapping):
    answer = as_("Operator").post(of_customer("start"), typed(customer_mapping, "phone_no", phone_no="first"))
    assert answer.status_code == 400
    assert "A whole number, or nothing" in text(answer)
    notices = [one.text for one in read(answer).root.all("div") if one.get("data-state") == "bad"]
    assert notices == ["One entry needs another look. Phone No.: A whole number, or nothing."]


def test_a_preview_is_a_job_whose_numbers_stand_on_the_page_then(as_, customers, accounts, customer_mapping):
    customers([{"phone_no": "1"}, {"phone_no": "2"}, {"phone_no": "3"}, {"phone_no": "1"}])
    accounts([{"name": "a", "telephone1": one} for one in ("1", "2", "2")])
    client = as_("Operator")
    answer = client.post(of_customer("preview"), typed(customer_mapping, "phone_no", stop_above="1"))
    job = run(Job.objects.get(type="preview"))
    assert answer.url == url("match-preview", preview=job.pk)
    shown = text(client.get(of_customer("criteria")))
    for numbers in ("1 will be coupled", "1 have several matches", "1 find no match", "1 match is taken"):
        assert numbers in shown
    assert "on Phone No." in shown
    # What was typed is there again, although nothing of it is stored.
    page = client.get(of_customer("criteria"), {"preview": job.pk}).content.decode()
    assert re.search(rf'value="{customer_mapping.fields.get(field="phone_no").pk}"[^>]*checked', page)
    assert re.search(r'name="stop_above"[^>]*value="1"|value="1"[^>]*name="stop_above"', page)
    assert not customer_mapping.fields.filter(use_for_match=True).exists()


def test_suggested_criteria_are_shown_and_kept_only_by_who_takes_them(as_, customers, accounts, customer_mapping):
    made = customers([{"e_mail": f"c{at}@example.com", "city": "Oslo", "phone_no": "555"} for at in range(10)])
    accounts([{"name": one.name.upper(), "emailaddress1": one.e_mail} for one in made[:9]])
    client = as_("Operator")
    answer = client.post(of_customer("suggest"), {})
    assert answer.url == of_customer("suggestions")
    assert "Queued" in text(client.get(answer.url))
    job = run(Job.objects.get(type="suggestion"))
    shown = text(client.get(answer.url))
    assert "Measured on 10 customers and 9 accounts, just now" in shown
    assert "Your role may look, not change." in shown
    page = client.get(of_customer("criteria"), {"suggestion": f"{job.pk}-0"})
    e_mail = customer_mapping.fields.get(field="e_mail").pk
    assert re.search(rf'name="use"\s+value="{e_mail}"[^>]*checked', page.content.decode()), "filled in for a try"
    assert "It is not saved." in text(page)
    assert client.post(of_customer("take-suggestion"), {"measurement": job.pk, "place": 0}).status_code == 403
    assert not customer_mapping.fields.filter(use_for_match=True).exists()

    mapper = as_("Mapper")
    answer = mapper.post(of_customer("take-suggestion"), {"measurement": job.pk, "place": 0}, follow=True)
    assert "The matching criteria of CUSTOMER are saved: E-Mail." in text(answer)
    assert "Measured on 10 customers and 9 accounts, just now" in text(answer)
    assert list(customer_mapping.fields.filter(use_for_match=True).values_list("field", "compare_as")) == [
        ("e_mail", "email")
    ]
    stale = mapper.post(of_customer("take-suggestion"), {"measurement": job.pk, "place": 77}, follow=True)
    assert "nothing was taken" in text(stale)
    for wrong in ("x", "1-x", f"{job.pk}-99", "99999-0"):
        assert mapper.get(of_customer("criteria"), {"suggestion": wrong}).status_code == 200


def test_each_field_shows_how_full_both_sides_are_and_what_it_would_match(as_, customers, accounts, customer_mapping):
    made = customers([{"phone_no": f"425 555 010{at}"} for at in range(4)])
    accounts([{"name": "A", "telephone1": made[0].phone_no}, {"name": "B"}])
    run(suggest_services.start_suggestion(mapping=customer_mapping))
    page = read(as_("Viewer").get(of_customer("criteria")))
    row = next(row for row in page.root.all("tr") if "telephone1" in row.text)
    assert re.sub(r"\s+", " ", row.text).strip().endswith("100 % 50 % there 100 % 100 % there 1")


def test_nothing_to_suggest_a_cancelled_measuring_and_one_that_fails_say_so(as_, customers, customer_mapping, remote):
    client = as_("Mapper")
    assert "Both sides are read once" in text(client.get(of_customer("suggestions")))
    client.post(of_customer("suggest"), {})
    run(Job.objects.get(type="suggestion"))
    assert "There is no uncoupled record" in text(client.get(of_customer("suggestions")))
    customers(1)
    client.post(of_customer("suggest"), {})
    assert "Measuring was stopped" not in text(client.get(of_customer("suggestions")))
    client.post(of_customer("cancel-suggestion"), {})
    cancelled = text(client.get(of_customer("suggestions")))
    assert "Not measured" in cancelled and "Cancelled by mapper." in cancelled
    assert "What is shown was measured before." in cancelled
    client.post(of_customer("suggest"), {})
    run(Job.objects.latest("pk"))
    assert "No field that identifies a record" in text(client.get(of_customer("suggestions")))


# -- criteria sets -------------------------------------------------------------------------------------------------


def test_criteria_are_kept_as_sets_chosen_renamed_and_deleted_and_each_is_said(as_, customer_mapping):
    client = as_("Mapper")

    def act(what, **values):
        return text(client.post(of_customer(f"{what}-criteria-set"), values, follow=True))

    assert "has no criteria, so no set was saved" in act("save", set_name="Phone")
    match_on(customer_mapping, "phone_no")
    assert "The present criteria are in no set: Phone No." in text(client.get(of_customer("criteria")))
    assert "The criteria set Phone first is saved: Phone No." in act("save", set_name=" Phone  first ")
    match_on(customer_mapping, "name", city=1)
    assert "The criteria set Names is saved: Name, then City." in act("save", set_name="Names")
    phone, names = CriteriaSet.objects.order_by("pk")
    shown = act("choose", set=phone.pk)
    assert "The matching criteria of CUSTOMER are saved, those of the set Phone first: Phone No." in shown
    assert re.search(r"Phone first In use", shown)
    assert "It is called By phone now." in act("rename", set=phone.pk, set_name="By phone")
    assert "has a criteria set called By phone already" in act("rename", set=names.pk, set_name="by PHONE")
    assert "The criteria set By phone is replaced: Phone No." in act("save", set_name="By Phone")
    assert "The criteria set Names is deleted. The matching criteria of CUSTOMER stay" in act("delete", set=names.pk)
    assert list(CriteriaSet.objects.values_list("name", flat=True)) == ["By phone"]
    for wrong in ("", "  ", "x" * 61, "a\u200bb"):
        assert "nothing was saved" in act("save", set_name=wrong)
    for what in ("choose", "rename", "delete"):
        assert "was deleted meanwhile, so nothing was done" in act(what, set=names.pk, set_name="x")
    entries = LogEntry.objects.get_for_model(CriteriaSet)
    assert entries.filter(action=LogEntry.Action.DELETE).exists()
    assert entries.filter(additional_data__of="CUSTOMER, By phone").exists()


def test_a_set_with_a_field_that_is_no_longer_mapped_is_refused_by_name_and_changes_nothing(as_, customer_mapping):
    match_on(customer_mapping, "phone_no", "city")
    kept, _ = criteria_sets.save_as(mapping=customer_mapping, name="Both")
    match_on(customer_mapping, "phone_no")
    customer_mapping.fields.filter(field="city").delete()
    answer = as_("Mapper").post(of_customer("choose-criteria-set"), {"set": kept.pk}, follow=True)
    assert "has no field mapping between &#x27;city&#x27; and &#x27;address1_city&#x27;" in text(answer)
    assert [one.local for one in stored_criteria(customer_mapping)] == ["phone_no"]


def test_sets_are_for_those_who_may_map_and_of_one_mapping(as_, customer_mapping):
    match_on(customer_mapping, "phone_no")
    kept, _ = criteria_sets.save_as(mapping=customer_mapping, name="Phone")
    for what in ("save", "choose", "rename", "delete"):
        assert as_("Operator").post(of_customer(f"{what}-criteria-set"), {"set": kept.pk}).status_code == 403
    other = as_("Mapper").post(url("delete-criteria-set", mapping="VENDOR"), {"set": kept.pk}, follow=True)
    assert "was deleted meanwhile" in text(other)
    assert CriteriaSet.objects.filter(pk=kept.pk).exists()


def test_a_preview_that_cannot_be_made_says_why(as_, customers, customer_mapping):
    customers(1)
    customer_mapping.fields.filter(field="phone_no").update(integration_field="telephone9")
    client = as_("Operator")
    answer = client.post(of_customer("preview"), typed(customer_mapping, "phone_no"))
    assert run(Job.objects.get(type="preview")).state == "failed"
    shown = text(client.get(answer.url))
    assert "telephone9" in shown and "Preview Again" in shown


def test_while_the_connection_is_off_the_page_says_so_and_starts_nothing(as_, company, customer_mapping):
    enabling_services.disable(company=company, user=None)
    client = as_("Operator")
    assert "The connection to Dataverse is not enabled" in text(client.get(of_customer("criteria")))
    assert "The connection to Dataverse is not enabled" in text(client.get(url("mappings")))
    answer = client.post(of_customer("start"), typed(customer_mapping, "phone_no"))
    assert answer.status_code == 400
    assert not Job.objects.exists()


# -- from a list --------------------------------------------------------------------------------------------------


def select(client, what, *records, **more):
    data = {"selected": [record.system_id for record in records], **more}
    return client.post(url(what, table="customer"), data)


def test_a_list_s_selection_is_coupled_and_nothing_else(as_, customers, account_of, customer_mapping):
    made = customers(5)
    rows = account_of(made)
    client = as_("Operator")
    answer = select(client, "criteria-selection", made[1], made[3])
    assert answer.status_code == 302
    assert "2 selected customers" in text(client.get(answer.url))
    selection = Selection.objects.get()
    client.post(of_customer("start"), typed(customer_mapping, "phone_no", selection=selection.pk))
    job = run(Job.objects.get())
    assert pairs(customer_mapping) == {made[1].system_id: rows[1], made[3].system_id: rows[3]}
    assert job.counters["total"] == 2
    assert not Selection.objects.exists()
    assert not SelectionRecord.objects.exists()


def test_all_that_match_a_list_s_filter_are_coupled_without_being_sent(as_, customers, account_of, customer_mapping):
    account_of(customers([{"city": "Oslo" if at % 2 else "Bergen"} for at in range(1200)])[:600])
    client = as_("Operator")
    page = client.get("/c/cronus/records/customer/?q=Oslo").content.decode()
    filters = re.search(r'name="list_filters" value="([^"]+)"', page).group(1)
    answer = client.post(url("criteria-selection", table="customer"), {"all_matching": "1", "list_filters": filters})
    assert "600 selected customers" in text(client.get(answer.url))
    client.post(of_customer("start"), typed(customer_mapping, "phone_no", selection=Selection.objects.get().pk))
    job = Job.objects.get()
    assert JobRecord.objects.filter(job=job).count() == 600
    assert run(job).counters["coupled"] == 300


def test_an_empty_selection_does_nothing_and_says_so(as_, customers, company):
    customers(2)
    client = as_("Operator")
    for what in ("criteria-selection", "uncouple-selection"):
        answer = client.post(url(what, table="customer"), follow=True)
        assert "Nothing is selected" in text(answer)
    assert not Selection.objects.exists()


def test_a_selection_of_coupled_records_does_nothing_and_says_so(as_, customers, account_of, customer_mapping):
    made = customers(2)
    account_of(made)
    run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    client = as_("Operator")
    answer = client.post(
        url("criteria-selection", table="customer"), {"selected": [one.system_id for one in made]}, follow=True
    )
    assert "coupled already" in text(answer)
    assert not Selection.objects.exists()


def test_somebody_else_s_selection_is_not_found(as_, customers, customer_mapping):
    select(as_("Operator"), "criteria-selection", *customers(1))
    selection = Selection.objects.get()
    answer = as_("Administrator").get(of_customer("criteria"), {"selection": selection.pk})
    assert answer.status_code == 404
    assert as_("Operator").get(of_customer("criteria"), {"selection": "x"}).status_code == 404


def test_leaving_the_page_keeps_nothing(as_, customers, customer_mapping):
    client = as_("Administrator")
    answer = select(client, "criteria-selection", *customers(1))
    client.get(answer.url)
    client.post(of_customer("preview"), typed(customer_mapping, "phone_no", create_new="on"))
    customer_mapping.refresh_from_db()
    assert not customer_mapping.create_new
    assert not customer_mapping.fields.filter(use_for_match=True).exists()


# -- uncoupling ---------------------------------------------------------------------------------------------------


@pytest.fixture
def coupled(customers, account_of, customer_mapping):
    made = customers(3)
    account_of(made)
    run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    return made


def test_deleting_couplings_of_a_mapping_asks_with_the_number(as_, coupled, customer_mapping):
    client = as_("Operator")
    asked = client.get(f"{url('uncouple-mappings')}?id={customer_mapping.pk}")
    assert "3 couplings of CUSTOMER" in text(asked)
    assert Coupling.objects.count() == 3
    answer = client.post(url("uncouple-mappings"), {"id": str(customer_mapping.pk)})
    job = Job.objects.get(type="uncoupling")
    assert answer.url == reverse("jobs:job", kwargs={"company": "cronus", "pk": job.pk})
    run(job)
    assert not Coupling.objects.exists()
    answer = client.get(f"{url('uncouple-mappings')}?id={customer_mapping.pk}", follow=True)
    assert "there are no couplings" in text(answer)
    assert as_("Mapper").get(url("uncouple-mappings")).status_code == 403


def test_deleting_couplings_of_selected_records_asks_first(as_, coupled, customers):
    (uncoupled,) = customers(1)
    client = as_("Operator")
    answer = select(client, "uncouple-selection", coupled[0], uncoupled)
    asked = text(client.get(answer.url))
    assert "the coupling of the selected record" in asked
    assert "1 of the selected records" in asked
    client.post(of_customer("uncouple"), {"selection": Selection.objects.get().pk})
    job = run(Job.objects.get(type="uncoupling"))
    assert (job.counters["uncoupled"], job.counters["skipped"]) == (1, 1)
    assert Coupling.objects.count() == 2
    answer = client.post(url("uncouple-selection", table="customer"), {"selected": [uncoupled.system_id]}, follow=True)
    assert "None of the selected records is coupled" in text(answer)
    assert Customer.objects.count() == 4


def test_the_role_center_counts_what_is_coupled(as_, coupled, customers):
    customers(1)
    shown = text(as_("Viewer").get("/c/cronus/"))
    assert "3 of 4" in shown
    assert "1 uncoupled" in shown


def test_tell_me_finds_the_pages(as_, company):
    client = as_("Viewer")
    for title in ("Integration Table Mappings", "Select Coupling Criteria", "Integration Field Mapping List"):
        assert title in text(client.get("/c/cronus/search/", {"q": title}, follow=True))
    assert "CUSTOMER" in text(client.get(url("choose-criteria")))
    assert "telephone1" in text(client.get(url("all-fields"), {"mapping": "CUSTOMER"}))


@pytest.mark.parametrize("page", ["preview", "suggest"])
def test_trying_out_criteria_is_for_those_who_may_use_them(as_, customers, customer_mapping, page):
    customers(1)
    for role, status in (("Viewer", 403), ("Operator", 302), ("Mapper", 302)):
        assert as_(role).post(of_customer(page), typed(customer_mapping, "phone_no")).status_code == status, role


@pytest.mark.usefixtures("contexts")
def test_what_people_do_to_couplings_and_jobs_stands_in_the_audit_log(as_, customers, accounts, customer_mapping):
    (one,) = customers([{"phone_no": "555 0100"}])
    client = as_("Administrator")
    user = User.objects.get(username="administrator")
    services.couple_by_hand(
        mapping=customer_mapping, local_id=one.system_id, integration_id=uuid4(), organization_id=uuid4(), user=user
    )
    (coupled,) = LogEntry.objects.get_for_model(Coupling)
    assert (coupled.actor, coupled.changes["local_id"]) == (user, [None, str(one.system_id)])
    mapping_id = str(customer_mapping.pk)
    client.post(url("uncouple-mappings"), {"id": mapping_id})
    job = Job.objects.get(type="uncoupling")
    client.post(reverse("jobs:cancel", kwargs={"company": "cronus", "pk": job.pk}))
    started, cancelled = LogEntry.objects.get_for_object(job).order_by("pk")
    assert (started.actor, cancelled.actor) == (user, user)
    assert started.remote_addr == "127.0.0.1"
    assert started.changes["type"] == [None, "uncoupling"]
    assert cancelled.changes["state"] == ["queued", "cancelled"]
    edit = reverse("records:edit", kwargs={"company": "cronus", "table": "customer", "system_id": one.system_id})
    form = next(tab for tab in client.get(edit).context["page"].fast_tabs if tab.fields).fields[0].form_field.form
    values = {name: form[name].value() for name in form.fields}
    answer = client.post(edit, {**{k: v for k, v in values.items() if v is not None}, "name": "Changed"})
    assert answer.status_code == 302
    assert LogEntry.objects.get_for_object(Customer.objects.get(pk=one.pk)).first().changes["name"][1] == "Changed"


def test_a_partner_that_vanishes_while_one_couples_by_hand_is_a_refusal(customers, customer_mapping, monkeypatch):
    (one,) = customers([{}])

    def race(**_):
        raise IntegrityError("another was faster")

    monkeypatch.setattr(Coupling.objects, "create", race)
    with pytest.raises(Refusal, match="at the same moment"):
        services.couple_by_hand(
            mapping=customer_mapping, local_id=one.system_id, integration_id=uuid4(), organization_id=uuid4()
        )
