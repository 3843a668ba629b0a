"""The main job on the demo's data: connect, couple by criteria, synchronize in full; then the same again."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from config.demo import data, remote, seed
from config.demo.environment import Environment
from config.demo.show import Screen
from config.serve import Site, SiteFailed, free_port, prepare, ready_line, sign_in
from config.state_in_use import hold_state_folder
from connection_setup.connection import state as connections
from connection_setup.enabling import services as enabling
from core.vocabulary import CompareAs, ConflictOption
from coupling.couplings import services as couplings
from coupling.mappings import services as mappings
from coupling.matching import criteria
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import Criterion
from jobs.models import ENDED_STATES, Job, Reason, State
from jobs.running import waiting
from masterdata import catalog
from masterdata.models import Company
from sync.full import services as full

# Mapping -> local field, priority, how it is compared.
CRITERIA: dict[str, tuple[tuple[str, int, CompareAs], ...]] = {
    "SALESPEOPLE": (("e_mail", 1, CompareAs.EMAIL), ("name", 2, CompareAs.TEXT)),
    "CURRENCY": (("code", 1, CompareAs.TEXT),),
    "CUSTOMER": (
        ("phone_no", 1, CompareAs.PHONE),
        ("name", 2, CompareAs.COMPANY_NAME),
        ("city", 2, CompareAs.TEXT),
    ),
}

_SETTINGS = (
    ("Environment URL", "environment_url"),
    ("Tenant ID", "tenant_id"),
    ("Client ID", "client_id"),
    ("Client Secret", "client_secret"),
)


class DemoFailed(Exception):
    """A step did not go as it should; the text says which and why."""


@dataclass
class Round:
    """What one round of the jobs did: the jobs themselves, customers and accounts made, rows written there, seconds."""

    jobs: list[Job] = field(default_factory=list)
    customers: int = 0
    accounts: int = 0
    written: int = 0
    seconds: float = 0.0

    def count(self, counter: str, *, kind: str = "", mapping: str = "") -> int:
        """Return a counter over all jobs, or those of a kind and mapping."""
        return sum(
            int(job.counters.get(counter, 0))
            for job in self.jobs
            if kind in ("", job.type) and mapping in ("", job.mapping_name)
        )

    def reasons(self, mapping: str) -> Counter[str]:
        """Return why records were not coupled."""
        found: Counter[str] = Counter()
        for job in self.jobs:
            if job.type == "coupling" and job.mapping_name == mapping:
                found.update(job.reasons)
        return found


class Demo:
    """One run of the demo. `run` returns the exit code."""

    def __init__(self, screen: Screen, *, once: bool, customers: int = data.CUSTOMERS) -> None:
        self.screen = screen
        self.once = once
        self.customers = customers

    def run(self) -> int:
        """Prepare, show, and go on serving unless `once`. Raises SiteFailed where the state folder is in use."""
        with hold_state_folder("make demo") as tell_address:
            return self._run(tell_address)

    def _run(self, tell_address: Callable[[str], None]) -> int:
        began = time.monotonic()
        self.screen.line(f"{settings.PRODUCT_NAME}: preparing the database and two companies of demo data ...")
        prepare()
        who = sign_in()
        plans = data.companies(self.customers)
        first, second = seed.seed(plans)
        for company, plan in zip((first, second), plans, strict=True):
            there = seed.counts(company, plan.tables)
            self.screen.line(
                f"  {company.name}: {there['customer']:,} customers, {there['vendor']:,} vendors, "
                f"{there['contact']:,} contacts, {there['item']:,} items, {there['salesperson']:,} salespeople"
            )
        state = Path(settings.STATE_DIR)
        environment = Environment(state / "sandbox", state / "sandbox.log")
        try:
            if self._load(environment, plans[0]) and Coupling.objects.filter(company=first).exists():
                self.screen.line(f"  The sandbox is a new one, so {first.name} starts over too.")
                first = seed.reset_company(plans[0])
            with Site(port=_port(self.screen), say=self.screen.line) as site:
                site.wait_until_serving()
                tell_address(site.url)
                well = self._show(first, second, environment)
                self.screen.line()
                self.screen.line(f"  In all {time.monotonic() - began:.0f} seconds.")
                self.screen.line(f"  Open {site.url} and sign in as {' / '.join(who) if who else 'yourself'}.")
                self.screen.line(ready_line(site, who))
                if not self.once:
                    self._how_to_connect(second, environment)
                    self.screen.line("Ctrl-C stops everything; the data stays for the next time.")
                    site.serve_forever()
        finally:
            environment.stop()
        return 0 if well else 1

    # -- steps ----------------------------------------------------------------------------------------------------

    def _load(self, environment: Environment, plan: data.DemoCompany) -> bool:
        """Bring the Dataverse side of the first company in, unless it is there; says whether it did."""
        known = {row["accountid"] for row in environment.rows("accounts")}
        rows = remote.rows(plan, environment.rows("transactioncurrencies"), environment.rows("businessunits"))
        if known.intersection(row["accountid"] for row in rows["accounts"]):
            self.screen.line(f"  The sandbox at {environment.url} has its data already: {len(known):,} accounts.")
            return False
        environment.load(rows)
        loaded = f"{len(rows['accounts']):,} accounts, {len(rows['systemusers']):,} users"
        self.screen.line(f"  The sandbox at {environment.url}: {loaded}")
        return True

    def _show(self, company: Company, other: Company, environment: Environment) -> bool:
        self._connect(company, environment)
        self._choose_criteria(company)
        first = self._round(company, environment, "Coupling by criteria, then synchronizing in full ...")
        second = self._round(company, environment, "The same jobs again ...")
        self._summary(company, other, first, second)
        well = not any(job.state != State.FINISHED for job in (*first.jobs, *second.jobs))
        nothing_left = second.count("coupled") == 0 and second.written == 0
        if not nothing_left:
            self.screen.line(
                f"  The second round should have done nothing, but coupled {second.count('coupled'):,} and wrote "
                f"{second.written:,} rows."
            )
        return well and nothing_left and Coupling.objects.filter(company=company, table="customer").exists()

    def _connect(self, company: Company, environment: Environment) -> None:
        self.screen.heading(f"Connecting {company.name} to Dataverse ...")
        facts = environment.facts
        values = {
            "environment_url": facts["environment_url"],
            "tenant_id": facts["tenant_id"],
            "client_id": facts["client_id"],
            "authentication_type": "client_secret",
            "sandbox_ca_file": facts["ca_file"],
        }
        report = enabling.enable(company=company, user=None, values=values, secret=facts["client_secret"])
        for check in report.checks:
            mark = {"ok": "ok", "warning": "note", "error": "FAILED"}[check.state]
            self.screen.line(f"  {mark:6} {check.name}: {check.message}")
        if not report.ok:
            why = report.failed.user_message if report.failed else ""
            raise DemoFailed(f"The connection could not be enabled. {why}")

    def _choose_criteria(self, company: Company) -> None:
        """Keep the criteria on the mappings, as the page Select Coupling Criteria does."""
        for name, fields in CRITERIA.items():
            mapping = mappings.get_mapping(company, name)
            columns = {one.field: one.integration_field for one in criteria.available_criteria(mapping)}
            chosen = [Criterion(f, columns[f], priority, compare_as=how) for f, priority, how in fields]
            mappings.save_criteria(
                mapping=mapping,
                settings=mappings.Settings(
                    criteria=chosen, synchronize=True, create_new=mapping.create_new, conflicts=ConflictOption.SEND
                ),
            )

    def _round(self, company: Company, environment: Environment, title: str) -> Round:
        """Couple every mapping with criteria, then synchronize in full."""
        self.screen.heading(title)
        done, began = Round(), time.monotonic()
        before = _sizes(company, environment)
        for name in CRITERIA:
            mapping = mappings.get_mapping(company, name)
            self._finish(couplings.start_coupling(mapping=mapping), done)
        self._full_synchronization(company, done)
        done.seconds = time.monotonic() - began
        after = _sizes(company, environment)
        done.customers, done.accounts, done.written = (new - old for new, old in zip(after, before, strict=True))
        return done

    def _full_synchronization(self, company: Company, done: Round) -> None:
        for line in full.reset(company):
            if line.name == "CUSTOMER":
                # Coupling came first, so what is left on either side is really new.
                full.recommend_full(line)
        full.start(company)
        ended: set[int] = set()
        while waiting := [line.job for line in full.lines(company) if line.job and line.job.pk not in ended]:
            for job in waiting:
                self._finish(job, done)
                ended.add(job.pk)
            full.advance(company)
        for line in full.lines(company):
            if line.status not in ("", State.FINISHED):
                raise DemoFailed(f"The full synchronization of {line.name} ended as {line.status}. {line.message}")

    def _finish(self, job: Job, done: Round) -> None:
        """Wait for a job and what follows from it."""
        job = waiting.run_to_end(job, on_progress=self.screen.progress)
        open_jobs = [job]
        while open_jobs:
            one = open_jobs.pop(0)
            done.jobs.append(one)
            self.screen.done(one)
            open_jobs += Job.objects.filter(parent=one, state__in=ENDED_STATES).order_by("pk")

    # -- summary --------------------------------------------------------------------------------------------------

    def _summary(self, company: Company, other: Company, first: Round, second: Round) -> None:
        mapping = IntegrationTableMapping.objects.get(company=company, name="CUSTOMER")
        reasons, again = first.reasons("CUSTOMER"), second.reasons("CUSTOMER")
        labels = dict(Reason.choices)
        self.screen.heading(f"{company.name}: what the two rounds did")
        rows: list[tuple[Any, ...]] = [
            ("Customers coupled by criteria", *_both(first, second, "coupled", "coupling", "CUSTOMER")),
            ("Not coupled", *_both(first, second, "failed", "coupling", "CUSTOMER")),
            *((f"    {labels.get(reason, reason)}", n, again[reason]) for reason, n in reasons.most_common()),
            ("Customers created here", first.customers, second.customers),
            ("Accounts created in Dataverse", first.accounts, second.accounts),
            ("Records modified", *_both(first, second, "modified", "synchronization")),
            ("Conflicts left for a person", *_both(first, second, "conflicts", "synchronization")),
            ("Records that failed to synchronize", *_both(first, second, "failed", "synchronization")),
            ("Rows written in Dataverse", first.written, second.written),
            ("Requests to Dataverse", sum(j.requests for j in first.jobs), sum(j.requests for j in second.jobs)),
            ("Seconds", f"{first.seconds:.1f}", f"{second.seconds:.1f}"),
        ]
        self.screen.table(("", "first", "again"), rows)
        coupled = Coupling.objects.filter(mapping=mapping).count()
        total = catalog.table("customer").records(company).count()
        self.screen.line()
        self.screen.line(f"  {coupled:,} of {total:,} customers are coupled now.")
        if connections.unavailable_text(other):
            self.screen.line(f"  {other.name} is not connected yet, for trying the page Dataverse Connection Setup.")

    def _how_to_connect(self, other: Company, environment: Environment) -> None:
        """Print what to enter for the second company: a secret cannot be read off the first one's page."""
        if not connections.unavailable_text(other):
            return
        self.screen.line(f"To connect {other.name}, enter on its page Dataverse Connection Setup:")
        for label, name in _SETTINGS:
            self.screen.line(f"  {label:16} {environment.facts[name]}")


def _sizes(company: Company, environment: Environment) -> tuple[int, int, int]:
    """Return how many customers there are here, how many accounts there, and how many rows were ever written there."""
    customers = catalog.table("customer").records(company).count()
    return customers, len(environment.rows("accounts")), environment.written()


def _both(first: Round, second: Round, counter: str, kind: str, mapping: str = "") -> tuple[int, int]:
    return first.count(counter, kind=kind, mapping=mapping), second.count(counter, kind=kind, mapping=mapping)


def _port(screen: Screen) -> int:
    """Return the site's port; another one where it is taken."""
    try:
        return free_port(settings.PORT)
    except SiteFailed:
        port = free_port(0)
        screen.line(f"  Port {settings.PORT} is in use; taking {port}.")
        return port
