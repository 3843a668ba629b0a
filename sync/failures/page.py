"""Page Integration Synchronization Errors as data: failed records by reason, with their candidates and the actions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from connection_setup.connection.state import connection_for_request, disabled_reason
from core.bounded_counts import count_each
from core.collation import distinct_values
from coupling.dead_partners import RELEASE
from coupling.failures.likely import COUPLE, CREATE
from coupling.failures.standing import mappings_with_failures
from coupling.models import FailedRecord
from coupling.undone import left_undone
from jobs import display
from jobs.models import Job, Reason
from jobs.pages.lists import job_url, reason_help, reason_label
from jobs.registry import registry
from masterdata.models import Company
from sync.conflicts.coupling_rows import not_connected, off_reason
from sync.conflicts.skipped_page import TITLE as LEFT_OUT
from sync.failures.lines import Lines
from sync.failures.listing import NEARLY, failures_listing
from sync.failures.remedies import remedy
from ui import ids
from ui.cells import text_of, time_ago
from ui.htmx import htmx_of
from ui.kit import Action, Link, Menu, Notice, Page, Progress, State, Status
from ui.links import company_url
from ui.listing import Listing

TITLE = display.ERRORS_TITLE
BY_HAND = "Couple By Hand"
RETRY, CRITERIA, IGNORE, STOP = "Retry Selected", "Run Again With Other Criteria", "Ignore", "Stop Ignoring"
SETTLED = "failures settled"
"""Where the session keeps what was settled last."""
UNDO = "Undo This Job"
COUNTED = 10_000
"""Records of a reason that are counted; beyond them there are "more than 10,000"."""
_OPEN_QUESTIONS = (Reason.MULTIPLE_MATCHES, Reason.ALREADY_COUPLED)


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a group of lines: its reason with the number of records, the remedy, and the ways to select them."""

    status: Status
    remedy: str
    help: str
    """Where help tells more about the reason."""
    select: Sequence[Link]


_NEARLY_UNMATCHED = "nearly, no match"
"""Where the number stands of those nearly alike among what found no match."""
_LEFT_OUT = "left out"
"""Where the number stands of what synchronization left undone for other reasons."""
_NO_REASONS = frozenset({NEARLY, _NEARLY_UNMATCHED, _LEFT_OUT})


class FailuresPage:
    """The page of one company as a request asks for it."""

    def __init__(self, request: HttpRequest, company: Company) -> None:
        self.request, self.company = request, company
        self.given: Mapping[str, str] = request.GET.dict()
        self.ignored = self.given.get("ignored") == "yes"
        settled = settled_in(request, company) if self.given.get("settled") == "yes" else {}
        self.url = company_url("sync:failures", company)
        self.lines = Lines(company, request.user, settled, request.get_full_path())
        self._mappings = self.lines.mappings = mappings_with_failures(company)
        self.listing: Listing = failures_listing(
            company, ignored=self.ignored, lines=self.lines, decorate=self._decorate, mappings=self._mappings
        )
        number = ids.parse_id(self.given.get("job", ""))
        self.job = Job.objects.filter(company=company, pk=number).first() if number is not None else None

    def build(self) -> Page:
        """Return the page; while it is polled, how far the job is, and no more."""
        progress = self._progress()
        if progress is not None and (asked := htmx_of(self.request)) and asked.target == "live":
            return Page(TITLE, company=self.company, progress=progress)
        crumbs = [Link(display.LIST_TITLES[""], company_url("jobs:list", self.company))]
        if self.job is not None:
            url = f"{crumbs[0].url}?type={self.job.type}"
            crumbs = [
                Link(display.LIST_TITLES.get(self.job.type, crumbs[0].text), url),
                Link(text_of(self.job.started_at or self.job.created_at), job_url(self.job, self.company)),
            ]
        off = disabled_reason(connection_for_request(self.request, self.company))
        unavailable = off.user_message if off is not None else ""
        return Page(
            TITLE,
            company=self.company,
            crumbs=crumbs,
            state=display.status(self.job) if self.job is not None else None,
            help="coupling.md#failures",
            actions=self._actions(off_reason(self.request.user, self.company, unavailable), unavailable),
            notices=[*not_connected(unavailable), *self._left_out()],
            progress=progress,
            listing=self.listing,
            context={
                "lines": self.lines, "segments": self._segments(), "ignored": self.ignored,
                "several_mappings": any(one.name == "mapping" for one in self.listing.filters)
                and not self.given.get("mapping"),
                "ticked": self.given.get("select") == "all",
                "create_url": company_url("sync:failures-create", self.company),
                "back": self.request.get_full_path(),
            },
        )  # fmt: skip

    def _progress(self) -> Progress | None:
        """Return how far the job is that took up lines of this list: at its end the list shows what came of them.

        Without scripts a link does that: what is ticked would be lost by itself otherwise.
        """
        at_work = self.lines.at_work
        found = None if at_work is None else display.progress(at_work, poll_url=self.request.get_full_path())
        return None if found is None else replace(found, refreshes=False)

    def _actions(self, off: str, unavailable: str) -> list[Action | Menu]:
        values = {"ignored": "yes"} if self.ignored else {}

        def act(label: str, name: str, icon: str, *, primary: bool = False, why: str = off) -> Action:
            url = company_url(f"sync:failures-{name}", self.company)
            return Action(label, url, "post", icon, selection=True, off=why, values=values, primary=primary)

        if self.ignored:
            return [
                act(STOP, "stop-ignoring", "reset", why="" if unavailable else off),
                Action("Show What Failed", self.url, icon="list"),
            ]
        query = {
            name: value for name, value in self.given.items() if name in ("reason", "job", "mapping", "since", "q")
        }
        export = company_url("sync:failures-export", self.company, query=query)
        return [
            act(COUPLE, "couple", "couple", primary=True),
            act(BY_HAND, "by-hand", "edit"),
            act(CREATE, "create", "add"),
            act(RETRY, "retry", "run"),
            act(CRITERIA, "criteria", "settings"),
            act(IGNORE, "ignore", "check", why="" if unavailable else off),
            *self._undo(),
            Action("Export", export, icon="export"),
            Menu(
                "More",
                [
                    act(RELEASE, "release", "uncouple"),
                    Action("Show What Is Ignored", f"{self.url}?ignored=yes", icon="list"),
                ],
            ),
        ]

    def _undo(self) -> list[Action]:
        """Return what undoes the job whose list this is: what its card offers under that name."""
        if self.job is None:
            return []
        offered = [one for provider in registry.job_actions for one in provider(self.request, self.job)]
        return [one for one in offered if one.label == UNDO]

    def _left_out(self) -> list[Notice]:
        """Return where the failures of coupled pairs stand, where there are any."""
        count = self.counts.get(_LEFT_OUT, 0)
        if not count:
            return []
        url = company_url("sync:skipped", self.company)
        what = "1 record or row is" if count == 1 else f"{_number(count)} records and rows are"
        return [Notice(f"{what} left out of synchronization for another reason.", actions=[Action(LEFT_OUT, url)])]

    # -- groups --------------------------------------------------------------------------------------------------------

    def _among(self, **changes: str) -> "QuerySet[FailedRecord]":
        """Return the failed records under the filters in force, some of these changed; not those settled just now."""
        return self._plain.narrowed({**self._plain.in_force(self.given), **changes})

    @cached_property
    def _plain(self) -> Listing:
        return failures_listing(self.company, ignored=self.ignored, mappings=self._mappings)

    def _counts(self) -> dict[str, int]:
        """Return how many records failed for each reason, and nearly alike among all, under the other filters."""
        found = self._among(reason="")
        groups: dict[str, QuerySet[Any]] = {reason: found.filter(reason=reason) for reason in self._reasons()}
        groups[NEARLY] = found.filter(nearly__gt=0)
        groups[_NEARLY_UNMATCHED] = found.filter(reason=Reason.NO_MATCH, nearly__gt=0)
        if self.job is None:
            groups[_LEFT_OUT] = left_undone(self.company)
        counts = count_each(groups, COUNTED + 1)
        return {group: count for group, count in counts.items() if count or group in _NO_REASONS}

    def _reasons(self) -> list[str]:
        """Return the reasons that failed records of the company have, from an index alone."""
        return distinct_values(FailedRecord.objects.filter(company=self.company), "reason")

    def _segments(self) -> list[tuple[str, str, str, bool]]:
        """Return the ways to narrow the list by reason: caption, number, address, whether it is the one shown."""
        counts = self.counts
        shown = self.given.get("reason", "")
        reasons = set(counts) - _NO_REASONS
        total = sum(counts[reason] for reason in reasons)
        segments = [("All", _number(total), self._address(reason=""), not shown)]
        segments += [
            (reason_label(reason), _number(counts[reason]), self._address(reason=reason), shown == reason)
            for reason in sorted(reasons)
        ]
        if counts[NEARLY] or shown == NEARLY:
            segments.append(("Nearly alike", _number(counts[NEARLY]), self._address(reason=NEARLY), shown == NEARLY))
        return segments

    @cached_property
    def counts(self) -> dict[str, int]:
        """The numbers of the groups; counted once."""
        return self._counts()

    def _address(self, **changes: str) -> str:
        own = {
            name: self.given[name] for name in ("q", "reason", "job", "mapping", "since", "ignored")
            if self.given.get(name)
        }  # fmt: skip
        return company_url("sync:failures", self.company, query={**own, **changes})

    def _decorate(self, rows: list[Any]) -> None:
        """Give each row its line, and the first one of each reason the group's head."""
        self.lines.load(rows)
        before = ""
        for row in rows:
            row.head = self._head(row.reason) if row.reason != before else None
            before = row.reason

    def _head(self, reason: str) -> Head:
        count = self.counts.get(reason, 0)
        nearly = self.counts[_NEARLY_UNMATCHED] if reason == Reason.NO_MATCH else 0  # what matches has no need of it
        look: State = "warn" if reason in _OPEN_QUESTIONS else "bad"
        label = f"{reason_label(reason)}, {_number(count)}" if count else reason_label(reason)
        return Head(
            Status(label, look), remedy(reason, _number(count), nearly), reason_help(reason),
            self._select(reason, count, nearly),
        )  # fmt: skip

    def _select(self, reason: str, count: int, nearly: int) -> list[Link]:
        """Return what selects the records of a group: those nearly alike, to be checked first, and all of them."""
        if self.given.get("select") == "all" or not count:
            return []
        only_nearly = self.given.get("reason") == NEARLY
        everything = f"{self._address(reason=NEARLY if only_nearly else reason)}&select=all"
        if only_nearly or not nearly:
            shown = nearly if only_nearly else count
            return [Link("Select this one" if shown == 1 else f"Select these {_number(shown)}", everything)]
        first = Link(
            "Select the one" if nearly == 1 else f"Select the {_number(nearly)}",
            f"{self._address(reason=NEARLY)}&select=all",
        )
        return [first, Link(f"Select all {_number(count)}", everything)] if count > nearly else [first]


def _number(count: int) -> str:
    return f"{count:,}" if count <= COUNTED else f"more than {COUNTED:,}"


def settled_in(request: HttpRequest, company: Company) -> dict[int, int]:
    """Return the failed records about which the person did something last, with the job that does it, 0 for none."""
    kept = request.session.get(SETTLED)
    if not isinstance(kept, dict) or kept.get("company") != company.pk:
        return {}
    return {int(pk): int(job) for pk, job in kept.get("lines", {}).items()}


def ignored_note(row: FailedRecord) -> str:
    """Return by whom, when and why a record is ignored."""
    who = f" by {row.ignored_by}" if row.ignored_by is not None else ""
    return f"Ignored {time_ago(row.ignored_at)}{who}: {row.ignored_because}"
