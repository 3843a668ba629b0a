"""Pages of a company with a million customers, couplings and outcomes: page 1,000 against page 1, in the same run.

The rows are made inside the database from one template row each, so that filling takes seconds. There is no floor from
outside: what is told is how much dearer a late page is than the first, and how many queries a page asks.
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
    """The company as filled, and its lists by name: each the address of its first page."""

    company: Any
    mapping: Any
    job: Any
    size: int
    lists: dict[str, str]
    pages: dict[str, str] = field(default_factory=dict)

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
    from coupling.models import Coupling, IntegrationTableMapping
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
        pair = Coupling(
            company=company, mapping=mapping, table="customer", job_id=job.pk,
            local_id="00000000-0000-0000-0000-000000000001", integration_id="00000000-0000-0000-0000-000000000002",
        )  # fmt: skip
        conflict = '\'{"fields": [{"local": "Name", "integration": "name", "local_value": "A"}]}\''
        json = "::jsonb" if connection.vendor == "postgresql" else ""
        yes, no = ("TRUE", "FALSE") if connection.vendor == "postgresql" else ("1", "0")
        _spread(pair, coupled, {
            "local_id": _uuid(1), "integration_id": _uuid(7),
            "skipped": f"CASE WHEN {N} <= {deep} THEN {yes} ELSE {no} END",
            "last_to_reason": f"CASE WHEN {N} <= {deep} THEN 'value_too_long' ELSE '' END",
            "conflict": f"CASE WHEN {N} > {deep} AND {N} <= {2 * deep} THEN {conflict}{json} END",
        })  # fmt: skip
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
    FullSynchReviewLine.objects.bulk_create(
        FullSynchReviewLine(
            company=company, name=one.name, direction=one.direction, position=one.position, counted_at=now,
            recommendation=Recommendation.NONE, local_count=size - coupled, integration_count=size - coupled,
        )
        for one in IntegrationTableMapping.objects.filter(company=company)
    )  # fmt: skip
    return Filled(company, mapping, job, size, *_addresses(company, mapping, job))


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
        "Customers coupled": at("records:list", "coupled=yes", **customers),
        "Customers uncoupled": at("records:list", "coupled=no", **customers),
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


def _uuid(salt: int) -> str:
    """Return a UUID per row, scattered as real ones are, the same in every table for the same salt."""
    from django.db import connection

    scattered = f"(({N} + {salt}) * 2654435761) %% 4294967296"
    if connection.vendor == "postgresql":
        scattered = scattered.replace(N, f"{N}::bigint", 1)
        eight, sixteen = f"lpad(to_hex({scattered}), 8, '0')", f"lpad(to_hex({N}), 16, '0')"
        return f"({eight} || lpad(to_hex({salt}), 8, '0') || {sixteen})::uuid"
    return f"printf('%08x%08x%016x', {scattered}, {salt}, {N})"


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

    def seconds(self, url: str) -> float:
        began = time.perf_counter()
        self.text(url)
        return time.perf_counter() - began

    def following(self, url: str) -> str:
        """Return where the page's Next leads: sought from its last row."""
        found = re.search(r'href="([^"]+)"[^>]*rel="next"|rel="next"[^>]*href="([^"]+)"', self.text(url))
        assert found, f"{url} has no next page"
        return html.unescape(found[1] or found[2])


def numbered(url: str, number: int) -> str:
    return f"{url}{'&' if '?' in url else '?'}page={number}"


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
        return lines
