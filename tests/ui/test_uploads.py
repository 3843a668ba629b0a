"""What is sent and too long is refused before it is read: to every URL, by strangers and by people signed in."""

from typing import Any
from uuid import UUID

import pytest
from django.core.files import uploadhandler
from django.test import Client
from django.test.client import FakePayload

from core.roles import Role
from masterdata.models import Company
from tests.every_url.urls import ADMIN_ENDPOINTS, ENDPOINTS, Endpoint

MB = 2**20
OF_STRANGERS_KB = {"sync:web-hook": 512}
"""What takes more from whoever is not signed in: Dataverse sends up to 256 KB, and some."""


class Untouched(FakePayload):
    """A body that nobody may read."""

    def read(self, *_: Any) -> bytes:
        raise AssertionError("the body was read")


def send(client: Client, url: str, length: int, *, method: str = "POST") -> Any:
    form = "multipart/form-data; boundary=x"
    given = {"CONTENT_LENGTH": length, "CONTENT_TYPE": form, "wsgi.input": Untouched()}
    return client.generic(method, url, b"", form, **given)


def given(company: str) -> dict[str, Any]:
    return {
        "company": company, "table": "customer", "system_id": UUID(int=1), "mapping": "CUSTOMER", "pk": 1,
        "name": "index", "what": "fields", "to": "on", "step": "before-you-start", "kind": "csv", "part": "name",
        "object_id": "1", "id": 1, "content_type_id": 1, "app_label": "jobs", "url": "x",
        "uidb64": "MQ", "token": "not-a-token", "field": 1, "table_id": 1, "template_id": 1, "side": "table",
        "how": "leaving", "tree": "e30", "preview": 1, "undo": 1, "full_preview": 1, "receiver": 1, "hook": UUID(int=1),
    }  # fmt: skip


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_stranger_s_large_body_is_refused_by_every_url_and_never_read(db: None, method: str) -> None:
    client = Client(enforce_csrf_checks=True)
    endpoints: list[Endpoint] = [*ENDPOINTS, *ADMIN_ENDPOINTS]
    assert len(endpoints) > 150
    for endpoint in endpoints:
        if endpoint.name == "admin:app_list":
            continue
        most_kb = OF_STRANGERS_KB.get(endpoint.name, 64)
        answer = send(client, endpoint.url(given("anywhere")), most_kb * 1024 + 1, method=method)
        assert answer.status_code == 413, endpoint.name
        text = answer.content.decode()
        assert "This is too large" in text
        assert f"{most_kb} KB" in text


def test_an_address_that_is_not_there_reads_nothing_either(db: None) -> None:
    assert send(Client(), "/nothing/", 400 * MB).status_code in (302, 404)


@pytest.mark.parametrize(
    ("path", "length", "refused"),
    [
        ("/preferences/appearance/", 4 * MB + 1, "4 MB"),
        ("/c/cronus/jobs/queue/cancel/", 5 * MB, "4 MB"),
        ("/admin/masterdata/customer/add/", 5 * MB, "4 MB"),
        ("/c/cronus/import/", 301 * MB, "300 MB"),
    ],
)
def test_what_no_page_takes_is_refused_for_people_who_are_signed_in(
    signed_in: Any, path: str, length: int, refused: str
) -> None:
    Company.objects.create(name="Cronus", currency_code="EUR")
    answer = send(signed_in(Role.ADMINISTRATOR), path, length)
    assert answer.status_code == 413
    assert refused in answer.content.decode()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, None])
def test_a_large_file_is_not_read_for_somebody_who_may_not_import_it(signed_in: Any, role: Role | None) -> None:
    Company.objects.create(name="Cronus", currency_code="EUR")
    answer = send(signed_in(role), "/c/cronus/import/", 5 * MB)
    assert answer.status_code == 413
    assert "4 MB" in answer.content.decode()


@pytest.mark.parametrize(("path", "length"), [("/preferences/appearance/", 4 * MB), ("/c/cronus/import/", 300 * MB)])
def test_what_a_page_takes_is_read(signed_in: Any, path: str, length: int) -> None:
    Company.objects.create(name="Cronus", currency_code="EUR")
    with pytest.raises(AssertionError, match="the body was read"):
        send(signed_in(Role.ADMINISTRATOR), path, length)


@pytest.mark.parametrize("length", ["many", "-1", "", "0"])
def test_a_length_that_is_none_is_no_error(db: None, length: str) -> None:
    answer = Client(enforce_csrf_checks=True).generic("POST", "/sign-in/", b"", CONTENT_LENGTH=length)
    assert answer.status_code == 403


def test_signing_in_is_short_enough(db: None) -> None:
    sent = {"username": "u" * 1000, "password": "p" * 4096, "next": "/" + "x" * 2000}
    assert Client().post("/sign-in/", sent).status_code == 200


def test_no_file_is_begun_for_a_stranger(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    monkeypatch.setattr(uploadhandler.TemporaryFileUploadHandler, "new_file", lambda *_, **__: begun.append("a file"))
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + b"0" * (5 * MB) + b"\r\n--x--\r\n"
    answer = Client(enforce_csrf_checks=True).generic("POST", "/sign-in/", body, "multipart/form-data; boundary=x")
    assert answer.status_code == 413
    assert begun == []
