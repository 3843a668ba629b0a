"""Couplings with choices of a column where another organization answers: kept where the same choice is there.

A value may stand for another choice in another organization, so its caption has to be the same too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.db.models import QuerySet

from coupling import local_records
from coupling.gateway import Gateway
from coupling.matching.choice_rows import choice_name
from coupling.models import IntegrationTableMapping, OptionMapping
from dataverse.errors import Invalid
from jobs.models import Outcome, Reason
from jobs.running.context import OutcomeRow
from masterdata.models import Company

NO_TABLE = "configuration"
"""The reason that Dataverse has no such table: in an organization without the solution that it belongs to."""
KEPT = "The same choice is there under the same value, so the coupling was kept."
NOT_THERE = (
    "The other organization has no choice with this value and caption, so the coupling was dropped. Match-based "
    "coupling finds choices by their captions."
)
DROPPED = "The coupling was dropped. Record and choice stay as they are."


def pairs_with_choices(company: Company) -> "QuerySet[OptionMapping]":
    """Return the company's couplings with choices."""
    return OptionMapping.objects.filter(company=company).select_related("mapping__company").order_by("pk")


def read_choices(gateway: Gateway, pairs: Iterable[OptionMapping]) -> dict[int, dict[int, str]]:
    """Return the choices of the columns that the pairs are of, by mapping, value -> caption.

    There are none where the column is gone, or its table. Raises DataverseError.
    """
    mappings = {pair.mapping_id: pair.mapping for pair in pairs}
    return {key: _choices(gateway, mapping) for key, mapping in mappings.items()}


def _choices(gateway: Gateway, mapping: IntegrationTableMapping) -> dict[int, str]:
    try:
        return gateway.choices(mapping).read()
    except Invalid as error:
        if error.reason != NO_TABLE:
            raise
        return {}


def same_choices(pairs: Iterable[OptionMapping], there: Mapping[int, Mapping[int, str]]) -> set[int]:
    """Return the ids of the pairs whose value has the same caption there, but for case and blanks around it."""
    return {
        pair.pk for pair in pairs if _folded(there.get(pair.mapping_id, {}).get(pair.value)) == _folded(pair.caption)
    }


def _folded(caption: str | None) -> str | None:
    return None if caption is None else caption.strip().casefold()


def outcomes_of(pairs: Sequence[OptionMapping], kept: set[int], otherwise: str) -> Iterator[OutcomeRow]:
    """Yield an outcome for each pair; otherwise: what is told of those that are not kept."""
    mappings = {pair.mapping_id: pair.mapping for pair in pairs}
    names = {
        key: local_records.read_names_if_usable(mapping, [pair.local_id for pair in pairs if pair.mapping_id == key])
        for key, mapping in mappings.items()
    }
    gone = Reason.UNKNOWN_CHOICE if otherwise == NOT_THERE else Reason.NONE
    for pair in pairs:
        stays = pair.pk in kept
        yield OutcomeRow(
            Outcome.UNCHANGED if stays else Outcome.UNCOUPLED, Reason.NONE if stays else gone, pair.local_id,
            *names[pair.mapping_id].get(pair.local_id, ("", "")),
            integration_name=choice_name(pair.value, pair.caption),
            message=f"{pair.mapping.name}: {KEPT if stays else otherwise}",
        )  # fmt: skip
