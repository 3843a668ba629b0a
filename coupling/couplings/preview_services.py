"""The verbs of previews: tick, set the brakes, preview again, couple these."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from core import bulk
from core.refusals import Refusal
from core.vocabulary import Direction
from core.words import counted
from coupling.brakes import CHANGE_THEM, REASON, Brakes, coupling_stopped, creating_stopped
from coupling.couplings.foreseen import kept_of
from coupling.couplings.preview_store import PreviewTicks, brakes_of, count_matched
from coupling.couplings.services import description, start_preview_of
from coupling.job_parameters import CouplingParameters
from coupling.mappings.services import exclusive_key, require_usable
from coupling.matching.previewed import Found
from coupling.models import CouplingPreview, PreviewException
from jobs import services as jobs
from jobs.models import Job, JobRecord, Reason, Type

_LIMITS = ("stop_above", "stop_above_percent", "stop_coupled_above", "stop_failed_percent", "stop_blanked_above")


@transaction.atomic
def tick(*, preview: CouplingPreview, shown: Mapping[UUID, Found], ticked: Collection[UUID]) -> None:
    """Keep which of the records shown are ticked. shown: with what was found of each, as the page was given it.

    Raises Refusal where the preview is carried out already.
    """
    locked = _locked(preview)
    ticks = PreviewTicks(locked)
    for what in set(shown.values()):
        ids = [local_id for local_id, found in shown.items() if found is what]
        PreviewException.objects.filter(preview=locked, found=what.value, local_id__in=ids).delete()
        default = ticks.default(what)
        rows = [(locked.pk, what.value, local_id) for local_id in ids if (local_id in ticked) is not default]
        bulk.insert(PreviewException, ("preview_id", "found", "local_id"), rows)


@transaction.atomic
def tick_all(*, preview: CouplingPreview, found: Iterable[Found], ticked: bool) -> None:
    """Tick all records of which one of these was found, or none. Raises Refusal."""
    locked = _locked(preview)
    wanted = [one.value for one in found]
    PreviewException.objects.filter(preview=locked, found__in=wanted).delete()
    locked.ticked = {**locked.ticked, **dict.fromkeys(wanted, ticked)}
    locked.save(update_fields=["ticked"])


@transaction.atomic
def set_brakes(
    *,
    preview: CouplingPreview,
    brakes: Brakes,
    stop_failed_percent: int | None = None,
    stop_blanked_above: int | None = None,
) -> None:
    """Keep the brakes for coupling these. Raises Refusal.

    stop_failed_percent: of 100 records at most so many may fail; stop_blanked_above: at most so many fields of the
    pairs that were looked at may be blanked.
    """
    locked = _locked(preview)
    locked.stop_above, locked.stop_above_percent = brakes.created, brakes.created_percent
    locked.stop_coupled_above = brakes.coupled
    locked.stop_failed_percent, locked.stop_blanked_above = stop_failed_percent, stop_blanked_above
    locked.save(update_fields=_LIMITS)


@transaction.atomic
def preview_again(*, job: Job, mapping: Any, user: Any = None) -> Job:
    """Queue a preview of the same once more, with the brakes as they were set last. Raises Refusal, EmptySelection."""
    asked = CouplingParameters.load(job.parameters)
    if (kept := CouplingPreview.objects.filter(job=job).first()) is not None:
        brakes = brakes_of(kept)
        asked = msgspec.structs.replace(
            asked, stop_above=brakes.created, stop_above_percent=brakes.created_percent,
            stop_coupled_above=brakes.coupled,
        )  # fmt: skip
    selection: QuerySet[Any, Any] | None = None
    if job.selection_only:
        selection = JobRecord.objects.filter(job=job).values_list("local_id", flat=True)
    new = start_preview_of(mapping=mapping, asked=asked, selection=selection, user=user)
    if kept is not None:
        CouplingPreview.objects.filter(job=new).update(
            stop_failed_percent=kept.stop_failed_percent, stop_blanked_above=kept.stop_blanked_above
        )
    return new


def why_stopped(preview: CouplingPreview, ticks: PreviewTicks) -> Refusal | None:
    """Return which brake stops what is ticked; None where none does."""
    brakes = brakes_of(preview)
    coupled, created = ticks.count(Found.COUPLE), ticks.count_created()
    if brakes.coupled is not None and brakes.stops_coupling(coupled):
        return coupling_stopped(coupled, brakes.coupled)
    most = brakes.most_created(count_matched(preview))
    if most is not None and created > most:
        return creating_stopped(created, most)
    return _too_many_fail(preview, ticks) or _too_many_blanked(preview)


def would_fail(preview: CouplingPreview, ticks: PreviewTicks) -> Counter[str]:
    """Return how many records would fail, by the reason: in coupling, or in the synchronization of their pairs."""
    found = {Found.SEVERAL: Reason.MULTIPLE_MATCHES, Found.TAKEN: Reason.ALREADY_COUPLED}
    failed = {
        str(reason.label): int(preview.numbers.get(what.value, 0)) - ticks.count(what) for what, reason in found.items()
    }
    return Counter({reason: count for reason, count in failed.items() if count}) + kept_of(preview).failures


def _too_many_fail(preview: CouplingPreview, ticks: PreviewTicks) -> Refusal | None:
    most, total = preview.stop_failed_percent, count_matched(preview)
    failed = would_fail(preview, ticks).total()
    if most is None or failed * 100 <= most * total:
        return None
    would = f"{counted(failed, 'record')} of {total:,} would fail"
    return Refusal(REASON, f"{would}, and the brake stops above {most} %, so nothing is done.", CHANGE_THEM)


def _too_many_blanked(preview: CouplingPreview) -> Refusal | None:
    most, blanked = preview.stop_blanked_above, kept_of(preview).blanked
    if most is None or blanked <= most:
        return None
    text = f"{counted(blanked, 'field')} would be blanked, and the brake stops above {most:,}, so nothing is done."
    return Refusal(REASON, text, CHANGE_THEM)


@transaction.atomic
def couple_these(*, preview: CouplingPreview, user: Any = None) -> Job:
    """Queue a job that couples exactly the ticked pairs of a preview, and creates the ticked records.

    From then on nothing can be ticked: what was asked for stays to be seen. Raises Refusal: it is carried out already
    or kept no longer, nothing is ticked, or a brake stops it.
    """
    locked = _locked(preview)
    mapping = locked.mapping
    require_usable(mapping)
    ticks = PreviewTicks(locked)
    if not ticks.count_all():
        raise Refusal("empty_selection", "Nothing is ticked, so nothing was done.", "Tick the pairs that you mean.")
    if (stopped := why_stopped(locked, ticks)) is not None:
        raise stopped
    created = ticks.count_created()
    if created and mapping.direction == Direction.FROM:
        raise Refusal(
            Reason.CONFIGURATION,
            f"{mapping.name} only takes data from Dataverse, so nothing can be created there.",
            "Untick what would be created, or change the mapping's direction.",
        )
    asked = msgspec.structs.replace(
        CouplingParameters.load(locked.job.parameters), create=created > 0, preview=locked.pk, stop_above=None,
        stop_above_percent=None, stop_coupled_above=None,
    )  # fmt: skip
    job = jobs.start(
        company=mapping.company,
        type=Type.COUPLING,
        mapping_name=mapping.name,
        exclusive_key=exclusive_key(mapping),
        direction=mapping.direction,
        description=f"{description(mapping)}, as previewed",
        parameters=asked.dump(),
        user=user,
    )
    locked.carried_out_by = job
    locked.save(update_fields=["carried_out_by"])
    return job


def _locked(preview: CouplingPreview) -> CouplingPreview:
    """Return the preview as it is now, locked until the transaction ends. Raises Refusal where nothing may change."""
    # Without joins: who waited for the lock on PostgreSQL would be given what is joined as it was before.
    found = CouplingPreview.objects.select_for_update().filter(pk=preview.pk).first()
    if found is None or (found.complete and found.kept_until < timezone.now()):
        raise Refusal("expired", "The preview is no longer kept, so nothing was done.", "Preview again.")
    if not found.complete:
        raise Refusal("not_ready", "The preview is not complete, so nothing was done.", "Wait for its end.")
    if found.is_carried_out:
        raise Refusal(
            "carried_out", f"These pairs are coupled by job {found.carried_out_by_id} already, so nothing was done.",
            "Preview again to see what is left.",
        )  # fmt: skip
    return found
