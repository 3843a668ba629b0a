"""manage.py skipped, as programs use it."""

from uuid import uuid4

from auditlog.models import LogEntry

from jobs.mentions import PersonReading
from masterdata.models import Customer
from sync.conflicts.skipped_page import skipped_page
from sync.management.commands.skipped import Command
from tests.coupling.test_commands import spoken
from tests.sync.conftest import (
    ACTIVE_CUSTOMER,
    accounts,
    coupling_of,
    customer,
    patch,
    synchronize,
    update_mapping,
)
from tests.sync.engine.test_undone import merge
from ui.kit import Action


def test_it_lists_what_is_left_undone_with_its_condition(company, customers, remote):
    one = customer(company, "10000", "Adatum Corporation")
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, customertypecode=5)
    remote.load({"accounts": [{"name": "Fabrikam", "address1_city": "x" * 45, **ACTIVE_CUSTOMER}]})
    synchronize(customers)
    (told,), code = spoken("skipped", "list", "--company", company.name)
    assert (code, told["total"]) == (0, 2)
    pair, row = sorted(told["records"], key=lambda record: record["local"] is None)
    assert set(pair) == {"mapping", "local", "integration", "reason", "condition", "since", "attempts"}
    assert (pair["mapping"], pair["local"]["key"], pair["local"]["name"]) == ("CUSTOMER", "10000", "Adatum Corporation")
    assert pair["reason"] == "outside_filter" and "Relationship Type is Partner" in pair["condition"]
    assert (row["local"], row["integration"]["name"], row["reason"]) == (None, "Fabrikam", "value_too_long")
    (told,), _ = spoken("skipped", "list", "--company", company.name, "--reason", "value_too_long")
    assert [record["integration"]["name"] for record in told["records"]] == ["Fabrikam"]


def test_it_tries_selected_ones_again_and_uncouples_others(company, customers, remote):
    records = [customer(company, f"1000{number}") for number in range(2)]
    synchronize(customers)
    synchronize(customers)
    Customer.objects.update(currency_code="SEK")
    synchronize(customers, selection=[one.system_id for one in records])
    Customer.objects.filter(no="10000").update(currency_code="")
    chosen = ("--company", company.name, "--mapping", "CUSTOMER", "--select")
    (told,), code = spoken("skipped", "retry", *chosen, "10000")
    assert (code, [job["counters"]["unchanged"] for job in told["jobs"]]) == (0, [1])
    (told,), code = spoken("skipped", "uncouple", *chosen, "10001")
    assert (code, [job["counters"]["uncoupled"] for job in told["jobs"]]) == (0, [1])
    (told,), _ = spoken("skipped", "list", "--company", company.name)
    assert told == {"records": [], "total": 0}
    (refused,), code = spoken("skipped", "retry", "--company", company.name)
    assert (code, refused["error"]["reason"]) == (1, "empty_selection")
    assert len(accounts(remote)) == 2


def test_what_is_accepted_leaves_the_list_and_stands_on_that_of_what_was_accepted(company, customers, remote):
    for number in range(2):
        remote.load({"accounts": [{"name": f"Row {number}", "address1_city": "x" * 45, **ACTIVE_CUSTOMER}]})
    synchronize(customers)
    asked = ("--company", company.name, "--reason", "value_too_long")
    assert spoken("skipped", "accept", *asked) == ([{"accepted": 2}], 0)
    assert spoken("skipped", "list", *asked)[0][0]["total"] == 0
    assert spoken("skipped", "list", *asked, "--accepted")[0][0]["total"] == 2
    (refused,), code = spoken("skipped", "accept", *asked)
    assert (code, refused["error"]["reason"]) == (1, "empty_selection")


def test_a_record_is_coupled_with_the_row_that_its_row_was_merged_into(company, customers, remote):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    master = str(uuid4())
    update_mapping(company, synch_only_coupled=True)
    remote.load({"accounts": [{"accountid": master, "name": "Adatum", **ACTIVE_CUSTOMER}]})
    (refused,), code = spoken("skipped", "couple-merged", "--company", company.name)
    assert (code, refused["error"]["reason"]) == (1, "configuration")
    before = coupling_of(customers, one)
    merge(remote, before.integration_id, master)
    synchronize(customers)
    (told,), code = spoken("skipped", "couple-merged", "--company", company.name, "--mapping", "CUSTOMER")
    assert (code, [job["state"] for job in told["jobs"]]) == (0, ["finished"])
    assert str(coupling_of(customers, one).integration_id) == master
    entry = LogEntry.objects.get(action=LogEntry.Action.DELETE, object_id=before.pk)
    assert entry.changes["integration_id"] == [str(before.integration_id), None]


def test_every_action_of_the_page_has_a_command(company):
    """The page's addresses beside the verbs: what is added to the page is missed here."""
    page = skipped_page(company, PersonReading(None), settled=False, unavailable="", off="", off_deleting="")
    actions = [one for one in page.actions if isinstance(one, Action) and one.url]
    offered = {action.url.split("?")[0].rstrip("/").rpartition("/")[2] for action in actions}
    verbs = {
        "retry": "retry", "retry-all": "retry", "synchronize": "synchronize", "couple-with-successor": "couple-merged",
        "restore": "restore", "delete-couplings": "uncouple", "find-deleted": "find-deleted",
        "delete-records": "delete", "accept": "accept",
        "coupled-data-synchronization-errors": "list",
    }  # fmt: skip
    assert offered - {"set-up-coupling"} == verbs.keys()  # it has a command of its own, pair
    known = Command().create_parser("manage.py", "skipped")._actions
    choices = next(set(action.choices) for action in known if action.dest == "what")
    assert set(verbs.values()) <= choices
