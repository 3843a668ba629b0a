"""Conflicts as the command prints them: pairs changed on both sides, and pairs of which a side was deleted."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from coupling import local_records
from coupling.models import CouplingBase, UndoneRecord
from jobs.models import Reason
from jobs.outcomes import newest_row_names
from sync.engine.conflicts_standing import StandingField, read_conflict

_PART = 500


def update_conflicts(bases: "QuerySet[CouplingBase]") -> Iterator[dict[str, Any]]:
    """Yield the pairs whose same field was changed on both sides, with each field's values, who and when."""
    part: list[CouplingBase] = []
    for base in bases.iterator(chunk_size=_PART):
        part.append(base)
        if len(part) == _PART:
            yield from _described(part)
            part = []
    yield from _described(part)


def _described(part: Sequence[CouplingBase]) -> Iterator[dict[str, Any]]:
    names: dict[UUID, tuple[str, str]] = {}
    for mapping in {base.mapping for base in part}:
        ids = [base.coupling.local_id for base in part if base.mapping_id == mapping.pk]
        names |= local_records.read_keys_and_names(mapping, ids)
    rows = newest_row_names(base.coupling.local_id for base in part)
    for base in part:
        pair, fields = base.coupling, read_conflict(base.pk, base.mapping_id, base.conflict).fields
        key, name = names.get(pair.local_id, ("", ""))
        yield {
            "mapping": base.mapping.name,
            "local": {"id": pair.local_id, "key": key, "name": name},
            "integration": {"id": pair.integration_id, "name": rows.get((pair.local_id, pair.integration_id), "")},
            "kind": "update",
            "fields": [_field(one) for one in fields],
        }


def _field(one: StandingField) -> dict[str, Any]:
    return {
        "field": one.local, "here": one.here or None, "there": one.there or None, "base": one.base or None,
        "here_at": one.here_at, "here_by": one.here_by, "there_at": one.there_at, "there_by": one.there_by,
    }  # fmt: skip


def deletion_conflicts(lines: "QuerySet[UndoneRecord]") -> Iterator[dict[str, Any]]:
    """Yield the pairs of which a side was deleted; `deleted` says which."""
    for line in lines.iterator(chunk_size=_PART):
        yield {
            "mapping": line.mapping.name,
            "local": {"id": line.local_id, "key": line.local_key, "name": line.local_name},
            "integration": {"id": line.integration_id, "name": line.integration_name},
            "kind": "deletion",
            "deleted": "here" if line.reason == Reason.LOCAL_DELETED else "there",
            "fields": [],
        }
