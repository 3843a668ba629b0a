"""Conflicts field by field: who changed what, what a person chooses for each, and what the engine makes of it."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import pytest
from auditlog.context import set_actor
from django.contrib.auth.models import User

from coupling.gateway import Gateway
from coupling.models import Coupling, IntegrationFieldMapping, IntegrationTableMapping
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Currency, Customer
from sandbox.testing import Sandbox
from sync.conflicts.resolving import plan_rule, resolve, resolve_by_rule
from sync.engine.conflicts_standing import Standing, conflicts_of, read_standing
from sync.engine.ledger import Ledger
from sync.engine.worker import Worker
from sync.models import SynchronizedValue
from sync.rules.changes import Won
from sync.rules.resolving import Choice, Rule, Take
from tests.sync.conftest import (
    accounts,
    connect,
    counters,
    coupling_of,
    customer,
    patch,
    synchronize,
    update_mapping,
)
from tests.sync.engine.test_kills import kill_once, run_despite_kills


def connect_and_pair(owner: Company, remote: Sandbox) -> None:
    connect(owner, remote)
    for number in range(3):
        customer(owner, f"1000{number}", f"Customer {number}", city="Bonn", phone_no="1", address="Main St 1")
    mapping = update_mapping(owner, synch_only_coupled=False)
    synchronize(mapping)
    synchronize(mapping)


@pytest.fixture
def company(connected: Callable[..., Company]) -> Company:
    """Return a company with three pairs that were synchronized."""
    return connected("Conflicting Fields", connect_and_pair)


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("Ada")


@pytest.fixture
def pairs(company: Company, customers: IntegrationTableMapping) -> list[Customer]:
    return list(Customer.objects.filter(company=company).order_by("no"))


@pytest.fixture
def edit(customers: IntegrationTableMapping, remote: Sandbox, ada: User) -> Callable[..., None]:
    """Return what changes fields of a record here, as Ada, and columns of its row there."""

    def edit(record: Customer, here: Mapping[str, Any], there: Mapping[str, Any]) -> None:
        if there:
            patch(remote, coupling_of(customers, record).integration_id, **there)
        for name, value in here.items():
            setattr(record, name, value)
        if here:
            with set_actor(ada):
                record.save()

    return edit


CITY, PHONE = "city:address1_city", "phone_no:telephone1"


def standing(company: Company) -> list[Standing]:
    return list(read_standing(conflicts_of(company)))


def choose(company: Company, user: User, *choices: Mapping[str, tuple[Take, str]]) -> Job:
    """Choose for the fields of the standing conflicts, in their order, and carry it out."""
    chosen: dict[int, dict[str, Choice]] = {}
    for pair, wanted in zip(standing(company), choices, strict=False):
        by_name = {one.name: one for one in pair.fields}
        chosen[pair.coupling_id] = {name: by_name[name].choice(*take) for name, take in wanted.items()}
    (job,) = resolve(company=company, chosen=chosen, user=user)
    return run_to_end(job)


def both(record: Customer, remote: Sandbox) -> tuple[str, Any, str, Any]:
    record.refresh_from_db()
    row = accounts(remote)[record.name]
    return record.city, row["address1_city"], record.phone_no, row["telephone1"]


def test_a_conflict_keeps_who_changed_each_side_and_when(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], edit: Callable[..., None]
) -> None:
    edit(pairs[0], {"city": "Köln"}, {"address1_city": "Ulm"})
    synchronize(customers)
    ((city,),) = [pair.fields for pair in standing(company)]
    assert (city.here, city.there, city.base, city.caption) == ("Köln", "Ulm", "Bonn", "City")
    assert city.here_by == "Ada" and city.there_by
    assert city.here_at and city.there_at and city.base_at
    assert city.here_at > city.base_at


@pytest.mark.parametrize(
    ("take", "text", "result", "written"),
    [
        (Take.HERE, "", "Köln", {"there"}),
        (Take.THERE, "", "Ulm", {"here"}),
        (Take.COMMON, "", "Bonn", {"here", "there"}),
        (Take.VALUE, "Trier", "Trier", {"here", "there"}),
        (Take.VALUE, "", None, {"here", "there"}),
    ],
)
def test_a_choice_leaves_the_result_on_both_sides_with_the_person_in_history(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], edit: Callable[..., None],
    remote: Sandbox, ada: User, take: Take, text: str, result: str | None, written: set[str],
) -> None:  # fmt: skip
    edit(pairs[0], {"city": "Köln"}, {"address1_city": "Ulm"})
    synchronize(customers)
    job = choose(company, ada, {CITY: (take, text)})
    assert counters(job) == {"modified": 1}
    here, there, _, _ = both(pairs[0], remote)
    assert (here or None, there) == (result, result)
    assert standing(company) == []
    lines = SynchronizedValue.objects.filter(job=job).select_related("job__requested_by")
    assert {("here" if line.side == 1 else "there") for line in lines} == written
    won = Won.VALUE if take in (Take.COMMON, Take.VALUE) else Won.PERSON
    assert {(str(line.job.requested_by), line.won) for line in lines} == {("Ada", won)}
    remote.control("DELETE", "requests")
    assert "modified" not in counters(synchronize(customers)), "the next run writes nothing"
    assert remote.requests()["rows_written"] == 0


def test_fields_are_chosen_one_by_one_and_what_is_not_chosen_keeps_waiting(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], edit: Callable[..., None],
    remote: Sandbox, ada: User,
) -> None:  # fmt: skip
    edit(pairs[0], {"city": "Köln", "phone_no": "2", "address": "Oak 5"}, {"address1_city": "Ulm", "telephone1": "3"})
    synchronize(customers)
    assert accounts(remote)["Customer 0"]["address1_line1"] == "Main St 1"
    (found,) = standing(company)
    job = choose(company, ada, {CITY: (Take.THERE, "")})
    assert counters(job) == {"modified": 1}
    assert "Phone No. still waits for a choice" in job.outcomes.get().message
    assert both(pairs[0], remote) == ("Ulm", "Ulm", "2", "3")
    assert accounts(remote)["Customer 0"]["address1_line1"] == "Oak 5", "the other edits go with the first choice"
    ((phone,),) = [pair.fields for pair in standing(company)]
    assert (phone.name, phone.here, phone.there, phone.base) == (PHONE, "2", "3", "1")
    (before,) = [one for one in found.fields if one.name == PHONE]
    synchronize(customers, selection=[pairs[0].system_id])
    ((again,),) = [pair.fields for pair in standing(company)]
    assert again == before, "what was written meanwhile is told of no field that waits"
    edit(pairs[0], {"name": "Customer 0"}, {})
    pairs[0].address = "Elm 7"
    pairs[0].save()
    synchronize(customers)
    assert both(pairs[0], remote)[2:] == ("2", "3"), "an edit of another field writes nothing of what waits"
    choose(company, ada, {PHONE: (Take.HERE, "")})
    assert both(pairs[0], remote) == ("Ulm", "Ulm", "2", "2")
    assert accounts(remote)["Customer 0"]["address1_line1"] == "Elm 7"
    assert standing(company) == []


@pytest.mark.parametrize(
    ("owner", "name", "after"),
    [
        (Worker, "_store_intents", True), (Ledger, "save", False), (Ledger, "save", True), (Gateway, "update", False),
        (Gateway, "update", True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("take", [Take.VALUE, Take.COMMON, Take.HERE])
def test_choices_of_a_job_that_is_killed_end_as_those_of_an_undisturbed_one(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], edit: Callable[..., None],
    remote: Sandbox, ada: User, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, after: bool, take: Take,
) -> None:  # fmt: skip
    edit(pairs[0], {"city": "Köln", "phone_no": "2"}, {"address1_city": "Ulm", "telephone1": "3"})
    synchronize(customers)
    (pair,) = standing(company)
    by_name = {one.name: one for one in pair.fields}
    chosen = {CITY: by_name[CITY].choice(take, "Trier"), PHONE: by_name[PHONE].choice(Take.THERE)}
    (job,) = resolve(company=company, chosen={pair.coupling_id: chosen}, user=ada)
    kill_once(monkeypatch, owner, name, after=after)
    job = run_despite_kills(job)
    result = {Take.VALUE: "Trier", Take.COMMON: "Bonn", Take.HERE: "Köln"}[take]
    assert (job.state, counters(job)) == ("finished", {"modified": 1})
    assert both(pairs[0], remote) == (result, result, "3", "3")
    assert standing(company) == []


@pytest.mark.parametrize("side", ["here", "there"])
def test_a_choice_is_refused_with_what_changed_where_a_side_changed_after_it(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], edit: Callable[..., None],
    remote: Sandbox, ada: User, side: str,
) -> None:  # fmt: skip
    edit(pairs[0], {"city": "Köln"}, {"address1_city": "Ulm"})
    synchronize(customers)
    ((city,),) = [pair.fields for pair in standing(company)]
    chosen = {standing(company)[0].coupling_id: {CITY: city.choice(Take.HERE)}}
    (job,) = resolve(company=company, chosen=chosen, user=ada)
    edit(pairs[0], *(({"city": "Mainz"}, {}) if side == "here" else ({}, {"address1_city": "Hof"})))
    job = run_to_end(job)
    assert counters(job) == {"conflicts": 1}
    words = "City here was “Köln” when it was chosen and is “Mainz” now"
    if side == "there":
        words = "City in Dataverse was “Ulm” when it was chosen and is “Hof” now"
    assert words in job.outcomes.get().message
    expected = ("Mainz", "Ulm") if side == "here" else ("Köln", "Hof")
    assert both(pairs[0], remote)[:2] == expected
    ((now,),) = [pair.fields for pair in standing(company)]
    assert (now.here, now.there) == expected


def test_a_rule_takes_the_newer_side_field_by_field_and_is_previewed_to_the_field(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], edit: Callable[..., None],
    remote: Sandbox, ada: User,
) -> None:  # fmt: skip
    edit(pairs[0], {"city": "Köln"}, {"address1_city": "Ulm", "modifiedon": "2020-01-01T00:00:00Z"})
    edit(pairs[1], {"city": "Trier"}, {"address1_city": "Hof"})
    synchronize(customers)
    modified = {"modifiedon": "2099-01-01T00:00:00Z", "address1_city": "Jena"}
    patch(remote, coupling_of(customers, pairs[1]).integration_id, **modified)
    synchronize(customers)
    plan = plan_rule(conflicts_of(company), Rule.NEWEST)
    assert plan.fields == {"City": {"here": 1, "there": 1}}
    assert (plan.count, plan.here, plan.there) == (2, 1, 1)
    (job,) = resolve_by_rule(company=company, rule=Rule.NEWEST, seen=plan.digest, user=ada)
    assert counters(run_to_end(job)) == {"modified": plan.count}
    assert both(pairs[0], remote)[:2] == ("Köln", "Köln")
    assert both(pairs[1], remote)[:2] == ("Jena", "Jena")


def test_a_rule_for_a_field_leaves_the_others_waiting_and_another_plan_is_not_carried_out(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], edit: Callable[..., None],
    remote: Sandbox, ada: User,
) -> None:  # fmt: skip
    edit(pairs[0], {"city": "Köln", "phone_no": "2"}, {"address1_city": "Ulm", "telephone1": "3"})
    synchronize(customers)
    seen = plan_rule(conflicts_of(company), Rule.THERE, field_name=PHONE).digest
    edit(pairs[1], {"phone_no": "5"}, {"telephone1": "6"})
    synchronize(customers)
    with pytest.raises(Exception, match="changed since the preview"):
        resolve_by_rule(company=company, rule=Rule.THERE, field_name=PHONE, seen=seen, user=ada)
    (job,) = resolve_by_rule(company=company, rule=Rule.THERE, field_name=PHONE, user=ada)
    run_to_end(job)
    assert both(pairs[0], remote) == ("Köln", "Ulm", "3", "3")
    assert both(pairs[1], remote)[2:] == ("6", "6")


@pytest.mark.parametrize(
    ("of_mapping", "of_field", "newer_there", "expected"),
    [
        ("newest", "", False, ("Köln", "Köln")),
        ("newest", "", True, ("Ulm", "Ulm")),
        ("send", "newest", True, ("Ulm", "Ulm")),
        ("send", "ask", False, ("Köln", "Ulm")),
        ("", "get", False, ("Ulm", "Ulm")),
    ],
)
def test_the_engine_obeys_a_fields_policy_before_the_mappings(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], edit: Callable[..., None],
    remote: Sandbox, of_mapping: str, of_field: str, newer_there: bool, expected: tuple[str, str],
) -> None:  # fmt: skip
    update_mapping(company, update_conflict=of_mapping)
    fields = IntegrationFieldMapping.objects.filter(mapping=customers, field="city")
    fields.update(update_conflict=of_field)
    synchronize(customers)
    at = "2099-01-01T00:00:00Z" if newer_there else "2020-01-01T00:00:00Z"
    edit(pairs[0], {"city": "Köln"}, {"address1_city": "Ulm", "modifiedon": at})
    job = synchronize(customers)
    assert both(pairs[0], remote)[:2] == expected
    assert ("conflicts" in counters(job)) == (expected[0] != expected[1])


@pytest.mark.parametrize(
    ("take", "text", "result"), [(Take.COMMON, "", "EUR"), (Take.VALUE, "dkk", "DKK"), (Take.HERE, "", "SEK")]
)
def test_a_reference_takes_the_last_common_row_or_one_that_is_typed_by_its_code(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], edit: Callable[..., None],
    remote: Sandbox, ada: User, take: Take, text: str, result: str,
) -> None:  # fmt: skip
    rows = {"EUR": "", "SEK": str(uuid4()), "NOK": str(uuid4()), "DKK": str(uuid4())}
    euro = next(row for row in remote.rows("transactioncurrencies") if row["isocurrencycode"] == "EUR")
    kept = {name: value for name, value in euro.items() if not name.startswith("@") and value is not None}
    rows["EUR"] = euro["transactioncurrencyid"]
    remote.load({"transactioncurrencies": [
        {**kept, "transactioncurrencyid": row_id, "isocurrencycode": code, "currencyname": code}
        for code, row_id in rows.items() if code != "EUR"
    ]})  # fmt: skip
    for code, row_id in rows.items():
        Coupling.objects.create(
            company=company, mapping=update_mapping(company, "CURRENCY"), table="currency", integration_id=row_id,
            local_id=Currency.objects.create(company=company, code=code, exchange_rate=1).system_id,
        )  # fmt: skip
    edit(pairs[0], {"currency_code": "EUR"}, {})
    synchronize(customers)
    edit(pairs[0], {"currency_code": "SEK"}, {"_transactioncurrencyid_value": rows["NOK"]})
    synchronize(customers)
    ((currency,),) = [pair.fields for pair in standing(company)]
    assert (currency.here, currency.there, currency.base) == ("SEK", "NOK", "EUR")
    job = choose(company, ada, {currency.name: (take, text)})
    assert counters(job) == {"modified": 1}, [row.message for row in job.outcomes.all()]
    pairs[0].refresh_from_db()
    assert pairs[0].currency_code == result
    assert accounts(remote)["Customer 0"]["_transactioncurrencyid_value"] == rows[result]


def test_a_choice_for_a_field_that_became_another_value_on_both_sides_says_so(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], edit: Callable[..., None],
    remote: Sandbox, ada: User,
) -> None:  # fmt: skip
    edit(pairs[0], {"city": "Köln"}, {"address1_city": "Ulm"})
    synchronize(customers)
    (pair,) = standing(company)
    chosen = {pair.coupling_id: {CITY: pair.fields[0].choice(Take.VALUE, "Trier")}}
    (job,) = resolve(company=company, chosen=chosen, user=ada)
    edit(pairs[0], {"city": "Hof"}, {"address1_city": "Hof"})
    job = run_to_end(job)
    assert "City became “Hof” on both sides after it was chosen" in job.outcomes.get().message
    assert both(pairs[0], remote)[:2] == ("Hof", "Hof") and standing(company) == []


def test_a_choice_for_a_field_that_is_not_mapped_any_more_says_so(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], edit: Callable[..., None],
    remote: Sandbox, ada: User,
) -> None:  # fmt: skip
    edit(pairs[0], {"city": "Köln"}, {"address1_city": "Ulm"})
    synchronize(customers)
    (pair,) = standing(company)
    chosen = {pair.coupling_id: {CITY: pair.fields[0].choice(Take.VALUE, "Trier")}}
    (job,) = resolve(company=company, chosen=chosen, user=ada)
    IntegrationFieldMapping.objects.filter(mapping=customers, integration_field="address1_city").delete()
    job = run_to_end(job)
    assert "city is not synchronized by the mapping any more" in job.outcomes.get().message
    assert both(pairs[0], remote)[:2] == ("Köln", "Ulm")


def test_newer_wins_asks_a_person_where_the_row_was_changed_in_more_than_the_field(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], edit: Callable[..., None],
    remote: Sandbox,
) -> None:  # fmt: skip
    """When the row was changed may be when its other column was."""
    update_mapping(company, update_conflict="newest")
    synchronize(customers)
    late = {"modifiedon": "2099-01-01T00:00:00Z"}
    edit(pairs[0], {"city": "Köln"}, {"address1_city": "Ulm", "address1_line1": "Oak 5", **late})
    for _ in range(2):
        job = synchronize(customers, selection=[pairs[0].system_id])
        assert counters(job) == {"conflicts": 1}
        assert both(pairs[0], remote)[:2] == ("Köln", "Ulm")
        ((city,),) = [pair.fields for pair in standing(company)]
        assert city.of_row and city.there_at and city.newer is None
    assert plan_rule(conflicts_of(company), Rule.NEWEST).waiting == 1
    patch(
        remote, coupling_of(customers, pairs[0]).integration_id, address1_line1="Main St 1", address1_city="Hof", **late
    )
    synchronize(customers)
    assert both(pairs[0], remote)[:2] == ("Hof", "Hof"), "of a value that is the only new one it is known"
