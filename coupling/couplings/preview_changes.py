"""What changed here about records of a preview since it was made: its page tells it, and the job that couples them."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from coupling import local_records
from coupling.couplings.left_out import SINCE, skipped_outcomes, standing_of
from coupling.matching.previewed import PreviewedRecord, digest_of
from coupling.models import Coupling, CouplingPreview, IntegrationTableMapping
from jobs.models import Reason

AGAIN = "Preview again to see what matches now."


class Change(NamedTuple):
    """Why a pair is not coupled, or a record not created, that was previewed: a word of the closed list, a sentence."""

    reason: str
    text: str


def changes_of_records(preview: CouplingPreview, records: Sequence[PreviewedRecord]) -> dict[bytes, Change]:
    """Return what changed about the records themselves: deleted, coupled, outside the filter, other values."""
    mapping = preview.mapping
    ids = [UUID(bytes=one.local_id) for one in records]
    if not ids:
        return {}
    now = standing_of(mapping, ids, preview.fields)
    found = {
        row.local_id.bytes: Change(str(row.reason), row.message)
        for row in skipped_outcomes(mapping, ids, SINCE, now)
        if row.local_id is not None
    }
    for one, local_id in zip(records, ids, strict=True):
        if one.local_id in found or digest_of(now[local_id].values) == one.digest:
            continue
        told = _changed_values(mapping, preview.fields, one.values, now[local_id].values)
        text = told or "The record was changed since the preview."
        found[one.local_id] = Change(Reason.CHANGED_SINCE_PREVIEW.value, f"{text} {AGAIN}")
    return found


def partners_now(mapping: IntegrationTableMapping, row_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the records, of any table of the company, that Dataverse rows are coupled to by now."""
    if mapping.uid_kind == "option":
        return {}
    found = Coupling.objects.filter(company=mapping.company, integration_id__in=row_ids)
    by_mapping: dict[IntegrationTableMapping, dict[UUID, UUID]] = {}
    for coupling in found.select_related("mapping"):
        by_mapping.setdefault(coupling.mapping, {})[coupling.integration_id] = coupling.local_id
    names: dict[UUID, str] = {}
    for other, pairs in by_mapping.items():
        known = local_records.read_named(other, pairs.values())
        names |= {row_id: known[local_id] for row_id, local_id in pairs.items()}
    return names


def taken_since(partner: str) -> Change:
    """Return that a pair's row is coupled by now."""
    text = f"The row is coupled to {partner} since the preview. That coupling stays."
    return Change(Reason.ALREADY_COUPLED.value, text)


def changes_of_pairs(preview: CouplingPreview, records: Sequence[PreviewedRecord]) -> dict[bytes, Change]:
    """Return what can be seen here of what changed about pairs: their records, and rows coupled by now."""
    found = changes_of_records(preview, records)
    left = {UUID(bytes=one.rows[0].id): one.local_id for one in records if one.rows and one.local_id not in found}
    partners = partners_now(preview.mapping, list(left))
    return found | {left[row_id]: taken_since(partner) for row_id, partner in partners.items()}


def _changed_values(
    mapping: IntegrationTableMapping, fields: Sequence[str], then: Sequence[Any], now: Sequence[Any]
) -> str:
    """Return which values of a record changed: "City was Oslo in the preview and is Bergen now."."""
    captions = {field.name: field.caption for field in local_records.get_table(mapping).fields}
    told = [
        f"{captions.get(name, name)} was {_shown(before)} in the preview and is {_shown(after)} now"
        for name, before, after in zip(fields, then, now, strict=False)
        if _shown(before) != _shown(after)
    ]
    return f"{'; '.join(told)}." if told else ""


def _shown(value: Any) -> str:
    text = "" if value is None else str(value)
    return text or "blank"
