"""Answers must be taken in time: a visitor who does not read keeps no thread of the web server."""

import io
import socket
import threading
import time
from typing import Any

import pytest

from config.web_worker import Outgoing


@pytest.fixture
def ends() -> Any:
    """Provide both ends of a connection that holds little."""
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.mark.parametrize("by", ["sendall", "sendfile"])
def test_a_visitor_who_reads_nothing_is_cut_off(ends: Any, settings: Any, by: str) -> None:
    settings.REQUEST_ARRIVAL_S = 0.1
    ours, began = Outgoing(ends[0]), time.monotonic()
    with pytest.raises(ConnectionResetError):
        ours.sendall(b"x" * 64_000) if by == "sendall" else ours.sendfile(io.BytesIO(b"x" * 64_000), 0, 64_000)
    assert 1 < time.monotonic() - began < 10
    assert ends[0].gettimeout() is None


def test_a_visitor_who_reads_gets_all_that_was_asked_for(ends: Any) -> None:
    content, found = bytes(range(256)) * 2000, bytearray()

    def read() -> None:
        while part := ends[1].recv(10_000):
            found.extend(part)

    reader = threading.Thread(target=read)
    reader.start()
    Outgoing(ends[0]).sendall(b"head")
    Outgoing(ends[0]).sendfile(io.BytesIO(content), 100, 300_000)
    ends[0].close()
    reader.join(10)
    assert bytes(found) == b"head" + content[100:300_100]
