"""A company with a million customers, couplings and outcomes, for benchmarks.pages: made inside the database.

The rows are made from one template row each, so that filling takes seconds. Outcomes have the forms that jobs write:
parts for what coupled, told from its couplings, and narrow rows for what failed.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from core.vocabulary import Recommendation

PAGE = 50
DEEP = 1000
"""The page asked for; lists that people narrow (conflicts, records left out, jobs) are filled just past it."""


@dataclass(frozen=True)
class Filled:
    """The company as filled, its lists by name (each the address of its first page), and other pages."""

    company: Any
    mapping: Any
    job: Any
    size: int
    lists: dict[str, str]
    pages: dict[str, str] = field(default_factory=dict)

    @property
    def coupled(self) -> int:
        """The number of coupled customers."""
        return self.size * 9 // 10

    @property
    def last(self) -> int:
        """The number of the deepest page that every list has."""
        return min(self.size // 10, PAGE * (DEEP + 20)) // PAGE - 20 if self.size < 10 * PAGE * DEEP else DEEP


def fill(size: int = 1_000_000) -> Filled:
    """Return a connected company with `size` customers, nine tenths of them coupled, and a job with an outcome for
    each.
    """
    from django.db import connection
    from django.utils import timezone

    from connection_setup.models import DataverseConnection
    from coupling.job_parameters import CouplingParameters
    from coupling.mappings import defaults
    from coupling.models import IntegrationTableMapping
    from coupling.rows import Criterion
    from jobs.models import Job, JobOutcome, OutcomeWording
    from jobs.wording import Wording, names_of
    from masterdata.models import Company, Customer
    from sync.models import FullSynchReviewLine

    company = Company.objects.create(name="A million", currency_code="USD")
    DataverseConnection.objects.create(
        company=company, environment_url="https://contoso.crm4.dynamics.com", enabled=True,
        organization_id="11111111-1111-1111-1111-111111111111", organization_name="Contoso",
    )  # fmt: skip
    defaults.create_missing(company)
    mapping = IntegrationTableMapping.objects.select_related("company").get(company=company, name="CUSTOMER")
    deep = min(size // 10, PAGE * (DEEP + 20))
    coupled, failed = size * 9 // 10, size // 2
    now = timezone.now()
    with _quickly(connection):
        _spread(Customer(company=company), size, {
            "system_id": _uuid(1), "no": _text("C"), "name": _text("Customer "),
            "phone_no": _text("+1 555 "), "city": f"'City ' || ({N} %% 500)",
        })  # fmt: skip
        _spread(Job(company=company, type="coupling", state="finished", mapping_name="CUSTOMER", started_at=now,
                    ended_at=now), deep, {})  # fmt: skip
        job = Job.objects.create(
            company=company, type="coupling", state="finished", mapping_name="CUSTOMER", started_at=now, ended_at=now,
            processed=size, total=size, message="Filled.",
            parameters=CouplingParameters(criteria=(Criterion("phone_no", "telephone1"),)).dump(),
            counters={**Job().counters, "total": size, "failed": failed, "coupled": size - failed},
            breakdown={"failed": {"no_match": failed // 2, "multiple_matches": failed - failed // 2},
                       "coupled": {"": size - failed}},
        )  # fmt: skip
        text = "Phone No. found more than one row. Choose one of them, or add a criterion."
        wording = Wording()
        arguments = wording.narrow(text, None, names_of("", "", "", None, None))
        outcome = JobOutcome(
            job=job, outcome="failed", position=1, local_id="00000000-0000-0000-0000-000000000001",
            wording=OutcomeWording.objects.create(job=job, entries=wording.dump()), arguments=arguments,
        )  # fmt: skip
        _spread(outcome, failed, {
            "local_id": _uuid(1), "local_key": _text("C"), "local_name": _text("Customer "),
            "reason": f"CASE WHEN {N} %% 2 = 0 THEN 'no_match' ELSE 'multiple_matches' END",
            "position": f"({N} + 1) / 2",
        })  # fmt: skip
    filled = Filled(company, mapping, job, size, *_addresses(company, mapping, job))
    couple(filled, spread=False)
    FullSynchReviewLine.objects.bulk_create(
        FullSynchReviewLine(
            company=company, name=one.name, direction=one.direction, position=one.position, counted_at=now,
            recommendation=Recommendation.NONE, local_count=size - coupled, integration_count=size - coupled,
        )
        for one in IntegrationTableMapping.objects.filter(company=company)
    )  # fmt: skip
    return filled


def couple(filled: Filled, *, spread: bool) -> None:
    """Couple nine tenths of the customers anew: the first ones by number, or all but every tenth."""
    from django.db import connection

    from core import bulk
    from coupling.models import Coupling, CouplingBase, UndoneRecord

    pair = Coupling(
        company=filled.company, mapping=filled.mapping, table="customer", job_id=filled.job.pk, criterion=0,
        local_id="00000000-0000-0000-0000-000000000001", integration_id="00000000-0000-0000-0000-000000000002",
    )  # fmt: skip
    deep = min(filled.size // 10, PAGE * (DEEP + 20))
    conflict = '\'{"fields": [{"local": "Name", "integration": "name", "local_value": "A"}]}\''
    json = "::jsonb" if connection.vendor == "postgresql" else ""
    yes, no = ("TRUE", "FALSE") if connection.vendor == "postgresql" else ("1", "0")
    with _quickly(connection):
        CouplingBase.objects.all()._raw_delete("default")
        Coupling.objects.all()._raw_delete("default")
        _spread(pair, filled.coupled, {
            "local_id": _uuid(1, f"({N} + ({N} - 1) / 9)" if spread else N), "integration_id": _uuid(7),
        })  # fmt: skip
        tell(filled.job)
        number = "(id - (SELECT MIN(id) FROM coupling_coupling) + 1)"
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO coupling_couplingbase (coupling_id, company_id, mapping_id, version, compared, "
                "last_to_reason, last_from_reason, last_error, skipped, conflict) "
                f"SELECT id, company_id, mapping_id, '', {yes}, CASE WHEN {number} <= {deep} THEN 'value_too_long' "
                f"ELSE '' END, '', '', CASE WHEN {number} <= {deep} THEN {yes} ELSE {no} END, "
                f"CASE WHEN {number} > {deep} AND {number} <= {2 * deep} THEN {conflict}{json} END "
                "FROM coupling_coupling"
            )
        UndoneRecord.objects.all()._raw_delete("default")
        skipped = Coupling.objects.filter(base__skipped=True).values_list("pk", "local_id", "integration_id")
        bulk.insert(
            UndoneRecord,
            ("company_id", "mapping_id", "coupling_id", "local_id", "integration_id", "reason", "condition"),
            [
                (filled.company.pk, filled.mapping.pk, *ids, "value_too_long", "City takes at most 30 characters.")
                for ids in skipped.order_by("pk")
            ],
        )


def tell(job: Any) -> None:
    """Have the job tell of as many couplings as it counts, checkpoint by checkpoint, as a coupling job does."""
    from coupling.couplings.couple_writer import records_per_checkpoint
    from coupling.models import Coupling
    from jobs.models import OutcomePart
    from jobs.outcome_parts import pack_notes, pack_numbers

    OutcomePart.objects.filter(job=job).delete()
    first = Coupling.objects.order_by("pk").values_list("pk", flat=True)[0]
    count, size = job.counters["coupled"], records_per_checkpoint()
    for start in range(0, count, size):
        numbers = range(first + start, first + min(start + size, count))
        OutcomePart.objects.create(
            job=job, outcome="coupled", first=start + 1, count=len(numbers), numbers=pack_numbers(numbers),
            notes=pack_notes([[f"Account {number:08}"] for number in numbers]),
        )  # fmt: skip


def _addresses(company: Any, mapping: Any, job: Any) -> tuple[dict[str, str], dict[str, str]]:
    from django.urls import reverse

    from masterdata.models import Customer

    def at(name: str, query: str = "", **more: Any) -> str:
        url = reverse(name, kwargs={"company": company.slug, **more})
        return f"{url}?{query}" if query else url

    outcomes = {"pk": job.pk}
    customers = {"table": "customer"}
    lists = {
        "Customers": at("records:list", **customers),
        "Customers by name": at("records:list", "sort=name", **customers),
        "Customers by number, downwards": at("records:list", "sort=-no", **customers),
        "Jobs": at("jobs:list"),
        "Coupling jobs": at("jobs:list", "type=coupling"),
        "Jobs of a mapping": at("jobs:list", "mapping=CUSTOMER"),
        "Outcomes": at("jobs:outcomes", **outcomes),
        "Coupled outcomes": at("jobs:outcomes", "outcome=coupled", **outcomes),
        "Failed outcomes": at("jobs:outcomes", "outcome=failed", **outcomes),
        "Failed outcomes of a reason": at("jobs:outcomes", "outcome=failed&reason=no_match", **outcomes),
        "Conflicts": at("sync:conflicts"),
        "Records left out": at("sync:skipped"),
    }
    one = Customer.objects.filter(company=company).order_by("no")[:1].get()
    pages = {
        "Role Center": at("ui:role-center"),
        "Integration Table Mappings": at("coupling:mappings"),
        "CUSTOMER": at("coupling:mapping", mapping=mapping.name),
        "Select Coupling Criteria": at("coupling:criteria", mapping=mapping.name),
        "Dataverse Full Synch. Review": at("sync:review"),
        "Dataverse Connection Setup": at("connection_setup:setup"),
        "a job": at("jobs:job", pk=job.pk),
        "Job Queue Entries": at("jobs:queue"),
        "Integration Synchronization Errors": at("jobs:errors"),
        "jobs with errors": at("jobs:list", "state=errors"),
        "a customer": at("records:card", table="customer", system_id=one.system_id),
        "a customer's form": at("records:edit", table="customer", system_id=one.system_id),
        "the question before disabling": at("connection_setup:disable"),
    }
    return lists, pages


N = "n"
"""The number of a generated row, from 1, in the expressions of `_spread`."""


def _uuid(salt: int, number: str = N) -> str:
    """Return a UUID per number, scattered, the same in every table for the same salt."""
    scattered = f"(({number} + {salt}) * 2654435761) %% 4294967296"
    if on_postgresql():
        scattered = f"(({number}::bigint + {salt}) * 2654435761) %% 4294967296"
        eight, sixteen = f"lpad(to_hex({scattered}), 8, '0')", f"lpad(to_hex({number}), 16, '0')"
        return f"({eight} || lpad(to_hex({salt}), 8, '0') || {sixteen})::uuid"
    return f"printf('%08x%08x%016x', {scattered}, {salt}, {number})"


def _text(prefix: str) -> str:
    return f"'{prefix}' || lpad({N}::text, 8, '0')" if on_postgresql() else f"'{prefix}' || printf('%08d', {N})"


def on_postgresql() -> bool:
    from django.db import connection

    return connection.vendor == "postgresql"


def _spread(template: Any, number: int, given: Mapping[str, str]) -> None:
    """Insert `number` rows like an unsaved template; `given` holds the SQL of columns that differ from row to row."""
    from django.db import connection

    fields = [one for one in template._meta.concrete_fields if not one.primary_key]
    columns = ", ".join(connection.ops.quote_name(one.column) for one in fields)
    values, parameters = [], []
    for one in fields:
        if one.name in given:
            values.append(given[one.name])
        else:
            value = one.get_db_prep_save(one.pre_save(template, True), connection)
            values.append(f"CAST(%s AS {one.rel_db_type(connection)})" if on_postgresql() else "%s")
            parameters.append(value)
    series = f"SELECT generate_series(1, {number}) AS {N}"
    if not on_postgresql():
        counting = f"SELECT 1 UNION ALL SELECT {N} + 1 FROM s WHERE {N} < {number}"
        series = f"WITH RECURSIVE s({N}) AS ({counting}) SELECT {N} FROM s"
    table = connection.ops.quote_name(template._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {', '.join(values)} FROM ({series}) AS s", parameters)


@contextmanager
def _quickly(connection: Any) -> Iterator[None]:
    """Memory for the indexes that grow while filling; afterwards as the application has it, with statistics."""
    with connection.cursor() as cursor:
        before = 0
        if connection.vendor == "sqlite":
            before = cursor.execute("PRAGMA cache_size").fetchone()[0]
            cursor.execute("PRAGMA cache_size = -600000")
        yield
        if connection.vendor == "sqlite":
            cursor.execute(f"PRAGMA cache_size = {before}")
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
