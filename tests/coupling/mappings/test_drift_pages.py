"""Columns that changed in Dataverse on pages and in the command: the card, both lists, the role center, accepting."""

import json
import re
from dataclasses import replace
from html import unescape
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from core.refusals import NotUsable
from coupling.mappings import column_looks
from coupling.mappings.stored_file import store_file, stored_file
from coupling.models import IntegrationTableMapping, KnownColumns
from dataverse import metadata_cache
from tests.sync.conftest import signed_in


def change_column(remote, mapping: IntegrationTableMapping, column: str, **change) -> None:
    """Change a column of accounts and have it found."""
    remote.control("POST", "columns", {"table": "account", "column": column, **change})
    metadata_cache.forget()
    drift(mapping)


def drift(mapping: IntegrationTableMapping, *more: str):
    out = StringIO()
    call_command("mapping", "drift", mapping.name, "--company", mapping.company.name, "--json", *more, stdout=out)
    return json.loads(out.getvalue())["mappings"][0]


def page(client, mapping: IntegrationTableMapping, name: str = "coupling:mapping", **more) -> str:
    where = {"company": mapping.company.slug, **({"mapping": mapping.name} if name != "coupling:mappings" else {})}
    answer = client.get(reverse(name, kwargs=where | more))
    assert answer.status_code == 200
    return unescape(answer.content.decode())


@pytest.fixture
def mapping(customer_mapping) -> IntegrationTableMapping:
    assert drift(customer_mapping)["changes"] == []
    return customer_mapping


def test_pages_tell_what_is_stopped_since_when_and_what_to_do(mapping, remote):
    change_column(remote, mapping, "address1_city", gone=True)
    mapper = signed_in("Mapper")
    card = page(mapper, mapping)
    assert "1 field stopped" in card and "The field City is not synchronized meanwhile" in card
    assert "Add the column in Dataverse again" in card and "Accept Column Changes" not in card
    fields = page(mapper, mapping, "coupling:fields")
    assert "Stopped" in fields and "address1_city is gone in Dataverse since" in fields
    assert "CUSTOMER: 1 field stopped" in page(mapper, mapping, "coupling:mappings")
    for who in ("Operator", "Viewer"):  # whoever looks at anything else is led to where it is settled
        client, here = signed_in(who), {"company": mapping.company.slug}
        home = unescape(client.get(reverse("ui:role-center", kwargs=here)).content.decode())
        customers = unescape(client.get(reverse("records:list", kwargs={**here, "table": "customer"})).content.decode())
        card = reverse("coupling:mapping", kwargs={**here, "mapping": "CUSTOMER"})
        for told in (home, customers):
            assert "Columns changed in Dataverse" in told and "CUSTOMER: 1 field stopped" in told
            assert f'href="{card}#tab-columns"' in told
        assert "Mappings with changed columns" in home
    assert page(mapper, mapping, "coupling:mappings").count("Columns changed in Dataverse") == 1
    # Disabling the field is an answer too.
    mapping.fields.filter(field="city").update(enabled=False)
    assert "1 field stopped" not in page(mapper, mapping)
    mapping.fields.filter(field="city").update(enabled=True)
    remote.control("POST", "columns", {"table": "account", "column": "address1_city", "gone": False})
    mapper.post(reverse("coupling:look-at-columns", kwargs={"company": mapping.company.slug, "mapping": mapping.name}))
    assert "1 field stopped" not in page(mapper, mapping)


def test_what_stops_no_field_is_accepted_by_a_person(mapping, remote):
    change_column(remote, mapping, "address1_city", max_length=20)
    change_column(remote, mapping, "sic", required="ApplicationRequired")
    accept = reverse("coupling:accept-columns", kwargs={"company": mapping.company.slug, "mapping": mapping.name})
    assert signed_in("Viewer").post(accept).status_code == 403
    mapper = signed_in("Mapper")
    mapper.post(accept, shown(page(mapper, mapping)))
    assert not column_looks.read(mapping).changes
    assert drift(mapping)["changes"] == []
    with pytest.raises(NotUsable, match="No column of CUSTOMER changed"):
        column_looks.accept(mapping=mapping, shown=[])


def shown(card: str) -> dict[str, str]:
    """Return what the card's button Accept Column Changes sends."""
    form = next(one for one in re.findall(r"<form.*?</form>", card, re.DOTALL) if "Accept Column Changes" in one)
    (found,) = re.findall(r'name="shown"[^>]* value="([^"]*)"', form)
    return {"shown": found}


def test_a_change_that_was_found_after_somebody_looked_is_not_accepted_unseen(mapping, remote):
    change_column(remote, mapping, "address1_city", max_length=20)
    mapper = signed_in("Mapper")
    sent = shown(page(mapper, mapping))
    change_column(remote, mapping, "sic", required="ApplicationRequired")
    accept = reverse("coupling:accept-columns", kwargs={"company": mapping.company.slug, "mapping": mapping.name})
    mapper.post(accept, sent)
    assert [change.column for change in column_looks.read(mapping).changes] == ["sic"]
    sent = shown(page(mapper, mapping))
    change_column(remote, mapping, "address1_city", max_length=10)
    change_column(remote, mapping, "sic", required="None")
    assert "found since you looked" in unescape(mapper.post(accept, sent, follow=True).content.decode())
    assert [(change.column, change.now) for change in column_looks.read(mapping).changes] == [("address1_city", "10")]


def test_the_command_prints_each_change_with_what_it_stops(mapping, remote):
    change_column(remote, mapping, "telephone1", type="Integer")
    found = drift(mapping)
    (change,) = found["changes"]
    assert (found["stops"], change["kind"], change["column"]) == ("fields", "retyped", "telephone1")
    assert (change["was"], change["is"], change["stopped"]) == ("String", "Integer", ["phone_no:telephone1"])
    with pytest.raises(SystemExit):
        drift(mapping, "--accept")
    assert KnownColumns.objects.get(mapping=mapping).then["telephone1"]["type"] == "String"


def test_the_columns_of_another_table_are_not_compared_with_those_of_the_one_before(mapping):
    file = stored_file(mapping.company, [mapping.name])
    (entry,) = file.mappings
    store_file(mapping.company, replace(file, mappings=(replace(entry, every_minutes=7),)))
    assert column_looks.read(mapping).looked_at is not None
    store_file(mapping.company, replace(file, mappings=(replace(entry, integration_table="contact"),)))
    assert column_looks.read(mapping).looked_at is None
