"""Saves an environment in a file, and reads it again. A new file replaces the old one once it is complete.

The file is a series of msgpack messages, each after its length: first the environment, then each table in blocks.
"""

import os
import struct
from array import array
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from uuid import UUID

import msgspec

from sandbox.data.store import Rows, SavedRows
from sandbox.environment import Credentials, Environment
from sandbox.identity.records import Application, Person, Secret
from sandbox.metadata.model import Choice, OptionSet, Table

FILE = "environment.rows"
_FORMAT = 3
_FIX = "Name another folder, or delete that file to start with a new environment."
_BLOCK_ROWS = 20_000
_LENGTH = struct.Struct(">Q")


class _StoredRow(NamedTuple):
    """A row of a block; `head` is the index of its head among the block's."""

    id: bytes
    head: int
    body: bytes
    version: int


class NotReadable(Exception):
    """The folder's file is no environment that this version saved; the text says what to do."""


def write(environment: Environment, folder: Path) -> None:
    """Save the environment in a folder; readable by its owner only, since it holds the application's secret."""
    with environment.lock:
        saved = environment.store.save()
        links = {name: sorted(pairs) for name, pairs in environment.store.links.items()}
        head = {
            "format": _FORMAT,
            "empty": environment.empty,
            "version": environment.store.version,
            "client_secret": environment.credentials.client_secret,
            "admin_password": environment.credentials.admin_password,
            "organization_id": environment.organization_id,
            "applications": [_describe_application(one) for one in environment.tenant.applications.values()],
            "people": [astuple(one) for one in environment.tenant.people.values()],
            "links": links,
            "tables": list(saved),
            "definitions": [msgspec.to_builtins(table) for table in environment.tables.values()],
            "unpublished": msgspec.to_builtins(environment.unpublished),
            "choices": [msgspec.to_builtins(one) for one in environment.choices.values()],
        }
        shared = {name: list(rows.shared) for name, rows in environment.store.rows.items()}
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f"{FILE}.{os.getpid()}.new"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        _write_message(file, head)
        for name, one in saved.items():
            _write_table(file, name, one, shared[name])
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / FILE)


def read(folder: Path) -> Environment | None:
    """Return the environment saved in a folder; None where there is none. Raises NotReadable."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        return _read_file(path)
    except (StopIteration, RuntimeError, LookupError, TypeError, ValueError, msgspec.MsgspecError) as error:
        raise NotReadable(f"{path} cannot be read as a saved environment ({error}). {_FIX}") from error


def _read_file(path: Path) -> Environment:
    with path.open("rb") as file:
        messages = _read_messages(file)
        head = next(messages)
        if head.get("format") != _FORMAT:
            raise NotReadable(f"{path} was written by another version of the sandbox. {_FIX}")
        credentials = Credentials(head["client_secret"], head["admin_password"], UUID(head["organization_id"]))
        environment = Environment(empty=head["empty"], credentials=credentials)
        environment.replace_tables(
            [msgspec.convert(_without_derived(one), Table) for one in head["definitions"]],
            [msgspec.convert(one, OptionSet) for one in head["choices"]],
        )
        environment.unpublished = msgspec.convert(head.get("unpublished", {}), dict[str, tuple[Choice, ...]])
        for name in head["tables"]:
            _read_rows(environment.store.rows[name], messages)
    environment.store.links = {name: {(one, two) for one, two in pairs} for name, pairs in head["links"].items()}
    environment.store.version = head["version"]
    for one in head["applications"]:
        secrets = [Secret(value, expires) for value, expires in one["secrets"]]
        environment.tenant.applications[one["client_id"]] = Application(**{**one, "secrets": secrets})
    environment.tenant.people = {one[0]: Person(*one) for one in head["people"]}
    environment.set_reset_point()
    return environment


def _without_derived(described: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in described.items() if name not in {"properties", "navigation"}}


def _describe_application(one: Application) -> dict[str, Any]:
    return {
        "client_id": one.client_id,
        "name": one.name,
        "secrets": [(secret.value, secret.expires) for secret in one.secrets],
        "redirect_urls": one.redirect_urls,
        "certificates": one.certificates,
        "consented": one.consented,
        "disabled": one.disabled,
        "multi_tenant": one.multi_tenant,
        "public_client": one.public_client,
        "strict_redirects": one.strict_redirects,
        "assigned": one.assigned,
    }


def _write_message(file: BinaryIO, content: Any) -> None:
    data = msgspec.msgpack.encode(content)
    file.write(_LENGTH.pack(len(data)))
    file.write(data)


def _read_messages(file: BinaryIO) -> Iterator[Any]:
    remaining_bytes = os.fstat(file.fileno()).st_size
    while head := file.read(_LENGTH.size):
        length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else remaining_bytes
        remaining_bytes -= _LENGTH.size + length
        if remaining_bytes < 0:
            raise ValueError("it is cut off")
        yield msgspec.msgpack.decode(file.read(length))


def _write_table(file: BinaryIO, name: str, saved: SavedRows, shared: list[str]) -> None:
    live = [position for position, head in enumerate(saved.heads) if head is not None]
    _write_message(
        file,
        {
            "table": name,
            "rows": len(live),
            "layout": list(saved.layout),
            "shared": shared,
            "deleted": saved.deleted,
        },
    )
    for begin in range(0, len(live), _BLOCK_ROWS):
        heads: dict[tuple[bytes, ...], int] = {}
        rows = []
        for position in live[begin : begin + _BLOCK_ROWS]:
            head = saved.heads[position] or ()
            number = heads.setdefault(head, len(heads))
            rows.append(_StoredRow(saved.ids[position], number, saved.bodies[position], saved.versions[position]))
        _write_message(file, {"heads": list(heads), "rows": rows})


def _read_rows(rows: Rows, messages: Iterator[Any]) -> None:
    about = next(messages)
    if about["table"] != rows.table.name or about["shared"] != list(rows.shared):
        raise ValueError(f"the table {about['table']} has changed")
    saved = SavedRows([], [], [], array("q"), {name: slot for slot, name in enumerate(about["layout"])}, [])
    saved.deleted = [(version, row_id) for version, row_id in about["deleted"]]
    while len(saved.ids) < about["rows"]:
        block = next(messages)
        heads = [tuple(head) for head in block["heads"]]
        for row in map(_StoredRow._make, block["rows"]):
            saved.ids.append(row.id)
            saved.heads.append(heads[row.head])
            saved.bodies.append(row.body)
            saved.versions.append(row.version)
    rows.restore_saved(saved)
