"""Pages of a company with a million customers, couplings and outcomes: page 1,000 against page 1, in the same run.

The rows are made inside the database from one template row each, so that filling takes seconds. There is no floor from
outside: what is printed is how much dearer a late page is than the first, and how many queries a page asks.

The lists of coupled and of uncoupled records pass by every record that they leave out, so they are measured by other
rules, and with nine tenths of the customers coupled in two ways: the first by number, the worst, where a page may lie
beyond 900,000 records; and spread. No page by Next or Previous may cost more than 1.2 times the dearest first page, and
one whose records stand close together at most 5 ms of the database's time.
"""

import html
import re
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.house import house
from benchmarks.telling import Line
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
    from coupling.mappings import defaults
    from coupling.models import IntegrationTableMapping
    from jobs.models import Job, JobOutcome
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
            counters={**Job().counters, "total": size, "failed": failed, "coupled": size - failed},
            breakdown={"failed": {"no_match": failed // 2, "multiple_matches": failed - failed // 2},
                       "coupled": {"": size - failed}},
        )  # fmt: skip
        outcome = JobOutcome(
            job=job, outcome="failed", position=1, local_id="00000000-0000-0000-0000-000000000001",
            message="Phone No. found more than one row. Choose one of them, or add a criterion.",
        )  # fmt: skip
        _spread(outcome, size, {
            "local_id": _uuid(1), "local_key": _text("C"), "local_name": _text("Customer "),
            "outcome": f"CASE WHEN {N} <= {failed} THEN 'failed' ELSE 'coupled' END",
            "reason": f"CASE WHEN {N} > {failed} THEN '' WHEN {N} %% 2 = 0 THEN 'no_match' ELSE 'multiple_matches' END",
            "position": f"CASE WHEN {N} > {failed} THEN {N} - {failed} ELSE ({N} + 1) / 2 END",
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
        company=filled.company, mapping=filled.mapping, table="customer", job_id=filled.job.pk,
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
    if _postgresql():
        scattered = f"(({number}::bigint + {salt}) * 2654435761) %% 4294967296"
        eight, sixteen = f"lpad(to_hex({scattered}), 8, '0')", f"lpad(to_hex({number}), 16, '0')"
        return f"({eight} || lpad(to_hex({salt}), 8, '0') || {sixteen})::uuid"
    return f"printf('%08x%08x%016x', {scattered}, {salt}, {number})"


def _text(prefix: str) -> str:
    return f"'{prefix}' || lpad({N}::text, 8, '0')" if _postgresql() else f"'{prefix}' || printf('%08d', {N})"


def _postgresql() -> bool:
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
            values.append(f"CAST(%s AS {one.rel_db_type(connection)})" if _postgresql() else "%s")
            parameters.append(value)
    series = f"SELECT generate_series(1, {number}) AS {N}"
    if not _postgresql():
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


def _cpu_seconds() -> float:
    """Return the processor time so far of this process and of its PostgreSQL backend, which runs on this machine."""
    return time.process_time() + (_database_cpu_seconds() if _postgresql() else 0)


def _database_cpu_seconds() -> float:
    """Return the processor time so far of the database, which SQLite spends in this process."""
    from django.db import connection

    if not _postgresql():
        return time.process_time()
    connection.ensure_connection()
    statistics_file = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    return int(statistics_file.read_text().split()[0]) / 1e9


class Reader:
    """An administrator who opens pages; each answer's queries and seconds."""

    def __init__(self) -> None:
        from django.conf import settings
        from django.contrib.auth.models import Group, User
        from django.test import Client

        from core.roles import Role

        settings.STORAGES = {
            **settings.STORAGES,
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        }
        Path(settings.STATIC_ROOT).mkdir(exist_ok=True)
        settings.ALLOWED_HOSTS = ["testserver"]
        user = User.objects.create(username="reader")
        user.groups.add(Group.objects.get_or_create(name=Role.ADMINISTRATOR)[0])
        self.client = Client()
        self.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    def landing(self, url: str) -> str:
        """Return the address itself, or the one it leads on to."""
        answer = self.client.get(url)
        return str(answer["Location"]) if answer.status_code == 302 else url

    def text(self, url: str) -> str:
        answer = self.client.get(url)
        assert answer.status_code == 200, (url, answer.status_code)
        return answer.content.decode()

    def queries(self, url: str) -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as asked:
            self.text(url)
        return len(asked)

    def cpu_seconds(self, url: str) -> float:
        """Return the processor time of a page, here and in the database, which hardly grows with other work beside."""
        began = _cpu_seconds()
        self.text(url)
        return _cpu_seconds() - began

    def seconds(self, url: str) -> float:
        began = time.perf_counter()
        self.text(url)
        return time.perf_counter() - began

    def database_ms(self, url: str) -> float:
        """Return the milliseconds of the database for a page: its queries, each asked again and read to its end."""
        from django.db import connection

        asked: list[tuple[str, Any]] = []

        def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
            asked.append((sql, parameters))
            return execute(sql, parameters, many, context)

        with connection.execute_wrapper(note):
            self.text(url)
        with connection.cursor() as cursor:
            began = _database_cpu_seconds()
            for sql, parameters in asked:
                if sql.startswith("SELECT"):
                    cursor.execute(sql, parameters)
                    cursor.fetchall()
            return (_database_cpu_seconds() - began) * 1000

    def following(self, url: str) -> str:
        """Return where the page's Next leads: sought from its last row."""
        found = re.search(r'href="([^"]+)"[^>]*rel="next"|rel="next"[^>]*href="([^"]+)"', self.text(url))
        assert found, f"{url} has no next page"
        return html.unescape(found[1] or found[2])


def numbered(url: str, number: int) -> str:
    return f"{url}{'&' if '?' in url else '?'}page={number}"


@dataclass(frozen=True)
class Beside:
    """A page of coupled or uncoupled customers by Next or Previous."""

    what: str
    url: str
    gap: bool
    """Whether records that the list leaves out stand between its own, more than a page of them."""


def beside(filled: Filled, *, spread: bool) -> Iterator[Beside]:
    """Time the pages by Next and Previous at both ends of each list and in the middle, in both directions."""
    from django.urls import reverse

    from masterdata.models import Customer

    size, coupled = filled.size, filled.coupled
    base = reverse("records:list", kwargs={"company": filled.company.slug, "table": "customer"})
    places = {
        "yes": (coupled, lambda n: n + (n - 1) // 9 if spread else n),
        "no": (size - coupled, lambda n: n * 10 if spread else coupled + n),
    }
    for value, (count, place) in places.items():
        last = -(-count // PAGE)
        for sort in ("no", "-no"):

            def key(n: int, sort: str = sort, count: int = count, place: Any = place) -> int:
                """Return the id of the n-th row of the list."""
                number = place(n if sort == "no" else count + 1 - n)
                return int(Customer.objects.get(company=filled.company, no=f"C{number:08}").pk)

            # The rows left out stand before the uncoupled ones by number, behind the coupled ones, where not spread.
            before, behind = ((value == "no") == (sort == "no"), (value == "yes") == (sort == "no"))
            name = f"{'coupled' if value == 'yes' else 'uncoupled'} customers by {sort}"
            url = f"{base}?coupled={value}&sort={sort}"
            middle = min(filled.last, last // 2)
            for page, way, beside_it, gap in (
                (2, "Next", key(PAGE), False),
                (middle, "Next", key((middle - 1) * PAGE), False),
                (middle, "Previous", key(middle * PAGE + 1), False),
                (last, "Next", key((last - 1) * PAGE), behind),
                # Somebody coupled, or uncoupled, the rows of the first page meanwhile.
                (2, "Previous", key(1), before),
            ):
                side = "after" if way == "Next" else "before"
                yield Beside(
                    f"{name}: page {page:,} by {way}", f"{url}&page={page}&{side}={beside_it}", gap and not spread
                )


def narrowed(filled: Filled, reader: Reader, repeats: int, on: str) -> list[Line]:
    """Measure the lists of coupled and of uncoupled customers, coupled in both ways."""
    from django.core.cache import cache
    from django.urls import reverse

    from coupling.records import counts

    counts.STORED_S = 86_400  # counting is measured by itself, not in pages by chance
    base = reverse("records:list", kwargs={"company": filled.company.slug, "table": "customer"})
    lines = []
    for spread in (False, True):
        couple(filled, spread=spread)
        how = "spread" if spread else "the first by number coupled"
        firsts: dict[str, float] = {}
        counting: list[float] = []
        for value in ("yes", "no"):
            for sort in ("no", "-no"):
                url = f"{base}?coupled={value}&sort={sort}"
                cache.clear()
                counted = reader.cpu_seconds(url)
                firsts[url] = min(reader.cpu_seconds(url) for _ in range(2))
                counting.append(counted - firsts[url])
        dearest = max(firsts, key=lambda url: firsts[url])
        pages = list(beside(filled, spread=spread))
        assert max([reader.queries(one.url) for one in pages][1:]) <= 12
        seconds: list[float] = []
        ratios: dict[str, list[float]] = {one.what: [] for one in pages}
        database: dict[str, list[float]] = {one.what: [] for one in pages if not one.gap}
        for _ in range(repeats):
            seconds.append(reader.cpu_seconds(dearest))
            for one in pages:
                ratios[one.what].append(reader.cpu_seconds(one.url) / seconds[-1])
                if not one.gap:
                    database[one.what].append(reader.database_ms(one.url))
        what, worst = f"coupled and uncoupled, {how}, {on}", _dearest(ratios)
        first = f"dearest first page ({statistics.median(seconds) * 1000:,.0f} ms)"
        goal = None if spread else 1.2  # where they are spread, the next line's goal is the tighter one
        lines.append(Line(f"{what}: the dearest page by Next or Previous", first, ratios[worst], goal, note=worst))
        worst = _dearest(database)
        lines.append(
            Line(f"{what}: milliseconds of the database for a page without a gap", "", database[worst], 5, note=worst)
        )
        lines.append(Line(f"{what}: milliseconds to count, once a minute", "", [max(counting) * 1000]))
    return lines


def _dearest(measured: Mapping[str, list[float]]) -> str:
    return max(measured, key=lambda what: statistics.median(measured[what]))


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:
    size, repeats = (30_000, repeats or 3) if quick else (1_000_000, repeats or 9)
    with house(database):
        filled = fill(size)
        reader = Reader()
        lines, most, dearest = [], 0, ""
        for name, url in {**filled.lists, **filled.pages}.items():
            if (asked := reader.queries(reader.landing(url))) > most:
                most, dearest = asked, name
        on = f"{size:,} customers on {database}"
        lines.append(Line(f"queries of the page that asks most, {on}", "", [most], 12, note=dearest))
        for name, url in filled.lists.items():
            ways = {
                "by its number": numbered(url, filled.last),
                "by Next": reader.following(numbered(url, filled.last - 1)),
            }
            most = max(reader.queries(deep) for deep in ways.values())
            assert most <= 12, (name, most)
            firsts: list[float] = []
            deeps: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(repeats):
                firsts.append(reader.seconds(url))
                for way, deep in ways.items():
                    deeps[way].append(reader.seconds(deep))
            for way, found in deeps.items():
                ratios = [deep / first for deep, first in zip(found, firsts, strict=True)]
                first = f"page 1 ({statistics.median(firsts) * 1000:.0f} ms)"
                lines.append(Line(f"{name}: page {filled.last:,} {way}, {on}", first, ratios, 1.2))
        return lines + narrowed(filled, reader, repeats, on)
