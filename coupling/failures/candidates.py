"""What is known now of the Dataverse rows that came into question for failed records: by few requests for a page.

A job keeps the first rows that it found, by id and name. What tells them apart (city, phone, owner), the values
compared, and rows beyond the first ones are read when they are shown; while Dataverse does not answer, what the job
kept is shown, with the couplings as they are here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import prefetch_related_objects

from connection_setup.setup.menus import row_url
from core.moments import read_moment
from core.refusals import Explained, Refusal
from coupling import local_records
from coupling.couplings.by_hand import RowsSeen, SeenRow
from coupling.couplings.by_hand_rules import Pair
from coupling.couplings.services import pair_of
from coupling.failures.further_rows import find_further_rows
from coupling.failures.owners import OwnerNames
from coupling.failures.standing import candidates_of
from coupling.gateway import Gateway
from coupling.models import Coupling, FailedRecord, IntegrationTableMapping
from coupling.rows import RemoteRow
from dataverse.errors import DataverseError
from jobs import outcomes
from jobs.mentions import PersonReading
from jobs.models import Job, JobOutcome

_PHONES = ("phone_no", "mobile_phone_no")
_OWNER = "ownerid"
_EXPLAINED = (Refusal, DataverseError)
_FURTHER = 20
"""Failed records whose further rows a few requests find."""


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """A Dataverse row that came into question. id: a GUID's text, or a choice's number; values: by column, as read.

    city, phone, owner: None where they were not read. coupled_to: "10380 Ridge Boatyard", "" for nobody; partner_id:
    that record, where it is one of the mapping's table; refusal: why the row cannot be coupled with the record, ""
    where it can; nearly: per cent alike, 0 for a row that matched; by: what of it is alike; url: where it is in
    Dataverse.
    """

    id: str
    name: str
    city: str | None = None
    phone: str | None = None
    owner: str | None = None
    coupled_to: str = ""
    partner_id: UUID | None = None
    refusal: str = ""
    nearly: int = 0
    by: str = ""
    url: str = ""
    gone: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def free(self) -> bool:
        """Whether it may be coupled with the record."""
        return not (self.coupled_to or self.refusal or self.gone)


@dataclass(slots=True)
class FailureSeen:
    """A failed record with the outcome it is told by, and what came into question for it; more: rows not listed;
    changed: whether one of the rows was changed or deleted in Dataverse since somebody ignored the record.
    """

    failed: FailedRecord
    outcome: JobOutcome | None
    candidates: list[CandidateRow] = field(default_factory=list)
    more: int = 0
    changed: bool = False

    @property
    def fields(self) -> list[Mapping[str, Any]]:
        """The fields compared, each with its column and the record's value."""
        detail = self.outcome.detail if self.outcome is not None else None
        found = detail.get("fields") if isinstance(detail, Mapping) else None
        return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []

    @property
    def free(self) -> list[CandidateRow]:
        """The candidates that the record may be coupled with."""
        return [one for one in self.candidates if one.free]

    @property
    def matched(self) -> list[CandidateRow]:
        """The candidates that have the values compared."""
        return [one for one in self.candidates if not one.nearly]


@dataclass(frozen=True, slots=True)
class FailuresSeen:
    """Failed records as they are shown; problem: why Dataverse could not be asked about them, None where it was."""

    lines: list[FailureSeen]
    problem: Explained | None = None


def look_at(
    failed: Sequence[FailedRecord], *, user: Any = None, mappings: Iterable[IntegrationTableMapping] = ()
) -> FailuresSeen:
    """Return failed records with their outcomes as the person reads them, and their candidates as they are now.

    mappings: those of them that the caller has read, with their companies.
    """
    lines, jobs = _told(failed, user)
    by_mapping: dict[int, list[FailureSeen]] = {}
    for line in lines:
        by_mapping.setdefault(line.failed.mapping_id, []).append(line)
    problem: Explained | None = None
    known = {one.pk: one for one in mappings}
    if unknown := by_mapping.keys() - known.keys():
        known |= IntegrationTableMapping.objects.select_related("company").in_bulk(unknown)
    for mapping_id, some in by_mapping.items():
        mapping = known[mapping_id]
        if mapping.uid_kind == "option":
            continue
        try:
            _Reading(mapping, user, Gateway(mapping.company)).fill_in(some, jobs)
        except _EXPLAINED as error:
            problem = problem or error
            _fill_in_couplings(mapping, some)
    return FailuresSeen(lines, problem)


def look_at_all(
    mapping: IntegrationTableMapping, gateway: Gateway, failed: Sequence[FailedRecord], *, user: Any = None
) -> list[FailureSeen]:
    """Return failed records of one mapping with all rows in question, but for what only tells these apart to a reader.

    user: who asks. Raises Refusal, DataverseError where Dataverse cannot be asked.
    """
    lines, jobs = _told(failed, user)
    _Reading(mapping, user, gateway).fill_in(lines, jobs, telling=False, further_at_once=_FURTHER)
    return lines


def _told(failed: Sequence[FailedRecord], user: Any) -> tuple[list[FailureSeen], Mapping[int, Job]]:
    """Return failed records with what their jobs told of them and kept, and these jobs."""
    told = outcomes.failures_of({one.job_id for one in failed}, [one.local_id for one in failed])
    PersonReading(user).read_rows(told.values())
    lines = [FailureSeen(one, told.get((one.job_id, one.local_id))) for one in failed]
    for line in lines:
        _fill_in_stored(line)
    return lines, Job.objects.in_bulk({one.job_id for one in failed})


def _fill_in_stored(line: FailureSeen) -> None:
    """Give a line the candidates that its job kept."""
    detail = line.outcome.detail if line.outcome is not None else None
    line.candidates = [
        CandidateRow(
            str(one.get("id")), str(one.get("name") or ""), coupled_to=_partner_text(one.get("coupled_to")),
            nearly=int(one.get("nearly") or 0), by=str(one.get("by") or ""),
        )
        for one in candidates_of(detail)
    ]  # fmt: skip
    rows = max((int(step.get("rows") or 0) for step in _trail(detail)), default=0)
    line.more = max(0, rows - len(line.matched)) if line.matched else 0


def _trail(detail: Any) -> list[Mapping[str, Any]]:
    found = detail.get("trail") if isinstance(detail, Mapping) else None
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _partner_text(stored: Any) -> str:
    if isinstance(stored, Mapping):
        return str(stored.get("key") or stored.get("name") or "")
    return str(stored or "")


def _ids(lines: Iterable[FailureSeen]) -> list[UUID]:
    found: dict[UUID, None] = {}
    for line in lines:
        for one in line.candidates:
            if (row_id := row_id_of(one)) is not None:
                found[row_id] = None
    return list(found)


def row_id_of(candidate: CandidateRow) -> UUID | None:
    """Return the id of a candidate that is a row; None for a choice."""
    try:
        return UUID(candidate.id)
    except ValueError:
        return None


def _fill_in_couplings(mapping: IntegrationTableMapping, lines: Sequence[FailureSeen]) -> None:
    """Bring whom the candidates are coupled with up to date from the tables here alone."""
    taken: dict[UUID, Coupling] = {}
    ids = _ids(lines)
    for start in range(0, len(ids), 500):
        own = Coupling.objects.filter(
            company=mapping.company, table=mapping.table, integration_id__in=ids[start : start + 500]
        )
        taken |= {one.integration_id: one for one in own}
    named = local_records.read_keys_and_names(mapping, [one.local_id for one in taken.values()]) if taken else {}
    for line in lines:
        line.candidates = [_coupled_now(mapping, one, taken, named) for one in line.candidates]


def _coupled_now(
    mapping: IntegrationTableMapping,
    one: CandidateRow,
    taken: Mapping[UUID, Coupling],
    named: Mapping[UUID, Sequence[str]],
) -> CandidateRow:
    row_id = row_id_of(one)
    coupling = taken.get(row_id) if row_id is not None else None
    pair = pair_of(mapping, coupling, named)
    if coupling is None or pair is None or not pair.record:
        return one
    return replace(one, coupled_to=pair.record, partner_id=coupling.local_id)


class _Reading:
    """Reads the candidates of one mapping's lines. Raises Refusal, DataverseError where it cannot."""

    def __init__(self, mapping: IntegrationTableMapping, user: Any, gateway: Gateway) -> None:
        self.mapping, self.user, self.gateway = mapping, user, gateway
        self.infos = gateway.table(mapping).columns
        prefetch_related_objects([mapping], "fields")  # which what reads rows asks for as well
        by_field = {one.field: one.integration_field for one in mapping.fields.all() if one.field}
        self.city = by_field.get("city", "")
        self.phones = [by_field[name] for name in _PHONES if name in by_field]
        self.connection = gateway.connection

    def fill_in(
        self,
        lines: Sequence[FailureSeen],
        jobs: Mapping[int, Job],
        *,
        telling: bool = True,
        further_at_once: int | None = None,
    ) -> None:
        """Give each line its candidates as they are now, all that there are.

        telling: with their owners; further_at_once: lines whose further rows are asked for together, None for all.
        """
        columns = {str(one.get("integration")) for line in lines for one in line.fields}
        known_by = (*sorted(columns), self.city, *self.phones, _OWNER, self.mapping.modified_on_column)
        wanted = [name for name in known_by if name in self.infos]
        seen = RowsSeen(self.mapping, self.gateway, user=self.user, columns=wanted)
        more = [line.failed for line in lines if line.more]
        further: dict[UUID, list[RemoteRow]] = {}
        at_once = further_at_once or max(len(more), 1)
        for start in range(0, len(more), at_once):
            further |= find_further_rows(self.mapping, self.gateway, more[start : start + at_once], jobs)
        for line in lines:
            known = {one.id for one in line.candidates}
            new = [row for row in further.get(line.failed.local_id, ()) if str(row.id) not in known]
            line.candidates[len(line.matched) : len(line.matched)] = [
                CandidateRow(str(row.id), row.name) for row in new
            ]
            line.more = max(0, line.more - len(new))
        ids = _ids(lines)
        rows = seen.read_all(ids) if ids else {}
        owners = OwnerNames(self.mapping.company, self.gateway)
        if telling:
            owners.read([row.row.values.get(_OWNER) for row in rows.values() if row.named])
        for line in lines:
            line.candidates = [self._as_now(one, rows, owners) for one in line.candidates]
            line.changed = any(self._changed_since(one, line.failed.ignored_at) for one in line.candidates)

    def _as_now(self, one: CandidateRow, rows: Mapping[UUID, SeenRow], owners: OwnerNames) -> CandidateRow:
        row_id = row_id_of(one)
        if row_id is None:
            return one
        found = rows.get(row_id)
        if found is None:
            return replace(one, gone=True, coupled_to="", refusal="Deleted in Dataverse since.")
        values = found.row.values if found.named else {}
        return replace(
            one,
            name=found.label,
            city=str(values.get(self.city) or ""),
            phone=next((str(values[name]) for name in self.phones if values.get(name)), ""),
            owner=owners.name_of(values.get(_OWNER)),
            coupled_to=_partner_of(found),
            partner_id=found.partner,
            refusal=found.refusal.message if found.refusal is not None else "",
            url=self._url(row_id),
            values=values,
        )

    def _changed_since(self, one: CandidateRow, ignored_at: datetime | None) -> bool:
        """Return whether a row was changed, or deleted, after its record was ignored."""
        if ignored_at is None:
            return False
        changed_at = read_moment(one.values.get(self.mapping.modified_on_column))
        return one.gone or (changed_at is not None and changed_at > ignored_at)

    def _url(self, row_id: UUID) -> str:
        if not self.connection.environment_url:
            return ""
        return row_url(self.connection, self.mapping.integration_table, self.mapping.entity_set, row_id)


def _partner_of(seen: SeenRow) -> str:
    """Return the record that a row is coupled with, of the mapping's table or of others."""
    of_row: Pair | None = seen.standing.of_row
    if seen.partner is not None and of_row is not None:
        return of_row.record
    return ", ".join(seen.elsewhere) or (seen.standing.held and "another company")
