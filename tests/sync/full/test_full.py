"""The full synchronization's review and run, by services and commands."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from connection_setup.enabling import services
from core.refusals import Refusal
from core.vocabulary import Direction
from coupling.models import Coupling, IntegrationTableMapping
from dataverse.errors import DataverseError
from jobs.models import Job
from masterdata.models import Company, Currency, Customer, Salesperson
from sync.full import counting
from sync.full import services as full
from sync.models import FullSynchReviewLine
from sync.schedules.services import run_due
from tests.sync.conftest import (
    ACTIVE_CUSTOMER,
    accounts,
    customer,
    make_unreachable,
    patch,
    synchronize,
    update_mapping,
)


def command(name: str, *given: str) -> tuple[int, Any]:
    out = StringIO()
    try:
        call_command(name, *given, "--json", stdout=out, stderr=StringIO())
        code = 0
    except SystemExit as end:
        code = int(str(end.code))
    text = out.getvalue().strip()
    try:
        return code, json.loads(text)
    except json.JSONDecodeError:
        return code, [json.loads(line) for line in text.splitlines()]


def by_name(company: Company) -> dict[str, FullSynchReviewLine]:
    return {line.name: line for line in full.lines(company)}


@pytest.mark.usefixtures("owned_by_people")
def test_the_review_counts_what_is_uncoupled_inside_both_filters(company, remote):
    customer(company, "10000", phone_no="1")
    customer(company, "10001", blocked="All")
    remote.load(
        {
            "accounts": [
                {"name": "A", **ACTIVE_CUSTOMER},
                {"name": "B", **ACTIVE_CUSTOMER},
                {"name": "Vendor", "customertypecode": 11},
            ]
        }
    )
    full.generate(company)
    line = by_name(company)["CUSTOMER"]
    assert (line.local_count, line.integration_count, line.recommendation) == (1, 2, "none")
    assert by_name(company)["SALESPEOPLE"].recommendation == "full"
    update_mapping(company).fields.filter(field="phone_no").update(use_for_match=True)
    synchronize(update_mapping(company, synch_only_coupled=False), direction=Direction.TO)
    full.generate(company)
    line = by_name(company)["CUSTOMER"]
    assert (line.local_count, line.integration_count, line.recommendation) == (0, 2, "full")


@pytest.mark.usefixtures("owned_by_people")
def test_sync_all_runs_in_waves_to_the_end(company, remote):
    Currency.objects.create(company=company, code="SEK", description="Krona", exchange_rate=10)
    customer(company, "10000", "Adatum", currency_code="SEK")
    full.generate(company)
    lines = {line.name: line.recommendation for line in full.lines(company)}
    expected = {"SALESPEOPLE": "full", "CURRENCY": "none", "CUSTOMER": "full"}
    assert lines == dict.fromkeys(lines, "no_records") | expected
    code, document = command("fullsync", "--company", company.name)
    assert code == 0, document
    printed = {line["mapping"]: line for line in document["lines"]}
    assert {name: line["status"] for name, line in printed.items()} == dict.fromkeys(lines, "finished")
    assert printed["CUSTOMER"]["job"]["counters"]["inserted"] == 1
    assert accounts(remote)["Adatum"]["_transactioncurrencyid_value"] is not None
    started = {line.name: line.job.started_at for line in full.lines(company) if line.job}
    assert started["CUSTOMER"] > started["CURRENCY"]
    assert full.blocked_reason(full.lines(company)).startswith("Every line has run")


def test_a_line_on_both_sides_without_criteria_fails_and_blocks_what_depends_on_it(company, remote):
    customer(company, "10000")
    remote.load({"accounts": [{"name": "A", **ACTIVE_CUSTOMER}]})
    IntegrationTableMapping.objects.create(
        company=company, name="SHIP-TO", table="customer", integration_table="account", entity_set="accounts",
        uid_column="accountid", dependencies=["CUSTOMER"], position=9,
    )  # fmt: skip
    full.generate(company)
    assert by_name(company)["SHIP-TO"].recommendation == "dependency"
    code, _ = command("fullsync", "--company", company.name)
    assert code == 1
    lines = by_name(company)
    assert lines["CUSTOMER"].status == "failed"
    assert lines["CUSTOMER"].job.failure_reason == "no_criteria"
    assert lines["SHIP-TO"].status == "blocked" and lines["SHIP-TO"].message
    assert Customer.objects.count() == 1


def test_criteria_couple_and_recommending_full_creates_the_rest(company, remote):
    customer(company, "10000", "Adatum", phone_no="555")
    customer(company, "10001", "Contoso", phone_no="556")
    remote.load({"accounts": [{"name": "Adatum Inc", "telephone1": "555", **ACTIVE_CUSTOMER}]})
    update_mapping(company).fields.filter(field="phone_no").update(use_for_match=True)
    code, document = command("fullsync", "--company", company.name, "--mapping", "CUSTOMER")
    assert code == 0
    (line,) = document["lines"]
    assert (line["recommendation"], line["job"]["type"], line["job"]["counters"]["coupled"]) == ("none", "coupling", 1)
    assert Coupling.objects.count() == 1
    code, document = command("fullsync", "--company", company.name, "--mapping", "CUSTOMER", "--full", "CUSTOMER")
    (line,) = document["lines"]
    assert (code, line["job"]["counters"]["inserted"], line["job"]["counters"]["conflicts"]) == (0, 1, 1)
    assert set(accounts(remote)) == {"Adatum Inc", "Contoso"}


def test_recommending_full_at_once_couples_by_the_criteria_first_and_duplicates_nothing(company, remote):
    customer(company, "10000", "Adatum", phone_no="555")
    customer(company, "10001", "Contoso", phone_no="556")
    remote.load(
        {
            "accounts": [
                {"name": "Adatum Inc", "telephone1": "555", **ACTIVE_CUSTOMER},
                {"name": "Fabrikam", "telephone1": "557", **ACTIVE_CUSTOMER},
            ]
        }
    )
    update_mapping(company).fields.filter(field="phone_no").update(use_for_match=True)
    code, document = command("fullsync", "--company", company.name, "--mapping", "CUSTOMER", "--full", "CUSTOMER")
    (line,) = document["lines"]
    assert (code, line["recommendation"], line["job"]["type"], line["job"]["counters"]["coupled"]) == (
        0, "full", "coupling", 1,
    )  # fmt: skip
    assert [after["counters"]["inserted"] for after in line["job"]["followups"]] == [2]
    assert set(accounts(remote)) == {"Adatum Inc", "Contoso", "Fabrikam"}
    assert set(Customer.objects.values_list("name", flat=True)) == {"Adatum", "Contoso", "Fabrikam"}


@pytest.mark.usefixtures("owned_by_people")
def test_people_on_both_sides_are_coupled_by_criteria_before_the_rest_is_created(company, remote):
    Salesperson.objects.create(company=company, code="SELLER", name="A Seller", e_mail="seller@contoso.example")
    remote.load(
        {
            "systemusers": [
                {"fullname": "A Seller", "internalemailaddress": "SELLER@contoso.example", "islicensed": True},
                {"fullname": "Another", "internalemailaddress": "another@contoso.example", "islicensed": True},
            ]
        }
    )
    people = update_mapping(company, "SALESPEOPLE")
    people.fields.filter(field="e_mail").update(use_for_match=True)
    code, document = command("fullsync", "--company", company.name, "--mapping", "SALESPEOPLE")
    (line,) = document["lines"]
    assert (code, line["recommendation"], line["job"]["counters"]["coupled"]) == (0, "full", 1)
    (after,) = line["job"]["followups"]
    assert (after["type"], after["counters"]["failed"], after["reasons"]) == ("synchronization", 0, {})
    names = list(Salesperson.objects.filter(company=company).values_list("name", flat=True))
    assert names.count("A Seller") == 1 and "Another" in names


def test_with_team_nothing_needs_salespeople_so_they_have_no_line_and_the_mapping_stays(company, remote):
    full.generate(company)
    assert "SALESPEOPLE" not in by_name(company)
    assert synchronize(update_mapping(company, "SALESPEOPLE")).state == "finished"
    code, document = command("fullsync", "--company", company.name, "--mapping", "SALESPEOPLE")
    assert (code, "SALESPEOPLE" in document["error"]["message"]) == (1, True), document


@pytest.mark.usefixtures("owned_by_people")
def test_every_mapping_has_a_line_and_a_job_that_is_not_the_lines_own_changes_none(company, customers, remote):
    names = set(full.generate(company)[0].company.mappings.values_list("name", flat=True))
    assert set(by_name(company)) == names
    before = list(FullSynchReviewLine.objects.order_by("pk").values())
    customer(company, "10000")
    assert synchronize(customers).state == "finished"
    full.advance(company)
    assert list(FullSynchReviewLine.objects.order_by("pk").values()) == before


def test_recommendations_can_be_asked_for_alone(company, remote):
    customer(company, "10000")
    code, document = command("fullsync", "--company", company.name, "--recommendations")
    line = next(line for line in document["lines"] if line["mapping"] == "CUSTOMER")
    assert (code, line["recommendation"], line["recommendation_text"]) == (0, "full", "Full synchronization")
    assert not Job.objects.exists()


@pytest.mark.usefixtures("owned_by_people")
def test_a_line_can_be_removed_overridden_restarted_and_reset(company, remote):
    customer(company, "10000")
    remote.load({"accounts": [{"name": "A", **ACTIVE_CUSTOMER}]})
    full.generate(company)
    full.remove(by_name(company)["SALESPEOPLE"])
    assert "SALESPEOPLE" not in by_name(company)
    line = by_name(company)["CUSTOMER"]
    full.recommend_full(line)
    assert [row.name for row in full.duplicates(full.lines(company))] == ["CUSTOMER"]
    full.generate(company)
    assert by_name(company)["CUSTOMER"].recommendation == "full"
    full.start(company)
    with pytest.raises(Refusal):
        full.reset(company)
    for job in Job.objects.all():
        from jobs.services import cancel

        cancel(job=job)
    full.advance(company)
    assert by_name(company)["CUSTOMER"].status in ("cancelled", "blocked")
    full.reset(company)
    lines = by_name(company)
    assert "SALESPEOPLE" in lines and lines["CUSTOMER"].recommendation == "none" and not lines["CUSTOMER"].status


@pytest.mark.usefixtures("owned_by_people")
@pytest.mark.parametrize("again", ["reset", "restart", "generate"])
def test_an_unreachable_dataverse_leaves_the_review_as_it_is(company, remote, again):
    full.generate(company)
    full.recommend_full(by_name(company)["CUSTOMER"])
    full.remove(by_name(company)["SALESPEOPLE"])
    FullSynchReviewLine.objects.filter(name="CURRENCY").update(status="failed", message="It failed.")
    before = list(FullSynchReviewLine.objects.values())
    make_unreachable(company)
    with pytest.raises(DataverseError, match="cannot be reached"):
        full.restart(by_name(company)["CURRENCY"]) if again == "restart" else getattr(full, again)(company)
    assert list(FullSynchReviewLine.objects.values()) == before


def test_what_is_decided_while_the_records_are_counted_stays(company, remote, monkeypatch):
    full.generate(company)
    size = counting._count_remote

    def meanwhile(mapping, gateway, **more):
        full.remove(by_name(company)["SALESPEOPLE"]) if "SALESPEOPLE" in by_name(company) else None
        FullSynchReviewLine.objects.filter(name="CURRENCY").update(status="finished", message="Done.")
        return size(mapping, gateway, **more)

    monkeypatch.setattr(counting, "_count_remote", meanwhile)
    lines = {line.name: line for line in full.generate(company)}
    assert "SALESPEOPLE" not in lines
    assert (lines["CURRENCY"].status, lines["CURRENCY"].message) == ("finished", "Done.")


def test_without_a_connection_nothing_is_counted_or_started(company, remote):
    services.disable(company=company, user=None)
    with pytest.raises(Refusal, match="not enabled"):
        full.generate(company)
    code, document = command("fullsync", "--company", company.name)
    assert (code, document["error"]["reason"]) == (1, "not_enabled")
    code, document = command("synchronize", "CUSTOMER", "--company", company.name)
    assert (code, document["error"]["reason"]) == (1, "not_enabled")


def test_the_synchronize_command_prints_the_job_the_preview_or_the_refusal(company, customers, remote):
    one = customer(company, "10000", "Adatum")
    code, document = command("synchronize", "CUSTOMER", "--company", company.name)
    assert code == 0
    assert document["state"] == "finished" and document["counters"]["inserted"] == 1
    assert set(document) >= {
        "job",
        "type",
        "mapping",
        "state",
        "plan",
        "counters",
        "reasons",
        "requests",
        "seconds",
        "followups",
    }
    patch(remote, Coupling.objects.get().integration_id, address1_city="Ulm")
    code, lines = command("synchronize", "CUSTOMER", "--company", company.name, "--preview")
    assert code == 0
    assert lines[-1]["counters"]["modified"] == 1 and lines[0]["local"]["key"] == "10000"
    one.refresh_from_db()
    assert one.city == ""
    code, document = command("synchronize", "CUSTOMER", "--company", company.name, "--select", "10000")
    assert document["counters"]["modified"] == 1
    code, document = command("synchronize", "CUSTOMER", "--company", company.name, "--select", "99")
    assert (code, document["error"]["reason"]) == (1, "unknown_record")
    code, document = command("synchronize", "NOTHING", "--company", company.name)
    assert (code, document["error"]["reason"]) == (1, "configuration")


def test_the_preview_counts_new_records_on_both_sides(company, customers, remote):
    customer(company, "10000", "Adatum")
    remote.load({"accounts": [{"name": "Fabrikam", **ACTIVE_CUSTOMER}]})
    code, lines = command("synchronize", "CUSTOMER", "--company", company.name, "--preview")
    assert (code, lines[-1]["counters"]["inserted"]) == (0, 2)
    assert not Coupling.objects.exists() and Customer.objects.count() == 1


def test_a_scheduled_mapping_starts_once_per_period(company, customers, remote):
    update_mapping(company, scheduled=True)
    now = timezone.now()
    (job,) = run_due(now)
    assert job.trigger == "schedule"
    assert run_due(now) == []
    IntegrationTableMapping.objects.update(next_run_at=now)
    assert run_due(now) == []  # the first one is still open
    services.disable(company=company, user=None)
    IntegrationTableMapping.objects.update(next_run_at=now)
    assert run_due(now) == []


def test_a_run_over_everything_keeps_the_order_of_dependencies(company, remote):
    from sync.start.services import synchronize_in_order

    names = [job.mapping_name for job in synchronize_in_order(company=company)]
    assert names.index("SALESPEOPLE") < names.index("CURRENCY") < names.index("CUSTOMER") < names.index("VENDOR")
