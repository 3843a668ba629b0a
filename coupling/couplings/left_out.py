"""Records that take no part in a coupling job: deleted, coupled already, outside the table filter."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Case, Q, Value, When

from coupling import local_records
from coupling.models import IntegrationTableMapping
from jobs.models import Outcome, Reason
from jobs.running.context import OutcomeRow


@dataclass(frozen=True, slots=True)
class SkipMessages:
    """What is said about a record that takes no part, by the reason."""

    gone: str
    coupled: str
    outside: str


BEFORE = SkipMessages(
    gone="The record was selected, but it does not exist any more. Nothing was done.",
    coupled="The record is coupled already; it was left as it is.",
    outside="The record is outside the table filter of {mapping}, so it was left out.",
)
MEANWHILE = SkipMessages(
    gone="The record was deleted while the job ran. Nothing was done.",
    coupled="The record was coupled by somebody else while the job ran. That coupling stays.",
    outside="The record was changed while the job ran, and is outside the table filter of {mapping} now. It was left "
    "out.",
)
SINCE = SkipMessages(
    gone="The record was deleted since the preview.",
    coupled="The record was coupled by somebody else since the preview. That coupling stays.",
    outside="The record was changed since the preview, and is outside the table filter of {mapping} now.",
)
_ABOUT_FILTER = "Change the record if it should take part; the filter is shown on the mapping's card."


class Standing(NamedTuple):
    """How a record stands: whether it is inside the table filter, and coupled; values: of the fields asked for."""

    key: Any
    name: Any
    inside: bool
    coupled: bool
    values: tuple[Any, ...]


def standing_of(
    mapping: IntegrationTableMapping, ids: Sequence[UUID], fields: Sequence[str] = ()
) -> dict[UUID, Standing]:
    """Return how records stand, in one query; those that are gone are missing."""
    table = local_records.get_table(mapping)
    chosen = table.records(mapping.company).filter(system_id__in=ids)
    chosen = chosen.annotate(
        _inside=Case(
            When(local_records.table_filter_q(mapping) or Q(pk__isnull=False), then=Value(True)), default=Value(False)
        ),
        _coupled=local_records.coupled_q(mapping),
    )
    rows = chosen.values_list("system_id", table.key, table.title, "_inside", "_coupled", *fields)
    return {row[0]: Standing(row[1], row[2], row[3], row[4], row[5:]) for row in rows}


def skipped_outcomes(
    mapping: IntegrationTableMapping,
    ids: Sequence[UUID],
    messages: SkipMessages,
    found: Mapping[UUID, Standing] | None = None,
) -> Iterator[OutcomeRow]:
    """Yield the outcomes of those of the records that take no part in coupling. found: how they stand, if it was
    read.
    """
    found = standing_of(mapping, ids) if found is None else found
    for row_id in ids:
        if row_id not in found:
            yield OutcomeRow(
                Outcome.SKIPPED, Reason.RECORD_GONE, row_id,
                message=messages.gone,
            )  # fmt: skip
            continue
        key, name, inside, coupled, _ = found[row_id]
        if coupled:
            reason, message = Reason.ALREADY_COUPLED, messages.coupled
        elif not inside:
            reason = Reason.OUTSIDE_FILTER
            message = f"{messages.outside.format(mapping=mapping.name)} {_ABOUT_FILTER}"
        else:
            continue
        yield OutcomeRow(Outcome.SKIPPED, reason, row_id, str(key), str(name or ""), message=message)
