"""The job that carries out a choice: keep the couplings whose rows exist, drop all, or give marked ones back.

Keeping has two stages, each resumed behind the last coupling done:
    look  rows are looked up by id; a coupling whose row exists is marked as the other organization's
    drop  couplings without the mark are dropped, and at the end, with the couplings with choices that are not there,
          the connection belongs to that organization
Until every row was looked up nothing is lost: cancelled before, each of the three ways out is still open.
"""

from collections.abc import Iterator
from uuid import UUID

from django.db.models import QuerySet

from connection_setup.captions import ENVIRONMENT_CHANGED
from connection_setup.connection import moving
from connection_setup.connection.state import connection_of
from core import bulk
from coupling import local_records
from coupling.couplings.coupled_records import keep_outcomes, kept_of_ended
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping, OptionMapping, UndoneRecord
from jobs.models import Job, Outcome, Reason, State
from jobs.running.context import Checkpoint, JobContext, OutcomeRow
from sync.environment import kept_choices, services
from sync.environment.choices import Choice, EnvironmentParameters
from sync.models import DuePair, FullSynchReviewLine, SynchState

POLL_S = 1.0
"""How soon the job looks again whether others have stopped, in seconds."""


def carry_out(context: JobContext) -> None:
    """Handle one slice of the job. Raises Refusal, DataverseError."""
    parameters = EnvironmentParameters.load(context.parameters)
    work = _Work(context, parameters.organization)
    if parameters.choice is Choice.DROP:
        work.drop_all()
    elif parameters.choice is Choice.KEEP:
        work.keep_existing()
    else:
        work.give_back()


class _Work:
    def __init__(self, context: JobContext, organization: UUID | None) -> None:
        self.context, self.company, self.organization = context, context.company, organization
        self.couplings = services.couplings_of(self.company)
        self.mappings = {
            one.pk: one
            for one in IntegrationTableMapping.objects.select_related("company").filter(company=self.company)
        }

    # -- the choices -------------------------------------------------------------------------------------------------

    def drop_all(self) -> None:
        """Drop every coupling, and what was read up to."""
        self._drop(self.couplings, Reason.NONE, "The coupling was dropped. Record and row stay as they are.")
        with self.context.checkpoint() as point:
            for model in (SynchState, UndoneRecord, DuePair):
                model.objects.filter(mapping__company=self.company).delete()
            FullSynchReviewLine.objects.filter(company=self.company).delete()
            _, choices = self._end_choices(point, set(), kept_choices.DROPPED)
            dropped = self.context.job.counters.get("uncoupled", 0) + choices
            point.finish(
                f"{dropped:,} couplings were dropped. Records, rows and settings stay as they are. Choose Enable on "
                f"{ENVIRONMENT_CHANGED}, then couple anew."
            )

    def keep_existing(self) -> None:
        """Mark the couplings whose rows exist, drop the others, and let the connection belong to the organization."""
        assert self.organization is not None
        own = connection_of(self.company).organization_id
        pairs = list(kept_choices.pairs_with_choices(self.company))
        gateway = services.gateway_to(self.company, self.organization, self.context.usage)
        # Read before anything is dropped: what cannot be read ends the job while every way out is still open.
        same = kept_choices.same_choices(pairs, kept_choices.read_choices(gateway, pairs))
        if self.context.resume.get("stage") != "drop":
            self._look(own)
        without_row = services.foreign_couplings(self.company, self.organization)
        self._drop(without_row, Reason.RECORD_GONE, "It has no row with this id, so the coupling was dropped.")
        with self.context.checkpoint() as point:
            moving.take_over(company=self.company, expected=self.organization, user=self.context.job.requested_by)
            stay, go = self._end_choices(point, same, kept_choices.NOT_THERE)
            # Everything is compared by the next runs: the delta links are the other organization's.
            states = SynchState.objects.filter(mapping__company=self.company)
            states.update(delta_link="", fingerprint="", local_high_water=None)
            counters = self.context.job.counters
            kept, dropped = counters.get("unchanged", 0) + stay, counters.get("uncoupled", 0) + go
            point.finish(
                f"{kept:,} couplings were kept, {dropped:,} dropped. The connection belongs to the organization that "
                "answers now. An administrator enables it, or where it is enabled chooses Test Connection, to see that "
                "all it needs is there."
            )

    def _end_choices(self, point: Checkpoint, kept: set[int], otherwise: str) -> tuple[int, int]:
        """Delete the couplings with choices but for those kept; return how many stay and how many went."""
        pairs = list(kept_choices.pairs_with_choices(self.company))
        point.outcomes += kept_choices.outcomes_of(pairs, kept, otherwise)
        point.processed(len(pairs))
        ended = [pair.pk for pair in pairs if pair.pk not in kept]
        bulk.delete(OptionMapping, "id", ended)
        return len(pairs) - len(ended), len(ended)

    def give_back(self) -> None:
        """Mark every coupling as the own organization's, as it was before a choice that was not carried out."""
        foreign = services.foreign_couplings(self.company, self.organization)
        for part in self._chunks(foreign, foreign.count()):
            with self.context.checkpoint() as point:
                bulk.update(Coupling, "id", ("organization_id",), [(one.pk, self.organization) for one in part])
                point.phase = "Giving couplings back"
                point.outcomes += self._outcomes(part, Outcome.UNCHANGED, Reason.NONE, "The coupling stays as it was.")
                point.processed(len(part))
                point.resume["after"] = part[-1].pk
        self.context.finish("The couplings belong to the connection's own organization again.")

    # -- the stages --------------------------------------------------------------------------------------------------

    def _look(self, own: UUID | None) -> None:
        """Look every row up, and mark the couplings of those that exist; marks of an earlier try are taken back."""
        assert self.organization is not None
        gateway = services.gateway_to(self.company, self.organization, self.context.usage)
        for part in self._chunks(self.couplings, services.count_couplings(self.company)):
            names = services.existing_rows(gateway, part)
            kept = [one for one in part if one.pk in names]
            marks = [(one.pk, self.organization if one.pk in names else own) for one in part]
            with self.context.checkpoint() as point:
                bulk.update(Coupling, "id", ("organization_id",), marks)
                point.phase = "Looking up rows"
                point.outcomes += self._outcomes(
                    kept, Outcome.UNCHANGED, Reason.NONE, "Its row exists under the same id, so the coupling was kept."
                )
                point.processed(len(kept))
                point.resume["after"] = part[-1].pk
        with self.context.checkpoint() as point:
            point.resume |= {"stage": "drop", "after": 0}

    def _drop(self, query: "QuerySet[Coupling]", reason: str, message: str) -> None:
        total = self.context.job.processed + query.count() + kept_choices.pairs_with_choices(self.company).count()
        for part in self._chunks(query, total):
            ids = [one.pk for one in part]
            with self.context.checkpoint() as point:
                ended = kept_of_ended(self._outcomes(part, Outcome.UNCOUPLED, reason, message))
                keep_outcomes(ids)
                bulk.delete(Coupling, "id", ids)  # before their bases, so that nobody saves new ones meanwhile
                bulk.delete(CouplingBase, "coupling_id", ids)
                bulk.delete(DuePair, "coupling_id", ids)
                point.phase = "Dropping couplings"
                point.outcomes += ended
                point.processed(len(part))
                point.resume["after"] = part[-1].pk

    def _chunks(self, query: "QuerySet[Coupling]", total: int) -> Iterator[list[Coupling]]:
        """Yield what is left of the couplings, while no other job works with them."""
        if self.context.job.total is None:
            with self.context.checkpoint() as point:
                point.total = total
        self._wait_for_others()
        for part in services.chunks(query, self.context.resume.get("after", 0)):
            yield part
            self._wait_for_others()

    def _wait_for_others(self) -> None:
        """Postpone the job while another one works with the couplings: it stops at its next checkpoint."""
        others = Job.objects.filter(company=self.company, state=State.IN_PROCESS, type__in=services.AFFECTED)
        if (other := others.values_list("pk", flat=True).first()) is not None:
            self.context.postpone(POLL_S, f"Job {other} works with the couplings; it is being waited for.")

    def _outcomes(self, part: list[Coupling], outcome: str, reason: str, message: str) -> Iterator[OutcomeRow]:
        """Yield an outcome per coupling, with key and name of its record where that exists, and its mapping's name."""
        names: dict[tuple[int, UUID], tuple[str, str]] = {}
        for mapping_id in {one.mapping_id for one in part}:
            ids = [one.local_id for one in part if one.mapping_id == mapping_id]
            known = local_records.read_names_if_usable(self.mappings[mapping_id], ids)
            names |= {(mapping_id, local_id): found for local_id, found in known.items()}
        for one in part:
            key, name = names.get((one.mapping_id, one.local_id), ("", ""))
            text = f"{self.mappings[one.mapping_id].name}: {message}"
            number = one.pk if outcome == Outcome.UNCOUPLED else None
            yield OutcomeRow(outcome, reason, one.local_id, key, name, one.integration_id, message=text, number=number)
