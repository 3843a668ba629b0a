"""manage.py mapping field: fields added, changed and removed, with every check against both sides as a sentence."""

import pytest
from auditlog.models import LogEntry
from django.core.management import CommandError

from core.refusals import NotUsable
from core.vocabulary import Direction
from coupling.mappings import field_edit, services
from coupling.models import IntegrationFieldMapping, LookUpTable
from tests.coupling.test_commands import spoken


def change(*words, mapping="CUSTOMER"):
    """Run mapping field; return the field's document, or the error's, and the exit code."""
    (document,), code = spoken("mapping", "field", mapping, *words, "--company", "Cronus")
    if code:
        return document["error"], code
    local, _, column = words[1].partition("=")
    found = [one for one in document["fields"] if (one["field"], one["integration_field"]) == (local, column)]
    return (found[0] if found else None), code


def test_add_set_and_remove_print_the_mapping_and_are_in_the_log(company, customer_mapping):
    added, code = change("add", "name_2=address2_name", "--rule", "trim", "upper", "--rule", "substring=1,20",
                         "--blanks", "keep", "--conflicts", "get")  # fmt: skip
    assert code == 0
    assert (added["enabled"], added["direction"]) == (True, "bidirectional")
    assert (added["rules"], added["transformation_direction"]) == (
        ["trim", "upper", "substring=1,20"], "to_integration_table",
    )  # fmt: skip
    assert (added["blanks"], added["update_conflict"]) == ("keep", "get")
    assert (added["validate_field"], added["validate_integration_field"]) == (True, False)
    changed, _ = change("set", "name_2=address2_name", "--direction", "from", "--rule", "title", "--disable",
                        "--validate-field", "no")  # fmt: skip
    assert changed["validate_field"] is False
    assert (changed["direction"], changed["rules"], changed["enabled"]) == (
        "from_integration_table", ["title"], False,
    )  # fmt: skip
    assert changed["transformation_direction"] == "from_integration_table"
    field = IntegrationFieldMapping.objects.get(mapping=customer_mapping, field="name_2")
    logged = LogEntry.objects.get_for_object(field).filter(action=LogEntry.Action.UPDATE).latest("id").changes
    assert logged["rules"] == ['["trim", "upper", "substring=1,20"]', '["title"]']
    assert logged["enabled"] == ["True", "False"]
    for word, stored in (("newest", "newest"), ("ask", "ask"), ("send", "send"), ("mapping", "")):
        policy, _ = change("set", "name_2=address2_name", "--direction", "both", "--conflicts", word)
        assert policy["update_conflict"] == stored
    change("set", "name_2=address2_name", "--direction", "from")
    cleared, _ = change("set", "name_2=address2_name", "--rule", "none", "--blanks", "mapping")
    assert (cleared["rules"], cleared["blanks"]) == ([], "")
    assert change("remove", "name_2=address2_name") == (None, 0)
    assert LogEntry.objects.filter(object_pk=str(field.pk), action=LogEntry.Action.DELETE).exists()


def test_add_of_a_pair_that_is_there_changes_it_as_set_does_and_enables_it(company, customer_mapping):
    count = customer_mapping.fields.count()
    found, code = change("add", "no=accountnumber", "--rule", "prefix=C-")
    assert (code, found["enabled"], found["direction"], found["rules"]) == (
        0, True, "to_integration_table", ["prefix=C-"],
    )  # fmt: skip
    assert customer_mapping.fields.count() == count
    kept, _ = change("add", "no=accountnumber", "--disable")
    assert kept["enabled"] is False


def test_the_direction_of_a_new_field_is_what_both_sides_allow(company):
    assert change("add", "=sic", "--constant", "4711")[0]["direction"] == "to_integration_table"
    assert change("add", "job_title=", "--constant", "x")[1] == 1
    assert change("add", "name_2=", "--constant", "From Dataverse")[0]["direction"] == "from_integration_table"


REFUSED = [
    (("add", "nome=name"), "configuration", "Customer has no field 'nome'.", "name"),
    (("add", "name_2=nam"), "unknown_column", "The table account has no column 'nam' in Dataverse.", "name"),
    (("set", "city=name"), "configuration", "CUSTOMER has no field mapping city=name.", "It has "),
    (("remove", "city=name"), "configuration", "CUSTOMER has no field mapping city=name.", "It has "),
    (("add", "name"), "configuration", "'name' names no field and column.", "Write LOCAL=COLUMN"),
    (("add", "name_2=address2_name", "--direction", "up"), "configuration", "'up' is no direction.",
     "both, to and from"),
    (("add", "name_2=address2_name", "--rule", "shout"), "configuration", "There is no rule “shout”.", "trim, upper"),
    (("add", "name_2=address2_name", "--rule", "regex=(?=x),y"), "configuration", "runs for ever", "regex="),
    (("add", "name_2=address2_name", "--rule", "table=X"), "configuration", "names the look-up table “X”", "table="),
    (("add", "name_2=numberofemployees"), "configuration", "holds a whole number, and cannot take what Name 2 (text)",
     "a transformation rule"),
    (("add", "credit_limit=address2_name", "--direction", "from"), "configuration", "Credit Limit (LCY) holds a number",
     "another direction"),
    (("add", "name_2=primarycontactid"), "configuration", "holds a lookup, and cannot take what Name 2", "Choose"),
    (("add", "name_2=createdon", "--direction", "to"), "configuration", "is read-only: Dataverse writes it itself.",
     "from integration table"),
    (("add", "name_2=name"), "configuration", "The column name gets its value by the field mapping name=name already.",
     "Disable or remove"),
    (("add", "name=address2_name"), "configuration", "The field name gets its value by the field mapping name=name",
     "Disable or remove"),
    (("add", "=sic"), "configuration", "Only the column is named, and no constant", "constant"),
    (("add", "=sic", "--constant", "4", "--direction", "from"), "configuration",
     "A constant for a column goes to integration table alone.", "Choose that direction."),
    (("add", "=customertypecode", "--constant", "Baker"), "configuration", "has no choice 'Baker'.", "Write a value"),
    (("add", "=numberofemployees", "--constant", "many"), "configuration", "cannot hold the constant 'many'", "Write"),
    (("add", "=primarycontactid", "--constant", "x"), "configuration", "a constant is none", "Write"),
    (("add", "=sic", "--constant", "4", "--rule", "trim"), "configuration", "A constant needs no transformation rules.",
     "Write the constant"),
    (("set", "name=name", "--not-null", "yes"), "configuration", "Not Null is for columns that hold an id (GUID)",
     "choose keep"),
    (("set", "city=address1_city", "--direction", "to", "--rule", "trim", "--rules-direction", "from"), "configuration",
     "so its rules cannot rewrite what goes from integration table", "same direction"),
    (("set", "currency_code=transactioncurrencyid", "--rule", "upper"), "configuration",
     "points to a row of another table: the coupling says to which", "Take the rules away"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "reason", "message", "fix"), REFUSED)
def test_what_cannot_be_mapped_is_refused_with_a_sentence_and_nothing_is_stored(
    company, customer_mapping, words, reason, message, fix
):
    before = list(customer_mapping.fields.values())
    error, code = change(*words)
    assert (code, error["reason"]) == (1, reason)
    assert message in error["message"]
    assert fix in error["fix"]
    assert list(customer_mapping.fields.values()) == before


def test_a_direction_against_the_mappings_is_refused(company):
    error, code = change("set", "e_mail=internalemailaddress", "--direction", "to", mapping="SALESPEOPLE")
    assert code == 1
    assert error["message"] == (
        "The mapping goes from integration table, so a field of it cannot go to integration table."
    )


def test_not_null_and_clear_value_exclude_each_other(company, customer_mapping):
    customer_mapping.fields.filter(integration_field="transactioncurrencyid").update(clear_on_failed=True)
    error, _ = change("set", "currency_code=transactioncurrencyid", "--not-null", "yes")
    assert error["message"].startswith("Not Null and Clear Value on Failed Sync exclude each other")


def test_look_up_tables_are_shown_stored_and_kept_while_a_rule_names_them(company):
    (error,), code = spoken("mapping", "table", "Grade", "--company", "Cronus")
    assert (code, error["error"]["reason"]) == (1, "configuration")
    (stored,), code = spoken("mapping", "table", "Grade", "--row", "A=Good", "*=Other", "--company", "Cronus")
    assert (code, stored) == (0, {"table": "Grade", "rows": {"A": "Good", "*": "Other"}})
    change("add", "name_2=address2_name", "--rule", "table=Grade")
    table = LookUpTable.objects.get(company=company)
    with pytest.raises(NotUsable, match="The look-up table Grade is in use"):
        field_edit.delete_table(table=table)
    change("remove", "name_2=address2_name")
    field_edit.delete_table(table=table)
    assert not LookUpTable.objects.exists()


def test_fields_that_write_to_the_same_column_are_not_enabled_together(company, customer_mapping):
    first, _ = change("add", "name_2=yominame", "--direction", "to", "--disable")
    second, _ = change("add", "address_2=yominame", "--direction", "to", "--disable")
    assert (first["enabled"], second["enabled"]) == (False, False)
    both = list(customer_mapping.fields.filter(integration_field="yominame"))
    with pytest.raises(NotUsable, match="The column yominame gets its value by the field mapping") as refused:
        services.switch_fields(mapping=customer_mapping, fields=both, enabled=True)
    assert refused.value.fix.startswith("Disable or remove that one first")
    assert not customer_mapping.fields.filter(integration_field="yominame", enabled=True).exists()
    one = customer_mapping.fields.filter(integration_field="yominame").first()
    assert services.switch_fields(mapping=customer_mapping, fields=[one], enabled=True) == 1


def test_a_field_that_only_comes_from_dataverse_has_rules_of_that_way(company):
    found = {one.transformation_direction for one in IntegrationFieldMapping.objects.filter(direction=Direction.FROM)}
    assert found == {Direction.FROM}


def test_wrong_words_are_usage_errors(company):
    for words in (
        ("field", "CUSTOMER", "add"), ("field", "CUSTOMER", "put", "a=b"), ("show", "CUSTOMER", "x"),
        ("show", "CUSTOMER", "--rule", "trim"), ("list", "--disable"), ("table", "Grade", "x"),
    ):  # fmt: skip
        with pytest.raises(CommandError) as refused:
            spoken("mapping", *words, "--company", "Cronus")
        assert refused.value.returncode == 2
