"""The main job on the demo's data: connect, couple by criteria, synchronize in full; then the same again."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from config.demo import data, remote, rounds, seed
from config.demo.environment import Environment
from config.demo.rounds import CHOICES, SALES, DemoFailed, Round
from config.demo.show import Screen
from config.serve import Site, SiteFailed, free_port, prepare, ready_line, sign_in
from config.state_in_use import hold_state_folder
from connection_setup.connection import state as connections
from connection_setup.dynamics365 import services as dynamics
from connection_setup.enabling import services as enabling
from connection_setup.web_hook import services as web_hook
from coupling.failures.likely import count_text
from coupling.models import Coupling, IntegrationTableMapping
from jobs.models import Reason, State
from masterdata import catalog
from masterdata.models import Company

_SETTINGS = (
    ("Environment URL", "environment_url"),
    ("Tenant ID", "tenant_id"),
    ("Client ID", "client_id"),
    ("Client Secret", "client_secret"),
)


_LOADED = (("accounts", "accounts"), ("contacts", "contacts"), ("systemusers", "users"))


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
                well = self._show(first, second, environment, site.port)
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
        loaded = ", ".join(f"{len(rows[name]):,} {what}" for name, what in _LOADED)
        self.screen.line(f"  The sandbox at {environment.url}: {loaded}")
        return True

    def _show(self, company: Company, other: Company, environment: Environment, site_port: int) -> bool:
        self._connect(company, environment)
        rounds.choose_criteria(company)
        first = self._round(company, environment, "Coupling by criteria, then synchronizing in full ...")
        second = self._round(company, environment, "The same jobs again ...")
        self._register_web_hook(company, site_port)
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
        sales = dynamics.enable(company=company, user=None)
        if sales.failed:
            raise DemoFailed(f"Dynamics 365 could not be enabled. {sales.failed.user_message}")
        self.screen.line("  ok     Dynamics 365 Sales: units, items, resources, prices and opportunities")

    def _register_web_hook(self, company: Company, site_port: int) -> None:
        """Have the sandbox call the site after a change there, once there is nothing left to synchronize."""
        # Where nobody named an address, the site's processes derive it from a port that may be another than was asked.
        settings.PUBLIC_URL = settings.PUBLIC_URL.replace(f":{settings.PORT}", f":{site_port}")
        kept = web_hook.register_as_application(company, by="the demo")
        self.screen.line(f"  A web hook wakes mappings after a change of {len(kept.tables)} tables in Dataverse.")

    def _round(self, company: Company, environment: Environment, title: str) -> Round:
        """Couple every mapping with criteria, then synchronize in full."""
        self.screen.heading(title)
        before = _sizes(company, environment)
        done = rounds.play(company, self.screen)
        after = _sizes(company, environment)
        done.customers, done.accounts, done.written = (new - old for new, old in zip(after, before, strict=True))
        return done

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
            ("Vendors coupled by criteria", *_both(first, second, "coupled", "coupling", "VENDOR")),
            ("Contacts coupled by criteria", *_both(first, second, "coupled", "coupling", "CONTACT")),
            ("Choices coupled by criteria", *_sum(first, second, "coupled", "coupling", CHOICES)),
            ("Choices created in Dataverse", *_sum(first, second, "inserted", "synchronization", CHOICES)),
            ("Records of sales coupled by criteria", *_sum(first, second, "coupled", "coupling", SALES)),
            ("Records of sales created on either side", *_sum(first, second, "inserted", "synchronization", SALES)),
            ("Customers created here", first.customers, second.customers),
            ("Accounts created in Dataverse", first.accounts, second.accounts),
            ("Records modified", *_both(first, second, "modified", "synchronization")),
            ("Conflicts left for a person", *_both(first, second, "conflicts", "synchronization")),
            ("Records that failed to synchronize", *_both(first, second, "failed", "synchronization")),
            ("    of these left when the round ended", first.left, second.left),
            ("Likely duplicates that wait for a person", first.waiting, second.waiting),
            ("Rows written in Dataverse", first.written, second.written),
            ("Requests to Dataverse", sum(j.requests for j in first.jobs), sum(j.requests for j in second.jobs)),
            ("Seconds", f"{first.seconds:.1f}", f"{second.seconds:.1f}"),
        ]
        self.screen.table(("", "first", "again"), rows)
        self.screen.line()
        self.screen.table(
            ("", "coupled", *(f"{what} {where}" for what in ("created", "changed") for where in ("here", "there")),
             "failed", "again"),
            [(name, *numbers, sum(second.of(name)[:5])) for name, numbers in first.by_mapping().items()],
        )  # fmt: skip
        coupled = Coupling.objects.filter(mapping=mapping).count()
        total = catalog.table("customer").records(company).count()
        self.screen.line()
        self.screen.line(f"  {coupled:,} of {total:,} customers are coupled now.")
        if said := count_text(second.waiting):
            self.screen.line(f"  {said}")
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


def _sum(first: Round, second: Round, counter: str, kind: str, names: Sequence[str]) -> tuple[int, int]:
    """Return a counter of both rounds over several mappings."""
    one, other = (sum(done.count(counter, kind=kind, mapping=name) for name in names) for done in (first, second))
    return one, other


def _port(screen: Screen) -> int:
    """Return the site's port; another one where it is taken."""
    try:
        return free_port(settings.PORT)
    except SiteFailed:
        port = free_port(0)
        screen.line(f"  Port {settings.PORT} is in use; taking {port}.")
        return port
