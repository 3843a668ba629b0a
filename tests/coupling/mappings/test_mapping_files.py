"""Mappings as a file: export, import and copy by command, what is refused, and what the change log keeps."""

import json
from io import StringIO

import pytest
import yaml
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from accounts.models import CompanyRole
from core.vocabulary import Direction
from coupling.mapping_files.types import FIELD_SETTINGS, SETTINGS
from coupling.mappings import criteria_sets, defaults, edit, field_edit
from coupling.mappings.services import switch_fields
from coupling.mappings.stored_file import FIELD_NOT_IN_A_FILE, NOT_IN_A_FILE, stored_file
from coupling.models import Coupling, IntegrationFieldMapping, IntegrationTableMapping, LookUpTable, OptionMapping
from masterdata.models import Company, PaymentTerms
from tests.coupling.mappings.test_options import options
from tests.coupling.test_commands import spoken


@pytest.fixture
def branch(company):
    """Give a company beside, without a connection and without mappings."""
    return Company.objects.create(name="Branch", currency_code="USD")


@pytest.fixture
def plain(db):
    """Give a company with the default mappings, without a connection."""
    made = Company.objects.create(name="Plain", currency_code="USD")
    defaults.create_missing(made)
    return made


def exported(name, *words):
    out = StringIO()
    call_command("mapping", "export", *words, "--company", name, stdout=out, stderr=StringIO())
    return out.getvalue()


def imported(path, name, *words):
    (document,), code = spoken("mapping", "import", str(path), "--company", name, *words)
    return document, code


def person_with(name, roles):
    """Make a person with roles by the names of companies."""
    person = User.objects.create_user(name)
    for company, role in roles.items():
        CompanyRole.objects.create(person=person, company=Company.objects.get(name=company), role=role)


def change_a_lot(company):
    """Change something of each kind in CUSTOMER and PAYMENT TERMS."""
    mapping = IntegrationTableMapping.objects.get(company=company, name="CUSTOMER")
    field_edit.save_table(company=company, name="COUNTRIES", rows={"DE": "Germany", "*": "elsewhere", "no": "Norway"})
    field = mapping.fields.get(field="county")
    field_edit.set_field(
        field=field, changes=field_edit.FieldChanges(rules=("trim", "table=COUNTRIES", "replace=a\\,b,c: #"))
    )
    edit.change_mapping(
        mapping=mapping,
        changes=edit.Changes(
            table_filter={
                "any": [{"field": "no", "op": "in", "value": ["no", "010"]}, {"field": "city", "op": "blank"}]
            },
            every_minutes=5, late_after_minutes=40, update_conflict="send", blanks="keep",
        ),
    )  # fmt: skip
    mapping.fields.get(field="fax_no").delete()
    mapping.fields.filter(field="phone_no").update(use_for_match=True, match_priority=2, compare_as="phone")
    criteria_sets.save_as(mapping=mapping, name="By phone, 2")
    return mapping


def test_every_column_of_a_mapping_is_in_a_file_or_named_as_one_that_no_file_has():
    columns = {one.name for one in IntegrationTableMapping._meta.concrete_fields}
    assert columns == set(SETTINGS) | NOT_IN_A_FILE
    columns = {one.name for one in IntegrationFieldMapping._meta.concrete_fields}
    assert columns == {"field", "integration_field", *FIELD_SETTINGS} | FIELD_NOT_IN_A_FILE


def test_a_file_goes_into_another_company_and_comes_out_the_same_bytes(company, branch, tmp_path):
    change_a_lot(company)
    PaymentTerms.objects.create(company=company, code="30 DAYS")
    PaymentTerms.objects.create(company=branch, code="30 DAYS")
    options("30 DAYS=1")
    IntegrationTableMapping.objects.filter(company=company, name="VENDOR").update(scheduled=True)
    text = exported("Cronus")
    content = yaml.safe_load(text)
    assert list(content["mappings"]) == sorted(content["mappings"])
    assert content["mappings"]["CUSTOMER"]["late_after_minutes"] == 40
    assert not {"Cronus", "id", "next_run_at"} & {word.strip(" '\":") for word in text.split()}
    path = tmp_path / "mappings.yaml"
    call_command("mapping", "export", "--company", "Cronus", "--output", str(path), stdout=StringIO())
    assert path.read_text() == text
    checked, code = imported(path, "Branch", "--check")
    assert (code, checked["applied"]) == (0, False)
    assert not IntegrationTableMapping.objects.filter(company=branch).exists()
    document, code = imported(path, "Branch")
    assert (code, document["applied"], document["changes"]) == (0, True, checked["changes"])
    assert exported("Branch") == text
    assert OptionMapping.objects.filter(company=branch).count() == 1
    assert IntegrationTableMapping.objects.get(company=branch, name="VENDOR").next_run_at is not None
    assert imported(path, "Cronus")[0]["changes"] == imported(path, "Branch")[0]["changes"] == []


def test_criteria_sets_come_along_replace_those_of_the_mapping_and_stay_where_the_file_is_silent(
    company, branch, customer_mapping, tmp_path
):
    change_a_lot(company)
    path = tmp_path / "mappings.yaml"
    path.write_text(exported("Cronus", "CUSTOMER"))
    imported(path, "Branch")
    there = IntegrationTableMapping.objects.get(company=branch, name="CUSTOMER")
    (kept,) = there.criteria_sets.all()
    assert (kept.name, [one.local for one in criteria_sets.criteria_of(kept)]) == ("By phone, 2", ["phone_no"])
    criteria_sets.rename(mapping=there, number=kept.pk, name="Mine")
    silent = tmp_path / "silent.yaml"
    document = yaml.safe_load(path.read_text())
    del document["mappings"]["CUSTOMER"]["criteria_sets"]
    silent.write_text(json.dumps(document))
    assert imported(silent, "Branch")[0]["changes"] == []
    changes = imported(path, "Branch")[0]["changes"]
    assert [one["text"] for one in changes] == [
        "CUSTOMER: the criteria set Mine is removed.",
        "CUSTOMER: the criteria set By phone, 2 is added, with phone_no.",
    ]
    assert [one.name for one in there.criteria_sets.all()] == ["By phone, 2"]
    # A set with a field that is gone is in no file, and no file takes it away.
    there.fields.filter(field="phone_no").delete()
    text = exported("Branch", "CUSTOMER")
    assert yaml.safe_load(text)["mappings"]["CUSTOMER"]["criteria_sets"] == {}
    path.write_text(text)
    assert imported(path, "Branch")[0]["changes"] == []
    assert there.criteria_sets.count() == 1


def test_json_is_the_same_file_and_one_mapping_brings_the_tables_that_its_rules_name(company, branch, tmp_path):
    change_a_lot(company)
    field_edit.save_table(company=company, name="OTHER", rows={"a": "b"})
    (document,), _ = spoken("mapping", "export", "CUSTOMER", "--company", "Cronus")
    assert list(document["mappings"]) == ["CUSTOMER"]
    assert list(document["look_up_tables"]) == ["COUNTRIES"]
    assert yaml.safe_load(exported("Cronus", "CUSTOMER")) == document
    path = tmp_path / "mappings.json"
    path.write_text(json.dumps(document))
    shown, code = imported(path, "Branch")
    assert code == 0
    assert "CUSTOMER depends on CURRENCY" in " ".join(shown["told"])
    assert "Branch is not connected to Dataverse now" in " ".join(shown["told"])
    assert LookUpTable.objects.get(company=branch).rows["*"] == "elsewhere"


def test_import_says_what_changes_keeps_couplings_and_its_log_has_before_and_after(company, customer_mapping, tmp_path):
    path = tmp_path / "before.yaml"
    path.write_text(exported("Cronus", "CUSTOMER"))
    change_a_lot(company)
    city = customer_mapping.fields.get(field="city").pk
    LogEntry.objects.all().delete()
    document, code = imported(path, "Cronus")
    assert code == 0
    said = [one["text"] for one in document["changes"]]
    assert "CUSTOMER: Synchronize every (minutes) was 5 and becomes 30." in said
    assert "CUSTOMER: the field fax_no=fax is added." in said
    assert any(text.startswith("CUSTOMER: Table Filter was [") for text in said)
    assert any("outside the Table Filter" in text for text in document["told"])
    assert customer_mapping.fields.get(field="city").pk == city
    logged = {
        (entry.content_type.model, name): values
        for entry in LogEntry.objects.all()
        for name, values in entry.changes.items()
    }  # fmt: skip
    assert logged["integrationtablemapping", "every_minutes"] == ["5", "30"]
    assert logged["integrationtablemapping", "table_filter"][0] != logged["integrationtablemapping", "table_filter"][1]
    assert logged["integrationfieldmapping", "rules"][1] == "[]"
    assert logged["integrationfieldmapping", "field"] == ["None", "fax_no"]
    assert exported("Cronus", "CUSTOMER") == path.read_text()


CHANGES = {
    "a reset": lambda company, mapping: defaults.reset_mappings(company, ["CUSTOMER"]),
    "a setting": lambda company, mapping: edit.change_mapping(mapping=mapping, changes=edit.Changes(every_minutes=7)),
    "a switch": lambda company, mapping: switch_fields(
        mapping=mapping, fields=[mapping.fields.get(field="city")], enabled=False
    ),
    "rules taken back": lambda company, mapping: field_edit.reset_rules(mapping=mapping),
    "a field removed": lambda company, mapping: field_edit.remove_field(field=mapping.fields.get(field="city")),
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_way_to_change_a_mapping_is_in_the_change_log(company, what):
    mapping = change_a_lot(company)
    before, known = stored_file(company), set(LogEntry.objects.values_list("pk", flat=True))
    CHANGES[what](company, mapping)
    assert stored_file(company) != before
    logged = LogEntry.objects.exclude(pk__in=known)
    assert logged and all(pair[0] != pair[1] for entry in logged for pair in entry.changes.values())


BAD = [
    ("      - {field: city,", "      - {field: citty,",
     "CUSTOMER, the field citty=address1_city: Customer has no field"),
    ("address1_city,", "address9_city,", "CUSTOMER, the field city=address9_city: The table account has no column"),
    ("    every_minutes: 30\n", "    every_hours: 1\n", "The mapping CUSTOMER has no key 'every_hours'."),
    ("    table: customer\n", "    table: customers\n", "CUSTOMER, table: "),
    ("    integration_table: account\n", "    integration_table: acount\n", "CUSTOMER, integration_table: "),
    ("entity_set: accounts", "entity_set: account",
     "CUSTOMER, entity_set: Dataverse calls that of account 'accounts'."),
    ("uid_column: accountid", "uid_column: name", "CUSTOMER, uid_column: A row of account goes by 'accountid'"),
    ("name_column: name", "name_column: title", "CUSTOMER, name_column: The table account has no column 'title'"),
    ("{field: blocked, op: blank}", "{field: colour, op: blank}", "CUSTOMER, table_filter: Customer has no field"),
    ("field: customertypecode", "field: customertype", "CUSTOMER, integration_filter: Dataverse has no column"),
    ("    direction: bidirectional\n    table", "    direction: from_integration_table\n    table",
     "CUSTOMER, direction: No enabled field goes from integration table"),
    ("integration_field: address1_line2", "integration_field: address1_line1",
     "CUSTOMER, the field address_2=address1_line1: the column address1_line1 gets its value by address="),
    ("address1_line1, direction: bidirectional}", "address1_line1, direction: bidirectional, rules: [table=NONE]}",
     "CUSTOMER, the field address=address1_line1: "),
    ("dependencies:\n", "dependencies:\n      - CONTACT\n", "CUSTOMER waits for CONTACT waits for CUSTOMER"),
]  # fmt: skip


def test_what_does_not_fit_is_refused_with_its_line_and_nothing_is_half_saved(company, tmp_path):
    text = exported("Cronus", "CUSTOMER", "VENDOR").replace("\n  VENDOR:", "\n  LAST:")
    before, path = stored_file(company), tmp_path / "mappings.yaml"
    customer = text.index("  CUSTOMER:")
    refused = {}
    for old, new, said in BAD:
        if old not in text:
            continue
        path.write_text(text[:customer] + text[customer:].replace(old, new, 1))
        document, code = imported(path, "Cronus")
        refused[said] = document["error"]["message"] if code == 1 else document
        assert stored_file(company) == before
    wrong = {said: got for said, got in refused.items() if said not in str(got) or not str(got).startswith("Line ")}
    assert not wrong
    assert len(refused) == len(BAD)


def without_pairs(text):
    """Return a file as somebody writes it who says nothing of pairs; exported it says that there is none."""
    assert text.count("    options: []\n") == 1
    return text.replace("    options: []\n", "")


def test_pairs_without_a_record_or_a_choice_are_left_out_and_said(company, tmp_path):
    PaymentTerms.objects.create(company=company, code="30 DAYS")
    path = tmp_path / "terms.yaml"
    text = without_pairs(exported("Cronus", "PAYMENT TERMS"))
    path.write_text(text + "    options:\n      - {code: 30 DAYS, value: 99}\n      - {code: NONE, value: 1}\n")
    document, code = imported(path, "Cronus")
    assert (code, document["changes"]) == (0, [])
    told = " ".join(document["told"])
    assert "has no payment terms NONE" in told and "has no choice 99 in Dataverse" in told
    path.write_text(text + "    options:\n      - {code: 30 DAYS, value: 1, caption: Net 30}\n")
    assert imported(path, "Cronus")[0]["changes"][0]["text"] == (
        "PAYMENT TERMS: 30 DAYS is coupled with the choice 1 Net 30."
    )


def test_pairs_of_choices_become_those_of_the_file_where_it_says_something_of_them(company, tmp_path):
    for code in ("30 DAYS", "OTHER", "THIRD"):
        PaymentTerms.objects.create(company=company, code=code)
    path = tmp_path / "terms.yaml"
    text = without_pairs(exported("Cronus", "PAYMENT TERMS"))
    options("30 DAYS=1", "OTHER=2")
    path.write_text(text)
    assert imported(path, "Cronus")[0]["changes"] == [], "nothing is said of pairs, so they stay"
    path.write_text(text + "    options:\n      - {code: THIRD, value: 1, caption: Net 30}\n")
    expected = [
        "PAYMENT TERMS: 30 DAYS is not coupled with the choice 1 Net 30 any more.",
        "PAYMENT TERMS: OTHER is not coupled with the choice 2 2% 10, Net 30 any more.",
        "PAYMENT TERMS: THIRD is coupled with the choice 1 Net 30.",
    ]
    for more in (["--check"], []):
        document, code = imported(path, "Cronus", *more)
        assert (code, [one["text"] for one in document["changes"]]) == (0, expected)
    assert [(pair.value, pair.caption) for pair in OptionMapping.objects.all()] == [(1, "Net 30")]
    deleted = LogEntry.objects.filter(action=LogEntry.Action.DELETE, additional_data__of="PAYMENT TERMS, OTHER").get()
    assert deleted.changes_dict["choice"] == ["2 2% 10, Net 30", None]
    path.write_text(text + "    options:\n      - {code: THIRD, value: 99}\n")
    document, _ = imported(path, "Cronus")
    assert document["changes"] == [], "what the file cannot say of a record leaves its pair"
    path.write_text(text + "    options: []\n")
    assert [one["action"] for one in imported(path, "Cronus")[0]["changes"]] == ["removed"]
    assert not OptionMapping.objects.exists()


def test_an_export_without_pairs_comes_out_the_same_bytes_of_a_company_that_had_pairs(company, branch, tmp_path):
    path, back = tmp_path / "without.yaml", tmp_path / "with.yaml"
    path.write_text(exported("Cronus"))
    imported(path, "Branch")
    PaymentTerms.objects.create(company=company, code="30 DAYS")
    options("30 DAYS=1")
    back.write_text(exported("Cronus"))
    document, _ = imported(path, "Cronus")
    assert [one["text"] for one in document["changes"]] == [
        "PAYMENT TERMS: 30 DAYS is not coupled with the choice 1 Net 30 any more."
    ]
    assert exported("Cronus") == exported("Branch") == path.read_text() != back.read_text()
    assert (imported(back, "Cronus")[1], exported("Cronus")) == (0, back.read_text())


def test_what_a_mapping_couples_stays_while_it_has_couplings(company, customer_mapping, tmp_path):
    path = tmp_path / "mappings.yaml"
    path.write_text(exported("Cronus", "CUSTOMER").replace("table: customer\n", "table: vendor\n"))
    Coupling.objects.create(
        company=company, mapping=customer_mapping, table="customer", local_id=some_id(1), integration_id=some_id(2)
    )  # fmt: skip
    document, code = imported(path, "Cronus")
    assert code == 1
    assert "CUSTOMER, table: The mapping has couplings" in document["error"]["message"]


def some_id(number):
    return f"00000000-0000-0000-0000-{number:012}"


def test_a_copy_shows_the_difference_first_and_needs_the_administrator_of_the_other_company(company, branch):
    change_a_lot(company)
    words = ("mapping", "copy", "CUSTOMER", "VENDOR", "--company", "Cronus", "--to", "Branch")
    (checked,), code = spoken(*words, "--check")
    assert (code, checked["company"], checked["mappings"]) == (0, "Branch", ["CUSTOMER", "VENDOR"])
    person_with("mia", {"Cronus": "Administrator", "Branch": "Mapper"})
    (refused,), code = spoken(*words, "--user", "mia")
    assert (code, refused["error"]["reason"]) == (1, "not_permitted")
    assert not IntegrationTableMapping.objects.filter(company=branch).exists()
    (copied,), code = spoken(*words)
    assert (code, copied["changes"]) == (0, checked["changes"])
    assert exported("Branch") == exported("Cronus", "CUSTOMER", "VENDOR")
    (refused,), code = spoken("mapping", "copy", "--company", "Cronus", "--to", "Cronus")
    assert (code, refused["error"]["message"]) == (1, "Cronus cannot be copied to itself.")


def test_rights_to_export_and_import_are_those_of_the_company(company, branch, tmp_path):
    person_with("vic", {"Cronus": "Viewer"})
    person_with("mo", {"Cronus": "Mapper"})
    path = tmp_path / "mappings.yaml"
    path.write_text(exported("Cronus", "--user", "vic"))
    (refused,), code = spoken("mapping", "export", "--company", "Branch", "--user", "vic")
    assert (code, refused["error"]["reason"]) == (1, "unknown_company")
    (refused,), code = spoken("mapping", "import", str(path), "--company", "Cronus", "--user", "mo")
    assert (code, refused["error"]["reason"]) == (1, "not_permitted")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("import", "no such file"), 1), (("import",), 2), (("export", "NOTHING"), 1), (("copy",), 2),
        (("copy", "--to", "Nowhere"), 1), (("list", "--check"), 2), (("import", "a", "b"), 2),
        (("export", "--to", "Plain"), 2), (("import", "x", "--output", "y"), 2), (("add-defaults", "CUSTOMER"), 2),
        (("export", "--output", "/no/such/folder/file"), 1),
    ],
)  # fmt: skip
def test_words_that_make_no_sense_are_refused(plain, words, code):
    try:
        assert spoken("mapping", *words, "--company", "Plain")[1] == code == 1
    except CommandError as error:
        assert (error.returncode, code) == (2, 2)


# -- defaults ---------------------------------------------------------------------------------------------------------


def test_a_reset_says_what_it_discards_and_check_changes_nothing(plain):
    mapping = change_a_lot_here(plain)
    before = stored_file(plain)
    (checked,), code = spoken("mapping", "reset", "CUSTOMER", "--company", "Plain", "--check")
    assert (code, checked["applied"], checked["reset"]) == (0, False, [])
    assert checked["summary"] == [
        "CUSTOMER: 1 filter (Table Filter); 1 own field (name_2=); 1 missing field (fax_no=fax); "
        "1 matching criterion (phone_no=telephone1); 1 policy (Resolve Update Conflicts); "
        "1 setting of the schedule (Synchronize every (minutes))."
    ]
    assert stored_file(plain) == before
    (document,), code = spoken("mapping", "reset", "CUSTOMER", "--company", "Plain")
    assert (code, document["reset"], document["changes"]) == (0, ["CUSTOMER"], checked["changes"])
    mapping.refresh_from_db()
    assert mapping.scheduled, "a reset is not about whether it runs by itself"
    assert spoken("mapping", "reset", "--company", "Plain", "--check")[0][0]["changes"] == []


def change_a_lot_here(company):
    """Change something of each kind that a reset discards; return the mapping, which runs by itself."""
    mapping = IntegrationTableMapping.objects.get(company=company, name="CUSTOMER")
    changes = edit.Changes(table_filter={}, every_minutes=5, update_conflict="send")
    edit.change_mapping(mapping=mapping, changes=changes)
    mapping.fields.get(field="fax_no").delete()
    mapping.fields.filter(field="phone_no").update(use_for_match=True)
    field_edit.add_field(
        mapping=mapping, local="name_2", column="",
        changes=field_edit.FieldChanges(constant="x", direction=Direction.FROM),
    )  # fmt: skip
    IntegrationTableMapping.objects.filter(pk=mapping.pk).update(scheduled=True)
    return mapping


def test_default_mappings_that_an_upgrade_brings_are_added_without_a_reset_of_the_others(plain):
    change_a_lot_here(plain)
    IntegrationTableMapping.objects.filter(company=plain, name__in=["VENDOR", "SHIPPING AGENT"]).delete()
    before = stored_file(plain)
    (checked,), code = spoken("mapping", "add-defaults", "--company", "Plain", "--check")
    assert (code, [one["mapping"] for one in checked["changes"]]) == (0, ["SHIPPING AGENT", "VENDOR"])
    assert stored_file(plain) == before
    (document,), code = spoken("mapping", "add-defaults", "--company", "Plain")
    assert (code, document["mappings"], document["applied"]) == (0, ["SHIPPING AGENT", "VENDOR"], True)
    after = stored_file(plain)
    assert after.mapping("CUSTOMER") == before.mapping("CUSTOMER")
    assert not IntegrationTableMapping.objects.get(company=plain, name="VENDOR").scheduled
    assert spoken("mapping", "add-defaults", "--company", "Plain")[0][0]["changes"] == []


def test_mappings_that_a_file_brings_count_as_made_by_people_but_for_the_default_ones(company, branch, tmp_path):
    content = yaml.safe_load(exported("Cronus", "VENDOR"))
    content["mappings"]["OUR VENDORS"] = yaml.safe_load(exported("Cronus", "VENDOR"))["mappings"]["VENDOR"]
    (tmp_path / "mappings.yaml").write_text(yaml.safe_dump(content))
    assert imported(tmp_path / "mappings.yaml", "Branch")[1] == 0
    made = IntegrationTableMapping.objects.filter(company=branch)
    assert dict(made.values_list("name", "user_defined")) == {"OUR VENDORS": True, "VENDOR": False}
    assert made.get(name="OUR VENDORS").fields.filter(user_defined=False).count() == 0
