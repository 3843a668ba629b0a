"""Export, import and copy of mappings: what a file would change, and carrying that out, whole or not at all."""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from core.refusals import NotUsable
from coupling.mapping_files.difference import Change, differences
from coupling.mapping_files.reading import read_file
from coupling.mapping_files.types import MappingFile
from coupling.mapping_files.writing import write_file
from coupling.mappings import defaults, outside_counts
from coupling.mappings.file_checks import check_file, read_infos
from coupling.mappings.services import get_mapping
from coupling.mappings.stored_file import locked_mappings, store_file, stored_file
from coupling.models import IntegrationTableMapping


@dataclass(frozen=True, slots=True)
class Plan:
    """What storing a file would change in a company.

    told: what a person should know besides; of_defaults: it adds default mappings as they are by default.
    """

    company: Any
    file: MappingFile
    changes: Sequence[Change]
    told: Sequence[str] = ()
    of_defaults: bool = False

    @property
    def fingerprint(self) -> str:
        """Return a text that differs where anything else would change."""
        return fingerprint(self.changes)


def fingerprint(changes: Sequence[Change]) -> str:
    """Return a text that differs for other changes."""
    said = json.dumps([one.document() for one in changes], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def export_file(company: Any, names: Sequence[str] = ()) -> MappingFile:
    """Return the mappings of a company that are named, or all. Raises Refusal for an unknown name, and for none."""
    for name in names:
        get_mapping(company, name)
    found = stored_file(company, [*names] if names else None)
    if not found.mappings:
        raise NotUsable(
            f"{company} has no integration table mapping.", "They are made when the connection to Dataverse is enabled."
        )
    return found


def export_text(company: Any, names: Sequence[str] = ()) -> str:
    """Return the file of a company's mappings. Raises Refusal as `export_file` does."""
    return write_file(export_file(company, names))


def plan_import(company: Any, content: bytes) -> Plan:
    """Return what importing a file would change. Raises BadFile, DataverseError. Asks Dataverse; stores nothing."""
    return _plan(company, read_file(content))


def plan_copy(source: Any, names: Sequence[str], target: Any) -> Plan:
    """Return what copying mappings of one company to another would change there. Raises Refusal, DataverseError."""
    if source == target:
        raise NotUsable(f"{source} cannot be copied to itself.", "Choose another company.")
    return _plan(target, export_file(source, names))


def _plan(company: Any, file: MappingFile) -> Plan:
    infos = read_infos(company, file)
    stored = stored_file(company)
    usable, told = check_file(company, file, stored, infos)
    return Plan(company, usable, differences(stored, usable), told)


@transaction.atomic
def carry_out(plan: Plan, *, user: Any = None) -> Sequence[Change]:
    """Store what a plan says, all of it or nothing. Returns what changed.

    Raises NotUsable where the mappings were changed since it was made, or one is to couple other tables while it is in
    use; Refusal for a pair of choices that cannot be.
    """
    locked_mappings(plan.company)
    if differences(stored_file(plan.company), plan.file) != list(plan.changes):
        raise NotUsable(
            "The mappings were changed by somebody else in the meantime, so nothing was changed.",
            "Look at the difference again.",
        )
    of_people = {entry.name for entry in plan.file.mappings}.difference(defaults.default_names())
    stored = store_file(plan.company, plan.file, of_people=of_people, user=user)
    if plan.of_defaults:
        defaults.enable_what_waited(plan.company, set(stored.new))
    return stored.changes


def outside_sentences(company: Any, changes: Collection[Change]) -> list[str]:
    """Return what changed filters mean for couplings, by mapping. Asks Dataverse. Raises DataverseError."""
    changed: dict[str, dict[str, Any]] = {}
    for one in changes:
        if one.what == "setting":
            changed.setdefault(one.mapping, {})[one.setting] = one.before
    rows = IntegrationTableMapping.objects.filter(company=company, name__in=list(changed)).select_related("company")
    return [
        f"{mapping.name}: {said}"
        for mapping in rows
        if mapping.uid_kind != "option"
        for said in outside_counts.sentences(mapping, changed[mapping.name])
    ]


def plan_defaults(company: Any) -> Plan:
    """Return what adding the default mappings that a company does not have would change."""
    file = defaults.default_file(company, defaults.missing_names(company))
    return Plan(company, file, differences(stored_file(company), file), of_defaults=True)
