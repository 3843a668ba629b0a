"""One run of match-based coupling up to its decisions, for the job and for the preview: nothing is written here."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from connection_setup.models import DataverseConnection
from core.free_memory import give_back_memory
from core.vocabulary import CompareAs
from coupling import claims, filters, local_records
from coupling.gateway import Gateway
from coupling.matching import criteria, explanation, read_plan
from coupling.matching.alike import AlikeRow
from coupling.matching.choice_rows import ChoiceRows
from coupling.matching.comparable import by_value
from coupling.matching.decisions import Candidate, Decision, Result
from coupling.matching.explanation import Searched, SearchedField
from coupling.matching.look_up import MOST_PAGES, look_up
from coupling.matching.match import Decisions, Group, Matcher
from coupling.matching.outside import OutsideRows, whys
from coupling.matching.previewed import KeptRows
from coupling.matching.taken_rows import coupled_row_finder
from coupling.matching.translation import translation_of
from coupling.models import IntegrationTableMapping
from coupling.rows import ColumnPage, Criterion, RemoteRow
from jobs.mentions import Text, mark, take_marks

COUNTRY = "country_region_code"
"""The local field with a record's country."""
MAX_OUTSIDE_PAGES = 20
"""Pages of rows outside the filter that are looked at for what unmatched records would have matched."""
MAX_NEAR_PROBES = 2
"""Requests up to which rows that unmatched records nearly match are asked for, one page each."""
MAX_OUTSIDE_PROBES = 3
"""Requests up to which such rows are asked for by filter instead."""


@dataclass
class MatchingRun:
    """Reads both sides and decides.

    given: the criteria; records: the local candidates, in key order; on_part: called after each part read, with the
    phase, how many records of it are done and how many there are (None where unknown); it may raise to stop; keeps:
    whether the values compared are kept of both sides, as a preview needs them; only_matches: no rows are looked for
    that a record would have matched outside the filter, or nearly matches.
    """

    mapping: IntegrationTableMapping
    given: Sequence[Criterion]
    gateway: Gateway
    records: "QuerySet[Any]"
    blank_is_no_match: bool = False
    on_part: Callable[[str, int, int | None], None] = lambda _phase, _done, _total: None
    keeps: bool = False
    only_matches: bool = False
    groups: list[Group] = field(init=False)
    plan: read_plan.Plan = field(init=False)
    decisions: Decisions = field(init=False)
    outside: OutsideRows | None = field(init=False, default=None)
    countries: tuple[str, str] | None = field(init=False)
    looked_nearly: bool = False
    """Whether rows were looked for that unmatched records nearly match."""
    note: str = ""
    """Why rows were not looked up by filter, although that was planned, as a sentence."""
    rows_compared: int = 0
    """How many Dataverse rows were compared."""
    kept: KeptRows = field(init=False, default_factory=KeptRows)
    """Where values are kept, each record's number or code, name and values of `fields`, in key order."""

    def __post_init__(self) -> None:
        """Check that both sides have the fields, and that they can be compared.

        Raises NoCriteria, BadCriteria, Unusable, Invalid (unknown_column).
        """
        if not self.given:
            raise criteria.NoCriteria(self.mapping.name)
        self.rows: Gateway | ChoiceRows = self.gateway
        self.organization_id = self.gateway.connection.organization_id
        self.table = local_records.get_table(self.mapping)
        self.countries = self._countries()
        if self.mapping.uid_kind == "option":
            self.rows = ChoiceRows(self.gateway, self.mapping)
            self.given = [replace(one, integration=one.local) for one in self.given]
        self.rows.check_columns(self.mapping, self.columns)
        infos = self.rows.table(self.mapping).columns
        self.column_types = {name: infos[name].type for name in self.columns}
        translations = {one: translation_of(self.mapping, one, infos[one.integration]) for one in self.given}
        self._translations = {one.local: found for one, found in translations.items() if found is not None}
        compared = [by_value(one) if translations[one] is not None else one for one in self.given]
        self.groups = criteria.group_criteria(self.mapping, compared)
        self._places = [[(one, self.fields.index(one.local)) for one in group.criteria] for group in self.groups]
        self._captions = {one.local: criteria.field_caption(self.mapping, one.local) for one in self.given}

    @property
    def fields(self) -> list[str]:
        """The local fields read, each once."""
        countries = self.countries[:1] if self.countries else ()
        return list(dict.fromkeys([*(one.local for one in self.given), *countries]))

    @property
    def columns(self) -> list[str]:
        """The Dataverse columns read, each once."""
        countries = self.countries[1:] if self.countries else ()
        return list(dict.fromkeys([*(one.integration for one in self.given), *countries]))

    @property
    def value_columns(self) -> list[str]:
        """The Dataverse columns of which a preview keeps the rows' values, in their order."""
        return list(dict.fromkeys(one.integration for group in self.groups for one in group.criteria))

    def _countries(self) -> tuple[str, str] | None:
        """Return the local field and the Dataverse column that hold a record's country, where phone numbers ask for it.

        None unless both sides have one: a number that only one side reads with its own country would not be found.
        """
        if not any(one.compare_as is CompareAs.PHONE for one in self.given):
            return None
        mapped = self.mapping.fields.filter(field=COUNTRY, constant="").exclude(integration_field="").first()
        if mapped is None or not any(field.name == COUNTRY for field in self.table.fields):
            return None
        column = self.rows.table(self.mapping).columns.get(mapped.integration_field)
        return (COUNTRY, mapped.integration_field) if column is not None and column.type == "String" else None

    def run(self, *, coupled: Callable[[list[bytes]], Iterable[bytes]] | None = None) -> Decisions:
        """Read both sides, by scan or probe as planned, and decide.

        coupled: returns which of some Dataverse rows are coupled already; asks the database where not given.
        """
        total = self.records.count()
        matcher = Matcher(
            self.groups,
            blank_is_no_match=self.blank_is_no_match,
            country=self.mapping.company.country_code,
            countries=self.countries,
            near_misses=not self.only_matches,
            keeps_values=self.keeps,
        )
        probed: list[dict[str, Any]] = []
        self.on_part("Reading records here", 0, total)
        for part in local_records.iter_batches(self.records, self.table, self.fields):
            values = self.translated(part)
            matcher.add(local_records.raw_ids(part), values, [str(row[2] or "") for row in part])
            if self.keeps:
                self.kept.add([row[1:] for row in part])
            if total <= read_plan.MAX_PROBED_RECORDS:
                probed += [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
            self.on_part("Reading records here", len(matcher), total)
        self.plan = self._plan(probed if total <= read_plan.MAX_PROBED_RECORDS else None)
        self._compare(matcher)
        self.on_part("Deciding", 0, None)
        self.decisions = matcher.decide(coupled or coupled_row_finder(self.mapping, self.organization_id))
        if not self.only_matches:
            self.outside = self._look_outside(matcher, probed)
            self._look_for_near_misses(matcher, probed)
        self.decisions.let_go()
        if self.outside is not None:
            self.outside.decisions.let_go()
        give_back_memory()
        return self.decisions

    def _look_for_near_misses(self, matcher: Matcher, probed: list[dict[str, Any]]) -> None:
        """Ask for rows that unmatched records nearly match, where not all rows were read; in few requests, or not."""
        if self.plan.kind != "probe" or self.mapping.uid_kind == "option":  # choices are all read
            self.looked_nearly = True
            return
        unmatched = self._unmatched(probed, but=self.outside)
        wanted = read_plan.near_filters(self.groups, unmatched, self.column_types)
        if not 0 < len(wanted) <= MAX_NEAR_PROBES:
            return
        rows = look_up(lambda: self.gateway.probe(self.mapping, self.columns, wanted, pages=1)).rows
        self.looked_nearly = rows is not None
        if rows is not None:
            matcher.look_near(rows)

    def _unmatched(self, probed: list[dict[str, Any]], but: OutsideRows | None = None) -> list[dict[str, Any]]:
        """Return the values of the records that have no match, of those that were to be probed.

        but: rows outside the filter; records that would have matched one are left out.
        """
        return [
            values
            for position, values in enumerate(probed)
            if self.decisions.result_at(position) is Result.NO_MATCH and not (but and but.match_at(position))
        ]

    def _look_outside(self, matcher: Matcher, probed: list[dict[str, Any]]) -> OutsideRows | None:
        """Look among the rows outside the mapping's filter for those that unmatched records would have matched.

        probed: the values of the first records, all where there are few. None where nothing is to be looked for.
        """
        row_filter = self.rows.row_filter(self.mapping)
        if row_filter == filters.EVERYTHING or not self.decisions.count_results()[Result.NO_MATCH]:
            return None
        self.on_part("Looking at rows outside the filter", 0, None)
        infos, other = self.rows.table(self.mapping).columns, matcher.for_other_rows()
        names = lru_cache(_company_name)
        for page in self._outside_pages(filters.field_names(row_filter), probed):
            found = whys(row_filter, infos, page.columns, len(page.ids), self.mapping.company_column, names)
            other.add_remote_page(page.ids, found, page.columns)
        return OutsideRows(other.decide())

    def _outside_pages(self, filtered: Sequence[str], probed: list[dict[str, Any]]) -> Iterator[ColumnPage]:
        """Yield rows outside the filter, with the columns it is about: those asked for by filter, or the first ones."""
        columns = list(dict.fromkeys([*self.columns, *filtered]))
        if len(probed) == len(self.decisions):
            wanted = self._probe_filters(self._unmatched(probed))
            if wanted is not None and len(wanted) <= MAX_OUTSIDE_PROBES:
                rows = self._look_up(columns, wanted, outside=True)
                if rows is not None:
                    yield ColumnPage(
                        [row.id.hex for row in rows],
                        [row.name for row in rows],
                        {name: [row.values.get(name) for row in rows] for name in columns},
                    )
                    return
        yield from self.rows.scan_outside(self.mapping, columns, MAX_OUTSIDE_PAGES)

    def _plan(self, probed: list[dict[str, Any]] | None) -> read_plan.Plan:
        wanted = self._probe_filters(probed) if probed is not None else None
        if wanted is not None and len(wanted) <= 1:
            return read_plan.choose_plan(wanted, None)
        if wanted is None:
            return read_plan.choose_plan(None, None)
        return read_plan.choose_plan(wanted, self.rows.size(self.mapping))

    def _probe_filters(self, records: Sequence[dict[str, Any]]) -> list[str] | None:
        countries = read_plan.Countries(self.countries[0] if self.countries else "", self.mapping.company.country_code)
        return read_plan.probe_filters(self.groups, records, self.column_types, countries)

    def _compare(self, matcher: Matcher) -> None:
        phase = f"Comparing rows of {self.mapping.integration_table}"
        self.on_part(phase, 0, None)
        if self.plan.kind == "probe":
            rows = self._look_up(self.columns, self.plan.filters)
            if rows is not None:
                matcher.add_remote_rows(rows)
                self.rows_compared = len(rows)
                return
            self.plan = read_plan.choose_plan(None, None)
        for page in self.rows.scan_columns(self.mapping, self.columns):
            matcher.add_remote_page(page.ids, page.names, page.columns)
            self.rows_compared += len(page.ids)
            self.on_part(phase, self.rows_compared, None)

    def _look_up(
        self, columns: Sequence[str], wanted: Sequence[str], *, outside: bool = False
    ) -> list[RemoteRow] | None:
        """Return the rows that filters find; None where they cannot be asked for so, and the job says why."""
        found = look_up(
            lambda: self.rows.probe(self.mapping, columns, wanted, outside=outside, pages=MOST_PAGES, whole=True)
        )
        self.note = self.note or found.why_not
        return found.rows

    def translated(self, part: list[tuple[Any, ...]]) -> dict[str, Sequence[Any]]:
        """Return the values of a part by field, those of choices and lookups as Dataverse has them."""
        columns = list(zip(*part, strict=True))[3:]
        values: dict[str, Sequence[Any]] = dict(zip(self.fields, columns, strict=True))
        for name, found in self._translations.items():
            values[name] = found.translate(values[name])
        return values

    # -- what outcomes and previews show ------------------------------------------------------------------------------

    def searched(self, decision: Decision, row: Sequence[Any], group: int | None = None) -> Searched:
        """Return the fields of a priority, of the one that decided unless given. row: the values of `fields`."""
        return Searched(
            [
                SearchedField(one, self._captions[one.local], row[at], self._note(one, row[at]))
                for one, at in self._places[decision.group if group is None else group]
            ]
        )

    def _note(self, one: Criterion, value: Any) -> str:
        found = self._translations.get(one.local)
        return found.note(value) if found is not None else ""

    def compared_fields(self, searched: Searched) -> list[dict[str, Any]]:
        """Return the fields that took part, with the local values."""
        own = self.mapping.uid_column if self.mapping.uid_kind == "option" else ""
        return [
            {
                "local": field.criterion.local,
                "integration": own or field.criterion.integration,
                "local_value": to_json_value(field.value),
            }
            for field in searched.used
        ]

    def trail(self, decision: Decision, row: Sequence[Any]) -> list[dict[str, Any]]:
        """Return every priority tried: the fields that took part, how many rows have their values, what that means."""
        return [
            {
                "priority": tried.priority,
                "fields": [field.criterion.local for field in self.searched(decision, row, group).used],
                "rows": tried.row_count,
                "result": tried.result.value,
            }
            for group, tried in enumerate(decision.trail)
        ]

    def explain(
        self, decision: Decision, searched: Searched, row: Sequence[Any], partner: "str | claims.Holder" = ""
    ) -> Text:
        """Return why a record was not coupled, and what to do next, as one text; of one that was, what was left out.

        row: the values of `fields`.
        """
        if decision.result is Result.COUPLED:
            return Text(explanation.matched_on(searched))
        if isinstance(partner, claims.Holder):
            whose = claims.belongs(f"The one row with the same {searched.same()}", partner)
            ways_out = f"Match on other fields, {claims.ways_out(self.mapping)}"
            return whose._replace(text=f"{whose.text} {ways_out}")
        return take_marks(
            explanation.not_coupled(
                decision,
                searched,
                mapping=self.mapping.name,
                blank_is_no_match=self.blank_is_no_match,
                partner=partner,
                outside=self._outside(decision, row),
                near=self._near(decision, row),
                closest=self._closest(decision, row),
                noun="choice" if self.mapping.uid_kind == "option" else "row",
            )
        )

    def nearly(self, decision: Decision) -> list[tuple[Candidate, AlikeRow]]:
        """Return the rows that a record without a match nearly has, the most alike first."""
        return [
            (Candidate(UUID(one.id), one.name, coupled=True), one) for one in self.decisions.alike_at(decision.position)
        ]

    def _near(self, decision: Decision, row: Sequence[Any]) -> str:
        """Return in what a row in Dataverse that the record nearly matches differs from it; "" for none."""
        found = self.decisions.near_miss_at(decision.position)
        return explanation.nearly_matched(self.searched(decision, row, found[0]), found[1]) if found else ""

    def _closest(self, decision: Decision, row: Sequence[Any]) -> str:
        """Return which row in Dataverse is closest to the record; "" for none."""
        found = self.decisions.closest_row_at(decision.position)
        return explanation.closest_row(self.searched(decision, row, found[0]), found[1]) if found else ""

    def _outside(self, decision: Decision, row: Sequence[Any]) -> str:
        """Return what holds back the rows outside the filter that the record would have matched; "" for none."""
        if self.outside is None or decision.result is not Result.NO_MATCH:
            return ""
        found = self.outside.match_at(decision.position)
        if found is None:
            return ""
        fields = explanation.captions(self.searched(decision, row, found.group).used)
        return found.sentence(self.mapping.integration_table, self.mapping.entity_set, fields)

    def is_likely_duplicate(self, decision: Decision) -> bool:
        """Return whether a record without a unique match has a row in Dataverse already, by all that is known."""
        return (
            decision.result is not Result.NO_MATCH
            or (self.outside is not None and self.outside.match_at(decision.position) is not None)
            or self.decisions.near_miss_at(decision.position) is not None
        )

    def count_created(self, *, only_unmatched: bool) -> int:
        """Return how many records Create New applies to. only_unmatched: without likely duplicates."""
        tally = self.decisions.count_results()
        if not only_unmatched:
            return len(self.decisions) - tally[Result.COUPLED]
        return tally[Result.NO_MATCH] - self.count_held_back() - self.count_near_misses()

    def count_near_misses(self) -> int:
        """Return how many records without a match, not held back either, nearly match a row."""
        near = self.decisions.positions_of_near_misses()
        outside = self.outside
        return len(near) if outside is None else sum(outside.match_at(position) is None for position in near)

    def count_held_back(self) -> int:
        """Return how many records without a match would have matched rows outside the filter."""
        return self.outside.count_held_back(self.decisions) if self.outside is not None else 0


def _company_name(row_id: str) -> str:
    """Return what stands for the company whose row in Dataverse has that id, to be read by jobs.mentions.Reader."""
    found = DataverseConnection.objects.filter(company_row_id=row_id).first()
    return mark(found.company_id) if found is not None else "another company"


def to_json_value(value: Any) -> Any:
    """Return a value as an outcome's JSON holds it."""
    return value if value is None or isinstance(value, str | int | bool) else str(value)
