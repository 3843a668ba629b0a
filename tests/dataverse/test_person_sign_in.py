"""The client signs in: certificate, legacy password, a person through the browser, and finds their environments."""

import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dataverse import discovery, person_sign_in
from dataverse.client import DataverseClient
from dataverse.errors import AccessDenied, NotAMember, SignInError
from dataverse.types import Certificate, ClientSecret, Credentials, Environment, UserPassword
from sandbox.testing import Sandbox
from tests.sandbox.browsing import sign_in
from tests.sandbox.test_identity import key_and_certificate

CALLBACK = "http://127.0.0.1:8000/oauth/"


def environment_of(sandbox: Any) -> Environment:
    return Environment(sandbox.environment_url, ca_file=sandbox.ca_file, loopback_allowed=True)


def credentials_of(sandbox: Any, credential: Any = None, **more: Any) -> Credentials:
    return Credentials(
        more.get("authority", sandbox.authority), sandbox.client_id, credential or ClientSecret(sandbox.client_secret)
    )


def test_a_registered_certificate_signs_in_and_an_unregistered_one_is_refused(sandbox: Sandbox) -> None:
    private, certificate, _ = key_and_certificate()
    credential = Certificate(private, certificate)
    client = DataverseClient(environment_of(sandbox), credentials_of(sandbox, credential))
    with pytest.raises(SignInError, match="Upload its public part"):
        client.who_am_i()
    sandbox.control("POST", "applications", {"client_id": sandbox.client_id, "certificates": [certificate]})
    assert str(client.who_am_i().organization_id) == sandbox.environment.organization_id
    sandbox.control("POST", "faults", [{"path": "WhoAmI", "fault": "401"}])
    assert client.who_am_i()
    # An assertion from three hours ago is refused: the machine's clock is the cause, and is named.
    sandbox.control("PUT", "clock", {"offset_s": 3 * 3600})
    with pytest.raises(SignInError, match="machine's clock"):
        client.who_am_i()


def password_client(sandbox: Sandbox, name: str, password: str) -> DataverseClient:
    return DataverseClient(environment_of(sandbox), credentials_of(sandbox, UserPassword(name, password)))


def test_the_legacy_password_signs_in_as_the_person(sandbox: Sandbox) -> None:
    client = password_client(sandbox, sandbox.admin_user, sandbox.admin_password)
    me = client.get("systemusers", client.who_am_i().user_id, select=["domainname"])
    assert me["domainname"] == sandbox.admin_user
    sandbox.control("PUT", "clock", {"offset_s": 2 * 3600})
    assert client.who_am_i()


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ({"second_factor": True}, "second factor"),
        ({"disabled": True}, "disabled"),
        ({"password": "another"}, "user name or the password"),
    ],
)
def test_a_refused_password_says_why(sandbox: Sandbox, about: dict[str, Any], says: str) -> None:
    name = "somebody@tandem-sandbox.example"
    sandbox.control("POST", "people", {"name": name, "password": "word", **about})
    with pytest.raises(SignInError) as error:
        password_client(sandbox, name, "word").who_am_i()
    assert says in error.value.user_message
    assert "word" not in repr(UserPassword(name, "word")).replace("password", "").replace("UserPassword", "")


def test_an_unlicensed_person_is_denied_with_the_next_step(sandbox: Sandbox) -> None:
    name = "somebody@tandem-sandbox.example"
    sandbox.control("POST", "people", {"name": name, "password": "word", "licensed": False})
    with pytest.raises(AccessDenied, match="licence"):
        password_client(sandbox, name, "word").who_am_i()


def came_back(sandbox: Sandbox, started: person_sign_in.Started, **more: Any) -> dict[str, Any]:
    name, password = more.pop("name", sandbox.admin_user), more.pop("password", sandbox.admin_password)
    return sign_in(sandbox, started.address, name, password, **more)


def started(sandbox: Sandbox, **more: Any) -> person_sign_in.Started:
    return person_sign_in.begin(credentials_of(sandbox), environment_of(sandbox), redirect_url=CALLBACK, **more)


def finished(sandbox: Sandbox, **more: Any) -> person_sign_in.Person:
    begun = started(sandbox)
    flow = json.loads(json.dumps(begun.flow))  # it waits in a session
    return person_sign_in.finish(
        credentials_of(sandbox), environment_of(sandbox), flow, came_back(sandbox, begun, **more)
    )


def test_a_person_signs_in_and_the_client_works_as_them(sandbox: Sandbox) -> None:
    person = finished(sandbox)
    assert (person.name, person.tenant_id) == (sandbox.admin_user, sandbox.tenant_id)
    client = DataverseClient(environment_of(sandbox), person.tokens_for(environment_of(sandbox)))
    me = client.get("systemusers", client.who_am_i().user_id, select=["domainname", "azureactivedirectoryobjectid"])
    assert me["domainname"] == sandbox.admin_user
    assert me["azureactivedirectoryobjectid"] == person.object_id


def test_a_sign_in_is_restored_in_another_process_without_showing_its_tokens(sandbox: Sandbox) -> None:
    person = finished(sandbox)
    stored = person.to_json()
    again = person_sign_in.restore(credentials_of(sandbox), environment_of(sandbox), stored)
    assert (again.name, again.tenant_id, again.object_id) == (person.name, person.tenant_id, person.object_id)
    client = DataverseClient(environment_of(sandbox), again.tokens_for(environment_of(sandbox)))
    assert client.who_am_i()
    assert discovery.find_instances(again, environment_of(sandbox)), "other services of the same sign-in, too"
    assert stored not in repr(again)
    empty = json.dumps({"tokens": "{}", "claims": {}})
    with pytest.raises(SignInError, match="has expired"):
        person_sign_in.restore(credentials_of(sandbox), environment_of(sandbox), empty)


def test_the_address_carries_a_proof_key_and_no_verifier(sandbox: Sandbox) -> None:
    begun = started(sandbox, login_hint="ada@x.example")
    query = parse_qs(urlsplit(begun.address).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["response_mode"] == ["query"]
    assert query["login_hint"] == ["ada@x.example"]
    assert f"{sandbox.environment_url}/user_impersonation" in query["scope"][0]
    assert begun.flow["code_verifier"] not in begun.address


def test_the_token_is_refreshed_when_it_has_expired_or_was_refused(sandbox: Sandbox) -> None:
    client = DataverseClient(environment_of(sandbox), finished(sandbox).tokens_for(environment_of(sandbox)))
    assert client.who_am_i()
    sandbox.control("PUT", "clock", {"offset_s": 2 * 3600})
    assert client.who_am_i()
    sandbox.control("POST", "faults", [{"path": "WhoAmI", "fault": "401"}])
    assert client.who_am_i()
    sandbox.control("POST", "people", {"name": sandbox.admin_user, "disabled": True, "roles": ["System Administrator"]})
    sandbox.control("PUT", "clock", {"offset_s": 4 * 3600})
    with pytest.raises(SignInError, match="disabled"):
        client.who_am_i()


def test_a_declined_sign_in_says_so(sandbox: Sandbox) -> None:
    with pytest.raises(SignInError, match="cancelled") as error:
        finished(sandbox, answer="cancel")
    assert error.value.code == "AADSTS65004"


def test_the_answer_to_another_sign_in_is_refused(sandbox: Sandbox) -> None:
    one, two = started(sandbox), started(sandbox)
    returned = came_back(sandbox, one)
    with pytest.raises(SignInError, match="does not belong"):
        person_sign_in.finish(credentials_of(sandbox), environment_of(sandbox), two.flow, returned)
    # The state alone is not enough: the identity must carry this sign-in's nonce.
    swapped = {**one.flow, "nonce": two.flow["nonce"]}
    with pytest.raises(SignInError, match="does not belong"):
        person_sign_in.finish(credentials_of(sandbox), environment_of(sandbox), swapped, returned)


def test_a_code_is_accepted_once(sandbox: Sandbox) -> None:
    begun = started(sandbox)
    returned = came_back(sandbox, begun)
    assert person_sign_in.finish(credentials_of(sandbox), environment_of(sandbox), begun.flow, returned)
    with pytest.raises(SignInError) as error:
        person_sign_in.finish(credentials_of(sandbox), environment_of(sandbox), begun.flow, returned)
    assert error.value.code == "AADSTS54005"


CLAIMS = {"aud": "app", "tid": "7a9d1c52-5f0e-4b6a-9a55-3a1f0c9b7d10", "exp": 4_000_000_000}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, ""),
        ({"nonce": "another"}, "does not belong"),
        ({"nonce": None}, "does not belong"),
        ({"aud": "another"}, "does not belong"),
        ({"tid": "3f8b6a90-1d27-4c1e-8f2b-95d0e4c7a6b8"}, "another tenant"),
        ({"tid": None}, "another tenant"),
        ({"exp": time.time() - 3600}, "expired"),
        ({"exp": None}, "expired"),
        ({"iss": "https://login.example/another/v2.0"}, "does not belong"),
    ],
)
def test_the_identity_token_is_for_this_application_and_tenant_and_not_expired(
    change: dict[str, Any], says: str
) -> None:
    tenant = CLAIMS["tid"]
    sent = person_sign_in.hashlib.sha256(b"n").hexdigest()
    claims = {**CLAIMS, "iss": f"https://login.microsoftonline.com/{tenant}/v2.0", "nonce": sent, **change}
    credentials = Credentials(f"https://login.microsoftonline.com/{tenant}", "app", ClientSecret("x"))
    if not says:
        person_sign_in._check_identity(claims, credentials, "n")
        return
    with pytest.raises(SignInError, match=says):
        person_sign_in._check_identity(claims, credentials, "n")


def test_the_environments_of_a_person_are_discovered(sandbox: Sandbox) -> None:
    person, environment = finished(sandbox), environment_of(sandbox)
    sandbox.control("POST", "environments", {"name": "Alpha"})
    sandbox.control("POST", "environments", {"tenant": "other"})
    found = discovery.find_instances(person, environment)
    assert [one.name for one in found] == ["Alpha", "Tandem Sandbox"]
    assert found[1].url == sandbox.environment_url
    assert found[1].administrator
    (one,) = discovery.find_instances(person, environment, unique_name=found[0].unique_name, enabled_only=True)
    assert one.name == "Alpha"
    # One sign-in reaches the other environment as well.
    other = Environment(one.url, ca_file=sandbox.ca_file, loopback_allowed=True)
    assert DataverseClient(other, person.tokens_for(other)).who_am_i().organization_id == one.id
    sandbox.control("PUT", "environment", {"disabled": True})
    assert [one.name for one in discovery.find_instances(person, environment, enabled_only=True)] == ["Alpha"]


def test_an_environment_of_another_tenant_does_not_know_the_person(sandbox: Sandbox) -> None:
    name = "stranger@tandem-sandbox.example"
    sandbox.control("POST", "people", {"name": name, "password": "word", "member": False})
    person = finished(sandbox, name=name, password="word")
    client = DataverseClient(environment_of(sandbox), person.tokens_for(environment_of(sandbox)))
    with pytest.raises(NotAMember):
        client.who_am_i()
    assert discovery.find_instances(person, environment_of(sandbox)) == []


@pytest.mark.parametrize(
    ("url", "discovery_url", "accepted"),
    [
        ("https://127.0.0.1:8443", "https://127.0.0.1:9443", True),
        ("https://127.0.0.1:8443", "https://globaldisco.crm.dynamics.com", False),
        ("https://localhost:8443", "https://127.0.0.1:9443", False),
        ("https://contoso.crm4.dynamics.com", "https://globaldisco.crm.dynamics.com", True),
    ],
)
def test_this_machine_is_an_environment_only_for_a_discovery_on_this_machine(
    url: str, discovery_url: str, accepted: bool
) -> None:
    anywhere = Environment("https://contoso.crm4.dynamics.com", loopback_allowed=True)
    assert discovery._may_be_environment(url, anywhere, discovery_url) is accepted
