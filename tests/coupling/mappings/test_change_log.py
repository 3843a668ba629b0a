"""The company's Change Log lists what people change about mappings, with before and after, for whoever may read it."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from connection_setup.connection import state
from connection_setup.dynamics365 import services as dynamics
from coupling.mapping_files.types import OptionEntry
from coupling.mappings import column_looks, criteria_sets, defaults, edit, field_edit
from coupling.mappings.option_entries import store_options
from coupling.models import IntegrationTableMapping, KnownColumns, LookUpTable
from masterdata.models import Company, PaymentTerms, RecordTemplate
from tests.connection_setup.companies.test_change_log import log
from tests.connection_setup.conftest import signed_in


@pytest.fixture
def mapping(company: Company) -> IntegrationTableMapping:
    """Return CUSTOMER, with changes of everything that belongs to it; and another company with changes of its own."""
    other = Company.objects.create(name="Other", currency_code="EUR")
    defaults.create_missing(other)
    LookUpTable.objects.create(company=other, name="ELSEWHERE", rows={"A": "B"})
    found = IntegrationTableMapping.objects.get(company=company, name="CUSTOMER")
    edit.change_mapping(
        mapping=found,
        changes=edit.Changes(every_minutes=7, table_filter={"field": "city", "op": "eq", "value": "Bonn"}),
    )
    field_edit.set_field(
        field=found.fields.get(field="city"), changes=field_edit.FieldChanges(rules=("upper",), enabled=False)
    )
    field_edit.remove_field(field=found.fields.get(field="fax_no"))
    table = LookUpTable.objects.create(company=company, name="GRADES", rows={"A": "Good"})
    table.delete()
    template = RecordTemplate.objects.create(company=company, code="NEW", table="customer", values={"city": "Bonn"})
    template.values = {"city": "Ulm"}
    template.save()
    states = {
        name: {"address1_line1": {"type": "String", "max_length": size}} for name, size in (("then", 80), ("now", 20))
    }
    at = timezone.now()
    since = {"shortened:address1_line1": at.isoformat()}
    KnownColumns.objects.update_or_create(mapping=found, defaults={**states, "since": since, "looked_at": at})
    column_looks.accept(mapping=found, shown=[change.token for change in column_looks.read(found).changes])
    dynamics.map_unit_groups(company=company, user=None, on=True)
    terms = IntegrationTableMapping.objects.get(company=company, name="PAYMENT TERMS")
    PaymentTerms.objects.create(company=company, code="30 DAYS")
    for value, caption in ((1, "Net 30"), (3, "Net 45")):
        store_options(terms, [OptionEntry("30 DAYS", value, caption)], others_stay=True)
    store_options(terms, [], others_stay=False)
    found.fields.filter(field="name").update(use_for_match=True, match_priority=2)
    criteria_sets.save_as(mapping=found, name="Names")
    return found


def test_whoever_reads_the_company_reads_each_change_of_its_mappings(
    mapping: IntegrationTableMapping, django_assert_max_num_queries: Any
) -> None:
    connection = state.connection_of(mapping.company)
    connection.tenant_id = "contoso.com"
    connection.save()
    viewer: Client = signed_in("Viewer")
    address = f"/c/{mapping.company.slug}/dataverse-connection-setup/change-log/"
    with django_assert_max_num_queries(12):
        assert viewer.get(address).status_code == 200
    page = log(viewer, address)
    for words in (
        "Mapping CUSTOMER", "Synchronize every (minutes): 30 → 7",
        "Table Filter: [blocked is blank] → [city is Bonn]",
        "Field CUSTOMER, city=address1_city", 'Transformation Rules: blank → upper', "Enabled: Yes → No",
        "Field CUSTOMER, fax_no=fax", "Deleted",
        "Look-up Table GRADES", "A = Good → blank",
        "Accepted Column Changes of CUSTOMER", "address1_line1: String of 80 characters → String of 20 characters",
        "Dynamics 365 Connection Setup", "Unit Group Mapping: No → Yes",
        "Choice of PAYMENT TERMS, 30 DAYS", "Choice: 1 Net 30 → 3 Net 45", "Choice: 3 Net 45 → blank",
        "Criteria Set CUSTOMER, Names", "name (2)",
        "Template NEW", "city = Bonn → city = Ulm",
    ):  # fmt: skip
        assert words in page, words
    assert "ELSEWHERE" not in page
    assert "contoso" not in page  # what concerns the connection is its administrators' matter
    only = log(viewer, address, of="look-up-table")
    assert "GRADES" in only and "CUSTOMER" not in only
    administrator = signed_in("Administrator")
    everything = log(administrator, address)
    assert "contoso" in everything and "Mapping CUSTOMER" in everything
    assert "CUSTOMER" not in log(administrator, address, group="settings")
