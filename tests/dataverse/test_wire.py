"""What goes over the wire, what is repeated, and what is never sent: against a scripted HTTPS server."""

import base64
import itertools
import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus
from uuid import UUID, uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from dataverse import connection_pool as pool
from dataverse import http_session
from dataverse.client import DataverseClient
from dataverse.errors import (
    ConfigurationError,
    DataverseError,
    Duplicate,
    Invalid,
    InvalidAnswer,
    SignInError,
    Throttled,
    Unavailable,
    VersionMismatch,
)
from dataverse.http_session import Timeouts
from dataverse.types import Certificate, ClientSecret, Credentials, Environment, Request, Usage, WhoAmI
from tests.dataverse.server import TENANT, Received, Reply, Server, refused, write_certificate

ROW = "11111111-2222-3333-4444-555555555555"
BODY = {"value": [{"accountid": ROW, "name": "Adatum"}]}


def scripted(*replies: Reply) -> Callable[[Received], Reply]:
    """Return the replies in order, and the last one again and again."""
    left = list(replies)
    return lambda received: left.pop(0) if len(left) > 1 else left[0]


def test_a_request_carries_the_token_and_the_protocols_headers(server: Server, client: DataverseClient) -> None:
    server.answer = scripted(Reply(body=BODY))
    page = client.first_page("accounts", select=["name"], filter="name eq 'Ünal & Co'", page_size=50)
    received = server.api[0]
    assert page.rows == BODY["value"]
    assert received.headers["Authorization"] == "Bearer token-1"
    assert received.headers["OData-Version"] == "4.0"
    assert received.headers["Prefer"] == "odata.maxpagesize=50"
    assert received.path.startswith("/api/data/v9.2/accounts?$select=name&$filter=name%20eq%20'%C3%9Cnal%20%26%20Co'")
    assert received.headers["x-ms-client-request-id"]
    assert "Cookie" not in received.headers


def test_the_token_is_requested_once_and_shared_by_clients(
    server: Server, client_of: Callable[..., DataverseClient]
) -> None:
    server.answer = scripted(Reply(body=BODY))
    for _ in range(3):
        client_of("the same secret").first_page("accounts", select=["name"])
    assert server.tokens == 1
    client_of("another secret").first_page("accounts", select=["name"])
    assert server.tokens == 2


def test_a_refused_token_is_renewed_once(server: Server, client: DataverseClient) -> None:
    server.answer = scripted(refused(401), Reply(body=BODY))
    assert client.first_page("accounts", select=["name"]).rows
    assert [received.headers["Authorization"] for received in server.api] == ["Bearer token-1", "Bearer token-2"]
    server.answer = scripted(refused(401))
    with pytest.raises(SignInError):
        client.first_page("accounts", select=["name"])
    assert server.tokens == 3


def test_a_corrected_sign_in_works_at_once(server: Server, client: DataverseClient) -> None:
    server.sign_in = lambda received: (
        server.token(received)
        if received.method == "GET"
        else Reply(
            400, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
        )
    )
    with pytest.raises(SignInError, match="Client Secret is not right") as error:
        client.who_am_i()
    assert error.value.code == "AADSTS7000215"
    server.sign_in = server.token
    server.answer = scripted(Reply(body=BODY))
    assert client.first_page("accounts", select=["name"]).rows


def test_a_certificate_signs_in_with_an_assertion_that_its_key_signed(server: Server) -> None:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tandem")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
    credential = Certificate(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode(),
    )
    environment = Environment(server.url, ca_file=server.ca_file, loopback_allowed=True)
    client = DataverseClient(environment, Credentials(f"{server.url}/{TENANT}", "client", credential))
    server.answer = scripted(Reply(body=BODY))
    assert client.first_page("accounts", select=["name"]).rows
    (sent,) = [parse_qs(received.body.decode()) for received in server.received if received.path.endswith("/token")]
    assert "client_secret" not in sent
    head, claims, signature = sent["client_assertion"][0].split(".")
    padded = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in (head, claims, signature)]
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256().digest_size)
    key.public_key().verify(padded[2], f"{head}.{claims}".encode(), pss, hashes.SHA256())
    assert json.loads(padded[1])["iss"] == "client"
    assert sent["scope"] == [f"{server.url}/.default"]
    assert credential.private_key_pem not in repr(credential)


def test_an_unknown_tenant_is_reported_with_the_sign_in_service_s_code(server: Server, client: DataverseClient) -> None:
    server.sign_in = lambda received: Reply(
        400, {"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant 'x' not found. Trace ID: 1"}
    )
    with pytest.raises(SignInError, match="no tenant with this Tenant ID") as error:
        client.who_am_i()
    assert error.value.code == "AADSTS90002"


def test_a_short_wait_is_slept_and_a_long_one_raised(
    server: Server, client: DataverseClient, slept: list[float]
) -> None:
    server.answer = scripted(refused(429, "0x80072322", Retry_After="3"), Reply(body=BODY))
    assert client.first_page("accounts", select=["name"]).rows
    assert slept == [3.0]
    assert client.usage.throttled == 1
    server.answer = scripted(refused(429, "0x80072322", Retry_After="120"))
    with pytest.raises(Throttled) as error:
        client.first_page("accounts", select=["name"])
    assert error.value.retry_after == 120
    assert error.value.said == "no", "the service's own words, for support"
    assert slept == [3.0]


@pytest.mark.parametrize("named", ["0", "-1", "Sun, 01 Nov 1998 09:00:00 GMT"])
def test_a_limit_that_names_no_wait_is_retried_a_few_times_and_then_raised(
    server: Server, client: DataverseClient, slept: list[float], named: str
) -> None:
    server.answer = scripted(refused(429, "0x80072322", Retry_After=named))
    with pytest.raises(Throttled) as error:
        client.first_page("accounts", select=["name"])
    assert error.value.retry_after is not None
    assert error.value.retry_after >= 8
    assert 2 <= len(server.api) <= 6
    assert all(later > earlier for earlier, later in itertools.pairwise(slept))


def test_a_waiting_request_waits_as_long_as_another_was_told_to_meanwhile(
    server: Server, client_of: Callable[..., DataverseClient]
) -> None:
    """Two requests are under way; one is told to wait a second, and meanwhile the other to wait two."""
    came: list[float] = []

    def answer(received: Received) -> Reply:
        came.append(time.monotonic())
        if len(came) > 2:
            return Reply(body=BODY)
        if "contacts" in received.path:
            time.sleep(0.5)
            return refused(429, "0x80072322", Retry_After="2")
        time.sleep(0.1)
        return refused(429, "0x80072322", Retry_After="1")

    server.answer = answer
    client = client_of(sleep=time.sleep)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(client.first_page, name, select=["name"]) for name in ("accounts", "contacts")]:
            assert done.result().rows
    first, *_, third, _ = came
    assert third - first >= 2.4, "sent during the wait that the service asked for"


def test_a_request_waiting_for_a_slot_is_not_sent_during_a_wait_that_began_meanwhile(
    server: Server, client_of: Callable[..., DataverseClient]
) -> None:
    """Six requests for the one slot there is at first: the one that has it is refused, and five are queued."""
    came: list[float] = []

    def answer(received: Received) -> Reply:
        came.append(time.monotonic())
        if len(came) > 1:
            return Reply(body=BODY)
        time.sleep(0.3)
        return refused(429, "0x80072322", Retry_After="1")

    server.answer = answer
    client = client_of(sleep=time.sleep)
    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(client.first_page, "accounts", select=["name"]) for _ in range(6)]:
            assert done.result().rows
    assert len(came) == 7
    assert came[1] - came[0] >= 1.25, "sent during the wait that the service asked for"


def test_a_throttled_part_of_a_batch_has_all_requests_of_the_user_wait(
    server: Server, client_of: Callable[..., DataverseClient]
) -> None:
    """The answer around the part says 200. Others are queued behind it, and one comes while the batch waits."""
    came: list[float] = []
    under_way = threading.Event()

    def answer(received: Received) -> Reply:
        came.append(time.monotonic())
        if len(came) == 1:
            under_way.set()
            time.sleep(0.3)
            return batch_answer((429, "Retry-After: 1", SLOW_DOWN))
        return batch_answer((204, 'ETag: W/"1"', b"")) if "$batch" in received.path else Reply(body=BODY)

    server.answer = answer
    client, other = client_of(sleep=time.sleep), client_of(sleep=time.sleep)
    with ThreadPoolExecutor(6) as pool:
        batch = pool.submit(client.batch, PATCHES[:1])
        assert under_way.wait(10)
        reads = [pool.submit(client.first_page, "accounts", select=["name"]) for _ in range(3)]
        deadline = time.monotonic() + 10
        while not client.usage.throttled:  # from here on the batch waits
            assert time.monotonic() < deadline
            time.sleep(0.01)
        reads += [pool.submit(client.first_page, "accounts", select=["name"]) for _ in range(2)]
        assert all(one.result().rows for one in reads)
        assert batch.result()[0].error is None
    assert other.first_page("accounts", select=["name"]).rows
    assert len(came) == 8
    assert min(came[1:]) - came[0] >= 1.25, "sent during the wait that the service asked for"


def test_a_long_wait_named_by_a_part_of_a_batch_holds_for_the_next_request(
    server: Server, client: DataverseClient, slept: list[float]
) -> None:
    server.answer = scripted(batch_answer((429, "Retry-After: 120", SLOW_DOWN)), Reply(body=BODY))
    (result,) = client.batch(PATCHES[:1])
    assert isinstance(result.error, Throttled)
    with pytest.raises(Throttled) as error:
        client.first_page("accounts", select=["name"])
    assert 110 < (error.value.retry_after or 0) <= 120
    assert (len(server.api), slept) == (1, [])


def test_a_part_of_a_batch_that_is_always_throttled_is_retried_a_few_times(
    server: Server, client: DataverseClient, slept: list[float]
) -> None:
    server.answer = lambda received: batch_answer((429, "Retry-After: 0", SLOW_DOWN))
    (result,) = client.batch(PATCHES[:1])
    assert isinstance(result.error, Throttled)
    assert 2 <= len(server.api) <= 6
    assert sum(slept) <= 30


def test_a_create_refused_for_a_limit_is_sent_again(server: Server, client: DataverseClient) -> None:
    made = Reply(204, headers={"OData-EntityId": f"{server.url}/api/data/v9.2/accounts({ROW})"})
    server.answer = scripted(refused(429, Retry_After="1"), made)
    assert str(client.create("accounts", {"name": "x"})) == ROW


@pytest.mark.parametrize("fault", [Reply(drop=True), Reply(200, BODY, cut=True), refused(503), refused(500)])
def test_a_read_with_a_lost_answer_is_repeated(server: Server, client: DataverseClient, fault: Reply) -> None:
    server.answer = scripted(fault, Reply(body=BODY))
    assert client.first_page("accounts", select=["name"]).rows
    assert len(server.api) == 2


def test_a_create_with_a_lost_answer_is_not_repeated_and_has_an_unknown_outcome(
    server: Server, client: DataverseClient
) -> None:
    server.answer = scripted(Reply(drop=True))
    with pytest.raises(Unavailable) as error:
        client.create("accounts", {"name": "x"})
    assert error.value.outcome_unknown
    assert len(server.api) == 1
    with pytest.raises(Unavailable) as error:
        client.create_multiple("accounts", "account", [{"name": "x"}])
    assert error.value.outcome_unknown
    assert len(server.api) == 2


def test_a_create_with_its_own_id_and_a_lost_answer_is_repeated_and_duplicate_is_read_back(
    server: Server, client: DataverseClient
) -> None:
    """A refusal as a duplicate proves nothing: another row may have the same key."""
    there = Reply(200, b'{"accountid": "x"}')
    server.answer = scripted(Reply(drop=True), refused(412, "0x80040237"), there)
    assert str(client.create("accounts", {"accountid": ROW, "name": "x"}, primary_id="accountid")) == ROW
    assert [received.method for received in server.api] == ["POST", "POST", "GET"]
    server.answer = scripted(Reply(drop=True), refused(412, "0x80040237"), refused(404, "0x80040217"))
    with pytest.raises(Duplicate):
        client.create("accounts", {"accountid": ROW, "name": "x"}, primary_id="accountid")


def test_a_change_is_repeated_with_the_same_version(server: Server, client: DataverseClient) -> None:
    server.answer = scripted(Reply(drop=True), Reply(204))
    client.update("accounts", ROW, {"name": "x"}, if_match='W/"7"')
    assert [received.headers["If-Match"] for received in server.api] == ['W/"7"', 'W/"7"']
    server.answer = scripted(refused(412, "0x80060882"))
    with pytest.raises(VersionMismatch):
        client.delete("accounts", ROW, if_match='W/"7"')


def test_a_redirect_is_not_followed(server: Server, client: DataverseClient) -> None:
    server.answer = scripted(Reply(302, headers={"Location": "https://example.com/login"}))
    with pytest.raises(ConfigurationError, match=r"redirect to https://example\.com"):
        client.who_am_i()
    assert len(server.api) == 1


def test_the_body_of_a_redirect_is_read_within_the_timeout(
    server: Server, client_of: Callable[..., DataverseClient]
) -> None:
    client = client_of(timeouts=Timeouts(1, 1, 1))
    server.answer = scripted(Reply(302, body=b"x" * 10_000, headers={"Location": "https://example.com/"}, drip_s=0.1))
    started = time.monotonic()
    with pytest.raises(DataverseError):
        client.update("accounts", ROW, {"name": "x"})
    assert time.monotonic() - started < 8  # four attempts of a second
    assert {received.path.split("?")[0] for received in server.api} == {f"/api/data/v9.2/accounts({ROW})"}


@pytest.mark.parametrize(
    "link",
    [
        "https://example.com/api/data/v9.2/accounts?$skiptoken=1",
        "http://127.0.0.1:{port}/api/data/v9.2/accounts",
        "https://127.0.0.1:{port}/other?x=/api/data/",
        "https://127.0.0.1:{port}@example.com/api/data/v9.2/accounts",
        "https://user@127.0.0.1:{port}/api/data/v9.2/accounts",
        "https://127.0.0.1:{port}",
        "https://127.0.0.1:{port}?/api/data/",
        "https://127.0.0.1:{port}\\@example.com/api/data/v9.2/accounts",
        "https://example.com\\@127.0.0.1:{port}/api/data/v9.2/accounts",
        "https://127.0.0.1:{port}/api/data/v9.2/acc\tounts",
        "https://127.0.0.1:{port}/api/data/v9.2/accounts\r\nX: y",
        "https://127.0.0.1:{port}/api/data/../other",
        "https://127.0.0.1:{port}/api/data/%2e%2e/other",
        "https://[127.0.0.1:{port}/api/data/v9.2/accounts",
        "://",
    ],
)
def test_a_link_to_another_origin_or_path_is_refused_and_nothing_is_sent(
    server: Server, client: DataverseClient, link: str
) -> None:
    link = link.format(port=server.http.server_port)
    with pytest.raises(InvalidAnswer):
        client.page(link)
    assert not server.api
    server.answer = scripted(Reply(body={**BODY, "@odata.nextLink": link}))
    with pytest.raises(InvalidAnswer):
        list(client.pages("accounts", select=["name"]))
    assert len(server.api) == 1


def test_a_filter_with_a_web_address_in_it_is_no_link(server: Server, client: DataverseClient) -> None:
    server.answer = scripted(Reply(body=BODY))
    client.page("accounts?$filter=websiteurl%20eq%20'https://contoso.example'")
    assert len(server.api) == 1


def test_pages_are_followed_to_the_delta_link_and_deleted_rows_are_separate(
    server: Server, client: DataverseClient
) -> None:
    root = f"{server.url}/api/data/v9.2/accounts"
    deleted = {"@odata.context": f"{root}/$metadata#accounts/$deletedEntity", "id": ROW, "reason": "deleted"}
    server.answer = scripted(
        Reply(body={**BODY, "@odata.nextLink": f"{root}?$skiptoken=2"}),
        Reply(body={"value": [deleted], "@odata.deltaLink": f"{root}?$deltatoken=5"}),
    )
    pages = list(client.pages("accounts", select=["name"], track_changes=True))
    assert [len(page.rows) for page in pages] == [1, 0]
    assert [str(row_id) for row_id in pages[1].deleted] == [ROW]
    assert pages[1].delta_link == f"{root}?$deltatoken=5"
    assert all("odata.track-changes" in received.headers["Prefer"] for received in server.api)


@pytest.mark.parametrize("body", [b"<html>maintenance</html>", b"{}", b'{"value": 1}', b"", b"null"])
def test_an_answer_that_is_no_page_is_an_error_never_an_empty_page(
    server: Server, client: DataverseClient, body: bytes
) -> None:
    server.answer = scripted(Reply(200, body))
    with pytest.raises((InvalidAnswer, Unavailable)):
        client.first_page("accounts", select=["name"])


@pytest.mark.parametrize("reply", [Reply(body=BODY, wait_s=1.5), Reply(body=BODY, drip_s=0.1)])
def test_a_late_or_slow_answer_ends_at_the_timeout(
    server: Server, client_of: Callable[..., DataverseClient], reply: Reply
) -> None:
    server.answer = scripted(reply)
    client = client_of(timeouts=Timeouts(1, 0.5, 0.8))
    started = time.monotonic()
    with pytest.raises(Unavailable) as error:
        client.create("accounts", {"name": "x"})
    assert error.value.outcome_unknown
    assert time.monotonic() - started < 1.4


def test_many_threads_share_one_token_and_every_request_is_counted(server: Server, client: DataverseClient) -> None:
    server.answer = scripted(Reply(body=BODY))
    with ThreadPoolExecutor(16) as pool:
        pages = list(pool.map(lambda _: client.first_page("accounts", select=["name"]), range(200)))
    assert len(pages) == 200
    assert server.tokens == 1
    assert client.usage.requests == 200
    assert client.usage.rows_read == 200


def test_a_withdrawn_token_is_renewed_at_most_once_per_thread(server: Server, client: DataverseClient) -> None:
    server.answer = lambda received: (
        Reply(body=BODY) if received.headers["Authorization"] != "Bearer token-1" else refused(401)
    )
    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda _: client.first_page("accounts", select=["name"]), range(40)))
    assert len(pages) == 40
    assert server.tokens <= 9


def test_a_server_that_is_down_is_reported_with_the_next_step(server: Server, client: DataverseClient) -> None:
    server.stop()
    with pytest.raises(Unavailable, match="cannot be reached") as error:
        client.create("accounts", {"name": "x"})
    assert not error.value.outcome_unknown


def test_a_certificate_that_is_not_trusted_stops_before_anything_is_sent(server: Server) -> None:
    environment = Environment(server.url, loopback_allowed=True)
    stranger = DataverseClient(environment, Credentials(f"{server.url}/{TENANT}", "client", ClientSecret(str(uuid4()))))
    with pytest.raises(ConfigurationError, match="not trusted"):
        stranger.who_am_i()
    assert not server.received


def test_a_certificate_bundle_and_a_proxy_in_the_environment_leave_the_sandbox_alone(
    server: Server, client: DataverseClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_certificate(tmp_path / "other.pem", tmp_path / "other-key.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other.pem"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server.answer = scripted(Reply(body=BODY))
    assert client.first_page("accounts", select=["name"]).rows
    session = http_session.Session(["https://contoso.crm4.dynamics.com"], ca_file=server.ca_file)
    merged = session.merge_environment_settings("https://contoso.crm4.dynamics.com/api", {}, True, None, None)
    assert merged["verify"] == str(tmp_path / "other.pem")
    assert merged["proxies"]["https"] == "http://127.0.0.1:9"


def test_a_netrc_does_not_replace_the_token(
    server: Server, client: DataverseClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    server.answer = scripted(Reply(body=BODY))
    client.first_page("accounts", select=["name"])
    assert server.api[0].headers["Authorization"] == "Bearer token-1"


@pytest.mark.parametrize(
    "url", ["https://example.com/api", "http://contoso.crm4.dynamics.com/api", "https://127.0.0.1/"]
)
def test_a_session_talks_to_its_origins_alone(url: str) -> None:
    with pytest.raises(ConfigurationError, match="was not sent"):
        http_session.Session(["https://contoso.crm4.dynamics.com"]).get(url)


def test_a_loopback_address_needs_permission() -> None:
    environment = Environment("https://127.0.0.1:8443")
    with pytest.raises(ConfigurationError, match="this machine itself"):
        DataverseClient(environment, Credentials(f"https://127.0.0.1:8443/{TENANT}", "client", ClientSecret("x")))


def test_hooks_see_every_request_before_it_is_sent(server: Server, client: DataverseClient) -> None:
    seen: list[str] = []

    def hook(method: str, url: str) -> None:
        seen.append(method)

    server.answer = scripted(Reply(body=BODY))
    http_session.before_send.append(hook)
    try:
        client.first_page("accounts", select=["name"])
    finally:
        http_session.before_send.remove(hook)
    assert seen == ["GET", "POST", "GET"]


def batch_answer(*parts: tuple[int, str, bytes]) -> Reply:
    lines = []
    for status, header, body in parts:
        lines += ["--b", "Content-Type: application/http", "", f"HTTP/1.1 {status} X", header, "", body.decode()]
    text = "\r\n".join([*lines, "--b--", ""])
    return Reply(200, text.encode(), {"Content-Type": "multipart/mixed; boundary=b"})


PATCHES = [Request("PATCH", f"accounts({uuid4()})", {"name": str(n)}, {"If-Match": "*"}) for n in range(3)]
SLOW_DOWN = json.dumps({"error": {"code": "0x80072322", "message": "slow"}}).encode()


def test_every_part_of_a_batch_has_its_own_result_and_throttled_ones_are_sent_again(
    server: Server, client: DataverseClient, slept: list[float]
) -> None:
    wrong = json.dumps({"error": {"code": "0x80044331", "message": "long"}}).encode()
    server.answer = scripted(
        batch_answer((204, 'ETag: W/"1"', b""), (400, "X: y", wrong), (429, "Retry-After: 2", SLOW_DOWN)),
        batch_answer((204, 'ETag: W/"3"', b"")),
    )
    first, second, third = client.batch(PATCHES)
    assert (first.status, first.headers["etag"], first.error) == (204, 'W/"1"', None)
    assert isinstance(second.error, Invalid)
    assert second.error.reason == "value_too_long"
    assert third.headers["etag"] == 'W/"3"'
    assert slept == [2.0]
    assert server.api[1].body.count(b"PATCH ") == 1
    assert client.usage.rows_written == 2
    assert server.api[0].headers["Prefer"] == "odata.continue-on-error"


def test_without_continue_on_error_requests_after_a_refusal_are_not_done(
    server: Server, client: DataverseClient
) -> None:
    wrong = json.dumps({"error": {"code": "0x80044331", "message": "long"}}).encode()
    reply = batch_answer((204, "A: b", b""), (400, "X: y", wrong))
    reply.status = 400
    server.answer = scripted(reply)
    results = client.batch(PATCHES, continue_on_error=False)
    assert [type(result.error) for result in results] == [type(None), Invalid, Invalid]
    assert results[2].status == 0


def test_a_batch_of_changes_is_repeated_and_one_with_creates_is_not(server: Server, client: DataverseClient) -> None:
    done = batch_answer(*[(204, "A: b", b"")] * 3)
    server.answer = scripted(Reply(drop=True), done)
    assert len(client.batch(PATCHES)) == 3
    server.answer = scripted(Reply(drop=True), done)
    with pytest.raises(Unavailable) as error:
        client.batch([Request("POST", "accounts", {"name": "x"})])
    assert error.value.outcome_unknown


def test_secrets_and_tokens_are_in_no_log_error_or_repr(
    server: Server, client_of: Callable[..., DataverseClient], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "s3cr3t~" + uuid4().hex
    server.answer = scripted(refused(503), refused(400, "0x80040203"))
    client = client_of(secret)
    with pytest.raises(DataverseError) as error:
        client.first_page("accounts", select=["name"], filter="telephone1 eq '555 0100'")
    texts = [caplog.text, repr(error.value), error.value.detail, error.value.user_message, repr(vars(client))]
    texts.append(repr(Credentials("a", "b", ClientSecret(secret))))
    for text in texts:
        assert secret not in text
        assert "token-1" not in text
        assert "555 0100" not in text


def test_the_recommended_concurrency_is_remembered(server: Server, client: DataverseClient) -> None:
    assert client.concurrency == 1
    server.answer = scripted(Reply(body=BODY, headers={"x-ms-dop-hint": "8"}))
    client.first_page("accounts", select=["name"])
    assert client.concurrency == 8


def test_a_proxy_that_asks_for_a_sign_in_is_named(server: Server, client: DataverseClient) -> None:
    server.answer = scripted(Reply(407, b"", {"Content-Type": "text/html"}))
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY"):
        client.who_am_i()


def test_bodies_are_json_numbers_and_text(server: Server, client: DataverseClient) -> None:
    from decimal import Decimal

    server.answer = scripted(Reply(204))
    client.update("accounts", ROW, {"creditlimit": Decimal("10.50"), "name": "Ünal", "none": None})
    sent: Any = json.loads(server.api[0].body)
    assert sent == {"creditlimit": 10.5, "name": "Ünal", "none": None}


def test_a_request_ends_when_its_job_s_time_is_up(server: Server, client_of: Callable[..., DataverseClient]) -> None:
    class Hurried(Usage):
        def seconds_left(self) -> float:
            return 0.3

    client = client_of(usage=Hurried(), timeouts=Timeouts(30, 30, 30))
    client.usage.answered = 0
    server.answer = scripted(Reply(body=BODY, wait_s=2))
    started = time.monotonic()
    with pytest.raises(Unavailable) as error:
        client.create("accounts", {"name": "x"})
    assert error.value.outcome_unknown
    assert time.monotonic() - started < 1.9
    server.answer = scripted(refused(400))
    with pytest.raises(Invalid):
        client.first_page("accounts", select=["name"])
    assert client.usage.answered == 1


def test_no_queued_request_is_sent_during_a_wait_that_begins_meanwhile(
    server: Server, client_of: Callable[..., DataverseClient]
) -> None:
    """Until a number is recommended one request is sent at a time: the others queue behind the refused one."""
    moments: list[float] = []

    def answer(received: Received) -> Reply:
        moments.append(time.monotonic())
        first = len(moments) == 1
        return refused(429, "0x80072322", "slow down", Retry_After="1.5") if first else Reply(body=BODY, wait_s=0.02)

    server.answer = answer
    client = client_of(sleep=time.sleep)
    with ThreadPoolExecutor(6) as threads:
        pages = [threads.submit(client.first_page, "accounts", select=["name"]) for _ in range(6)]
        assert all(one.result().rows for one in pages)
    assert len(moments) == 7
    assert min(moments[1:]) - moments[0] >= 1.5


def test_a_connection_taken_after_the_service_asked_to_wait_is_given_back_unused(
    server: Server, client: DataverseClient
) -> None:
    server.answer = scripted(Reply(body=BODY))
    assert client.first_page("accounts", select=["name"]).rows
    url, session = f"{server.url}/api/data/v9.2/accounts", client._transport._session
    for _ in range(40):  # more often than there are connections: none is lost
        with pytest.raises(pool.SendNotAllowed), pool.check_before_send(lambda: False):
            session.get(url)
    assert len(server.api) == 1
    with pool.check_before_send(lambda: True):
        assert session.get(url).json() == BODY
    assert len(server.api) == 2


# -- who is accepted before anything is asked ------------------------------------------------------------------------

WHO = {"UserId": str(UUID(int=1)), "BusinessUnitId": str(UUID(int=2)), "OrganizationId": str(UUID(int=3))}


def answer_who(received: Received) -> Reply:
    return Reply(body=WHO if received.path.endswith("WhoAmI") else BODY)


def test_who_is_signed_in_is_accepted_once_before_the_first_request(
    server: Server, client_of: Callable[..., DataverseClient]
) -> None:
    server.answer = answer_who
    seen: list[WhoAmI] = []
    client = client_of(accept=seen.append)
    with ThreadPoolExecutor(6) as threads:
        pages = [threads.submit(client.first_page, "accounts", select=["name"]) for _ in range(6)]
        assert all(one.result().rows for one in pages)
    assert [one.organization_id for one in seen] == [UUID(int=3)]
    assert [one.path.rpartition("/")[2].partition("?")[0] for one in server.api].count("WhoAmI") == 1
    assert server.api[0].path.endswith("WhoAmI")
    assert client.who_am_i() == seen[-1], "the thread that made it is answered anew, and so is accepted anew"
    assert len(seen) == 2


def test_nothing_is_asked_of_an_environment_that_is_not_accepted(
    server: Server, client_of: Callable[..., DataverseClient]
) -> None:
    server.answer = answer_who

    def refuse(who: WhoAmI) -> None:
        raise LookupError(who.organization_id)

    client = client_of(accept=refuse)
    for ask in (
        lambda: client.first_page("accounts", select=["name"]),
        lambda: client.page(f"{server.url}/api/data/v9.2/accounts?$deltatoken=1"),
        lambda: client.table("account"),
        lambda: client.batch([Request("GET", "accounts")]),
        lambda: client.create("accounts", {"name": "a"}),
        lambda: list(client.map(lambda one: client.function(one), ["a", "b"])),
        client.who_am_i,
    ):
        with pytest.raises(LookupError):
            ask()
    assert [one.path.rpartition("/")[2] for one in server.api] == ["WhoAmI"]


@pytest.mark.parametrize("there", [True, False])
def test_a_member_that_may_be_there_already_is_asked_for_alone(
    server: Server, client: DataverseClient, there: bool
) -> None:
    team, user = "11111111-2222-3333-4444-555555555555", "11111111-2222-3333-4444-666666666666"

    def answer(received: Any) -> Reply:
        if received.method == "GET":
            return Reply(200, {"value": [{"systemuserid": user}] if there else []})
        return Reply(412, {"error": {"code": "0x80040237", "message": "Cannot insert duplicate key."}})

    server.answer = answer
    if there:
        client.associate("teams", team, "teammembership_association", "systemusers", user)
    else:
        with pytest.raises(Duplicate):
            client.associate("teams", team, "teammembership_association", "systemusers", user)
    asked = unquote_plus(server.api[-1].path)
    assert asked.endswith(f"teammembership_association?$select=systemuserid&$filter=systemuserid eq {user}")
