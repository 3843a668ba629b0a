"""Lines of the list of failures as data: a record, the values compared on both sides, and its candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from coupling.failures import compared
from coupling.failures.candidates import CandidateRow, FailureSeen, FailuresSeen, look_at
from coupling.failures.choosing import default_candidate
from coupling.failures.compared import Part
from coupling.job_parameters import Settle
from coupling.matching.alike import NAME
from coupling.matching.near_misses import difference
from coupling.models import FailedRecord, IntegrationTableMapping, pairs_of
from coupling.records import lists as records
from jobs import display
from jobs.models import OPEN_STATES, Job, Reason
from jobs.pages import lists as listings
from masterdata.models import Company
from ui.kit import Cell, Link, Status
from ui.links import company_url

_BY = {"phone": "phone", "mail": "mail address", "street": "street"}
_EQUAL = 100
_IN_HEAD = (Reason.NO_MATCH, Reason.MULTIPLE_MATCHES, Reason.ALREADY_COUPLED)
"""Reasons of which the group's head says what there is to say."""
CITY = "city"


@dataclass(frozen=True, slots=True)
class CandidateShown:
    """A candidate as a line shows it. told: what tells it apart; partner: whom it is coupled with; why: why it cannot
    be coupled; value: what choosing it sends.
    """

    name: SafeString
    url: str
    told: str
    value: str
    label: str
    free: bool
    checked: bool = False
    partner: Link | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A failed record as shown."""

    pk: int
    key: Cell
    name: str
    city: str
    mapping: str
    compared: str
    here: SafeString
    there: SafeString
    look: str
    """How both sides stand: eq, ne, blank."""
    candidates: Sequence[CandidateShown]
    more: int
    reason: str
    """What the group's head says, for who hears the line alone."""
    message: str
    told: bool
    """Whether the message stands in the line: the group's head does not say it."""
    search_url: str
    settled: Cell = None
    """What was done about it: "Coupled to Iris Bicycles Ltd."."""
    done: bool = False
    """Whether nothing more can be done here for the time being."""
    ignored: str = ""
    changed: bool = False
    """Whether a row in Dataverse changed since the record is ignored."""

    @property
    def label(self) -> str:
        """What the line's tick box is called."""
        key = self.key.text if isinstance(self.key, Link) else str(self.key or "")
        return f"{key} {self.name}".strip()


@dataclass
class Lines:
    """Makes lines. settled: the records that something was done about just now, with the job that does it, or 0."""

    company: Company
    user: Any = None
    settled: Mapping[int, int] = field(default_factory=dict)
    back: str = ""
    mappings: Sequence[IntegrationTableMapping] = ()
    """Mappings with failures, with their companies, where they were read already."""
    problem: str = ""
    """Why Dataverse could not be asked about the last lines made."""

    def load(self, rows: Sequence[FailedRecord]) -> None:
        """Give each row its `line`: a listing's `decorate`."""
        seen: FailuresSeen = look_at(rows, user=self.user, mappings=self.mappings)
        self.problem = seen.problem.message if seen.problem is not None else ""
        wanted = {row.mapping_id for row in rows}
        mappings = {one.pk: one for one in self.mappings if one.pk in wanted}
        if unknown := wanted - mappings.keys():
            mappings |= IntegrationTableMapping.objects.select_related("company").in_bulk(unknown)
        known = {pk: _names(mapping, [row for row in rows if row.mapping_id == pk]) for pk, mapping in mappings.items()}
        coupled = {pk: _coupled(mapping, rows, self.settled) for pk, mapping in mappings.items()}
        for row, found in zip(rows, seen.lines, strict=True):
            row.line = self._line(found, mappings[row.mapping_id], known[row.mapping_id], coupled[row.mapping_id])  # type: ignore[attr-defined]

    def _line(
        self,
        seen: FailureSeen,
        mapping: IntegrationTableMapping,
        known: Mapping[UUID, tuple[str, str, str]],
        coupled: Mapping[UUID, UUID],
    ) -> Line:
        row = seen.failed
        key, name, city = known.get(row.local_id, (row.local_key, row.local_name, ""))
        table = records.table_or_404(mapping.table)
        settled = self._settled(seen, coupled.get(row.local_id))
        done = row.local_id in coupled or self._is_taken_up(row)
        message = seen.outcome.message if seen.outcome is not None else ""
        best = default_candidate(seen)
        return Line(
            row.pk,
            Link(key, records.card_url(self.company, table, row.local_id)),
            name,
            city,
            mapping.name,
            " + ".join(display.caption_of_field(one) for one in seen.fields),
            *_sides(seen),
            [
                self._candidate(one, name, key, table, telling=_telling(seen), checked=one is best)
                for one in seen.candidates
            ],
            seen.more,
            listings.reason_label(row.reason),
            message,
            row.reason not in _IN_HEAD,
            "" if mapping.uid_kind == "option" else company_url(
                "sync:set-up-coupling", self.company, table=table.name, system_id=row.local_id,
                query={"mapping": mapping.name, "next": self.back},
            ),
            settled,
            done,
            row.ignored_because,
            seen.changed,
        )  # fmt: skip

    def _is_taken_up(self, row: FailedRecord) -> bool:
        """Return whether nothing is left to choose since it was ignored just now, or a job has not ended yet."""
        job_id = self.settled.get(row.pk)
        return job_id in self.open_jobs or self._is_ignored(row)

    def _is_ignored(self, row: FailedRecord) -> bool:
        """Return whether it was ignored just now, at once or by a job that has ended."""
        job_id = self.settled.get(row.pk)
        if job_id is None or row.ignored_at is None or job_id in self.open_jobs:
            return False
        job = self._jobs.get(job_id)
        return not job_id or (job is not None and (job.parameters or {}).get("settle") == Settle.IGNORE)

    @cached_property
    def _jobs(self) -> dict[int, Job]:
        """The jobs that do something about records, in the order in which they were asked for."""
        ids = {job_id for job_id in self.settled.values() if job_id}
        found = Job.objects.filter(company=self.company, pk__in=ids).order_by("pk") if ids else ()
        return {one.pk: one for one in found}

    @cached_property
    def open_jobs(self) -> set[int]:
        """Those that have not ended."""
        return {pk for pk, job in self._jobs.items() if job.state in OPEN_STATES}

    @property
    def at_work(self) -> Job | None:
        """The first of them; None where all have ended."""
        return next((job for pk, job in self._jobs.items() if pk in self.open_jobs), None)

    def _settled(self, seen: FailureSeen, row_id: UUID | None) -> Cell:
        """Return what was done about a record just now; None for nothing."""
        if row_id is not None:
            name = next((one.name for one in seen.candidates if one.id == str(row_id)), "") or str(row_id)
            return Status(f"Coupled to {name}", "ok")
        job_id = self.settled.get(seen.failed.pk)
        if job_id is None:
            return None
        if self._is_ignored(seen.failed):
            return Status("Ignored", "ok")
        if not job_id:
            return Status("Listed again", "ok")
        said = "Taken up by" if job_id in self.open_jobs else "Tried by"
        return Link(f"{said} job {job_id}", listings.job_url(Job(pk=job_id), self.company), "run")

    def _candidate(
        self, one: CandidateRow, name: str, key: str, table: Any, *, telling: Sequence[str], checked: bool
    ) -> CandidateShown:
        told = [part for part in (getattr(one, name) for name in telling) if part]
        if one.nearly:
            told.append(_nearness(one, name))
        called = one.name or one.id
        shown = compared.mark(name, called)[1] if one.nearly else (Part(compared.visible(called)),)
        partner = None
        if one.coupled_to:
            url = records.card_url(self.company, table, one.partner_id) if one.partner_id is not None else ""
            partner = Link(one.coupled_to, url)
        return CandidateShown(
            html(shown),
            one.url,
            ", ".join(told),
            one.id,
            f"Couple {key} to {', '.join(filter(None, (called, one.city)))}",
            one.free,
            checked,
            partner,
            "" if partner else one.refusal,
        )


def _telling(seen: FailureSeen) -> list[str]:
    """Return what tells a line's candidates apart: the city, and of phone and owner what they do not all share."""
    if len(seen.candidates) < 2:
        return ["city", "phone"]
    differing = [name for name in ("phone", "owner") if len({getattr(one, name) for one in seen.candidates}) > 1]
    if not differing and len({one.city for one in seen.candidates}) < 2:
        return ["city", "phone", "owner"]
    return ["city", *differing]


def _nearness(one: CandidateRow, name: str) -> str:
    """Return how like a record a row is: "differs in spacing", "97 % alike", "94 % alike in phone"."""
    if told := difference(name, one.name):
        return f"differs in {told}"
    by = _BY.get(one.by)
    if by:
        return f"{one.nearly} % alike in {by}"
    return f"{one.nearly} % alike" if one.nearly < _EQUAL else "same name" if one.by == NAME else "nearly alike"


def _names(mapping: IntegrationTableMapping, rows: Sequence[FailedRecord]) -> dict[UUID, tuple[str, str, str]]:
    """Return key, name and city of records as they are now."""
    table = records.table_or_404(mapping.table)
    extra = [CITY] if any(one.name == CITY for one in table.fields) else []
    found = table.records(mapping.company).order_by().filter(system_id__in=[row.local_id for row in rows])
    return {
        row_id: (str(key), str(name or ""), str(more[0] or "") if more else "")
        for row_id, key, name, *more in found.values_list("system_id", table.key, table.title, *extra)
    }


def _coupled(
    mapping: IntegrationTableMapping, rows: Sequence[FailedRecord], settled: Mapping[int, int]
) -> dict[UUID, UUID]:
    """Return with which rows those are coupled that something was done about just now."""
    ids = [row.local_id for row in rows if row.mapping_id == mapping.pk and row.pk in settled]
    if not ids or mapping.uid_kind == "option":
        return {}
    return dict(pairs_of(mapping).filter(local_id__in=ids).values_list("local_id", "integration_id"))


def _sides(seen: FailureSeen) -> tuple[SafeString, SafeString, str]:
    """Return the values compared here and in Dataverse: of the one row that matched, or of the most alike; and how
    they stand.
    """
    here = [one.get("local_value") for one in seen.fields]
    columns = [str(one.get("integration")) for one in seen.fields]
    matched = seen.matched
    row = matched[0] if matched else next(iter(seen.candidates), None)
    if (count := len(matched) + seen.more) > 1:
        return html(compared.compare(here, None).here), format_html("on {} rows", f"{count:,}"), "eq"
    if row is None or not row.values:
        said = "not found" if row is None else "deleted" if row.gone else "not read"
        return html(compared.compare(here, None).here), format_html("{}", said if columns else ""), "blank"
    sides = compared.compare(here, [row.values.get(name) for name in columns], equal=bool(matched))
    return html(sides.here), html(sides.there) or format_html("{}", "blank there"), sides.look


def html(parts: Sequence[Part]) -> SafeString:
    """Return a value with what only it has marked."""
    return format_html_join(
        "", "{}", ((format_html("<mark>{}</mark>", part.text) if part.differs else part.text,) for part in parts)
    )
