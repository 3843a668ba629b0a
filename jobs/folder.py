"""The broker of an installation without Redis: kombu's filesystem transport, safe to kill.

As it comes, a message is visible before it is written, and a table of queues is rewritten in place: a reader that is
quicker, or a writer that is killed, leaves a worker with half a file, which ends it; half a table ends every worker and
every sender from then on. A message being read lies in the machine's temporary folder, and stays there when its reader
is killed. Here files appear whole or not at all, none leaves the broker's folder, and what cannot be read counts as
lost; the sweep sends what was lost again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from time import time_ns
from typing import Any
from uuid import uuid4

from kombu.transport import filesystem, virtual
from kombu.utils.json import dumps, loads

_kombu: Any = filesystem


class Channel(_kombu.Channel):
    """Messages and tables of queues as whole files."""

    def _put(self, queue: str, payload: Any, **_: Any) -> None:
        name = f"{time_ns()}_{uuid4()}.{queue}.msg"  # readers take names in order; milliseconds would shuffle a burst
        _write(Path(self.data_folder_out) / name, dumps(payload))

    def _get(self, queue: str) -> Any:
        """Return the oldest message. It belongs to who removes its file; until then it stays for the next reader."""
        for file in sorted(Path(self.data_folder_in).iterdir()):
            if file.name.partition(".")[2] != f"{queue}.msg":
                continue
            try:
                text = file.read_text()
                file.unlink()
                return loads(text)
            except (OSError, ValueError):  # another reader was quicker, or half a message, out of the way now
                continue
        raise Empty

    def get_table(self, exchange: str) -> list[Any]:
        """Return the queues bound to an exchange."""
        try:
            found: list[Any] = super().get_table(exchange)
        except ValueError:
            return []
        return found

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        row = _kombu.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self._change(exchange, lambda table: table if row in table else [row, *table])

    def _delete(self, queue: str, exchange: str, routing_key: str, pattern: str, *given: Any, **more: Any) -> None:
        virtual.Channel._delete(self, queue, exchange, routing_key, pattern, *given, **more)  # past the one in place
        row = _kombu.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self._change(exchange, lambda table: [one for one in table if one != row])

    def _change(self, exchange: str, change: Callable[[list[Any]], list[Any]]) -> None:
        file: Path = self._exchange_file(exchange)
        self.control_folder.mkdir(exist_ok=True)
        with self._alone():
            before = self.get_table(exchange)
            if (after := change(before)) != before or not _readable(file):
                _write(file, dumps(after))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.control_folder / ".lock").open("ab") as handle:
            _kombu.lock(handle, _kombu.LOCK_EX)
            try:
                yield
            finally:
                _kombu.unlock(handle)


class Transport(_kombu.Transport):
    """The transport behind filesystem:// addresses (config.celery)."""

    Channel = Channel

    def __init__(self, client: Any, **given: Any) -> None:
        """Bindings are known per connection: one of another thread may be declared, but not yet be in its file."""
        super().__init__(client, **given)
        self.state = virtual.BrokerState()


def _write(file: Path, text: str) -> None:
    """Write the file under another name, then let it appear."""
    part = file.with_name(f".{uuid4()}.part")
    part.write_bytes(text.encode())
    part.replace(file)


def _readable(file: Path) -> bool:
    try:
        loads(file.read_text())
    except (OSError, ValueError):
        return False
    return True
