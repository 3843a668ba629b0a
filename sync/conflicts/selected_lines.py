"""What is left undone of the records that a command names, those among them that were deleted here."""

from collections.abc import Sequence

from django.db.models import Q, QuerySet

from coupling.commands import MappingCommand
from coupling.models import IntegrationTableMapping, UndoneRecord
from masterdata import catalog


def select_lines(
    command: MappingCommand,
    lines: "QuerySet[UndoneRecord]",
    mapping: IntegrationTableMapping,
    keys: Sequence[str] | None,
) -> "QuerySet[UndoneRecord]":
    """Return of a mapping's lines those of the records with these numbers; all where none is named.

    A record that was deleted here is known by the number it had. Raises Refusal for an unknown one.
    """
    if keys is None:
        return lines
    table = catalog.table(mapping.table)
    wanted = list(dict.fromkeys(map(table.normal_key, keys)))
    gone = set(lines.filter(local_key__in=wanted).values_list("local_key", flat=True))
    there = command.selection(mapping, [key for key in wanted if key not in gone]) or []
    return lines.filter(Q(local_key__in=gone) | Q(local_id__in=there))
