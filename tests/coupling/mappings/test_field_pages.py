"""The pages of field mappings: the list, one field with the rules' test on real values, removal, Reset."""

import html
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.urls import reverse

from core.refusals import NotUsable
from core.vocabulary import Direction
from coupling.mappings import field_edit
from coupling.mappings.field_edit import FieldChanges
from coupling.models import IntegrationFieldMapping, LookUpTable
from tests.sync.conftest import signed_in


@pytest.fixture
def mapper(company):
    return signed_in("Mapper")


def url(company, name, **more):
    return reverse(f"coupling:{name}", kwargs={"company": company.slug, "mapping": "CUSTOMER", **more})


NEW = {
    "field": "name_2", "integration_field": "yominame", "enabled": "on", "direction": "bidirectional",
    "constant": "", "rules": "upper\r\nprefix=Mr. \r\n\r\n", "transformation_direction": "to_integration_table",
    "blanks": "keep", "update_conflict": "get",
}  # fmt: skip


def test_a_field_with_rules_is_tested_on_both_sides_then_added(company, customers, accounts, mapper):
    customers([{"name_2": "Ada"}, {"name_2": ""}, {"name_2": "Eve"}])
    accounts([{"name": "Adatum", "yominame": "a datum"}])
    page = mapper.get(url(company, "new-field")).content.decode()
    assert "Name 2 (name_2, text" in page
    assert "(yominame, String" in page
    tested = mapper.post(url(company, "test-new-field"), NEW).content.decode()
    for text in ("ADA → Mr. ADA", "Mr. EVE", "A DATUM", "Test on records here", "Test on rows in Dataverse"):
        assert text in tested
    assert not IntegrationFieldMapping.objects.filter(field="name_2", integration_field="yominame").exists()
    answer = mapper.post(url(company, "new-field"), NEW, follow=True)
    assert "The field mapping name_2 - yominame is saved." in answer.content.decode()
    field = IntegrationFieldMapping.objects.get(mapping__company=company, field="name_2")
    assert field.rules == ["upper", "prefix=Mr. "]
    assert (field.blanks, field.update_conflict, field.enabled) == ("keep", "get", True)
    assert "upper, prefix=Mr." in mapper.get(url(company, "fields")).content.decode()


def test_what_cannot_be_saved_or_tested_says_so_beside_its_field(company, customers, customer_mapping, mapper):
    customers([{"name_2": "soon"}])
    wrong = {**NEW, "rules": "shout"}
    for page in ("test-new-field", "new-field"):
        answer = mapper.post(url(company, page), wrong)
        assert answer.status_code == 400
        assert "There is no rule “shout”." in answer.content.decode()
    lookup = mapper.post(url(company, "new-field"), {**NEW, "integration_field": "primarycontactid"})
    assert "points to a row of another table" in lookup.content.decode()
    failing = mapper.post(url(company, "test-new-field"), {**NEW, "rules": "date=dd.MM.yyyy"})
    assert "Cannot read “soon” as a date." in failing.content.decode()
    assert not customer_mapping.fields.filter(field="name_2").exists()


def test_a_field_is_changed_and_removed_and_rules_are_reset(company, customer_mapping, mapper):
    field = customer_mapping.fields.get(field="city")
    changed = {**NEW, "rules": "title", "direction": "from_integration_table"}
    assert mapper.post(url(company, "field", field=field.pk), changed).status_code == 302
    field.refresh_from_db()
    assert (field.rules, field.transformation_direction) == (["title"], "from_integration_table")
    assert "1 of the fields" in mapper.get(url(company, "reset-rules")).content.decode()
    mapper.post(url(company, "reset-rules"))
    field.refresh_from_db()
    assert field.rules == []
    asked = mapper.get(url(company, "remove-field", field=field.pk)).content.decode()
    assert "No value is changed on either side." in asked
    mapper.post(url(company, "remove-field", field=field.pk))
    assert not customer_mapping.fields.filter(field="city").exists()


def test_a_field_that_somebody_changed_since_it_was_shown_is_told_and_left_until_sent_again(
    company, customer_mapping, mapper
):
    def seen_in(answer):
        return html.unescape(re.search(r'name="seen" value="([^"]*)"', answer.content.decode()).group(1))

    city = customer_mapping.fields.get(field="city")
    address = url(company, "field", field=city.pk)
    sent = {"direction": "bidirectional", "enabled": "on", "transformation_direction": "to_integration_table",
            "validate_field": "on", "rules": "trim", "seen": seen_in(mapper.get(address))}  # fmt: skip
    IntegrationFieldMapping.objects.filter(pk=city.pk).update(blanks="keep", rules=["upper"])
    refused = mapper.post(address, sent)
    assert refused.status_code == 400
    for words in ("Transformation Rules is upper now.", "Blank Values is", "Nothing was saved."):
        assert words in refused.content.decode()
    city.refresh_from_db()
    assert city.rules == ["upper"]
    assert mapper.post(address, {**sent, "seen": seen_in(refused)}).status_code == 302
    city.refresh_from_db()
    assert (city.rules, city.blanks) == (["trim"], "")


@pytest.mark.usefixtures("contexts")
def test_the_ticked_fields_are_changed_alike_or_removed_all_or_none(company, customer_mapping, mapper):
    rows = {one.field: one for one in customer_mapping.fields.filter(field__in=("city", "county", "name"))}
    ticked = {"selected": [rows["city"].pk, rows["county"].pk]}
    page = mapper.post(url(company, "change-fields"), ticked, follow=True)
    assert "What 2 field mappings get alike" in page.content.decode()
    token = page.context["page"].fast_tabs[0].fields[-1].form_field.value()
    assert page.content.decode().count('<option value="unchanged" selected>(as each has it)</option>') == 9
    form = {
        "selection": token, "direction": "to_integration_table", "update_conflict": "unchanged", "blanks": "keep"
    }  # fmt: skip
    assert mapper.post(url(company, "change-fields"), form).status_code == 302
    found = customer_mapping.fields.filter(pk__in=ticked["selected"])
    assert {(one.direction, one.update_conflict, one.blanks) for one in found} == {("to_integration_table", "", "keep")}
    mapper.post(url(company, "change-fields"), form | {"direction": "unchanged", "update_conflict": "send"})
    assert {(one.direction, one.update_conflict) for one in found.all()} == {("to_integration_table", "send")}
    changed = LogEntry.objects.get_for_object(rows["city"]).first().changes_dict
    assert list(changed) == ["update_conflict"]
    add = field_edit.add_field(
        mapping=customer_mapping, local="county", column="address2_city",
        changes=FieldChanges(direction=Direction.FROM),
    )  # fmt: skip
    customer_mapping.fields.filter(field="county").exclude(pk=add.pk).update(direction="to_integration_table")
    refused = mapper.post(url(company, "change-fields"), form | {"direction": "bidirectional"})
    assert refused.status_code == 400
    assert "gets its value by the field mapping" in refused.content.decode()
    assert {one.direction for one in found.all()} == {"to_integration_table"}, "all or none"
    asked = mapper.post(url(company, "remove-fields"), ticked, follow=True).content.decode()
    assert "This removes 2 field mappings from CUSTOMER" in asked and "city - address1_city" in asked
    mapper.post(url(company, "remove-fields"), {"selection": token})
    assert not found.all().exists() and customer_mapping.fields.filter(field="name").exists()
    nothing = mapper.post(url(company, "remove-fields"), {}, follow=True).content.decode()
    assert "Nothing is selected, so nothing was done." in nothing


@pytest.mark.usefixtures("contexts")
def test_all_that_a_field_may_say_is_changed_for_several_alike(company, customer_mapping, mapper):
    rows = {one.field: one for one in customer_mapping.fields.filter(field__in=("city", "credit_limit", "county"))}
    ticked = {"selected": [rows["city"].pk, rows["county"].pk]}
    page = mapper.post(url(company, "change-fields"), ticked, follow=True)
    form = {"selection": page.context["page"].fast_tabs[0].fields[-1].form_field.value()}

    def change(**given: str) -> tuple[int, str]:
        answer = mapper.post(url(company, "change-fields"), form | given)
        for row in rows.values():
            row.refresh_from_db()
        return answer.status_code, answer.content.decode()

    wanted = {"clear_on_failed": "yes", "validate_field": "no", "validate_integration_field": "yes"}
    assert change(**wanted, transformation_direction="from_integration_table")[0] == 302
    assert change(rules="these", rule_words="trim\r\n\r\nupper")[0] == 302
    for name in ("city", "county"):
        row = rows[name]
        assert (row.rules, row.transformation_direction) == (["trim", "upper"], "from_integration_table")
        assert (row.clear_on_failed, row.validate_field, row.validate_integration_field) == (True, False, True)
    assert rows["credit_limit"].validate_field, "what is not ticked stays"
    assert change(direction="to_integration_table", transformation_direction="from_integration_table")[0] == 302
    assert rows["city"].transformation_direction == "to_integration_table", "a one-way field's rules go its way"
    assert change(rules="none")[0] == 302
    assert rows["city"].rules == rows["county"].rules == []
    for given, said in (
        ({"rules": "these", "rule_words": " \r\n"}, "No rule is written here."),
        ({"rule_words": "trim"}, "Rules are written below: choose Those written below"),
        ({"rules": "these", "rule_words": "shout"}, "There is no rule “shout”."),
        ({"not_null": "yes"}, "Not Null and Clear Value on Failed Sync exclude each other"),
        ({"not_null": "yes", "clear_on_failed": "no"}, "Not Null is for columns that hold an id (GUID)"),
    ):
        status, text = change(**given)
        assert (status, said in text) == (400, True), said
    assert not rows["city"].not_null and rows["city"].clear_on_failed and rows["city"].rules == []


def test_who_may_only_look_reads_the_field_and_changes_nothing(company, customer_mapping):
    viewer = signed_in("Viewer")
    field = customer_mapping.fields.get(field="city")
    page = viewer.get(url(company, "field", field=field.pk)).content.decode()
    assert "Your role may look, not change." in page
    assert "<textarea" not in page
    assert viewer.post(url(company, "field", field=field.pk), NEW).status_code == 403
    assert viewer.get(url(company, "new-field")).status_code == 403


def test_look_up_tables_are_made_changed_used_and_deleted(company, customer_mapping, mapper):
    tables = reverse("coupling:look-up-tables", kwargs={"company": company.slug})
    new = reverse("coupling:new-look-up-table", kwargs={"company": company.slug})
    wrong = mapper.post(new, {"name": "Grade", "rows": "A Good"})
    assert (wrong.status_code, "no row of a look-up table" in wrong.content.decode()) == (400, True)
    mapper.post(new, {"name": "Grade", "rows": "A=Good\r\n\r\n*=a=b "})
    table = LookUpTable.objects.get(company=company)
    assert table.rows == {"A": "Good", "*": "a=b "}
    assert "A becomes Good" in mapper.get(tables).content.decode()
    assert mapper.post(new, {"name": "Grade", "rows": ""}).status_code == 400
    one = reverse("coupling:look-up-table", kwargs={"company": company.slug, "table_id": table.pk})
    assert "A=Good\n*=a=b " in mapper.get(one).content.decode()
    mapper.post(one, {"rows": "A=Best"})
    table.refresh_from_db()
    assert (table.name, table.rows) == ("Grade", {"A": "Best"})
    customer_mapping.fields.filter(field="city").update(rules=["Table=Grade"])
    kept = mapper.post(f"{one}delete/", follow=True).content.decode()
    assert "The look-up table Grade is in use (CUSTOMER: city - address1_city)." in kept
    customer_mapping.fields.filter(field="city").update(rules=[])
    assert "No record is changed." in mapper.get(f"{one}delete/").content.decode()
    mapper.post(f"{one}delete/")
    assert not LookUpTable.objects.exists()


def test_pages_of_fields_of_a_table_that_is_not_there_are_not_found(company, customer_mapping, mapper):
    customer_mapping.table = "nothing"
    customer_mapping.save()
    new = reverse("coupling:new-field", kwargs={"company": company.slug, "mapping": "CUSTOMER"})
    answer = mapper.get(new)
    assert (answer.status_code, "cannot be used" in answer.content.decode()) == (404, True)


def test_a_pair_that_several_add_at_once_is_there_once(company, customer_mapping):
    customer_mapping.fields.filter(field="name_2").delete()
    pair = {"local": "name_2", "column": "description", "changes": FieldChanges()}

    def add(_):
        try:
            return field_edit.add_field(mapping=customer_mapping, **pair) is not None
        except NotUsable as refused:
            return refused.message
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        said = list(threads.map(add, range(6)))
    assert said.count(True) == 1
    assert {one for one in said if one is not True} == {"CUSTOMER has the field mapping name_2=description already."}
    assert customer_mapping.fields.filter(field="name_2").count() == 1
