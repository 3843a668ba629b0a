"""A canary of every kind of secret, put in wherever one can be, encryption keys among them; found nowhere.

Client secret, legacy password, private key, the private key that waits, an administrator's tokens, keys pasted, sent as
files and made here, what a credential provider gives. The search and its helpers are those of test_secret_leaks.
"""

from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from connection_setup.enabling import services as enabling_services
from connection_setup.encryption import services as encryption
from connection_setup.models import AdministratorSignIn, DataverseConnection
from connection_setup.provisioning import preparation
from connection_setup.provisioning import sign_in as administrator
from connection_setup.secrets import credentials, keyring, sealing
from connection_setup.secrets.sealing import unseal
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.connection_setup.secrets.test_credentials import PAIRS
from tests.every_url import test_secret_leaks
from tests.every_url.leak_search import Watch
from tests.every_url.test_secret_leaks import SECRET, command, connect, everything, given, person
from tests.every_url.urls import ENDPOINTS
from tests.sandbox.browsing import sign_in

pytestmark = pytest.mark.timeout(240)

OFFICE = "c4n~ary office\"<&>'word/+%41é"
PROVIDED = "c4n~ary.provided_\"<&>'secret/+%41é"
PASTED, SENT, BROKEN = (Fernet.generate_key().decode() for _ in range(3))

SAYS_WHAT_A_KEY_LOOKS_LIKE = b"which begin with -----BEGIN PRIVATE KEY----- and -----BEGIN CERTIFICATE-----."

watch, company, reported = test_secret_leaks.watch, test_secret_leaks.company, test_secret_leaks.reported


def provider(company: Any) -> dict[str, str]:
    """Return a credential provider."""
    return {"client_id": company.connection.client_id, "client_secret": PROVIDED}


@pytest.fixture
def told(watch: Watch) -> Watch:
    """Return the search, for the further kinds too."""
    kinds = {"the legacy password": OFFICE, "what the provider gives": PROVIDED, "a pasted key": PASTED,
             "a key sent as a file": SENT, "a key that was not kept": BROKEN}  # fmt: skip
    for name, secret in kinds.items():
        watch.hide(name, secret)
    return watch


def hide_key(watch: Watch, name: str, pem: str) -> str:
    for line in pem.splitlines()[1:-2]:
        watch.hide(name, line)
    return pem


def post(watch: Watch, client: Client, company: Company, name: str, **sent: Any) -> Any:
    """Send a form through its endpoint; what comes back, with its headers, is looked through."""
    answer = client.post(reverse(f"connection_setup:{name}", kwargs={"company": company.slug}), sent, follow=True)
    page = answer.content.replace(SAYS_WHAT_A_KEY_LOOKS_LIKE, b"")
    watch.look(f"page {name}", page + repr(answer.headers).encode())
    return answer


def search_every_page(watch: Watch, client: Client, company: Company) -> int:
    """Every page there is, looked through."""
    pages = 0
    for endpoint in ENDPOINTS:
        if endpoint.name != "ui:sign-out":
            answer = client.get(endpoint.url(given(company)))
            watch.look(f"page {endpoint.name}", b"".join(answer) if answer.streaming else answer.content)
            pages += 1
    return pages


def file(text: str, name: str = "secret.pem") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


def administrator_signs_in(company: Company, user: User, sandbox: Sandbox) -> AdministratorSignIn:
    """Return an administrator's tokens, kept with the sign-in."""
    address = administrator.begin(company=company, user=user, session_key="s", return_url="/")
    back = sign_in(sandbox, address, sandbox.admin_user, sandbox.admin_password)
    signed_in = administrator.finish(session_key="s", user=user, returned=back)
    assert not signed_in.problem
    assert "eyJ" in unseal(signed_in.sealed), "the tokens are in there"
    return signed_in


@pytest.mark.processes
def test_no_kind_of_secret_is_found_anywhere(
    told: Watch, company: Company, sandbox: Sandbox, tmp_path: Path, reported: list[str], settings: Any
) -> None:
    watch = told
    client = person(watch, tmp_path)
    connect(watch, client, company, sandbox)
    place = {
        "environment_url": sandbox.environment_url, "tenant_id": sandbox.tenant_id, "client_id": sandbox.client_id,
        "cloud": "commercial", "ownership_model": "team",
    }  # fmt: skip

    # Keys: pasted, sent as a file, made here and offered once, given back, rotated.
    post(watch, client, company, "encryption-enable", key=PASTED[:-1])
    post(watch, client, company, "encryption-enable", key=PASTED)
    post(watch, client, company, "encryption-change", key_file=file(f"# kept\n{SENT}\n", "key.txt"))
    post(watch, client, company, "encryption-change")
    made = watch.hide("a key made here", keyring.keys()[0].secret)
    copy = client.post(reverse("connection_setup:encryption-copy", kwargs={"company": company.slug}))
    assert made in copy.content.decode(), "offered once, to whoever asked"
    post(watch, client, company, "encryption-copy")
    post(watch, client, company, "encryption-rotate")
    post(watch, client, company, "encryption-disable")
    post(watch, client, company, "encryption-enable", key=PASTED)
    post(watch, client, company, "encryption-enable", key=SENT)

    # An administrator's tokens.
    ada = User.objects.get(username="ada")
    enabling_services.disable(company=company, user=None)
    signed_in = administrator_signs_in(company, ada, sandbox)
    watch.look("steps of a preparation", repr(preparation.take_all_steps(signed_in)))
    post(watch, client, company, "encryption-change")
    watch.hide("another key made here", keyring.keys()[0].secret)

    # A certificate's key, and one that waits beside it.
    key = hide_key(watch, "the private key", PAIRS.one.private_key_pem)
    waiting = hide_key(watch, "the private key that waits", PAIRS.other.private_key_pem)
    known = [pair.certificate_pem for pair in (PAIRS.one, PAIRS.other)]
    sandbox.control("POST", "applications", {"client_id": sandbox.client_id, "certificates": known})
    by_certificate = {**place, "authentication_type": "certificate"}
    post(watch, client, company, "save", **by_certificate, certificate_file=file(key))
    post(watch, client, company, "enable", **by_certificate, certificate_file=file(PAIRS.one.bundle))
    assert DataverseConnection.objects.get().enabled
    post(watch, client, company, "certificate-offer", certificate_file=file(waiting))
    post(watch, client, company, "certificate-offer", certificate_file=file(PAIRS.other.bundle))
    stored = DataverseConnection.objects.get()
    assert unseal(stored.private_key) == PAIRS.one.private_key_pem
    assert unseal(stored.next_private_key) == PAIRS.other.private_key_pem
    post(watch, client, company, "encryption-rotate")
    pages = search_every_page(watch, client, company) if command(watch, "fullsync", "--company", company.name) else 0
    post(watch, client, company, "certificate-switch")

    # Enabling forgot the administrator's tokens; others wait until the end.
    assert not AdministratorSignIn.objects.exists()
    enabling_services.disable(company=company, user=None)
    administrator_signs_in(company, ada, sandbox)

    # The legacy password.
    legacy = {**place, "authentication_type": "office365", "user_name": "integration@contoso.com"}
    post(watch, client, company, "save", **legacy, user_password=OFFICE)
    post(watch, client, company, "test", **legacy, user_password=OFFICE)
    assert unseal(DataverseConnection.objects.get().user_password) == OFFICE

    # What a provider gives.
    post(watch, client, company, "save", **place, authentication_type="client_secret", client_secret=SECRET)
    settings.CREDENTIAL_PROVIDER = f"{__name__}.provider"
    assert credentials.provided(DataverseConnection.objects.get())
    for name in ("test", "enable"):
        post(watch, client, company, name, **{**place, "authentication_type": "client_secret"})
    for words in (("connection", "status"), ("connection", "test"), ("fullsync", "--recommendations")):
        command(watch, *words, "--company", company.name)
    command(watch, "rotate_keys")
    assert AdministratorSignIn.objects.count() == 1
    pages += search_every_page(watch, client, company)
    assert pages > 150
    assert encryption.read_state().enabled
    assert len(encryption.read_state().secrets) >= 4
    everything(watch)
    assert {"database", "broker", "page", "command", "file"} <= set(watch.looked)


@pytest.mark.parametrize(
    "place",
    [
        "connection_setup.secrets.keyring._write",
        "connection_setup.secrets.keyring.promote",
        "connection_setup.secrets.sealing.MultiFernet",
    ],
)
@pytest.mark.parametrize("way", ["pasted", "sent"])
def test_an_error_of_our_own_tells_nobody_the_key(
    told: Watch, company: Company, reported: list[str], monkeypatch: pytest.MonkeyPatch, place: str, way: str
) -> None:
    DataverseConnection.objects.create(company=company, client_secret=sealing.seal(SECRET))
    client = Client(raise_request_exception=False)
    client.force_login(
        User.objects.create_superuser("ada", password="x"), backend="django.contrib.auth.backends.ModelBackend"
    )
    monkeypatch.setattr(place, test_secret_leaks._breaks)
    sent = {"key": BROKEN} if way == "pasted" else {"key_file": file(f"{BROKEN}\n", "key.txt")}
    answer = client.post(reverse("connection_setup:encryption-enable", kwargs={"company": company.slug}), sent)
    assert answer.status_code == 500
    assert reported == ["broken on purpose"]
    told.look("page of an error", answer.content)
    monkeypatch.undo()
    everything(told)
