"""An environment on disk: written whole beside the old file, then put in its place.

The file is a series of msgpack messages, each behind its length: first the environment, then each table in blocks.
"""

import os
import struct
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import msgspec

from sandbox.data.store import Rows, SavedRows
from sandbox.environment import Credentials, Environment
from sandbox.identity.tenant import Application, Person, Secret
from sandbox.metadata.model import OptionSet, Table

FILE = "environment.rows"
_FORMAT = 3
_NEXT = "Name another folder, or delete that file to begin with a fresh environment."
_BLOCK = 20_000
_LENGTH = struct.Struct(">Q")


class NotReadable(Exception):
    """The folder holds something that is no environment of this sandbox."""


def write(environment: Environment, folder: Path) -> None:
    """Keep the environment in a folder; readable by its owner only, since it holds the application's secret."""
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
            "applications": [_application(one) for one in environment.tenant.applications.values()],
            "people": [
                (one.name, one.password, one.disabled, one.second_factor) for one in environment.tenant.people.values()
            ],
            "links": links,
            "tables": list(saved),
            "definitions": [msgspec.to_builtins(table) for table in environment.tables.values()],
            "choices": [msgspec.to_builtins(one) for one in environment.choices.values()],
        }
        shared = {name: list(rows.shared) for name, rows in environment.store.rows.items()}
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f"{FILE}.{os.getpid()}.new"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        _message(file, head)
        for name, one in saved.items():
            _table(file, name, one, shared[name])
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / FILE)


def read(folder: Path) -> Environment | None:
    """The environment kept in a folder, or None. Raises NotReadable."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        return _read(path)
    except (StopIteration, RuntimeError, LookupError, TypeError, ValueError, msgspec.MsgspecError) as error:
        raise NotReadable(f"{path} is no kept environment of this version ({error}). {_NEXT}") from error


def _read(path: Path) -> Environment:
    with path.open("rb") as file:
        messages = _messages(file)
        head = next(messages)
        if head.get("format") != _FORMAT:
            raise NotReadable(f"{path} was written by another version of the sandbox. {_NEXT}")
        credentials = Credentials(head["client_secret"], head["admin_password"], UUID(head["organization_id"]))
        environment = Environment(empty=head["empty"], credentials=credentials)
        environment.replace_tables(
            [msgspec.convert(_without_derived(one), Table) for one in head["definitions"]],
            [msgspec.convert(one, OptionSet) for one in head["choices"]],
        )
        for name in head["tables"]:
            _fill(environment.store.rows[name], messages)
    environment.store.links = {name: {(one, two) for one, two in pairs} for name, pairs in head["links"].items()}
    environment.store.version = head["version"]
    for one in head["applications"]:
        secrets = [Secret(value, expires) for value, expires in one["secrets"]]
        environment.tenant.applications[one["client_id"]] = Application(
            one["client_id"], one["name"], secrets, one["redirect_urls"], one["certificates"], one["consented"],
            one["disabled"],
        )  # fmt: skip
    environment.tenant.people = {one[0]: Person(*one) for one in head["people"]}
    environment.set_reset_point()
    return environment


def _without_derived(described: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in described.items() if name not in {"properties", "navigation"}}


def _application(one: Application) -> dict[str, Any]:
    return {
        "client_id": one.client_id,
        "name": one.name,
        "secrets": [(secret.value, secret.expires) for secret in one.secrets],
        "redirect_urls": one.redirect_urls,
        "certificates": one.certificates,
        "consented": one.consented,
        "disabled": one.disabled,
    }


def _message(file: BinaryIO, content: Any) -> None:
    data = msgspec.msgpack.encode(content)
    file.write(_LENGTH.pack(len(data)))
    file.write(data)


def _messages(file: BinaryIO) -> Iterator[Any]:
    left = os.fstat(file.fileno()).st_size
    while head := file.read(_LENGTH.size):
        length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else left
        left -= _LENGTH.size + length
        if left < 0:
            raise ValueError("it is cut off")
        yield msgspec.msgpack.decode(file.read(length))


def _table(file: BinaryIO, name: str, saved: SavedRows, shared: list[str]) -> None:
    live = [position for position, head in enumerate(saved.heads) if head is not None]
    _message(
        file,
        {
            "table": name,
            "rows": len(live),
            "layout": list(saved.layout),
            "shared": shared,
            "deleted": saved.deleted,
        },
    )
    for begin in range(0, len(live), _BLOCK):
        heads: dict[tuple[bytes, ...], int] = {}
        rows = []
        for position in live[begin : begin + _BLOCK]:
            head = saved.heads[position] or ()
            number = heads.setdefault(head, len(heads))
            rows.append((saved.ids[position], number, saved.bodies[position], saved.versions[position]))
        _message(file, {"heads": list(heads), "rows": rows})


def _fill(rows: Rows, messages: Iterator[Any]) -> None:
    about = next(messages)
    if about["table"] != rows.table.name or about["shared"] != list(rows.shared):
        raise ValueError(f"the table {about['table']} has changed")
    saved = SavedRows([], [], [], array("q"), {name: slot for slot, name in enumerate(about["layout"])}, [])
    saved.deleted = [(version, row_id) for version, row_id in about["deleted"]]
    while len(saved.ids) < about["rows"]:
        block = next(messages)
        heads = [tuple(head) for head in block["heads"]]
        for row_id, number, body, version in block["rows"]:
            saved.ids.append(row_id)
            saved.heads.append(heads[number])
            saved.bodies.append(body)
            saved.versions.append(version)
    rows.restore_saved(saved)
