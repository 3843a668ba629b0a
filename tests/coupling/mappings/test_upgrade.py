"""Mappings of an earlier version: what their filters become."""

from importlib import import_module

from django.apps import apps
from django.db import connection

from coupling.models import IntegrationTableMapping


class Editor:
    connection = connection


def test_an_upgrade_turns_lists_of_conditions_into_trees(customer_mapping):
    old = [
        {"column": "statecode", "operator": "eq", "value": 0, "label": "Active"},
        {"column": "tandem_companyid", "operator": "in", "value": ["@company", None]},
        {"column": "name", "operator": "in", "value": ["a", None]},
    ]
    rows = IntegrationTableMapping.objects.filter(pk=customer_mapping.pk)
    rows.update(
        table_filter=[{"column": "blocked", "operator": "eq", "value": ""}], integration_filter=old, company_column=""
    )
    upgrade = import_module("coupling.migrations.0013_filters_as_trees")
    upgrade.to_trees(apps, Editor)
    customer_mapping.refresh_from_db()
    assert customer_mapping.table_filter == {"field": "blocked", "op": "blank"}
    assert customer_mapping.integration_filter == {
        "all": [
            {"field": "statecode", "op": "eq", "value": 0, "label": "Active"},
            {"field": "name", "op": "in", "value": ["a", None]},
        ]
    }
    assert customer_mapping.company_column == "tandem_companyid"
    upgrade.to_trees(apps, Editor)
    customer_mapping.refresh_from_db()
    assert customer_mapping.table_filter == {"field": "blocked", "op": "blank"}
    assert customer_mapping.company_column == "tandem_companyid"
    assert upgrade._tree([]) == ({}, "")
    assert upgrade._tree(["x", {"column": "a"}]) == ({"all": ["x", {"column": "a"}]}, "")


def test_an_upgrade_gives_contact_its_new_condition_where_nobody_changed_the_filter(company):
    rows = IntegrationTableMapping.objects.filter(company=company, name="CONTACT")
    default = rows.get().integration_filter
    *earlier, new = default["all"]
    assert new["field"] == "parentcustomeridtype"
    upgrade = import_module("coupling.migrations.0021_contacts_of_accounts")
    own = {"all": [*earlier, {"field": "address1_city", "op": "eq", "value": "Ulm"}]}
    bare = [{key: one[key] for key in one if key != "label"} for one in earlier]
    for stored, becomes in (
        ({"all": earlier}, default), ({"all": bare}, {"all": [*bare, new]}), (own, own), (default, default), ({}, {}),
        ({"any": earlier}, {"any": earlier}), ({"all": "x"}, {"all": "x"}),
    ):  # fmt: skip
        rows.update(integration_filter=stored)
        upgrade.add_condition(apps, Editor)
        assert rows.get().integration_filter == becomes
