"""A company connected with a sandbox over HTTPS."""

from uuid import UUID, uuid4

import pytest

from connection_setup.enabling import services
from coupling.couplings import services as coupling
from coupling.couplings.preview_lines import PreviewLines
from coupling.models import Coupling, CouplingPreview, IntegrationTableMapping
from jobs.running import waiting
from masterdata.models import Currency, Customer, Salesperson


@pytest.fixture
def remote(sandbox):
    """Provide the other side."""
    return sandbox


def connect(company, remote):
    report = services.enable(
        company=company,
        user=None,
        values={
            "environment_url": remote.environment_url,
            "tenant_id": remote.tenant_id,
            "client_id": remote.client_id,
            "sandbox_ca_file": remote.ca_file,
        },
        secret=remote.client_secret,
    )
    assert report.ok, report.checks
    # Enabling schedules them; a test schedules those that it is about.
    IntegrationTableMapping.objects.filter(company=company).update(scheduled=False, next_run_at=None)


@pytest.fixture
def company(connected):
    return connected("Cronus", connect)


@pytest.fixture
def customer_mapping(company):
    return IntegrationTableMapping.objects.get(company=company, name="CUSTOMER")


@pytest.fixture
def customers(company):
    """Make customers: customers(5) or customers([{"name": ...}, ...]); numbers 10000, 10010, ..."""

    def make(wanted):
        rows = [{} for _ in range(wanted)] if isinstance(wanted, int) else wanted
        start = Customer.objects.filter(company=company).count()
        made = [
            Customer(
                company=company,
                **{"no": str(10000 + 10 * (start + at)), "name": f"Customer {start + at}",
                   "phone_no": f"425 555 {start + at:04d}", **values},
            )
            for at, values in enumerate(rows)
        ]  # fmt: skip
        Customer.objects.bulk_create(made)
        return made

    return make


@pytest.fixture
def accounts(remote):
    """Load accounts; rows without an id get one. customertypecode 3 unless given."""

    def load(rows):
        full = [{"accountid": str(uuid4()), "customertypecode": 3, **row} for row in rows]
        remote.load({"accounts": full})
        return [UUID(row["accountid"]) for row in full]

    return load


@pytest.fixture
def account_of(accounts):
    """Load one account per customer, with the same phone number in capitals' company: a match by phone."""

    def load(customers):
        return accounts([{"name": f"Account {customer.no}", "telephone1": customer.phone_no} for customer in customers])

    return load


def match_on(mapping, *names, **options):
    """Store criteria on a mapping: names of local fields, all of priority 0 unless given as name=priority."""
    wanted = dict.fromkeys(names, 0) | options
    mapping.fields.update(use_for_match=False)
    for name, priority in wanted.items():
        assert mapping.fields.filter(field=name).update(use_for_match=True, match_priority=priority)


def run(job):
    """Run a job and its follow-ups here. Returns the job afterwards."""
    return waiting.run_to_end(job)


def previewed(mapping, criteria=None, **asked):
    """Preview a coupling here. Returns what it found, as the command prints it."""
    job = run(coupling.start_preview(mapping=mapping, criteria=criteria, **asked))
    assert job.state == "finished", (job.message, job.detail)
    found = CouplingPreview.objects.select_related("job", "mapping", "mapping__company").get(job=job)
    return PreviewLines(found)


def pairs(mapping):
    return dict(Coupling.objects.filter(mapping=mapping).values_list("local_id", "integration_id"))


def counted(job):
    """Return the counters that are not zero."""
    return {name: count for name, count in job.counters.items() if count}


__all__ = ["Currency", "Salesperson", "connect", "counted", "match_on", "pairs", "previewed", "run"]
