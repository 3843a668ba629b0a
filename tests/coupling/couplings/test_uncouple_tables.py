"""Deleting couplings of each table, from its list, its card and the list of mappings, by the pages."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from connection_setup.dynamics365 import services as dynamics
from coupling.models import Coupling, IntegrationTableMapping, Selection
from jobs.models import Job
from masterdata import catalog
from tests.coupling.conftest import connect, counted, pairs, run
from tests.ui.pages import read

NAMED = {
    "CONTACT": ("lastname", {"type": "Person"}), "ITEM-PRODUCT": ("productnumber", {}),
    "RESOURCE-PRODUCT": ("productnumber", {}), "OPPORTUNITY": ("name", {}), "CUSTPRCGRP-PRICE": ("name", {}),
    "UNIT OF MEASURE": ("name", {}), "CURRENCY": ("isocurrencycode", {}), "SALESPEOPLE": ("", {}),
    "CUSTOMER": ("name", {}),
}  # fmt: skip
"""By mapping: the column that a row is called by there, and what a record has here."""
SHARED = {"UNIT OF MEASURE", "CURRENCY", "SALESPEOPLE"}
"""Mappings of tables without a company column: nothing is written there."""


def connect_with_sales(company, remote):
    connect(company, remote)
    assert dynamics.enable(company=company, user=None).ok


@pytest.fixture
def company(connected):
    """Provide a company with Dynamics 365 Sales."""
    return connected("Cronus Sales", connect_with_sales)


@pytest.fixture
def operator(client, company):
    user = User.objects.create(username="operator")
    user.groups.add(Group.objects.get_or_create(name="Operator")[0])
    client.force_login(user)
    return client


def coupled(company, remote, name, count):
    """Make records of a mapping that are coupled with rows of this company. Returns them."""
    mapping = IntegrationTableMapping.objects.get(company=company, name=name)
    table = catalog.table(mapping.table)
    column, values = NAMED[name]
    keys = [f"U{at}" for at in range(count)]
    made = [table.model.objects.create(company=company, **{table.key: key}, **values) for key in keys]
    ids = [str(uuid4()) for _ in made]
    mark = {mapping.company_column: str(company.connection.company_row_id)} if mapping.company_column else {}
    if column:
        rows = [{mapping.uid_column: row_id, column: key, **mark} for row_id, key in zip(ids, keys, strict=True)]
        remote.load({mapping.entity_set: rows})
    Coupling.objects.bulk_create(
        Coupling(
            company=company, mapping=mapping, table=mapping.table, local_id=one.system_id, integration_id=row_id,
            organization_id=company.connection.organization_id,
        )
        for one, row_id in zip(made, ids, strict=True)
    )  # fmt: skip
    remote.control("DELETE", "requests")
    return mapping, made


def marked(remote, mapping):
    """Return what the rows are called that carry a company's mark, of those that were loaded here."""
    name, mark = NAMED[mapping.name][0], f"_{mapping.company_column}_value"
    return {row[name] for row in remote.rows(mapping.entity_set) if row.get(mark) and str(row[name]).startswith("U")}


def chosen(operator, company, table, records):
    """Choose Delete Coupling for records of a list, agree, and run the job."""
    of = {"company": company.slug, "table": table}
    asked = operator.post(reverse("coupling:uncouple-selection", kwargs=of), {"selected": records})
    return agreed(operator, asked)


def agreed(operator, asked):
    assert asked.status_code == 302 and "selection=" in asked.url, asked.url
    assert b"No data is deleted on either side" in operator.get(asked.url).content
    operator.post(asked.url.partition("?")[0], {"selection": Selection.objects.get().pk})
    return run(Job.objects.get(type="uncoupling"))


@pytest.mark.parametrize(
    "name", ["CONTACT", "ITEM-PRODUCT", "RESOURCE-PRODUCT", "OPPORTUNITY", "CUSTPRCGRP-PRICE", "UNIT OF MEASURE"]
)
def test_two_of_three_of_a_list_are_uncoupled_and_the_third_stays(operator, company, remote, name):
    mapping, (one, two, three) = coupled(company, remote, name, 3)
    job = chosen(operator, company, mapping.table, [one.system_id, two.system_id])
    assert (job.mapping_name, counted(job)) == (name, {"total": 2, "uncoupled": 2})
    assert list(pairs(mapping)) == [three.system_id]
    if name in SHARED:
        assert remote.requests()["rows_written"] == 0
    else:
        assert (marked(remote, mapping), remote.requests()["rows_written"]) == ({"U2"}, 2)
    assert type(one).objects.filter(company=company, **{f"{catalog.table(mapping.table).key}__startswith": "U"}).count()
    assert len([row for row in remote.rows(mapping.entity_set) if str(row[NAMED[name][0]]).startswith("U")]) == 3


@pytest.mark.parametrize("name", ["ITEM-PRODUCT", "RESOURCE-PRODUCT", "OPPORTUNITY", "CURRENCY"])
def test_one_is_uncoupled_from_its_card(operator, company, remote, name):
    mapping, (one, two) = coupled(company, remote, name, 2)
    of = {"company": company.slug, "table": mapping.table}
    card = read(operator.get(reverse("records:card", kwargs={**of, "system_id": one.system_id}))).root
    form, *_ = [  # in the bar, and in the menu
        each for each in card.all("form") if each.get("action") == reverse("coupling:uncouple-selection", kwargs=of)
    ]
    sent = {each.get("name"): each.get("value") for each in form.all("input")}
    assert sent["selected"] == str(one.system_id)
    job = agreed(operator, operator.post(form.get("action"), sent))
    assert counted(job) == {"total": 1, "uncoupled": 1}
    assert list(pairs(mapping)) == [two.system_id]
    if name not in SHARED:
        assert marked(remote, mapping) == {"U1"}


def test_of_five_mappings_those_that_are_selected_lose_their_couplings(operator, company, remote):
    wanted = {"CUSTOMER": 1, "ITEM-PRODUCT": 3, "SALESPEOPLE": 2}
    mappings = {name: coupled(company, remote, name, count)[0] for name, count in wanted.items()}
    others = [coupled(company, remote, name, 2)[0] for name in ("CURRENCY", "OPPORTUNITY")]
    ids = ",".join(str(one.pk) for one in mappings.values())
    url = reverse("coupling:uncouple-mappings", kwargs={"company": company.slug})
    asked = operator.get(f"{url}?id={ids}").content.decode()
    assert "1 coupling of CUSTOMER" in asked and "3 couplings of ITEM-PRODUCT" in asked
    answer = operator.post(url, {"id": ids})
    assert answer.url.endswith("/jobs/?type=uncoupling")
    done = {job.mapping_name: counted(run(job)) for job in Job.objects.filter(type="uncoupling", parent=None)}
    assert done == {name: {"total": count, "uncoupled": count} for name, count in wanted.items()}
    assert [len(pairs(one)) for one in (*mappings.values(), *others)] == [0, 0, 0, 2, 2]
    assert marked(remote, mappings["ITEM-PRODUCT"]) == set() == marked(remote, mappings["CUSTOMER"])
    assert marked(remote, others[1]) == {"U0", "U1"}
