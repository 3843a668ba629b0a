"""Data Encryption Management: the key is changed while the site runs, and no secret is lost."""

import stat
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from auditlog.models import LogEntry
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from connection_setup.checks import services as checks_services
from connection_setup.connection import settings as connection_settings
from connection_setup.connection import state
from connection_setup.encryption import services as encryption
from connection_setup.models import AdministratorSignIn, DataEncryption, DataverseConnection
from connection_setup.secrets import keyring, sealing
from connection_setup.secrets.keyring import Place
from core.refusals import Refusal
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.connection_setup.conftest import SECRET, fields, signed_in
from tests.connection_setup.provisioning.test_environment import services_currency, values
from tests.connection_setup.setup.test_page import PAGE, text_of
from tests.ui.pages import check

HERE = "/c/cronus-international/data-encryption-management/"
KEY = Fernet.generate_key().decode()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove a key at once after it was replaced."""
    monkeypatch.setattr(keyring, "GRACE_PERIOD", timedelta(0))


def key_file(settings: Any) -> Path:
    return Path(settings.FIELD_ENCRYPTION_KEY_FILE)


def opened(connection: DataverseConnection) -> str:
    connection.refresh_from_db()
    return sealing.unseal(connection.client_secret)


def of_secrets() -> list[Place]:
    return [one.key.place for one in encryption.read_state().secrets if one.key]


def shown(client: Client) -> str:
    return text_of(client.get(HERE).content.decode())


def test_without_encryption_secrets_are_encrypted_with_the_derived_key(
    admin: Client, connection: DataverseConnection, settings: Any
) -> None:
    assert not key_file(settings).exists()
    assert of_secrets() == [Place.SECRET_KEY]
    page = check(admin.get(HERE))
    assert page.h1 == "Data Encryption Management"
    text = shown(admin)
    assert "Data encryption is not enabled." in text
    assert "1 secret cannot be decrypted until the previous one is named in SECRET_KEY_FALLBACKS" in text
    assert "CRONUS International Client Secret" in text
    assert SECRET not in text
    assert settings.SECRET_KEY not in admin.get(HERE).content.decode()
    assert encryption.pending_question() == "Data encryption is not enabled. Enable it?"


def test_enabling_makes_a_key_encrypts_everything_and_offers_the_key_once(
    admin: Client, connection: DataverseConnection, settings: Any
) -> None:
    assert check(admin.get(f"{HERE}enable/")).h1 == "Enable Encryption"
    answer = admin.post(f"{HERE}enable/", follow=True)
    assert answer.redirect_chain[-1][0] == HERE
    text = text_of(answer.content.decode())
    assert "Encryption is enabled. 1 secret was encrypted with the key now in use." in text
    assert "Keep a copy of the new key." in text
    assert of_secrets() == [Place.FILE]
    assert opened(connection) == SECRET
    assert encryption.pending_question() == ""
    assert stat.S_IMODE(key_file(settings).stat().st_mode) == 0o600
    key = keyring.keys()[0]
    assert key.secret in key_file(settings).read_text()

    copy = admin.post(f"{HERE}copy/")
    assert copy["Content-Disposition"].startswith("attachment;")
    assert copy["Cache-Control"] == "no-store"
    assert encryption.parse_key(copy.content.decode()) == key.secret
    again = admin.post(f"{HERE}copy/", follow=True)
    assert key.secret not in again.content.decode()
    assert "downloaded once" in text_of(again.content.decode())
    for url in (HERE, f"{HERE}enable/", f"{HERE}change/", f"{HERE}disable/"):
        assert key.secret not in admin.get(url, follow=True).content.decode()


def test_a_key_may_be_pasted_or_chosen_as_a_file_and_is_not_offered_again(
    admin: Client, connection: DataverseConnection
) -> None:
    admin.post(f"{HERE}enable/", {"key": KEY})
    assert keyring.keys()[0].secret == KEY
    assert "Keep a copy" not in shown(admin)
    other = Fernet.generate_key().decode()
    text = f"# The key that encrypts the secrets of this site.\n{other}\n"
    answer = admin.post(f"{HERE}change/", {"key_file": SimpleUploadedFile("key.txt", text.encode())}, follow=True)
    assert "The encryption key is changed." in text_of(answer.content.decode())
    assert [key.secret for key in keyring.keys()[:2]] == [other, KEY]
    assert opened(connection) == SECRET


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"key": "not a key"}, "It does not contain an encryption key."),
        ({"key": KEY[:-2]}, "It does not contain an encryption key."),
        ({"key_file": b"\xff\xfe\x00"}, "It does not contain an encryption key."),
        ({"key_file": b"x" * 20_000}, "It does not contain an encryption key."),
        ({"key": "x" * 500}, "at most 200 characters"),
    ],
)
def test_an_invalid_key_is_refused_and_changes_nothing(
    admin: Client, connection: DataverseConnection, given: dict[str, Any], sentence: str, settings: Any
) -> None:
    given = {name: SimpleUploadedFile("k", one) if isinstance(one, bytes) else one for name, one in given.items()}
    answer = admin.post(f"{HERE}enable/", given)
    assert sentence in text_of(check(answer).root.text)
    assert not key_file(settings).exists()
    if isinstance(given.get("key"), str):
        assert given["key"] not in answer.content.decode()


def test_the_key_in_use_is_refused_as_a_new_key(connection: DataverseConnection) -> None:
    encryption.enable(user=None, key=KEY)
    with pytest.raises(Refusal, match="in use already"):
        encryption.change_key(user=None, key=KEY)
    with pytest.raises(Refusal, match="enabled already"):
        encryption.enable(user=None)


def test_an_older_key_is_removed_only_when_unused_and_after_the_grace_period(
    connection: DataverseConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    encryption.enable(user=None, key=KEY)
    before = bytes(DataverseConnection.objects.get().client_secret)
    encryption.change_key(user=None)
    assert opened(connection) == SECRET
    assert sealing.unseal(before) == SECRET, "what another process read a moment ago"
    assert encryption.rotate(user=None).dropped == []
    monkeypatch.setattr(keyring, "GRACE_PERIOD", timedelta(0))
    assert encryption.rotate(user=None).dropped == [keyring.Key(KEY, Place.FILE).fingerprint]
    assert opened(connection) == SECRET
    with pytest.raises(sealing.CannotDecrypt):
        sealing.unseal(before)


def test_a_new_key_is_offered_even_if_the_process_died_before_the_commit(
    admin: Client, connection: DataverseConnection
) -> None:
    encryption.enable(user=None)
    encryption.take_key_copy(user=None)
    keyring.promote(keyring.new_key())  # in the file, and then the process died
    encryption.rotate(user=None)
    assert "Keep a copy of the new key." in shown(admin)
    assert encryption.take_key_copy(user=None).secret == keyring.keys()[0].secret
    encryption.rotate(user=None)
    assert "Keep a copy of the new key." not in shown(admin)


def test_leftovers_of_a_killed_write_are_removed_by_the_next_one(
    connection: DataverseConnection, settings: Any
) -> None:
    file = key_file(settings)
    left = file.with_name(f".{file.name}-killed")
    left.write_text(KEY)
    encryption.enable(user=None)
    assert not left.exists()
    assert len(keyring.keys()) > 1


def test_a_key_in_use_is_never_removed(connection: DataverseConnection, later: None, settings: Any) -> None:
    encryption.enable(user=None, key=KEY)
    keyring.promote(keyring.new_key())  # broken off here: nothing is sealed with the new one yet
    assert opened(connection) == SECRET
    assert [one.key.secret for one in encryption.read_state().secrets if one.key] == [KEY]
    done = encryption.rotate(user=None)
    assert done.resealed == 1
    assert len(done.dropped) == 1
    assert opened(connection) == SECRET


def test_disabling_asks_and_encrypts_with_the_key_derived_from_secret_key(
    admin: Client, connection: DataverseConnection, later: None
) -> None:
    encryption.enable(user=None, key=KEY)
    question = text_of(admin.get(f"{HERE}disable/").content.decode())
    assert "Disable encryption?" in question
    assert "1 secret will be encrypted with the key derived from SECRET_KEY" in question
    answer = admin.post(f"{HERE}disable/", follow=True)
    assert "Encryption is disabled. 1 secret was encrypted" in text_of(answer.content.decode())
    assert of_secrets() == [Place.SECRET_KEY]
    assert opened(connection) == SECRET
    assert not encryption.is_enabled()
    assert encryption.rotate(user=None).dropped == [keyring.Key(KEY, Place.FILE).fingerprint]
    assert opened(connection) == SECRET
    again = admin.post(f"{HERE}disable/", follow=True)
    assert "Nothing was changed." in text_of(again.content.decode())


def test_an_administrators_sign_in_is_encrypted_again_too(
    connection: DataverseConnection, django_user_model: Any, later: None
) -> None:
    signed_in_ = AdministratorSignIn.objects.create(
        company=connection.company, user=django_user_model.objects.create_user("ada"), state="s", session="x",
        environment_url=connection.environment_url, credential_version=0, return_url="/", sealed=sealing.seal("tokens"),
    )  # fmt: skip
    assert encryption.enable(user=None).resealed == 2
    encryption.change_key(user=None)
    encryption.rotate(user=None)
    signed_in_.refresh_from_db()
    assert sealing.unseal(signed_in_.sealed) == "tokens"
    assert {one.caption for one in encryption.read_state().secrets} == {"Client Secret", "Administrator's sign-in"}


def test_secrets_without_a_key_are_kept_counted_and_readable_again_with_their_key(
    admin: Client, connection: DataverseConnection, settings: Any
) -> None:
    encryption.enable(user=None, key=KEY)
    key_file(settings).unlink()
    text = shown(admin)
    assert "The encryption key is missing." in text
    assert "Some secrets cannot be decrypted." in text
    assert "Cannot be decrypted" in text
    before = bytes(DataverseConnection.objects.get().client_secret)
    answer = admin.post(f"{HERE}rotate/", follow=True)
    assert "Nothing was changed. The stored secret cannot be opened" in text_of(answer.content.decode())
    assert bytes(DataverseConnection.objects.get().client_secret) == before
    report = checks_services.test_connection(connection=state.connection_of(connection.company))
    assert "SECRET_KEY_FALLBACKS" in str(report.document())
    encryption.enable(user=None, key=KEY)
    assert opened(connection) == SECRET
    assert not encryption.read_state().unreadable


def test_changing_the_key_continues_past_a_secret_that_cannot_be_decrypted(
    admin: Client, connection: DataverseConnection
) -> None:
    lost = Fernet(Fernet.generate_key()).encrypt(b"x")
    DataverseConnection.objects.update(user_password=lost)
    answer = admin.post(f"{HERE}enable/", follow=True)
    assert "1 secret could not be decrypted and stays as it is" in text_of(answer.content.decode())
    assert opened(connection) == SECRET
    connection.refresh_from_db()
    assert bytes(connection.user_password) == lost


def test_an_unreadable_or_unwritable_key_file_is_reported_in_a_sentence(
    admin: Client, connection: DataverseConnection, settings: Any, tmp_path: Path
) -> None:
    key_file(settings).write_text(f"{KEY} 2026-01-01T00:00:00+00:00\nnonsense\n")
    assert "Line 2 of the key file in the state folder is no key." in shown(admin)
    with pytest.raises(sealing.CannotDecrypt, match="Line 2"):
        opened(connection)
    assert "Nothing was changed" in text_of(admin.post(f"{HERE}rotate/", follow=True).content.decode())
    answer = admin.post(f"{PAGE}save/", fields(client_secret="another~secret.value"), follow=True)
    assert "Line 2 of the key file" in text_of(answer.content.decode())
    with pytest.raises(SystemExit):
        call_command("rotate_keys")
    key_file(settings).unlink()
    settings.FIELD_ENCRYPTION_KEY_FILE = tmp_path / "nowhere" / "key"
    answer = admin.post(f"{HERE}enable/")
    assert "The key cannot be stored in the state folder: No such file or directory. Nothing was changed." in text_of(
        answer.content.decode()
    )
    assert opened(connection) == SECRET


def test_keys_of_the_environment_cannot_be_changed_on_the_page(
    admin: Client, connection: DataverseConnection, settings: Any
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [KEY]
    text = shown(admin)
    assert "Enabled, keys named by FIELD_ENCRYPTION_KEYS" in text
    assert "manage.py rotate_keys" in text
    assert "1 secret is encrypted with an older key." in text
    for name in ("enable", "change"):
        answer = text_of(admin.post(f"{HERE}{name}/").content.decode())
        assert "The keys are named by FIELD_ENCRYPTION_KEYS. Change them there." in answer
    assert "Change them there" in text_of(admin.post(f"{HERE}disable/", follow=True).content.decode())
    assert "1 secret was encrypted" in text_of(admin.post(f"{HERE}rotate/", follow=True).content.decode())
    assert of_secrets() == [Place.ENVIRONMENT]
    assert not key_file(settings).exists()


def test_a_key_file_of_the_environment_is_read_again_when_it_changes(
    connection: DataverseConnection, settings: Any, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(KEY)
    settings.FIELD_ENCRYPTION_KEYS, settings.FIELD_ENCRYPTION_KEYS_FILE = [KEY], str(keys)
    call_command("rotate_keys")
    other = Fernet.generate_key().decode()
    closed = Fernet(other).encrypt(SECRET.encode())  # as a process does that has started with the new list
    with pytest.raises(sealing.CannotDecrypt):
        sealing.unseal(closed)
    keys.write_text(f"{other},\n{KEY}\n")
    assert sealing.unseal(closed) == SECRET
    assert sealing.is_current(sealing.seal("x"))
    assert keyring.keys()[0].secret == other
    assert opened(connection) == SECRET


def test_a_key_of_the_file_still_decrypts_once_the_environment_names_the_keys(
    connection: DataverseConnection, settings: Any
) -> None:
    encryption.enable(user=None, key=KEY)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert opened(connection) == SECRET
    encryption.rotate(user=None)
    key_file(settings).unlink()
    assert opened(connection) == SECRET


def test_a_fallback_secret_key_decrypts_what_its_key_encrypted(connection: DataverseConnection, settings: Any) -> None:
    settings.SECRET_KEYS_BEFORE = [settings.SECRET_KEY]
    settings.SECRET_KEY = "n" * 50
    assert opened(connection) == SECRET
    assert len(encryption.read_state().outdated) == 1
    assert encryption.rotate(user=None).resealed == 1
    settings.SECRET_KEYS_BEFORE = []
    assert opened(connection) == SECRET


def test_the_audit_log_names_who_changed_what_without_a_key(admin: Client, connection: DataverseConnection) -> None:
    admin.post(f"{HERE}enable/", {"key": KEY})
    admin.post(f"{HERE}change/")
    made = keyring.keys()[0]
    admin.post(f"{HERE}copy/")
    entries = list(LogEntry.objects.get_for_model(DataEncryption).order_by("pk"))
    assert all(entry.actor.username == "administrator" for entry in entries)
    assert any(entry.changes.get("enabled") == ["False", "True"] for entry in entries)
    assert any(entry.changes.get("offer") == [made.fingerprint, ""] for entry in entries)
    told = str([entry.changes for entry in LogEntry.objects.all()])
    assert KEY not in told
    assert made.secret not in told


def test_a_key_appears_in_no_report_and_no_repr(connection: DataverseConnection) -> None:
    from core.error_reports import own_keys
    from jobs.errors import redact

    encryption.enable(user=None, key=KEY)
    assert KEY in own_keys()
    assert KEY not in redact(f"ValueError: {KEY} is no date")
    assert keyring.derived("x" * 40) not in repr(keyring.Key(keyring.derived("x" * 40), Place.SECRET_KEY))


@pytest.mark.parametrize("role", ["Mapper", "Operator", "Viewer"])
def test_only_administrators_see_it(connection: DataverseConnection, role: str) -> None:
    client = signed_in(role)
    for name in ("", "enable/", "change/", "disable/"):
        assert client.get(HERE + name).status_code == 403
    for name in ("enable/", "change/", "rotate/", "disable/", "copy/"):
        assert client.post(HERE + name).status_code == 403
    assert not encryption.is_enabled()


def test_the_setup_page_leads_there(admin: Client, connection: DataverseConnection) -> None:
    assert check(admin.get(PAGE)).links()["Encryption Management"] == HERE


def test_two_administrators_change_the_key_one_after_the_other(connection: DataverseConnection) -> None:
    user = User.objects.create_user(f"ada-{uuid4()}")
    keys = []
    encryption.enable(user=user)
    for _ in range(5):
        encryption.change_key(user=user)
        keys.append(keyring.keys()[0].secret)
    assert [key.secret for key in keyring.keys()[:5]] == keys[::-1]
    assert opened(connection) == SECRET


# -- the question after Test Connection -------------------------------------------------------------------------------


@pytest.fixture
def tested(admin: Client, company: Company, sandbox: Sandbox) -> DataverseConnection:
    """Settings whose test succeeded."""
    company.currency_code = services_currency(sandbox)
    company.save()
    connection_settings.save_settings(
        connection=state.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )
    admin.post(f"{PAGE}test/")
    return state.connection_of(company)


def asked(client: Client) -> bool:
    return encryption.QUESTION in text_of(client.get(PAGE).content.decode())


def test_a_successful_test_asks_whether_to_enable_encryption_and_yes_leads_to_the_form(
    admin: Client, tested: DataverseConnection
) -> None:
    assert asked(admin)
    answer = admin.post(f"{PAGE}questions/encryption/", {"answer": "yes"}, follow=True)
    assert check(answer).h1 == "Enable Encryption"
    assert answer.redirect_chain[-1][0] == f"{HERE}enable/"
    assert not asked(admin)


def test_no_leaves_encryption_off_and_is_not_asked_again(admin: Client, tested: DataverseConnection) -> None:
    answer = admin.post(f"{PAGE}questions/encryption/", {"answer": "no"}, follow=True)
    assert "You can enable it at any time under Encryption Management." in text_of(answer.content.decode())
    assert not asked(admin)
    assert not encryption.is_enabled()


def test_nothing_is_asked_while_encryption_is_enabled(admin: Client, tested: DataverseConnection) -> None:
    encryption.enable(user=None)
    assert not asked(admin)
