"""Secrets at rest."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from connection_setup.models import DataverseConnection
from connection_setup.secrets import sealing
from tests.connection_setup.conftest import SECRET

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_sealed_secret_opens_to_itself_and_does_not_show_it(secret: str) -> None:
    closed = sealing.seal(secret)
    assert sealing.unseal(memoryview(closed)) == secret
    assert len(secret) < 4 or secret.encode() not in closed


def test_blank_stays_blank() -> None:
    assert sealing.seal("") == b""
    assert sealing.unseal(b"") == ""


def test_an_older_key_still_opens_until_the_keys_are_rotated(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    closed = sealing.seal(SECRET)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    assert sealing.unseal(closed) == SECRET
    assert not sealing.is_current(closed)
    again = sealing.reseal(closed)
    assert sealing.is_current(again)
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert sealing.unseal(again) == SECRET
    with pytest.raises(sealing.CannotDecrypt, match="FIELD_ENCRYPTION_KEYS"):
        sealing.unseal(closed)


def test_the_command_reseals_everything(connection: DataverseConnection, settings: Any, capsys: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [NEW, *settings.FIELD_ENCRYPTION_KEYS]
    call_command("rotate_keys", "--json")
    assert '"secrets": 1' in capsys.readouterr().out
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    connection.refresh_from_db()
    assert sealing.unseal(connection.client_secret) == SECRET


def test_a_lost_key_stops_the_command_and_changes_nothing(
    connection: DataverseConnection, settings: Any, capsys: Any
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    call_command("rotate_keys")
    connection.refresh_from_db()
    before = bytes(connection.client_secret)
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        call_command("rotate_keys", "--json")
    assert ended.value.code == 1
    assert "enter the secret again" in capsys.readouterr().out
    connection.refresh_from_db()
    assert bytes(connection.client_secret) == before
