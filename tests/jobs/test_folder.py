"""The broker in a folder, where processes are killed in the middle of writing."""

import fcntl
import threading
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

import config  # noqa: F401 - names the transport


@pytest.fixture
def broker(tmp_path: Path):
    for name in ("messages", "control"):
        (tmp_path / name).mkdir()

    def connected() -> Connection:
        messages, control = str(tmp_path / "messages"), str(tmp_path / "control")
        options = {"data_folder_in": messages, "data_folder_out": messages, "control_folder": control}
        return Connection("filesystem://localhost/", transport_options=options)

    return connected


def taken(connection: Connection, name: str) -> list[object]:
    """All messages that are there."""
    found = []
    with connection.SimpleQueue(name) as queue:
        while True:
            try:
                message = queue.get(block=False)
            except Empty:
                return found
            message.ack()
            found.append(message.payload)


def test_half_a_message_is_passed_over(broker, tmp_path):
    with broker() as connection, connection.SimpleQueue("messages") as queue:
        queue.put({"n": 1})
        (tmp_path / "messages" / "0_half.messages.msg").write_bytes(b"")
        (tmp_path / "messages" / "1_half.messages.msg").write_bytes(b'{"body": "eyJ')
        queue.put({"n": 2})
        assert taken(connection, "messages") == [{"n": 1}, {"n": 2}]
    assert not list((tmp_path / "messages").iterdir())


def test_messages_sent_in_a_burst_are_taken_in_their_order(broker):
    with broker() as connection, connection.SimpleQueue("burst") as queue:
        for n in range(100):
            queue.put({"n": n})
        assert taken(connection, "burst") == [{"n": n} for n in range(100)]


def test_a_message_stays_in_the_brokers_folder_until_a_reader_has_it(broker, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "no" / "such" / "folder"))
    with broker() as connection, connection.SimpleQueue("kept") as queue:
        queue.put({"n": 1})
        (message,) = (tmp_path / "messages").iterdir()

        def killed(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as dying:
            dying.setattr(Path, "unlink", killed)
            with pytest.raises(KeyboardInterrupt):
                taken(connection, "kept")
        assert message.exists()
        assert taken(connection, "kept") == [{"n": 1}]
    assert not list((tmp_path / "messages").iterdir())


@pytest.mark.parametrize(("name", "half"), [("empty", b""), ("cut", b'[["cu')])
def test_half_a_table_of_queues_is_written_anew(broker, tmp_path, name, half):
    (tmp_path / "control" / f"{name}.exchange").write_bytes(half)
    with broker() as connection, connection.SimpleQueue(name) as queue:
        queue.put({"n": 1})
        assert taken(connection, name) == [{"n": 1}]


def test_a_sender_waits_for_a_queue_that_another_thread_is_still_declaring(broker, tmp_path):
    def send(n: int) -> None:
        with broker() as connection, connection.SimpleQueue("slow") as queue:
            queue.put({"n": n})

    senders = [threading.Thread(target=send, args=(n,)) for n in range(2)]
    with (tmp_path / "control" / ".lock").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for sender in senders:
            sender.start()
            sender.join(0.5)
    for sender in senders:
        sender.join(10)
    with broker() as connection:
        assert sorted(found["n"] for found in taken(connection, "slow")) == [0, 1]


def test_readers_never_see_a_message_that_is_being_written(broker):
    writing, found, wrong = 200, [], []

    def write(name: int) -> None:
        with broker() as connection, connection.SimpleQueue("busy") as queue:
            for n in range(writing):
                queue.put([name, n, "x" * 20_000])

    def read() -> None:
        try:
            with broker() as connection:
                while len(found) < 2 * writing and not done.is_set():
                    found.extend(taken(connection, "busy"))
        except Exception as error:
            wrong.append(error)

    done = threading.Event()
    writers = [threading.Thread(target=write, args=(name,)) for name in range(2)]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join(60)
    for _ in range(200):
        if len(found) == 2 * writing or wrong:
            break
        threading.Event().wait(0.05)
    done.set()
    for thread in readers:
        thread.join(10)
    assert not wrong
    assert sorted((name, n) for name, n, _ in found) == [(name, n) for name in range(2) for n in range(writing)]
