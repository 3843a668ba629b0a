"""What is killed: small worlds, each the same every time it is made, and the job that works on them."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connection_setup.connection import settings
from connection_setup.connection.clients import client_for
from connection_setup.enabling.services import enable
from connection_setup.models import DataverseConnection
from core import bulk
from core.vocabulary import Direction
from coupling.couplings import preview_services
from coupling.couplings import services as coupling
from coupling.mappings import defaults
from coupling.mappings.services import get_mapping
from coupling.models import Coupling, CouplingPreview, IntegrationTableMapping
from coupling.rows import Criterion
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.environment import services as environment
from sync.models import DuePair
from sync.start.services import start_synchronization

ACTIVE = {"customertypecode": 3, "statecode": 0}
BY_PHONE = [Criterion("phone_no", "telephone1")]
OF_TESTS = uuid.UUID("5f0c3b1e-0000-4000-8000-000000000000")


@dataclass(frozen=True, slots=True)
class World:
    """A company connected to a sandbox."""

    company: Company
    remote: Sandbox

    def mapping(self, **values: Any) -> IntegrationTableMapping:
        IntegrationTableMapping.objects.filter(company=self.company, name="CUSTOMER").update(**values)
        return get_mapping(self.company, "CUSTOMER")

    def records(self, numbers: range, **values: Any) -> None:
        """Return customers with these numbers, each with a phone number of its own."""
        rows = [
            (
                self.company.pk,
                steady("customer", n),
                f"{n:05d}",
                f"Customer {n}",
                f"555-{n:05d}",
                values.get("city", ""),
            )
            for n in numbers
        ]
        bulk.insert(Customer, ("company_id", "system_id", "no", "name", "phone_no", "city"), rows)

    def rows(self, numbers: range, name: str = "Account", **values: Any) -> None:
        """Accounts with the phone numbers of the customers of these numbers."""
        self.remote.load(
            {
                "accounts": [
                    {"accountid": str(steady(name, n)), "name": f"{name} {n}", "telephone1": f"555-{n:05d}", **ACTIVE,
                     **values}
                    for n in numbers
                ]
            }
        )  # fmt: skip

    def edit_here(self, numbers: range, **values: Any) -> None:
        """Somebody changes customers."""
        for one in Customer.objects.filter(company=self.company, no__in=[f"{n:05d}" for n in numbers]):
            for name, value in values.items():
                setattr(one, name, value.format(one.no))
            one.save()

    def edit_there(self, numbers: range, **values: Any) -> None:
        """Somebody changes the accounts coupled with customers of these numbers."""
        wanted = Customer.objects.filter(company=self.company, no__in=[f"{n:05d}" for n in numbers])
        pairs = Coupling.objects.filter(
            company=self.company, local_id__in=wanted.values_list("system_id", flat=True)
        ).values_list("integration_id", flat=True)
        ids = {str(row_id) for row_id in pairs}
        changed = []
        for row in self.remote.rows("accounts"):
            if row["accountid"] in ids:
                kept = {name: value for name, value in row.items() if not name.startswith("@") and value is not None}
                kept = {name: value for name, value in kept.items() if name not in ("versionnumber", "modifiedon")}
                told = {name: value.format(row["telephone1"]) for name, value in values.items()}
                changed.append({**kept, **told})
        self.remote.load({"accounts": changed})

    def coupled(self, numbers: range) -> IntegrationTableMapping:
        """Return records of these numbers, created in Dataverse and in step: two runs have been made."""
        self.records(numbers, city="Bonn")
        mapping = self.mapping(synch_only_coupled=False)
        for _ in range(2):
            job = run_to_end(start_synchronization(mapping=mapping))
            assert job.state == "finished", (job.message, job.detail)
        return mapping


def steady(*parts: object) -> uuid.UUID:
    """Return the same id for the same thing, always."""
    return uuid.uuid5(OF_TESTS, repr(parts))


def world(remote: Sandbox) -> World:
    """Return a new company in an empty environment; nothing of the world before is left."""
    Company.objects.all().delete()
    remote.reset()
    company = Company.objects.create(name="CRONUS", currency_code="USD", country_code="US")
    connect(company, remote)
    return World(company, remote)


def connect(company: Company, remote: Sandbox) -> None:
    """Enable the company's connection to a sandbox."""
    line = remote.line()
    values = {
        "environment_url": line["environment_url"], "tenant_id": line["tenant_id"], "client_id": line["client_id"],
        "sandbox_ca_file": line["ca_file"],
    }  # fmt: skip
    connection = DataverseConnection(company=company)
    settings.save_settings(connection=connection, values=values, secret=line["client_secret"], user=None)
    report = enable(company=company, user=None)
    assert report.ok, [check for check in report.checks if check.state == "error"]
    defaults.create_missing(company)


# -- scenarios: each prepares its world and starts its job ------------------------------------------------------------


def coupling_by_phone(w: World) -> Job:
    """Make matches, multiple matches, no matches; what was coupled is synchronized afterwards."""
    w.records(range(60), city="Bonn")
    w.rows(range(48))
    w.rows(range(40, 46), "Twin")
    return coupling.start_coupling(
        mapping=w.mapping(), criteria=BY_PHONE, create_new=False, synchronize=True, conflicts="send"
    )


def previewing(w: World) -> Job:
    """Make a preview with matches, multiple matches, no matches."""
    w.records(range(60), city="Bonn")
    w.rows(range(48))
    w.rows(range(40, 46), "Twin")
    return coupling.start_preview(mapping=w.mapping(), criteria=BY_PHONE, create_new=True)


def couple_these(w: World) -> Job:
    """Couple exactly what was previewed, some of which changed since; create some, and synchronize."""
    w.records(range(60), city="Bonn")
    w.rows(range(40))
    preview = coupling.start_preview(mapping=w.mapping(), criteria=BY_PHONE, create_new=True, synchronize=True)
    assert run_to_end(preview).state == "finished"
    w.edit_here(range(5), phone_no="555-9{}")
    return preview_services.couple_these(preview=CouplingPreview.objects.get(job=preview))


def create_new(w: World) -> Job:
    """Few match; the others are created, and all are synchronized."""
    w.records(range(60), city="Bonn")
    w.rows(range(12))
    return coupling.start_coupling(
        mapping=w.mapping(), criteria=BY_PHONE, create_new=True, synchronize=True, conflicts="get"
    )


def to_dataverse(w: World) -> Job:
    """Coupled records changed here, and new ones."""
    mapping = w.coupled(range(30))
    w.edit_here(range(25), city="Ulm {}")
    w.records(range(100, 130))
    return start_synchronization(mapping=mapping, direction=Direction.TO, create=True)


def from_dataverse(w: World) -> Job:
    """Coupled rows changed there, and new ones."""
    mapping = w.coupled(range(30))
    w.edit_there(range(25), address1_city="Ulm {}")
    w.rows(range(200, 230), "Fabrikam")
    return start_synchronization(mapping=mapping, direction=Direction.FROM, create=True)


def both_ways(w: World) -> Job:
    """Change here, there, different fields on both sides, the same field on both; new and deleted ones."""
    w.mapping(deletion_conflict="uncouple")
    mapping = w.coupled(range(50))
    w.edit_here(range(12), city="Ulm {}")
    w.edit_there(range(12, 24), address1_city="Köln {}")
    w.edit_here(range(24, 34), city="Kiel {}")
    w.edit_there(range(24, 34), address1_line1="Street {}")
    w.edit_here(range(34, 38), city="Hamm {}")
    w.edit_there(range(34, 38), address1_city="Trier {}")
    Customer.objects.filter(company=w.company, no__in=[f"{n:05d}" for n in range(38, 40)]).delete()
    w.records(range(100, 115))
    w.rows(range(200, 215), "Fabrikam")
    return start_synchronization(mapping=mapping)


def full(w: World) -> Job:
    """Every pair compared."""
    w.coupled(range(40))
    w.edit_here(range(10), city="Ulm {}")
    w.edit_there(range(10, 20), address1_city="Köln {}")
    return start_synchronization(mapping=w.mapping(), full=True)


def uncoupling(w: World) -> Job:
    """All couplings of a mapping."""
    w.coupled(range(50))
    return coupling.start_uncoupling(mapping=w.mapping(), all=True)


def keeping(w: World) -> Job:
    """Another organization answers, in which some rows are missing: the couplings of the others are kept."""
    mapping = w.coupled(range(50))
    client = client_for(w.company)
    for row_id in Coupling.objects.filter(mapping=mapping).order_by("pk").values_list("integration_id", flat=True)[:10]:
        client.delete("accounts", row_id)
    w.remote.control("PUT", "environment", {"organization_id": str(steady("copy"))})
    return environment.start_keeping(company=w.company)


SCENARIOS: dict[str, Callable[[World], Job]] = {
    one.__name__: one
    for one in (
        coupling_by_phone,
        previewing,
        couple_these,
        create_new,
        to_dataverse,
        from_dataverse,
        both_ways,
        full,
        uncoupling,
        keeping,
    )
}
IN_STEP = tuple(name for name in SCENARIOS if name not in ("uncoupling", "previewing"))
"""After these the two sides agree, or wait for a person: another run has nothing to write."""


def made(name: str, remote: Sandbox) -> tuple[World, Job]:
    """Return the scenario's world with its job queued, and the sandbox as slow as a service over a network."""
    w = world(remote)
    job = SCENARIOS[name](w)
    remote.control("PUT", "latency", {"request_ms": 15})
    remote.control("DELETE", "requests")
    return w, job


def again(w: World) -> dict[str, int]:
    """Synchronize once more: what it counted. It must have nothing to write."""
    w.remote.control("PUT", "latency", {"request_ms": 0})
    job = run_to_end(start_synchronization(mapping=w.mapping(), create=False))
    assert job.state == "finished", (job.message, job.detail)
    # A run after a kill compares once more what it created; then nothing is left to compare.
    assert not DuePair.objects.filter(mapping__company=w.company).exists()
    return {name: count for name, count in job.counters.items() if count and name not in ("total", "unchanged")}


__all__ = ["IN_STEP", "SCENARIOS", "World", "again", "made", "steady", "world"]
