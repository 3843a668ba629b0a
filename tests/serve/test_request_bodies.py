"""Bodies of requests: what arrives slowly ends, and keeps neither the threads nor the application."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from gunicorn.http.body import Body as GunicornBody
from gunicorn.http.body import LengthReader
from gunicorn.http.unreader import SocketUnreader

from config.request_bodies import (
    MOST_READING,
    SHORT_BYTES,
    Arrived,
    BodyCut,
    LimitedBodies,
    Missing,
    Places,
    read_ahead,
)

SLOW_S = 0.3


class Visitor:
    """Somebody's connection: what they send, and what the application makes of it."""

    def __init__(self, length: int | str, *, chunked: bool = False) -> None:
        self.visitor, self.server = socket.socketpair()
        known = length if isinstance(length, int) else 0
        self.environ: dict[str, Any] = {
            "CONTENT_LENGTH": str(length), "gunicorn.socket": self.server,
            "wsgi.input": GunicornBody(LengthReader(SocketUnreader(self.server), known)),
        }  # fmt: skip
        if chunked:
            self.environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
        self.status = ""

    def request(self, application: LimitedBodies) -> bytes:
        """Ask; the answer's content."""
        parts = application(self.environ, self.start_response)
        try:
            return b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()

    def start_response(self, status: str, _headers: Any) -> None:
        self.status = status

    @property
    def is_cut(self) -> bool:
        """Whether the server reads no more."""
        self.server.settimeout(0.5)
        try:
            return self.server.recv(1) == b""
        except TimeoutError:
            return False

    def drip(self, stop: threading.Event) -> None:
        """Send a byte now and then."""
        while not stop.wait(0.02):
            try:
                self.visitor.send(b"a")
            except OSError:
                return


def echo(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [])
    return iter([environ["wsgi.input"].read()])


def ignoring(_: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"not read"]


@pytest.fixture(autouse=True)
def soon(settings: Any) -> None:
    settings.REQUEST_ARRIVAL_S = SLOW_S


@pytest.mark.parametrize("length", [1, 1000, SHORT_BYTES, SHORT_BYTES + 1, 300_000])
def test_what_arrives_is_handed_on_as_it_is(length: int) -> None:
    one = Visitor(length)
    sent = bytes(number % 251 for number in range(length))
    with ThreadPoolExecutor(1) as sender:
        sender.submit(one.visitor.sendall, sent + b"the next request")
        assert one.request(LimitedBodies(echo)) == sent
    assert one.status == "200 OK"


@pytest.mark.parametrize("length", ["", "0", "many", "-5"])
def test_a_request_without_a_body_waits_for_nothing(length: str) -> None:
    assert Visitor(length).request(LimitedBodies(ignoring)) == b"not read"


def test_a_short_body_that_does_not_come_ends_before_the_application_begins() -> None:
    began = time.monotonic()
    one = Visitor(500)
    one.visitor.send(b"a" * 499)
    text = one.request(LimitedBodies(lambda *_: pytest.fail("the application was asked")))
    assert one.status == "408 Request Timeout"
    assert text.startswith(b"The request did not arrive in time, so nothing was done.")
    assert SLOW_S <= time.monotonic() - began < SLOW_S + 2
    assert one.is_cut


@pytest.mark.parametrize("length", [SHORT_BYTES, SHORT_BYTES * 3])
def test_a_body_that_comes_byte_by_byte_ends_too(length: int) -> None:
    one, stop = Visitor(length), threading.Event()
    thread = threading.Thread(target=one.drip, args=(stop,))
    thread.start()
    began = time.monotonic()
    try:
        if length <= SHORT_BYTES:
            one.request(LimitedBodies(echo))
            assert one.status == "408 Request Timeout"
        else:
            with pytest.raises(BodyCut):
                one.request(LimitedBodies(echo))
        assert time.monotonic() - began < SLOW_S + length / 32_768 + 2
    finally:
        stop.set()
        thread.join()


def test_a_form_that_ends_early_is_not_taken_for_a_whole_one() -> None:
    for length in (500, SHORT_BYTES * 2):
        one = Visitor(length)
        one.visitor.send(b"csrfmiddlewaretoken=x&all=1")
        one.visitor.close()
        if length <= SHORT_BYTES:
            one.request(LimitedBodies(echo))
            assert one.status == "408 Request Timeout"
        else:
            with pytest.raises(BodyCut):
                one.request(LimitedBodies(echo))


def test_a_steady_upload_may_take_longer_than_a_form(settings: Any) -> None:
    settings.REQUEST_ARRIVAL_S = 0.2
    one = Visitor(SHORT_BYTES * 2)
    paced = threading.Event()

    def send() -> None:
        for _ in range(16):
            one.visitor.sendall(b"a" * (SHORT_BYTES // 8))
            paced.wait(0.05)  # in all four times what a form may take

    with ThreadPoolExecutor(1) as sender:
        sender.submit(send)
        assert len(one.request(LimitedBodies(echo))) == SHORT_BYTES * 2


@pytest.mark.parametrize("chunked", [False, True])
def test_nobody_waits_for_a_body_that_is_not_read(chunked: bool) -> None:
    one = Visitor(SHORT_BYTES + 1, chunked=chunked)
    assert one.request(LimitedBodies(ignoring)) == b"not read"
    assert one.is_cut


def test_few_threads_wait_for_slow_bodies_and_the_others_are_told_so(settings: Any) -> None:
    settings.REQUEST_ARRIVAL_S = 4
    application = LimitedBodies(echo)
    slow = [Visitor(100) for _ in range(MOST_READING * 3)]
    with ThreadPoolExecutor(len(slow)) as threads:
        asked = [threads.submit(one.request, application) for one in slow]
        answers = [one.result() for one in asked]
    told = sorted(one.status for one in slow)
    assert told == ["408 Request Timeout"] * MOST_READING + ["503 Service Unavailable"] * MOST_READING * 2
    assert sum(answer.startswith(b"Too many requests are arriving slowly") for answer in answers) == MOST_READING * 2
    assert Visitor("0").request(application) == b""


def read_by_the_worker(one: Visitor, length: int, places: Places, key: object = "192.0.2.1") -> Arrived | Missing:
    """Have a thread that reads take the body, and put into the request what came of it."""
    one.environ["wsgi.input"] = found = read_ahead(one.environ["wsgi.input"], one.server, length, places, key)
    return found


def test_a_body_that_is_here_needs_no_place_and_is_handed_on() -> None:
    one = Visitor(100)
    one.visitor.sendall(b"a" * 100 + b"the next request")
    assert isinstance(read_by_the_worker(one, 100, Places(most=0)), Arrived)
    assert one.request(LimitedBodies(echo)) == b"a" * 100
    assert not one.is_cut


def test_few_bodies_of_an_address_are_waited_for_and_those_of_others_still_are(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REQUEST_ARRIVAL_S = 2
    monkeypatch.setattr("config.request_bodies.PROMPT_S", 0.1)
    places = Places(most=4, most_of_a_key=2)
    keys = ["192.0.2.1"] * 5 + ["192.0.2.2"] * 2
    slow = [Visitor(100) for _ in keys]
    application = LimitedBodies(lambda *_: pytest.fail("the application was asked"))
    with ThreadPoolExecutor(len(keys)) as threads:
        read = list(threads.map(lambda one, key: read_by_the_worker(one, 100, places, key), slow, keys))
    assert sorted(one.busy for one in read[:5] if isinstance(one, Missing)) == [False, False, True, True, True]
    assert [one.busy for one in read[5:] if isinstance(one, Missing)] == [False, False]
    for one, found in zip(slow, read, strict=True):
        one.request(application)
        assert one.status == ("503 Service Unavailable" if found.busy else "408 Request Timeout")
        assert one.is_cut
    assert all(places.take(key) for key in (1, 1, 2, 2)), "all were given back"
    assert not places.take(3)
