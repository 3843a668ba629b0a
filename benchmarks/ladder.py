"""What each element of the coupling job costs: one line for each, as a multiple of writing the pairs alone.

A dearer schema shows here, and never as a better ratio of the whole. Rows are prepared beforehand, so that a rung is
the database's cost of that element and, where it says so, Tandem's own for handing them over.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from benchmarks import effort
from benchmarks.couple import COUPLING, OUTCOME, WRITE, insert_lean, lean_rows, make_lean_table, ours, read_and_match
from benchmarks.effort import Effort
from benchmarks.house import House, house
from benchmarks.rows import CRITERIA
from benchmarks.telling import Line

Work = Callable[[], None]
"""One rung's work; what it needs is prepared already."""

POSITION_INDEX = "CREATE INDEX bench_position ON bench_outcomes (job_id, outcome, reason, position, id)"
RECORD_INDEX = "CREATE INDEX bench_record ON bench_outcomes (local_id)"


def parts(made: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield what goes into one commit."""
    for start in range(0, len(made), WRITE):
        yield made[start : start + WRITE]


class Ladder:
    """The rungs over one set of pairs. Each method prepares a rung and returns its work."""

    def __init__(self, own: House, names: dict[Any, tuple], pairs: dict[Any, tuple]) -> None:
        from django.utils import timezone

        self.own, self.names, self.pairs = own, names, pairs
        self.hexed = own.database.vendor == "sqlite"
        self.now = str(timezone.now())[:26] if self.hexed else timezone.now()
        self.lean = lean_rows(own, names, pairs)

    def raw(self, table: str, columns: Sequence[str], made: Sequence[tuple]) -> Work:
        """Give prepared rows to the driver, WRITE a commit."""
        from django.db import transaction

        def work() -> None:
            for part in parts(made):
                with transaction.atomic():
                    self.own.insert(table, columns, list(part))

        return work

    def pairs_alone(self) -> Work:
        make_lean_table(self.own)
        return lambda: insert_lean(self.own, self.lean)

    def wide(self) -> list[tuple]:
        """Return the couplings with every column, as the driver takes them."""
        common, made = (self.own.company.pk, self.own.mapping.pk, "customer"), uuid.uuid4()
        organization = made.bytes if self.hexed else made
        return [
            (*common, here, there, organization, "matched", self.own.job, False) for _, _, here, there, *_ in self.lean
        ]

    def couplings(self) -> Work:
        return self.raw("coupling_coupling", COUPLING, self.wide())

    def couplings_by_bulk(self) -> Work:
        from core import bulk
        from coupling.models import Coupling

        columns = (
            "company_id", "mapping_id", "table", "local_id", "integration_id", "organization_id", "method", "job_id",
        )  # fmt: skip

        def id_of(text: Any) -> uuid.UUID:
            return text if isinstance(text, uuid.UUID) else uuid.UUID(text)

        organization = uuid.uuid4()
        made = [(*row[:3], *map(id_of, row[3:5]), organization, *row[6:8]) for row in self.wide()]

        def work() -> None:
            from django.db import transaction

            for part in parts(made):
                with transaction.atomic():
                    bulk.insert(Coupling, columns, part, ignore_conflicts=True)

        return work

    def couplings_by_the_job(self) -> Work:
        """Insert the couplings as the coupling job does, ids taken beforehand."""
        from coupling.couplings.new_pairs import insert_pairs

        made = [(str(row[3]).replace("-", ""), str(row[4]).replace("-", "")) for row in self.wide()]
        organization = uuid.uuid4()

        def work() -> None:
            from django.db import transaction

            for part in parts(made):
                here, there = zip(*part, strict=True)
                with transaction.atomic():
                    insert_pairs(self.own.mapping, self.own.job, organization, here, there, [0] * len(part))

        return work

    def counted(self) -> Work:
        """Ask which records are gone meanwhile, as the job does: they are counted by their ids."""
        from coupling import local_records

        records = local_records.filtered_records(self.own.mapping)
        ids = [str(row_id).replace("-", "") for row_id in self.names]

        def work() -> None:
            for part in parts(ids):
                assert not local_records.find_missing(records, part)

        return work

    def parts_that_tell(self) -> Work:
        """Write what tells of the pairs: packed, a part each commit."""
        from jobs.models import Job, OutcomePart
        from jobs.running import outcome_rows

        job = Job.objects.get(pk=self.own.job)
        names = [[met[1]] for met in self.pairs.values()]

        def work() -> None:
            for start in range(0, len(names), WRITE):
                part = names[start : start + WRITE]
                derived = outcome_rows.DerivedRows("coupled", range(start + 1, start + 1 + len(part)), part)
                job.breakdown = {"coupled": {"": start}}
                OutcomePart.objects.bulk_create(outcome_rows.parts(job, (), [derived]))

        return work

    def narrow_rows(self) -> Work:
        """Write the outcomes of what did not couple as the job does, from the sentence to the row."""
        from jobs.models import Job
        from jobs.running import outcome_rows

        writer = outcome_rows.OutcomeWriter(Job.objects.get(pk=self.own.job))
        writer.job.breakdown = {}
        made = [
            outcome_rows.OutcomeRow(
                "failed", "no_match", row_id if isinstance(row_id, uuid.UUID) else uuid.UUID(row_id), no, name,
                message=f'No row has the same Phone No. "{phone}".',
                detail={"fields": [{"local": "phone_no", "integration": "telephone1", "local_value": phone}]},
            )
            for row_id, (_, no, name, phone, *_) in self.names.items()
            if row_id not in self.pairs
        ]  # fmt: skip

        def work() -> None:
            from django.db import transaction

            for part in parts(made):
                with transaction.atomic():
                    writer.insert(part)

        return work

    def outcomes(self, *, detail: bool) -> list[tuple]:
        """Return an outcome for each record, as the driver takes it."""
        made, coupled, failed = [], 0, 0
        for row_id, (_, no, name, phone, _city, _mail) in self.names.items():
            told = {"fields": [{"local": "phone_no", "integration": "telephone1", "local_value": phone}]}
            text = msgspec.json.encode(told).decode() if detail else None
            met = self.pairs.get(row_id)
            if met is None:
                failed += 1
                made.append((self.own.job, "failed", "no_match", failed, row_id, no, name, None, "", "None.", text))
                continue
            coupled += 1
            there = met[0].replace("-", "") if self.hexed else met[0]
            made.append((self.own.job, "coupled", "", coupled, row_id, no, name, there, met[1], "", text))
        return made

    def outcome_table(self, *indexes: str, detail: bool = True) -> Work:
        """Write outcomes into a table of their own with these indexes."""
        ids, json = ("char(32)", "text") if self.hexed else ("uuid", "jsonb")
        serial = (
            "integer primary key autoincrement" if self.hexed else "bigint generated by default as identity primary key"
        )
        self.own.define(
            "DROP TABLE IF EXISTS bench_outcomes",
            f"CREATE TABLE bench_outcomes (id {serial}, job_id bigint NOT NULL, outcome varchar(12) NOT NULL, "
            f"reason varchar(24) NOT NULL, position integer NOT NULL, local_id {ids}, local_key varchar(80) NOT NULL, "
            f"local_name varchar(200) NOT NULL, integration_id {ids}, integration_name varchar(200) NOT NULL, "
            f"message text NOT NULL, detail {json})",
            *indexes,
        )
        return self.raw("bench_outcomes", OUTCOME, self.outcomes(detail=detail))

    def second_read(self) -> Work:
        """Read the local records once more by their ids, as whoever makes an outcome's texts has to."""
        from coupling import local_records

        records, table = local_records.filtered_records(self.own.mapping), local_records.get_table(self.own.mapping)
        ids = [row_id if isinstance(row_id, uuid.UUID) else uuid.UUID(row_id) for row_id in self.names]
        fields = [one.local for one in CRITERIA]

        def work() -> None:
            for part in parts(ids):
                local_records.read_by_ids(records, table, fields, part)

        return work

    def reading_and_matching(self) -> Work:
        """Read both sides and decide, as the job does."""
        from coupling import local_records
        from coupling.gateway import Gateway
        from coupling.matching.run_matching import MatchingRun

        records = local_records.uncoupled_records(self.own.mapping)

        def work() -> None:
            MatchingRun(self.own.mapping, CRITERIA, Gateway(self.own.company), records).run()

        return work


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:
    size, times = (5_000, repeats or 1) if quick else (100_000, repeats or 3)
    with house(database) as own:
        own.customers(size)
        own.accounts(size)
        own.keep()
        load = effort.load()
        _, _, url = ours(own)
        own.back()
        ladder = Ladder(own, *read_and_match(own, url))
        rungs: dict[str, Callable[[], Work]] = {
            "the pairs alone": ladder.pairs_alone,
            "both sides read and decided, by the job's own": ladder.reading_and_matching,
            "couplings with every column and index": ladder.couplings,
            "... through core.bulk, those there already left out": ladder.couplings_by_bulk,
            "... by the job's own, with their ids": ladder.couplings_by_the_job,
            "all records counted by their ids": ladder.counted,
            "parts that tell of the pairs": ladder.parts_that_tell,
            "narrow rows of what did not couple": ladder.narrow_rows,
            "outcomes, texts alone": lambda: ladder.outcome_table(detail=False),
            "... with their detail": ladder.outcome_table,
            "... with the index by position": lambda: ladder.outcome_table(POSITION_INDEX),
            "... with the index by record": lambda: ladder.outcome_table(POSITION_INDEX, RECORD_INDEX),
            "the local records read again by their ids": ladder.second_read,
        }
        found: dict[str, list[Effort]] = {name: [] for name in rungs}
        for _ in range(times):
            for name, prepare in rungs.items():
                work = prepare()
                with effort.effort(own.database) as took:
                    work()
                found[name].append(took)
                own.define("DROP TABLE IF EXISTS bench_lean", "DROP TABLE IF EXISTS bench_outcomes")
                own.back()
    least = found.pop("the pairs alone")
    void = effort.void(load, [one.wall for one in least])
    lines, loops = [], effort.in_loops(least)
    for name, took in found.items():
        wall = [one.wall / floor.wall for one, floor in zip(took, least, strict=True)]
        processor = [one.processor / floor.processor for one, floor in zip(took, least, strict=True)]
        what = f"{size:,} customers on {database}: {name}"
        lines.append(Line(what, "the pairs alone, written", wall, processor=processor, void=void, floor_loops=loops))
    return lines
