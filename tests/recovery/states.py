"""What is compared after all: everything the job was to bring about, without ids and times that differ every time."""

import re
from collections import Counter
from typing import Any

from coupling.couplings.preview_store import records_in_order
from coupling.models import Coupling, CouplingBase, CouplingPreview, UndoneRecord
from jobs.models import Job, Type
from jobs.outcomes import JobOutcomes
from masterdata.models import Customer
from sync.models import SynchronizedValue
from sync.rules.changes import told
from sync.rules.transfer import unpack
from tests.recovery.harness import family
from tests.recovery.scenarios import World

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_TIMES = frozenset({"createdon", "modifiedon", "versionnumber", "overriddencreatedon"})
_HERE = frozenset({"id", "company", "system_id", "created_at", "modified_at"})


def end_state(w: World, root: Job) -> dict[str, Any]:
    """Return the world after the job and its follow-ups, in words that are the same for two runs that did the same."""
    rows = w.remote.rows("accounts")
    there = {row["accountid"]: row["name"] for row in rows}
    customers = list(Customer.objects.filter(company=w.company))
    here = {one.system_id: one.name for one in customers}
    bases = dict(CouplingBase.objects.filter(coupling__company=w.company).values_list("coupling_id", "values"))
    pairs = list(Coupling.objects.filter(company=w.company))
    jobs = family(root.pk)
    return {
        "customers": sorted(_record(one) for one in customers),
        "accounts": sorted(_row(row) for row in rows),
        "couplings": sorted(
            (
                here.get(one.local_id, "gone"), there.get(str(one.integration_id), "gone"), one.method, one.pending,
                one.skipped, one.last_to_reason, one.last_from_reason, _fields(one.conflict),
                one.organization_id is not None, _base(bases.get(one.pk)),
            )
            for one in pairs
        ),
        "undone records": UndoneRecord.objects.filter(mapping__company=w.company).count(),
        "history": sorted(
            (here.get(one.local_id, "gone"), one.field.name, one.side, told(one.before), told(one.after))
            for one in SynchronizedValue.objects.filter(company=w.company).select_related("field")
        ),
        "previews": [_preview(one) for one in CouplingPreview.objects.filter(mapping__company=w.company)],
        "jobs": sorted(_job(job, here) for job in jobs),
    }  # fmt: skip


def _preview(preview: CouplingPreview) -> tuple[Any, ...]:
    records = [
        (found, one.key, one.name, [row.name for row in one.rows], one.told.get("message", ""))
        for found, one in records_in_order(preview)
    ]
    return preview.complete, sorted(preview.numbers.items()), records


def _record(one: Customer) -> str:
    values = {field.name: getattr(one, field.name) for field in one._meta.concrete_fields if field.name not in _HERE}
    return repr(sorted(values.items()))


def _row(row: dict[str, Any]) -> str:
    kept = {name: value for name, value in row.items() if not name.startswith("@") and name not in _TIMES}
    return repr(sorted((name, _GUID.sub("GUID", str(value))) for name, value in kept.items() if value is not None))


def _base(packed: Any) -> str:
    if packed is None:
        return "none"
    return repr(sorted((name, _GUID.sub("GUID", str(value))) for name, value in unpack(packed).items()))


def _fields(conflict: Any) -> str:
    """Return the fields in conflict; of a moment, which is another one in each run, whether it is known."""
    fields = conflict["fields"] if conflict else []
    told = [{name: bool(value) if name.endswith("_at") else value for name, value in one.items()} for one in fields]
    return repr(told) if told else ""


def _job(job: Job, here: dict[Any, str]) -> tuple[Any, ...]:
    rows = JobOutcomes(job)
    outcomes = sorted(
        (
            row.outcome, row.reason, row.local_key, row.local_name or here.get(row.local_id, ""),
            # What was written before the kill is read again under its new name.
            "" if row.outcome == "modified" else row.integration_name,
        )
        for row in rows
    )  # fmt: skip
    asked = job.records.count() if job.selection_only else -1
    return (job.type, job.description, job.state, job.message, asked, sorted(job.counters.items()),
            sorted(job.reasons.items()), sorted(outcomes))  # fmt: skip


def make_sure_it_adds_up(root: Job) -> None:
    """Counters equal outcomes, every record has exactly one, these are numbered on, and nothing is in doubt."""
    for job in family(root.pk):
        if job.type == Type.PREVIEW:  # it counts nothing, for it does nothing
            stored = [one.local_id for _, one in records_in_order(CouplingPreview.objects.get(job=job))]
            assert len(stored) == len(set(stored)) == job.counters["total"] == job.processed
            continue
        rows = list(JobOutcomes(job))
        positions: dict[tuple[str, str], list[int]] = {}
        for row in rows:
            positions.setdefault((row.outcome, row.reason), []).append(row.position)
        numbered = {(outcome, reason): n for outcome, by in job.breakdown.items() for reason, n in by.items()}
        assert {group: sorted(found) for group, found in positions.items()} == {
            group: list(range(1, n + 1)) for group, n in numbered.items()
        }, job
        counted = Counter(row.outcome for row in rows)
        told = {name: n for name, n in job.counters.items() if n and name != "total"}
        assert told == {("conflicts" if name == "conflict" else name): n for name, n in counted.items()}, job
        assert sum(counted.values()) == job.counters["total"] == job.processed, (job, told, job.counters)
        records = Counter(row.local_id for row in rows if row.local_id is not None)
        assert not records or records.most_common(1)[0][1] == 1, f"{job}: a record has two outcomes"
        # Of several matches a failure names one that others were offered too.
        remote = Counter(row.integration_id for row in rows if row.integration_id and row.outcome != "failed")
        assert not remote or remote.most_common(1)[0][1] == 1, f"{job}: a row has two outcomes"
    assert not Coupling.objects.filter(company=root.company, pending=True).exists()


def make_sure_nothing_is_there_twice(w: World) -> None:
    """No name twice, on either side."""
    for names in (
        [row["name"] for row in w.remote.rows("accounts")],
        list(Customer.objects.filter(company=w.company).values_list("name", flat=True)),
    ):
        assert not names or Counter(names).most_common(1)[0][1] == 1, Counter(names).most_common(3)


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Return what one state has and the other has not, part by part."""
    told = []
    for part, wanted in expected.items():
        have = found[part]
        if have == wanted:
            continue
        if part == "jobs":
            have, wanted = _flat(have), _flat(wanted)
        if not isinstance(wanted, list):
            told.append(f"{part}: {have}, undisturbed {wanted}")
            continue
        more, fewer = Counter(map(repr, have)) - Counter(map(repr, wanted)), Counter(map(repr, wanted))
        fewer -= Counter(map(repr, have))
        told += [f"{part}: only killed: {one} x {n}" for one, n in more.items()]
        told += [f"{part}: only undisturbed: {one} x {n}" for one, n in fewer.items()]
    return told


def _flat(jobs: list[Any]) -> list[Any]:
    """Outcome by outcome."""
    found = []
    for *head, rows in jobs:
        found += [(*head[:2], part) for part in head[2:]]
        found += [(*head[:2], row) for row in rows]
    return found
