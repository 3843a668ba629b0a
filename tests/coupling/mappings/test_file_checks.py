"""What a file of mappings is checked for: values of new rows, templates, changed tables, what else changes."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, transaction
from django.urls import reverse

from core.refusals import NotUsable
from coupling.mappings import defaults, field_edit, file_services
from coupling.mappings.services import get_mapping
from coupling.mappings.stored_file import locked_mappings, stored_file
from coupling.models import Coupling, IntegrationTableMapping, KnownColumns
from jobs.models import Job, State, Type
from masterdata.models import Company, RecordTemplate
from tests.coupling.mappings.test_mapping_files import exported, imported, some_id
from tests.sync.conftest import signed_in


@pytest.fixture
def write(tmp_path):
    """Give what writes a file: write(text, old, new, ...)."""

    def writes(text, *changes):
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            assert old in text, old
            text = text.replace(old, new, 1)
        path = tmp_path / "mappings.yaml"
        path.write_text(text)
        return path

    return writes


def test_values_of_new_rows_and_templates_are_stored_as_they_are_sent(company, customer_mapping, write):
    RecordTemplate.objects.create(company=company, table="customer", code="STD")
    IntegrationTableMapping.objects.filter(pk=customer_mapping.pk).update(insert_values={"customertypecode": 3})
    text = exported("Cronus", "CUSTOMER")
    own = "insert_values:\n      customertypecode: Vendor\n      donotemail: yes\n      numberofemployees: '12'\n"
    changes = ("insert_values:\n      customertypecode: 3\n", own, "template: ''", "template: std")
    document, code = imported(write(text, *changes), "Cronus")
    assert code == 0, document
    customer_mapping.refresh_from_db()
    assert customer_mapping.insert_values == {"customertypecode": 11, "donotemail": True, "numberofemployees": 12}
    assert customer_mapping.template == "STD"
    assert not imported(write(text, *changes), "Cronus")[0]["changes"]
    plain = Company.objects.create(name="Branch", currency_code="USD")
    document, code = imported(write(text, *changes[:2]), "Branch")
    assert code == 1
    assert "CUSTOMER, insert_values: Whether new rows can get" in document["error"]["message"]
    assert not IntegrationTableMapping.objects.filter(company=plain).exists()


def test_a_mapping_that_is_to_couple_another_table_is_checked_as_a_new_one(company, write):
    text = exported("Cronus", "CUSTOMER")
    contacts = (
        "    table: customer\n", "    table: contact\n",
        "integration_table: account\n", "integration_table: contact\n", "entity_set: accounts", "entity_set: contacts",
        "uid_column: accountid", "uid_column: contactid", "name_column: name", "name_column: fullname",
    )  # fmt: skip
    before = stored_file(company)
    document, code = imported(write(text, *contacts), "Cronus")
    assert code == 1
    assert "has no" in document["error"]["message"]
    assert stored_file(company) == before


def test_what_a_mapping_couples_stays_while_a_job_works_with_it(company, customer_mapping, write):
    """Seen when the file is looked at, and again when it is stored."""
    changed = exported("Cronus", "CUSTOMER").replace("modified_on_column: modifiedon", "modified_on_column: createdon")
    plan = file_services.plan_import(company, changed.encode())
    KnownColumns.objects.update_or_create(mapping=customer_mapping)
    job = Job.objects.create(company=company, type=Type.SYNCHRONIZATION, mapping_name="CUSTOMER", state=State.QUEUED)
    with pytest.raises(NotUsable, match=r"CUSTOMER: A job of the mapping has not ended"):
        file_services.carry_out(plan)
    document, code = imported(write(changed), "Cronus")
    assert code == 1
    assert "CUSTOMER, modified_on_column: A job of the mapping has not ended" in document["error"]["message"]
    Job.objects.filter(pk=job.pk).update(state=State.FINISHED)
    made = Coupling.objects.create(
        company=company, mapping=customer_mapping, table="customer", local_id=some_id(1), integration_id=some_id(2)
    )
    with pytest.raises(NotUsable, match=r"CUSTOMER: The mapping has couplings"):
        file_services.carry_out(plan)
    made.delete()
    file_services.carry_out(plan)
    assert get_mapping(company, "CUSTOMER").modified_on_column == "createdon"
    assert not KnownColumns.objects.filter(mapping=customer_mapping).exists()  # what is kept was of the other table
    made.save(force_insert=True)
    with pytest.raises(NotUsable, match=r"CUSTOMER: The mapping has couplings"):
        defaults.reset_mappings(company, ["CUSTOMER"])
    page = reverse("connection_setup:default-setup", kwargs={"company": company.slug})
    said = signed_in("Administrator").post(page, follow=True).content.decode()
    assert "Nothing was changed. CUSTOMER: The mapping has couplings" in said


def test_a_mapping_of_choices_without_its_column_is_refused_with_its_line(company, remote, write):
    text = exported("Cronus", "PAYMENT TERMS")
    uid = get_mapping(company, "PAYMENT TERMS").uid_column
    IntegrationTableMapping.objects.filter(name="PAYMENT TERMS").update(uid_column="new_gone")
    gone = (f"uid_column: {uid}", "uid_column: new_gone")
    for changes in (gone, (*gone, "name_column: ''", "name_column: name")):
        document, code = imported(write(text, *changes), "Cronus")
        assert code == 1
        assert "PAYMENT TERMS, uid_column: The table account has no column 'new_gone'" in document["error"]["message"]


def test_what_waited_for_a_default_mapping_is_enabled_when_that_is_added(company):
    get_mapping(company, "CURRENCY").delete()
    defaults.reset_mappings(company, ["CUSTOMER"])
    customers = get_mapping(company, "CUSTOMER")
    field = customers.fields.get(field="currency_code")
    field.enabled, field.disabled_reason = False, "The related records have no mapping CURRENCY yet."
    field.save()
    IntegrationTableMapping.objects.filter(pk=customers.pk).update(dependencies=[])
    file_services.carry_out(file_services.plan_defaults(company))
    field.refresh_from_db()
    assert (field.enabled, field.disabled_reason) == (True, "")
    assert "CURRENCY" in get_mapping(company, "CUSTOMER").dependencies


def test_a_look_up_table_says_which_other_mappings_it_changes(company, write):
    field_edit.save_table(company=company, name="COUNTRIES", rows={"DE": "Germany"})
    rules = field_edit.FieldChanges(rules=("table=COUNTRIES",))
    for name in ("CUSTOMER", "VENDOR"):
        field_edit.set_field(field=get_mapping(company, name).fields.get(field="county"), changes=rules)
    text = exported("Cronus", "CUSTOMER")
    assert imported(write(text), "Cronus")[0]["told"] == []
    (told,) = imported(write(text, "DE: Germany", "DE: Deutschland"), "Cronus")[0]["told"]
    assert told == "The look-up table COUNTRIES of Cronus changes for VENDOR too: a rule there names it."


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite lets one transaction write at a time.")
@pytest.mark.django_db(transaction=True)
def test_nobody_adds_a_mapping_while_a_file_is_stored():
    """Whoever adds one locks the company first."""
    owner = Company.objects.create(name="Plain", currency_code="USD")

    def lock_as_who_adds():
        try:
            with transaction.atomic():
                Company.objects.select_for_update(nowait=True).get(pk=owner.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other, transaction.atomic():
        locked_mappings(owner)
        with pytest.raises(OperationalError, match="could not obtain lock"):
            other.submit(lock_as_who_adds).result()
