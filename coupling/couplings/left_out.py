"""Records that take no part in a coupling job: deleted, coupled already, outside the table filter."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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


def skipped_outcomes(
    mapping: IntegrationTableMapping, ids: Sequence[UUID], messages: SkipMessages
) -> Iterator[OutcomeRow]:
    """Yield the outcomes of those of the records that take no part in coupling."""
    table = local_records.get_table(mapping)
    chosen = table.records(mapping.company).filter(system_id__in=ids)
    chosen = chosen.annotate(
        _inside=Case(
            When(local_records.table_filter_q(mapping) or Q(pk__isnull=False), then=Value(True)), default=Value(False)
        ),
        _coupled=local_records.coupled_q(mapping),
    )
    found = {row[0]: row for row in chosen.values_list("system_id", table.key, table.title, "_inside", "_coupled")}
    for row_id in ids:
        if row_id not in found:
            yield OutcomeRow(
                Outcome.SKIPPED, Reason.RECORD_GONE, row_id,
                message=messages.gone,
            )  # fmt: skip
            continue
        _, key, name, inside, coupled = found[row_id]
        if coupled:
            reason, message = Reason.ALREADY_COUPLED, messages.coupled
        elif not inside:
            reason = Reason.OUTSIDE_FILTER
            message = f"{messages.outside.format(mapping=mapping.name)} {_ABOUT_FILTER}"
        else:
            continue
        yield OutcomeRow(Outcome.SKIPPED, reason, row_id, str(key), str(name or ""), message=message)
