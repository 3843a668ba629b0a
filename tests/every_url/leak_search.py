"""Where a secret must never turn up, and how it is looked for: as it is, and as programs like to write it."""

import base64
import html
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

from django.conf import settings
from django.db import connection

JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")
"""What every access token looks like, whichever it is."""
KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY")


def spellings(secret: str) -> set[bytes]:
    """Return the secret as it may be written into addresses, pages, documents, dumps and messages."""
    raw = secret.encode()
    told = {
        secret, quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret), repr(secret)[1:-1],
        json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], raw.hex(),
        base64.b64encode(raw).decode().rstrip("=")[:-1], secret.replace("'", "''"),
    }  # fmt: skip
    # Inside of something longer base64 begins at another bit; the middle is the same for three beginnings.
    told |= {base64.b64encode(b"x" * shift + raw).decode()[4:-4] for shift in (1, 2)}
    return {one.encode() for one in told}


class Watch:
    """The secrets of a test, and everything that was looked through for them."""

    def __init__(self) -> None:
        self._known: dict[str, set[bytes]] = {}
        self.looked: dict[str, int] = {}
        self.found: list[str] = []

    def hide(self, name: str, secret: str) -> str:
        """Treat it as a secret from now on."""
        assert len(secret) > 15, "too short to be told from chance"
        self._known[name] = spellings(secret)
        return secret

    def look(self, where: str, content: bytes | str) -> None:
        """Note every secret that is in there."""
        raw = content.encode() if isinstance(content, str) else bytes(content)
        self.looked[where.partition(" ")[0]] = self.looked.get(where.partition(" ")[0], 0) + len(raw)
        for name, told in self._known.items():
            for one in told:
                if (at := raw.find(one)) >= 0:
                    self.found.append(f"{name} in {where}: ...{raw[max(0, at - 200) : at]!r}")
                    break
        for name, pattern in (("a token", JWT), ("a private key", KEY)):
            if match := pattern.search(raw):
                self.found.append(f"{name} in {where}: ...{raw[max(0, match.start() - 200) : match.start()]!r}")


def database() -> Iterator[tuple[str, bytes]]:
    """Every value of every table, as the database holds it."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    if isinstance(value, bytes | memoryview):
                        yield f"database {table}.{name}", bytes(value)
                    elif value not in (None, ""):
                        yield f"database {table}.{name}", str(value).encode()


def empty_database_log() -> None:
    """Have SQLite's log, in which everything stands that was written, hold what is written from now on.

    What other tests wrote makes it a hundred times as long, and has nothing of this test's secrets.
    """
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def broker() -> Iterator[tuple[str, bytes]]:
    """Every message that waits or is kept by the broker."""
    if folder := getattr(settings, "BROKER_DIR", None):
        for file in Path(folder).rglob("*"):
            if file.is_file():
                yield f"broker {file.name}", file.read_bytes()
        return
    import redis

    with redis.Redis.from_url(settings.REDIS_URL) as server:
        for key in server.scan_iter():
            kind = server.type(key)
            values = {
                b"string": lambda key: [server.get(key) or b""],
                b"list": lambda key: server.lrange(key, 0, -1),
                b"hash": lambda key: [part for pair in server.hgetall(key).items() for part in pair],
                b"set": lambda key: list(server.smembers(key)),
                b"zset": lambda key: server.zrange(key, 0, -1),
            }[kind](key)
            for value in values:
                yield f"broker {key!r}", value


def files(folder: Path, *but: str) -> Iterator[tuple[str, bytes]]:
    """Every file in a folder, but those of these names.

    Another process reads them: closing a file of SQLite's here would take away the locks that this process has on it.
    """
    for file in folder.rglob("*"):
        if file.is_file() and file.name not in but:
            yield f"file {file.name}", subprocess.run(["cat", file], capture_output=True, check=False).stdout
