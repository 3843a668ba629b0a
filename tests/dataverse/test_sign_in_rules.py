"""What Microsoft's sign-in refuses reads as a sentence with a remedy and who can give it, also when nobody knows it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataverse.errors import SignInError, Unavailable
from dataverse.sign_in_rules import GRANT_CONSENT, consent_problem, sign_in_error
from sandbox.identity.policy import KEY_REASONS, TEXTS

TENANT = "an administrator of the tenant"
ROWS: list[tuple[str, str, str, str]] = [
    # error, AADSTS number, part of what happened, part of what to do and who can
    ("unauthorized_client", "50194", "one tenant alone", "Enter the Tenant ID"),
    ("invalid_request", "50011", "Redirect URLs", "Add it there"),
    ("interaction_required", "50105", "assigned to it", TENANT),
    ("invalid_grant", "65001", "consent to use Dataverse", GRANT_CONSENT),
    ("access_denied", "65004", "cancelled", "accept the permissions"),
    ("access_denied", "90094", "may not consent", "who may consent for everyone"),
    ("access_denied", "90095", "may not consent", GRANT_CONSENT),
    ("invalid_client", "650052", "has no Dataverse", "environment's tenant"),
    ("invalid_client", "650057", "permission to use Dataverse", "Whoever owns the registration"),
    ("interaction_required", "53000", "managed device", TENANT),
    ("interaction_required", "53003", "conditional access", "name the policy"),
    ("interaction_required", "53004", "from this place or at this risk", TENANT),
    ("invalid_grant", "70043", "sign in again after some time", "what was prepared so far is kept"),
    ("interaction_required", "50076", "second factor", "client secret or a certificate"),
    ("access_denied", "530035", "security defaults", TENANT),
    ("invalid_grant", "50020", "another tenant", "invite"),
    ("invalid_request", "90038", "another cloud", "right Cloud"),
    ("invalid_client", "700025", "public client", "Allow public client flows to No"),
    ("invalid_client", "7000215", "Client Secret is not right", "secret's value"),
    ("invalid_client", "7000222", "has expired", "Create a new one"),
    ("unauthorized_client", "700016", "does not know the Client ID", "Compare"),
    ("invalid_request", "90002", "no tenant with this Tenant ID", "Cloud"),
    ("invalid_scope", "1002012", "fault of this program", "Give the detail"),
    ("invalid_grant", "50173", "revoked", "Sign in again"),
]


@pytest.mark.parametrize(("error", "number", "message", "fix"), ROWS, ids=[row[1] for row in ROWS])
def test_a_known_number_says_what_happened_and_who_can_help(error: str, number: str, message: str, fix: str) -> None:
    found = sign_in_error(error, f"AADSTS{number}: Whatever it says today.\r\nTrace ID: 1\r\nCorrelation ID: 2")
    assert isinstance(found, SignInError)
    assert (found.code, found.said) == (f"AADSTS{number}", f"AADSTS{number}: Whatever it says today.")
    assert message in found.message
    assert fix in found.fix


def test_every_number_the_stand_in_gives_has_a_sentence_and_a_remedy_of_its_own() -> None:
    for number, (_, _, error, text) in TEXTS.items():
        found = sign_in_error(error, f"AADSTS{number}: {text}")
        assert found.fix, number
        assert text not in found.message, f"{number} is known: its own words stand in the detail alone"


def test_three_reasons_of_700027_are_three_sentences() -> None:
    told = {reason: sign_in_error("invalid_client", f"AADSTS700027: {text}") for reason, text in KEY_REASONS.items()}
    assert "not registered" in told["not registered"].message
    assert "has expired" in told["expired"].message
    assert "not that of the registered certificate's key" in told["other key"].message


def test_the_legacy_password_names_the_switch_that_it_needs() -> None:
    said = "AADSTS7000218: The request body must contain the following parameter: 'client_assertion'"
    assert "Allow public client flows to Yes" in sign_in_error("invalid_client", said, password=True).fix
    assert "Enter the Client Secret" in sign_in_error("invalid_client", said).fix


def test_a_second_factor_is_confirmed_by_a_person_and_kept_from_a_password() -> None:
    said = "AADSTS50076: Due to a configuration change you must use multi-factor authentication."
    assert "confirm it on Microsoft's page" in sign_in_error("interaction_required", said, person=True).fix
    assert "certificate" in sign_in_error("interaction_required", said).fix


@given(st.sampled_from(["invalid_grant", "interaction_required", "made_up", ""]), st.text(max_size=80), st.booleans())
def test_what_nobody_has_seen_yet_still_has_a_usable_sentence(error: str, text: str, person: bool) -> None:
    found = sign_in_error(error, text, person=person)
    assert re.match(r"[A-Z]", found.message)
    assert found.message.endswith((".", "!", "?", "…"))
    assert found.fix.endswith(".")


def test_error_decides_before_the_number() -> None:
    later = sign_in_error("temporarily_unavailable", "AADSTS50194: not now")
    assert isinstance(later, Unavailable)
    assert later.repeat
    unknown = sign_in_error("interaction_required", "AADSTS9999999: Something new.")
    assert "only a person in a browser" in unknown.message
    assert "Something new." in unknown.message


def test_admin_consent_is_judged_by_its_error_and_not_by_what_it_is_called() -> None:
    whole = {"admin_consent": "True", "tenant": "t", "state": "s"}
    assert consent_problem({**whole, "scope": "x"}) is None
    declined = consent_problem({**whole, "error": "consent_required", "error_description": "AADSTS65004: no"})
    assert declined is not None
    assert "Consent was not given" in declined.message
    assert consent_problem({"state": "s"}) is not None
    refused = consent_problem({**whole, "error": "access_denied", "error_description": "AADSTS90093: not you"})
    assert refused is not None
    assert "may not consent for everyone" in refused.message
    other = consent_problem({**whole, "error": "invalid_request", "error_description": "AADSTS53003: policy"})
    assert other is not None
    assert "conditional access" in other.message
