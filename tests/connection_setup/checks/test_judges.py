"""What each check says, from what was found: pure."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from connection_setup import types
from connection_setup.checks import error_checks, judges
from connection_setup.provisioning.administrators import SYSTEM_ADMINISTRATOR
from connection_setup.types import Check, Expectations, Report
from dataverse.error_rules import error_for
from dataverse.errors import (
    AccessDenied,
    AdministrationMode,
    ConfigurationError,
    DataverseError,
    Gone,
    NotAMember,
    SignInError,
    Throttled,
    Unavailable,
)
from dataverse.types import Organization, PartResult, Ping, WhoAmI

HERE, THERE = UUID(int=1), UUID(int=2)
ME = WhoAmI(UUID(int=7), UUID(int=8), HERE)
CONTOSO = Organization(HERE, "Contoso", UUID(int=3), "EUR")


def expected(**changed: Any) -> Expectations:
    return Expectations(
        **{
            "company_name": "CRONUS",
            "company_id": UUID(int=9),
            "currency": "EUR",
            "currencies_with_rate": frozenset(),
            "other_currencies": {},
            "tenant_id": "6a1f0a52-9a5e-4a55-8a9e-0f1c5d3f7b10",
            "secret_is_an_id": False,
            "enabled": False,
            **changed,
        }
    )


@pytest.mark.parametrize(
    ("error", "name", "cause", "fix"),
    [
        (ConfigurationError("No answer.", "Check it."), types.ADDRESS, "No answer.", "Check it."),
        (Unavailable("It is down.", "Try later."), types.SIGN_IN, "It is down.", "Try later."),
        (error_for(503, "", ""), types.ADDRESS, "busy", "Try again"),
        (ConfigurationError("No client.", "Enter it.", reason="sign_in"), types.SIGN_IN, "No client.", "Enter it."),
        (error_for(0, "AADSTS7000222", ""), types.SIGN_IN, "has expired", "Create a new one"),
        (error_for(403, "0x80072560", ""), judges.USER, "no application user", "Add one"),
        (error_for(403, "0x8004A113", ""), judges.MODE, "administration mode", "Turn administration mode off"),
        (error_for(403, "0x8004A104", ""), judges.ORGANIZATION, "disabled", "enable it"),
        (
            error_for(403, "0x80040220", "missing prvReadRole"),
            judges.USER,
            "prvReadRole",
            "Add it to the security role",
        ),
        (error_for(429, "0x80072322", ""), judges.LIMITS, "limit", "again in a few minutes"),
    ],
)
def test_an_error_becomes_the_check_it_belongs_to(error: DataverseError, name: str, cause: str, fix: str) -> None:
    found = error_checks.check_for_error(error, types.SIGN_IN, expected())
    assert (found.name, found.state) == (name, "error")
    assert cause in found.message
    assert fix in found.fix
    assert found.reason == error.reason


@pytest.mark.parametrize(
    "error",
    [SignInError, NotAMember, AccessDenied, AdministrationMode, ConfigurationError, Throttled, Unavailable, Gone],
)
def test_every_kind_of_error_has_a_place(error: type[DataverseError]) -> None:
    assert error_checks.check_for_error(error("It is so. Do that."), judges.VERSION, expected()).name


def test_a_part_that_is_refused_fails_the_check_that_needs_it() -> None:
    denied = error_for(403, "0x80040220", "missing prvReadRole")
    assert error_checks.check_for_refused_part(denied, judges.CURRENCY, expected()).name == judges.CURRENCY
    limit = error_for(429, "0x80072322", "")
    assert error_checks.check_for_refused_part(limit, judges.CURRENCY, expected()).name == judges.LIMITS


def test_an_error_of_two_sentences_stays_whole() -> None:
    error = AccessDenied(
        "The field Phone No. is longer than its column. So is the other one.", "Shorten both. Then test."
    )
    found = error_checks.check_for_error(error, types.SIGN_IN, expected())
    assert (found.message, found.fix) == (error.message, error.fix)


def test_a_guid_as_secret_is_reported_as_the_secrets_id() -> None:
    found = error_checks.check_for_error(
        error_for(0, "AADSTS7000215", ""), types.SIGN_IN, expected(secret_is_an_id=True)
    )
    assert "the secret's ID, not its value" in found.message
    assert "create a new secret" in found.fix


def test_a_refused_sign_in_names_the_environments_tenant_when_it_is_another() -> None:
    other = "99999999-9a5e-4a55-8a9e-0f1c5d3f7b10"
    hint = error_checks.tenant_hint(Ping(1, tenant=other), expected().tenant_id)
    assert other in error_checks.check_for_error(error_for(0, "AADSTS90002", ""), types.SIGN_IN, expected(), hint).fix
    assert error_checks.tenant_hint(Ping(1, tenant=expected().tenant_id.upper()), expected().tenant_id) == ""
    assert error_checks.tenant_hint(Ping(1, tenant=other), "contoso.com") == ""


@pytest.mark.parametrize(
    ("ahead", "state", "says"),
    [
        (None, "ok", "agrees"),
        (1.0, "ok", "agrees"),
        (-59.0, "ok", "agrees"),
        (60.0, "warning", "60 seconds behind"),
        (-120.0, "warning", "120 seconds ahead of"),
        (300.0, "error", "300 seconds behind"),
    ],
)
def test_clocks_may_differ_a_little(ahead: float | None, state: str, says: str) -> None:
    found = judges.clock(Ping(1, clock_ahead_s=ahead))
    assert found.state == state
    assert says in found.message


@pytest.mark.parametrize(
    ("change", "state", "says"),
    [
        ({}, "ok", "Contoso, base currency EUR"),
        ({"organization_id": HERE, "couplings": 5, "enabled": True}, "ok", "Contoso"),
        ({"organization_id": THERE}, "ok", "Contoso"),
        ({"organization_id": THERE, "organization_name": "Fabrikam", "couplings": 1200}, "error", "1,200 couplings"),
        (
            {"organization_id": THERE, "organization_name": "Fabrikam", "enabled": True},
            "error",
            "enabled with Fabrikam",
        ),
    ],
)
def test_another_organization_is_refused_where_it_would_do_harm(change: dict[str, Any], state: str, says: str) -> None:
    found = judges.organization(CONTOSO, ME, expected(**change))
    assert found.state == state
    assert says in found.message
    assert found.reason in {"", "wrong_environment"}


@pytest.mark.parametrize(
    ("text", "state"),
    [("9.2.24073.198", "ok"), ("10.0", "ok"), ("9.1.0", "warning"), ("", "warning"), ("x", "warning")],
)
def test_an_old_version_is_warned_about(text: str, state: str) -> None:
    assert judges.version(text).state == state


@pytest.mark.parametrize(
    ("disabled", "roles", "state", "says"),
    [
        (False, ["Tandem Dataverse Integration"], "ok", "has the role"),
        (True, ["Tandem Dataverse Integration"], "error", "is disabled"),
        (False, [], "error", "no security role"),
        (False, ["Sales"], "warning", "is not assigned"),
        (False, ["Systemadministrator", "Tandem Dataverse Integration"], "warning", "more than synchronization needs"),
    ],
)
def test_the_application_user_has_what_it_needs_and_no_more(
    disabled: bool, roles: Sequence[str], state: str, says: str
) -> None:
    templates = {str(SYSTEM_ADMINISTRATOR)} if "Systemadministrator" in roles else set()
    found = judges.user("# Tandem", disabled, roles, templates)
    assert found.state == state
    assert says in found.message


@pytest.mark.parametrize(
    ("change", "in_dataverse", "state", "says"),
    [
        ({}, False, "ok", "EUR on both sides"),
        ({"currency": "USD"}, True, "error", "base currency of the environment is EUR"),
        ({"currency": "USD", "currencies_with_rate": frozenset({"EUR"})}, True, "ok", "has an exchange rate"),
        ({"currency": "USD", "currencies_with_rate": frozenset({"EUR"})}, False, "warning", "no currency USD"),
        (
            {"other_currencies": {HERE: ["USD"]}},
            False,
            "error",
            "another company, connected to the same",
        ),
        ({"other_currencies": {HERE: ["EUR"], THERE: ["USD"]}}, False, "ok", "both sides"),
    ],
)
def test_currencies_agree_or_can_be_converted(
    change: dict[str, Any], in_dataverse: bool, state: str, says: str
) -> None:
    found = judges.currency(CONTOSO, in_dataverse, expected(**change))
    assert found.state == state
    assert says in found.message


def test_the_tables_that_cannot_be_read_are_named_with_the_first_cause() -> None:
    denied = error_for(403, "0x80040220", "is missing prvReadContact privilege")
    results = [("accounts", PartResult(200, {}, {})), ("contacts", PartResult(403, {}, error=denied))]
    found = judges.tables(results)
    assert found.state == "error"
    assert "1 of 2 tables cannot be read: contacts" in found.message
    assert "prvReadContact" in found.message
    assert judges.tables(results[:1]).state == "ok"
    gone = judges.tables([("tandem_companies", PartResult(404, {}, error=Gone("gone")))])
    assert "TandemBaseIntegration" in gone.fix


@pytest.mark.parametrize(
    ("found", "enabled", "state"), [(True, True, "ok"), (False, False, "ok"), (False, True, "error")]
)
def test_the_team_must_be_there_once_the_connection_is_enabled(found: bool, enabled: bool, state: str) -> None:
    assert judges.team(found, expected(enabled=enabled)).state == state
    assert "Tandem - CRONUS" in judges.team(True, expected()).message


def test_a_report_is_right_when_nothing_failed_and_something_was_tested() -> None:
    fine, odd, wrong = Check("a", "ok", "x"), Check("b", "warning", "y", "z"), Check("c", "error", "u", "v", "denied")
    assert Report((fine, odd)).ok
    assert Report((fine, odd)).attention_count == 1
    assert not Report((fine, odd, wrong)).ok
    assert not Report(()).ok
    assert Report((fine, wrong)).failed == wrong
    assert wrong.user_message == "u v"
    assert Report((odd,)).document() == {
        "ok": True,
        "checks": [{"name": "b", "state": "warning", "message": "y", "fix": "z"}],
    }
    assert Report.stored(Report((odd,)).document()["checks"]).checks == (odd,)
