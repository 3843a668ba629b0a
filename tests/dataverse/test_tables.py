"""The tables of clouds, errors and retries."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from dataverse import clouds, retry
from dataverse.error_answers import parse_retry_after
from dataverse.error_rules import RULES, Rule, error_for
from dataverse.errors import (
    AccessDenied,
    AdministrationMode,
    ChangesExpired,
    ConfigurationError,
    DataverseError,
    Duplicate,
    EnvironmentDisabled,
    Gone,
    Invalid,
    NotAMember,
    SignInError,
    Throttled,
    Unavailable,
    VersionMismatch,
    as_sentence,
)
from jobs.models import Reason


@pytest.mark.parametrize(
    ("typed", "url", "suggested"),
    [
        ("https://contoso.crm4.dynamics.com", "https://contoso.crm4.dynamics.com", False),
        ("  https://contoso.crm4.dynamics.com/ ", "https://contoso.crm4.dynamics.com", False),
        ("https://CamelCaseUrl.crm4.dynamics.com", "https://CamelCaseUrl.crm4.dynamics.com", False),
        ("test.crm.dynamics.com", "https://test.crm.dynamics.com", True),
        ("https://contoso-2.crm21.dynamics.com", "https://contoso-2.crm21.dynamics.com", False),
        ("https://test.crm.dynamics.com/main.aspx?appid=1", "https://test.crm.dynamics.com", True),
        ("https://test.crm.dynamics.com:443", "https://test.crm.dynamics.com", True),
        ("https://contoso.api.crm4.dynamics.com", "https://contoso.api.crm4.dynamics.com", False),
        ("https://localhost:8443", "https://localhost:8443", False),
        ("https://127.0.0.1:8443/", "https://127.0.0.1:8443", False),
        ("https://[::1]:8443", "https://[::1]:8443", False),
    ],
)
def test_an_address_is_accepted_as_typed_or_corrected_and_marked_as_suggested(
    typed: str, url: str, suggested: bool
) -> None:
    assert clouds.check_address(typed, loopback_allowed=True) == clouds.Address(url, suggested)


@pytest.mark.parametrize(
    ("typed", "cloud", "says"),
    [
        ("", "commercial", "is empty"),
        ("not an address", "commercial", "not a web address"),
        ("https://", "commercial", "not a web address"),
        ("ftp://contoso.crm4.dynamics.com", "commercial", "not a web address"),
        ("https://contoso.crm4.dynamics.com:99999", "commercial", "not a web address"),
        ("http://contoso.crm4.dynamics.com", "commercial", "https only"),
        ("https://user:word@contoso.crm4.dynamics.com", "commercial", "user name or password"),
        ("https://contoso.crm4.dynamics.com:8443", "commercial", "port 8443"),
        ("https://example.com", "commercial", "not the address of a Dataverse environment"),
        ("https://dynamics.com", "commercial", "not the address of a Dataverse environment"),
        ("https://evil-dynamics.com", "commercial", "not the address of a Dataverse environment"),
        ("https://contoso.crm4.dynamics.com.example.com", "commercial", "not the address of a Dataverse environment"),
        ("https://contoso.crm4.dynamics.com@example.com", "commercial", "user name or password"),
        ("https://contoso.crm.dynamics.cn", "commercial", "Choose China"),
        ("https://contoso.crm4.dynamics.com", "gcc_high", "Choose Commercial"),
        ("https://contoso.crm4.dynamics.com", "moon", "no cloud 'moon'"),
        ("https://localhost:8443", "commercial", "this machine itself"),
        ("https://127.8.9.1", "commercial", "this machine itself"),
        ("https://[::1]", "commercial", "this machine itself"),
        ("https://10.0.0.1", "commercial", "not the address of a Dataverse environment"),
    ],
)
def test_an_address_that_cannot_be_an_environment_is_refused_with_the_next_step(
    typed: str, cloud: str, says: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        clouds.check_address(typed, cloud=cloud)
    assert says in refused.value.user_message
    assert refused.value.reason == "unreachable"


HOSTILE = [
    "https://dynamics.com", "https://crm4.dynamics.com", "https://contoso.dynamics.com", "https://api.dynamics.com",
    "https://contoso.mkt.dynamics.com", "https://contoso.crm4.dynamics.com.evil.example",
    "https://contoso.crm4.dynamics.com.", "https://contosocrm4.dynamics.com", "https://contoso.crm4dynamics.com",
    "https://contoso.crm4.dynamics.co", "https://contoso.crm4.dynamics.com.cn", "https://a.b.crm4.dynamics.com",
    "https://contoso.api.api.crm4.dynamics.com", "https://contoso.crmx.dynamics.com", "https://-x.crm4.dynamics.com",
    "https://x-.crm4.dynamics.com", "https://.crm4.dynamics.com", "https://..crm4.dynamics.com",
    "https://contoso.crm4.dynamics.com:8443", "https://contoso.crm4.dynamics.com:0",
    "https://user@contoso.crm4.dynamics.com", "https://user:word@contoso.crm4.dynamics.com",
    "https://contoso.crm4.dynamics.com@evil.example", "https://evil.example/contoso.crm4.dynamics.com",
    "https://evil.example?contoso.crm4.dynamics.com", "https://evil.example#contoso.crm4.dynamics.com",
    "https://evil.example\\.crm4.dynamics.com", "https://evil.example\\@contoso.crm4.dynamics.com",
    "https://evil.example%2F.crm4.dynamics.com", "https://evil.example%00.crm4.dynamics.com",
    "https://evil example.crm4.dynamics.com", "https://evil\u3002crm4.dynamics.com", "https://contoso.crm\u0664.dynamics.com",
    "https://contoso.crm4.dynam\u0131cs.com", "http://contoso.crm4.dynamics.com", "ftp://contoso.crm4.dynamics.com",
    "javascript://contoso.crm4.dynamics.com", "https:contoso.crm4.dynamics.com", "https:///contoso.crm4.dynamics.com",
    "//contoso.crm4.dynamics.com", "https://169.254.169.254", "https://10.0.0.1", "https://[::ffff:10.0.0.1]",
    "https://[fd00::1]", "https://0x7f000001", "https://2130706433", "https://0.0.0.0", "https://localhost.evil.example",
    "https://metadata.google.internal", "https://contoso.crm9.dynamics.com", "https://contoso.crm.microsoftdynamics.us",
]  # fmt: skip


@pytest.mark.parametrize("typed", HOSTILE)
def test_only_hosts_of_environments_are_accepted(typed: str) -> None:
    try:
        url = clouds.check_address(typed).url
    except ConfigurationError:
        return
    # A corrected address is on a host of the cloud all the same.
    assert clouds.CLOUDS["commercial"].has(clouds.origin(url).removeprefix("https://"))
    assert "evil" not in url


@pytest.mark.parametrize("name", clouds.CLOUDS)
def test_every_cloud_accepts_its_own_hosts_and_names_the_cloud_of_others(name: str) -> None:
    cloud = clouds.CLOUDS[name]
    assert clouds.check_address(f"https://{cloud.example}", cloud=name).url == f"https://{cloud.example}"
    api = cloud.example.replace("contoso.", "contoso.api.")
    assert clouds.check_address(f"https://{api}", cloud=name).url == f"https://{api}"
    assert clouds.cloud_of(cloud.example) == name
    for other in clouds.CLOUDS.values():
        if other is not cloud:
            with pytest.raises(ConfigurationError, match=f"Choose {re.escape(cloud.label)} in the field Cloud"):
                clouds.check_address(f"https://{cloud.example}", cloud=other.name)


@pytest.mark.parametrize(
    ("url", "cloud"),
    [
        ("https://contoso.crm4.dynamics.com", "commercial"),
        ("contoso.crm9.dynamics.com", "gcc"),
        ("https://contoso.crm.microsoftdynamics.us/main", "gcc_high"),
        ("https://contoso.crm.appsplatform.us", "dod"),
        ("https://contoso.crm.dynamics.cn", "china"),
        ("https://localhost:8443", "commercial"),
        ("nonsense", "commercial"),
    ],
)
def test_the_cloud_is_found_by_address(url: str, cloud: str) -> None:
    assert clouds.cloud_of(url) == cloud


def test_the_authority_is_the_clouds_or_the_sandboxs_own() -> None:
    tenant = "6a1f0a52-9a5e-4a55-8a9e-0f1c5d3f7b10"
    assert (
        clouds.authority("china", tenant, "https://x.crm.dynamics.cn")
        == f"https://login.partner.microsoftonline.cn/{tenant}"
    )
    assert clouds.authority("commercial", "contoso.com", "https://x.crm.dynamics.com").endswith("com/contoso.com")
    assert clouds.authority("commercial", tenant, "https://LOCALHOST:8443/x") == f"https://localhost:8443/{tenant}"


@pytest.mark.parametrize("tenant", ["", "a/b", "..", "common/../x", "6a1f0a52", "x y.com"])
def test_an_invalid_tenant_is_refused_before_it_reaches_an_address(tenant: str) -> None:
    with pytest.raises(ConfigurationError, match="Tenant ID"):
        clouds.authority("commercial", tenant, "https://x.crm.dynamics.com")


@pytest.mark.parametrize(
    ("status", "code", "said", "kind", "reason"),
    [
        (401, "", "", SignInError, "sign_in"),
        (403, "0x80072560", "", NotAMember, "sign_in"),
        (403, "0x8004A104", "", EnvironmentDisabled, "unreachable"),
        (403, "0x8004a113", "", AdministrationMode, "unreachable"),
        (403, "0x80040220", "missing prvReadAccount privilege", AccessDenied, "denied"),
        (403, "0x80048306", "", AccessDenied, "denied"),
        (403, "0x80042F09", "", AccessDenied, "denied"),
        (404, "0x80040217", "", Gone, "record_gone"),
        (412, "0x80040237", "", Duplicate, "duplicate"),
        (412, "0x80060892", "", Duplicate, "duplicate"),
        (412, "0x80060882", "", VersionMismatch, "update_conflict"),
        (400, "0x80044331", "", Invalid, "value_too_long"),
        (400, "0x8004431A", "", Invalid, "unknown_choice"),
        (400, "0x80060888", "Could not find a property named 'x' on type 'T'.", Invalid, "unknown_column"),
        (400, "0x80048d19", "An undeclared property 'x' which only", Invalid, "unknown_column"),
        (400, "0x80048d19", "Invalid property 'x' was found in entity 'T'.", Invalid, "unknown_column"),
        (400, "0x80048d19", "Cannot convert", Invalid, "value_invalid"),
        (404, "0x80060888", "Resource not found for the segment 'tandem_companies'.", Invalid, "configuration"),
        (400, "0x80040203", "", Invalid, "value_invalid"),
        (400, "0x80044352", "", ChangesExpired, "refused"),
        (429, "0x80072322", "", Throttled, "throttled"),
        (429, "0x80072321", "", Throttled, "throttled"),
        (429, "0x80072326", "", Throttled, "throttled"),
        (429, "", "", Throttled, "throttled"),
        (503, "", "", Unavailable, "unreachable"),
        (500, "0x80044151", "", Unavailable, "unreachable"),
        (501, "", "", Invalid, "refused"),
        (418, "0x12345678", "teapot", Invalid, "refused"),
        (0, "AADSTS7000215", "", SignInError, "sign_in"),
        (0, "AADSTS7000222", "", SignInError, "sign_in"),
        (0, "AADSTS700016", "", SignInError, "sign_in"),
        (0, "AADSTS90002", "", SignInError, "sign_in"),
    ],
)
def test_a_refusal_has_its_kind_and_reason(
    status: int, code: str, said: str, kind: type[DataverseError], reason: str
) -> None:
    error = error_for(status, code, said, request_id="r-1")
    assert type(error) is kind
    assert error.reason == reason
    assert "r-1" in error.detail
    assert code in error.detail


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.key}{rule.pattern}")
def test_every_rule_has_readable_texts_and_a_reason_that_outcomes_know(rule: Rule) -> None:
    assert rule.message[0].isupper()
    assert rule.message.endswith((".", "Dataverse says: {said}"))
    assert rule.fix == "" or (rule.fix[0].isupper() and rule.fix.endswith("."))
    assert "{said}" not in rule.fix
    assert Reason(rule.reason or rule.error.default_reason)
    assert "0x" not in rule.message
    assert not (rule.repeat and rule.error not in {Throttled, Unavailable}), "only these may be repeated unchanged"


@pytest.mark.parametrize("said", ["Value too long", "Value too long.", "Value too long!", "  Value too long. "])
def test_the_service_s_words_end_before_the_fix_begins(said: str) -> None:
    error = error_for(400, "0x80044331", said)
    assert error.message.endswith(f"Dataverse says: {said.strip().rstrip('.!')}{'!' if '!' in said else '.'}")
    assert error.fix == "Shorten it, or map the field to a longer column."
    assert error.user_message == f"{error.message} {error.fix}"


def test_long_words_of_the_service_are_cut_and_say_so() -> None:
    assert as_sentence("x" * 300 + " " * 300, longest=300) == "x" * 300 + "."
    assert as_sentence("x" * 301, longest=300) == "x" * 300 + "…"


def test_the_service_s_words_are_never_taken_for_a_template() -> None:
    error = error_for(400, "0x80040203", "{name} {0} {message}")
    assert "{name} {0} {message}" in error.user_message


def test_the_missing_privilege_and_the_unknown_column_are_named() -> None:
    assert "prvReadAccount" in error_for(403, "0x80040220", "x is missing prvReadAccount privilege").user_message
    long = (
        "Principal user (Id=1, type=8, roleCount=6, privilegeCount=1491, accessMode='0 Read-Write', AADObjectId='2', "
        "MetadataCachePrivilegesCount=5214, businessUnitId=3), is missing prvWriteaccount privilege (Id=4) on OTC=1 "
        "for entity 'account'. context.Caller=1. Or identityUser.SystemUserId=1, identityUser.Privileges.Count=1491"
    )
    assert "lacks the privilege prvWriteaccount." in error_for(403, "0x80040220", long).user_message
    assert "column foo." in error_for(400, "0x80060888", "Could not find a property named 'foo' on").user_message


def throttled(after: float | None) -> Throttled:
    return Throttled("x", retry_after=after, repeat=True)


def lost(**kwargs: Any) -> Unavailable:
    return Unavailable("x", **{"repeat": True, **kwargs})


@pytest.mark.parametrize(
    ("error", "attempt", "slept", "repeatable", "step"),
    [
        (throttled(2), 1, 0, False, retry.Wait(2)),
        (throttled(10), 1, 0, False, retry.Wait(10)),
        (throttled(11), 1, 0, False, retry.Postpone(11)),
        (throttled(9), 4, 27, False, retry.Postpone(9)),
        (throttled(None), 1, 0, False, retry.Wait(1)),
        (throttled(None), 5, 15, False, retry.Postpone(16)),
        (throttled(0), 1, 0, False, retry.Wait(1)),
        (throttled(0), 4, 7, False, retry.Wait(8)),
        (throttled(0), 5, 15, False, retry.Postpone(16)),
        (throttled(2), 3, 4, False, retry.Wait(4)),
        (throttled(0), 10_000, 0, False, retry.Postpone(60)),
        (lost(), 1, 0, False, retry.Wait(0.3)),
        (lost(outcome_unknown=True), 1, 0, True, retry.Wait(0.3)),
        (lost(outcome_unknown=True), 1, 0, False, retry.GiveUp()),
        (lost(outcome_unknown=True), 4, 2, True, retry.GiveUp()),
        (lost(retry_after=3), 1, 0, True, retry.Wait(3)),
        (lost(retry_after=0), 1, 0, True, retry.Wait(0.3)),
        (lost(retry_after=300), 1, 0, True, retry.Postpone(300)),
        (lost(repeat=False), 1, 0, True, retry.GiveUp()),
        (Invalid("x"), 1, 0, True, retry.GiveUp()),
        (Gone("x"), 1, 0, True, retry.GiveUp()),
        (SignInError("x"), 1, 0, True, retry.GiveUp()),
    ],
)
def test_only_what_is_safe_is_repeated_and_long_waits_are_postponed(
    error: DataverseError, attempt: int, slept: float, repeatable: bool, step: object
) -> None:
    assert retry.decide(error, attempt=attempt, slept=slept, repeatable=repeatable) == step


def test_who_comes_back_later_by_itself_asks_once() -> None:
    for error in (lost(outcome_unknown=True), lost(), lost(retry_after=3)):
        assert retry.decide(error, attempt=1, slept=0, repeatable=True, most=1) == retry.GiveUp()
    assert retry.decide(throttled(2), attempt=1, slept=0, repeatable=True, most=1) == retry.Wait(2)


def test_a_named_wait_is_kept_and_an_unnamed_one_is_spread() -> None:
    assert retry.decide(throttled(2), attempt=1, slept=0, repeatable=False, jitter=0.9) == retry.Wait(2)
    assert retry.decide(throttled(1), attempt=2, slept=1, repeatable=False, jitter=0.9) == retry.Wait(2)
    assert retry.decide(throttled(None), attempt=1, slept=0, repeatable=False, jitter=0.9) == retry.Wait(1.9)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("0", 0.0),
        ("-3", 0.0),
        ("1,200", 1200.0),
        ("Sun, 01 Nov 2026 10:00:30 GMT", 30.0),
        ("Sun, 01 Nov 2026 09:00:00 GMT", 0.0),
        ("Fri, 01 Nov 2126 10:00:00 GMT", 86_400.0),
        ("nan", None),
        ("inf", 86_400.0),
        ("soon", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, now=datetime(2026, 11, 1, 10, 0, tzinfo=UTC)) == seconds


def test_rows_with_the_same_key_differ_in_their_pattern() -> None:
    seen: set[tuple[Any, ...]] = set()
    for rule in RULES:
        assert (rule.key, rule.pattern) not in seen
        seen.add((rule.key, rule.pattern))
