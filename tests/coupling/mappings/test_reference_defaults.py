"""The default mappings beside the reference's list of them, field by field: what differs does so for a reason."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from coupling import filters
from coupling.mapping_files.types import FieldEntry, MappingEntry
from coupling.mappings import defaults
from masterdata import catalog

REFERENCE = Path(os.environ.get("REFERENCE") or Path(settings.BASE_DIR).parent / "shared" / "reference")
LIST = REFERENCE / "default-mappings.json"

pytestmark = pytest.mark.skipif(not LIST.exists(), reason="no list of the reference's mappings: set REFERENCE to it")

SAME = {
    "dataverse_table": "integration_table", "entity_set": "entity_set", "uid_attribute": "uid_column",
    "modified_on_attribute": "modified_on_column", "uid_kind": "uid_kind", "direction": "direction",
    "sync_only_coupled": "synch_only_coupled", "synch_after_bulk_coupling": "synch_after_coupling",
    "create_new_in_case_of_no_match": "create_new", "inactivity_timeout_minutes": "inactivity_timeout_minutes",
    "synch_int_minutes": "every_minutes",
}  # fmt: skip
"""What the list calls a setting of a mapping -> what it is called here."""
NOT_HERE = {
    # compared below
    "name", "local_table", "local_filter", "integration_filter", "dependencies", "templates", "fields",
    "condition", "note", "source",  # words about it
    "caption_prefix",  # the Dataverse table is called as Dataverse calls it
    "job_queue_category",  # runs that may not overlap are kept apart by the mapping's own exclusive key
    "coupling_kind",  # follows from the kind of the unique identifier
    "uncouple_mode",  # uncoupling is always a job, which says what became of each record
}  # fmt: skip
SAME_OF_FIELD = {
    "direction": "direction", "validate": "validate_field", "clear_on_failed": "clear_on_failed",
    "not_null": "not_null", "validate_integration": "validate_integration_field",
}  # fmt: skip
NOT_HERE_OF_FIELD = {
    "local_field", "dataverse_attribute", "constant", "constant_value", "transformation_rule", "status",
    "use_for_match", "condition",  # compared below
    "dataverse_type", "al_field", "added_by",  # words about it
}  # fmt: skip
TABLES = {"Salesperson/Purchaser": "salesperson"}
"""Tables that are called otherwise there than by their name here."""
FOLLOWS = {
    "owneridtype": "Dataverse takes the kind of owner from the owner itself.",
    "parentcustomeridtype": "Dataverse takes the kind of company from the company itself.",
    "productnumber": "Dataverse takes the product's number from the product itself.",
    "uomid": "The unit follows from the product; where it is another one it is found by itself.",
    "uomscheduleid": "The unit group follows from the product.",
}
"""Columns that no request sets: their fields are off here, and say so."""
KEY_OF = {("ITEM-PRODUCT", "defaultuomid"): "base_unit_key", ("RESOURCE-PRODUCT", "defaultuomid"): "base_unit_key",
          ("PLLINE-PRODPRICE", "productid"): "asset_key"}  # fmt: skip
"""Lookups that two fields lead to together, the item and its unit, or what is priced and its number: the field here
that holds both."""
INTENDED: dict[tuple[str, str], str] = {
    ("SHIPMENT METHOD", "code=address1_freighttermscode: direction"):
        "The list notes it as a quirk: the mapping's own direction is to Dataverse, and a later reset sets both so.",
    ("SHIPPING AGENT", "code=address1_shippingmethodcode: direction"): "The same quirk.",
    ("OPPORTUNITY", "every_minutes"): "The list has none: the mapping is on demand here, which has no schedule either.",
    ("OPPORTUNITY", "inactivity_timeout_minutes"): "The same.",
    ("OPPORTUNITY", "contact_company_no=parentaccountid: clear_on_failed"):
        "A special rule of the reference: an opportunity of a company without account is sent, with no account.",
    ("ITEM-PRODUCT", "dependencies"): "One of the two is there, by the way that units are mapped; the list notes it.",
    ("RESOURCE-PRODUCT", "dependencies"): "The same.",
    ("PLLINE-PRODPRICE", "dependencies"): "Lines price resources too, which must be coupled first.",
    ("ITEM-PRODUCT", "base_unit_key=defaultuomid: direction"):
        "The key of item and unit is not a field that a person fills, so nothing could come back into it.",
}  # fmt: skip
"""(mapping, what differs) -> why it is right here."""
MORE_HERE: dict[tuple[str, str], str] = {
    ("CONTACT", "company_no=parentcustomerid"): "A special rule of the reference, here as a field: the row's parent is "
        "the account of the company's customer or vendor.",
    ("PAYMENT TERMS", "description=paymenttermscode"): "Off: matching may use it, captions are often the name.",
    ("SHIPMENT METHOD", "description=address1_freighttermscode"): "The same.",
    ("SHIPPING AGENT", "name=address1_shippingmethodcode"): "The same.",
    ("ITEM UOM", "unit_group_code=uomscheduleid"): "A special rule of the reference, here as a field: units of a group "
        "are told apart by their group, which Dataverse takes no unit without.",
    ("RESOURCE UOM", "unit_group_code=uomscheduleid"): "The same.",
    ("ITEM-PRODUCT", "blocked=statecode"): "A special rule of the reference (blocked is Retired), here as a field.",
    ("RESOURCE-PRODUCT", "blocked=statecode"): "The same.",
    ("RESOURCE-PRODUCT", "base_unit_of_measure=defaultuomscheduleid"): "The list has it for items alone, and its note "
        "says that unit groups replace it: Dataverse takes no product without a unit.",
    ("PLHEADER-PRICE", "inactive=statecode"): "A special rule of the reference (state follows status), as a field.",
    ("UNIT GROUP", "base_unit_of_measure=baseuomname"): "See the two fields of the list that are not here.",
}  # fmt: skip
"""(mapping, field) that the list does not have -> why it is here."""
NOT_MAPPED: dict[tuple[str, str], str] = {
    ("UNIT GROUP", "source_no=name"): "A special rule of the reference makes the name, so that no field decides it: "
        "a new group is named after its code, which no other record has.",
    ("UNIT GROUP", "source_no=baseuomname"): "Dataverse makes the base unit of that name: the item's own base unit is "
        "the one that its products are sold in.",
}  # fmt: skip


def reference() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(LIST.read_text(encoding="utf-8")) if LIST.exists() else []
    return listed


LISTED = reference()


def entry(name: str) -> MappingEntry:
    return next(one for one in defaults.default_entries() if one.name == name)


def field_names(entry: MappingEntry) -> dict[str, str]:
    """Return the local fields by their captions, which are the reference's names of them."""
    return {one.caption: one.name for one in catalog.table(entry.table).fields}


def pair_of(mapping: MappingEntry, row: Mapping[str, Any]) -> str:
    column = row["dataverse_attribute"] or ""
    own = KEY_OF.get((mapping.name, column))
    return f"{own or field_names(mapping)[row['local_field']] if row['local_field'] else ''}={column}"


def condition(caption: str, op: str, value: Any) -> tuple[str, str, Any]:
    """Return a condition of the list as one here: a blank is a blank, however the list writes it."""
    if value in ("", " ", "<empty guid>"):
        return caption, {"eq": "blank", "ne": "not_blank"}[op], None
    return caption, op, False if str(value).startswith("<true if") else tuple(value) if op == "in" else value


def conditions(stored: Any) -> Iterator[tuple[str, str, Any]]:
    for one in filters.conditions(filters.parse(stored)):
        values = tuple(one.values)
        yield one.field, one.op.value, values if one.op.value == "in" else (values[0] if values else None)


def filter_differences(mapping: MappingEntry, listed: Mapping[str, Any]) -> Iterator[str]:
    names = field_names(mapping)
    here = {condition(names[one["field"]], one["op"], one["value"]) for one in listed["local_filter"]}
    if here != set(conditions(mapping.table_filter)):
        yield "table_filter"
    of_company = [one for one in listed["integration_filter"] if one["attribute"] == "bcbi_companyid"]
    there = {
        condition(one["attribute"], one["op"], one["value"])
        for one in listed["integration_filter"] if one not in of_company
    }  # fmt: skip
    if there != set(conditions(mapping.integration_filter)):
        yield "integration_filter"
    if bool(of_company) != (mapping.company_column == "tandem_companyid"):
        yield "company_column"


def mapping_differences(mapping: MappingEntry, listed: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of the mapping's own settings is otherwise here than in the list."""
    assert listed.keys() <= {*SAME, *NOT_HERE}, "the list says more than is compared"
    for theirs, ours in SAME.items():
        if (listed[theirs] or "") != (getattr(mapping, ours) or ""):
            yield ours
    wanted = TABLES.get(listed["local_table"], listed["local_table"].lower().replace(" ", "_"))
    if mapping.table != wanted:
        yield "table"
    if set(listed["dependencies"]) != set(mapping.dependencies):
        yield "dependencies"
    of_template = ((listed["templates"] or {}).get("integration_template") or {}).get("sets") or {}
    if not of_template.items() <= dict(mapping.insert_values).items():
        yield "insert_values"
    yield from filter_differences(mapping, listed)


def constant_of(row: Mapping[str, Any]) -> str:
    return str(row.get("constant_value") or row["constant"] or "")


def variant_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the ownership model and the way of mapping units that a field of the list is for."""
    return {
        None: ("", ""), "ownership model Person": ("person", ""),
        "unit group mapping on": ("", "groups"), "unit group mapping off": ("", "measures"),
    }[row.get("condition")]  # fmt: skip


def field_differences(pair: str, field: FieldEntry, row: Mapping[str, Any]) -> Iterator[str]:
    assert row.keys() <= {*SAME_OF_FIELD, *NOT_HERE_OF_FIELD}, "the list says more than is compared"
    found = [ours for theirs, ours in SAME_OF_FIELD.items() if row[theirs] != getattr(field, ours)]
    found += ["constant"] * (constant_of(row) != field.constant)
    found += ["rules"] * (bool(row["transformation_rule"]) != bool(field.rules))
    found += ["use_for_match"] * (row.get("use_for_match", False) != field.use_for_match)
    found += ["variant"] * (variant_of(row) != (field.only_with, field.way))
    off = FOLLOWS.get(field.integration_field, "") if field.disabled_reason else ""
    found += ["enabled"] * ((row["status"] == "enabled" and not off) != field.enabled)
    found += ["disabled_reason"] * (off != field.disabled_reason)
    yield from (f"{pair}: {name}" for name in found)


def differences(mapping: MappingEntry, listed: Mapping[str, Any]) -> set[tuple[str, str]]:
    found = set(mapping_differences(mapping, listed))
    own = {field.pair: field for field in mapping.fields}
    for row in listed["fields"]:
        pair = pair_of(mapping, row)
        if (field := own.pop(pair, None)) is None:
            found.add(pair)
            continue
        found |= set(field_differences(pair, field, row))
    return {(mapping.name, one) for one in (*found, *own)}


def test_each_default_mapping_of_the_reference_is_one_here_and_there_are_no_others() -> None:
    assert {one["name"] for one in LISTED} == set(defaults.default_names())


@pytest.mark.parametrize("listed", LISTED, ids=lambda one: one["name"])
def test_a_default_mapping_is_the_references_but_for_what_is_listed_with_its_reason(listed: dict[str, Any]) -> None:
    intended = {*INTENDED, *MORE_HERE, *NOT_MAPPED}
    name = listed["name"]
    assert differences(entry(name), listed) == {one for one in intended if one[0] == name}
