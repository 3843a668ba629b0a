"""Pairs of records and choices as a file names them: by the record's code. Which can be stored, and storing them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from auditlog.models import LogEntry
from django.db import transaction

from core.refusals import NotUsable, Refusal
from coupling import local_records
from coupling.mapping_files.types import OptionEntry
from coupling.models import IntegrationTableMapping, OptionMapping, pairs_of
from jobs import audit
from jobs.models import OPEN_STATES, Job, Reason


def usable_options(
    mapping: IntegrationTableMapping, options: Sequence[OptionEntry], choices: Mapping[int, str] | None
) -> tuple[tuple[OptionEntry, ...], list[str]]:
    """Return the pairs whose record and choice are there, and a sentence for each other one.

    choices: those of the column in Dataverse, value -> caption; None where they are not known.
    """
    if not options:
        return (), []
    table = local_records.get_table(mapping)
    there = records_by_code(mapping, options)
    usable, told = [], []
    for one in options:
        if one.code not in there:
            told.append(
                f"{mapping.name}: {mapping.company} has no {table.caption.lower()} {one.code}, so its pair with the "
                f"choice {one.value} {one.caption} is left out."
            )
        elif choices is not None and one.value not in choices:
            told.append(
                f"{mapping.name}: {mapping.integration_table}.{mapping.uid_column} has no choice {one.value} in "
                f"Dataverse, so the pair of {one.code} is left out."
            )
        else:
            usable.append(one)
    return tuple(usable), told


@transaction.atomic
def store_options(
    mapping: IntegrationTableMapping, options: Sequence[OptionEntry], *, others_stay: bool, user: Any = None
) -> None:
    """Couple records with the choices that the entries name. others_stay: other pairs stay; else they go.

    A record that is coupled with another choice is coupled with this one instead; nothing is renamed on either side.
    Raises Refusal where a choice has another record that keeps it, or a job of the mapping has not ended.
    """
    records = records_by_code(mapping, options)
    known = {pair.local_id: pair for pair in pairs_of(mapping)}
    wanted = {records[one.code].system_id: one for one in options if one.code in records}
    changed = {
        local_id: one
        for local_id, one in wanted.items()
        if local_id not in known or (known[local_id].value, known[local_id].caption) != (one.value, one.caption[:200])
    }
    others = [pair for local_id, pair in known.items() if local_id not in wanted]
    named = local_records.read_keys_and_names(mapping, [pair.local_id for pair in others])
    gone = [] if others_stay else [pair for pair in others if pair.local_id in named]
    if not changed and not gone:
        return
    if Job.objects.filter(company=mapping.company, mapping_name=mapping.name, state__in=OPEN_STATES).exists():
        raise NotUsable(f"A job of {mapping.name} has not ended.", "Wait for its end, or cancel it.")
    for pair in gone:
        _note(mapping, pair, named[pair.local_id][0], (_choice(pair), None), user)
        pair.delete()
    _free(mapping, [pair for pair in others if pair not in gone], changed, named)
    pairs_of(mapping).filter(local_id__in=list(changed)).delete()
    for local_id, one in changed.items():
        before = known.get(local_id)
        made = OptionMapping.objects.create(
            company=mapping.company, mapping=mapping, local_id=local_id, value=one.value, caption=one.caption[:200],
            local_text=local_text(mapping, records[one.code])[:200],
        )  # fmt: skip
        _note(mapping, made, one.code, (_choice(before) if before is not None else None, _choice(made)), user)


def _choice(pair: OptionMapping) -> str:
    return f"{pair.value} {pair.caption}".strip()


def _note(
    mapping: IntegrationTableMapping,
    pair: OptionMapping,
    code: str,
    choice: tuple[str | None, str | None],
    user: Any,
) -> None:
    """Keep in the audit log what a record's choice was and is."""
    before, after = choice
    action = LogEntry.Action.UPDATE
    if before is None or after is None:
        action = LogEntry.Action.CREATE if before is None else LogEntry.Action.DELETE
    audit.record_audit_entry(
        pair, action, {"choice": choice}, user=user, of=(mapping.company, f"{mapping.name}, {code}")
    )


def _free(
    mapping: IntegrationTableMapping,
    others: Sequence[OptionMapping],
    changed: Mapping[UUID, OptionEntry],
    named: Mapping[UUID, tuple[str, str]],
) -> None:
    """Free the choices of records that are gone. named: those that are not, with key and name.

    Raises Refusal where one of these has a choice that is wanted, or two are to have the same.
    """
    values: dict[int, OptionEntry] = {}
    for one in changed.values():
        if (other := values.setdefault(one.value, one)) is not one:
            raise _taken(mapping, one, other.code)
    for pair in others:
        if pair.value in values:
            if pair.local_id in named:
                raise _taken(mapping, values[pair.value], " ".join(named[pair.local_id]).strip())
            pair.delete()


def _taken(mapping: IntegrationTableMapping, one: OptionEntry, holder: str) -> Refusal:
    return Refusal(
        Reason.ALREADY_COUPLED,
        f"{mapping.name}: The choice {one.caption} ({one.value}) is coupled already to {holder}.",
        f"Delete that coupling first, or name another choice for {one.code}.",
    )


def records_by_code(mapping: IntegrationTableMapping, options: Sequence[OptionEntry]) -> dict[str, Any]:
    """Return the records of the company by the codes that the entries name them with."""
    if not options:
        return {}
    table = local_records.get_table(mapping)
    keys = {one.code: table.normal_key(one.code) for one in options}
    rows = table.records(mapping.company).filter(**{f"{table.key}__in": list(keys.values())})
    by_key = {str(getattr(row, table.key)): row for row in rows}
    return {code: by_key[key] for code, key in keys.items() if key in by_key}


def local_text(mapping: IntegrationTableMapping, record: Any) -> str:
    """Return what the record is called in the mapped field: it is not sent until it changes."""
    field = mapping.fields.filter(enabled=True).exclude(field="").first()
    return str(getattr(record, field.field if field else local_records.get_table(mapping).key) or "")
