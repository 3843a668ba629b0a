"""A preview says of each record what the run then does, and keeps what it says: 2,000 random scenes."""

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from coupling.couplings import services
from coupling.models import Coupling
from coupling.rows import Criterion
from jobs.models import Job
from jobs.outcomes import JobOutcomes
from masterdata.models import Customer
from tests.coupling.conftest import company, customer_mapping, previewed, remote, run
from tests.soak.conftest import FULL, size

__all__ = ["company", "customer_mapping", "remote"]

BY_NAME_THEN_CITY = [Criterion("name", "name"), Criterion("city", "address1_city", 1)]
NAMES = st.sampled_from(["Adatum", "ADATUM", "Fabrikam", "Fabrikam Ltd.", "Trey", "", "-"])
CITIES = st.sampled_from(["Oslo", "oslo ", "Bergen", ""])
SIDES = st.lists(st.tuples(NAMES, CITIES), max_size=7)


@pytest.mark.timeout(0 if FULL else 120)
@pytest.mark.parametrize("only_unmatched", [False, True])
def test_a_preview_equals_the_run_to_the_record(company, customer_mapping, remote, only_unmatched):
    empty = remote.environment.snapshot()

    @settings(
        max_examples=size("previews", 10, 2_000) // 2, deadline=None, database=None, derandomize=not FULL,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink] if FULL else [Phase.generate],
    )  # fmt: skip
    @given(SIDES, SIDES, st.integers(0, 3))
    def compare(here, there, taken):
        remote.reset(empty)
        begin_anew(company, remote, here, there, taken, customer_mapping)
        asked = {
            "mapping": customer_mapping, "criteria": BY_NAME_THEN_CITY, "create_new": True,
            "only_unmatched": only_unmatched, "synchronize": False,
        }  # fmt: skip
        found = previewed(asked.pop("mapping"), **asked)
        lines = {line["local"]["key"]: line for line in found.lines()}
        job = run(services.start_coupling(mapping=customer_mapping, **asked))
        outcomes = {row.local_key: row for row in JobOutcomes(job)}
        assert {key: said(line) for key, line in lines.items()} == {key: came(row) for key, row in outcomes.items()}
        assert (found.summary()["counters"], found.summary()["reasons"]) == (job.counters, job.reasons)

    compare()


def begin_anew(company, remote, here, there, taken, mapping):
    """Have just these customers and accounts, the first of which are taken by customers of before."""
    Coupling.objects.all().delete()
    Job.objects.all().delete()
    Customer.objects.all().delete()
    Customer.objects.bulk_create(
        Customer(company=company, no=f"{number:05d}", name=name, city=city)
        for number, (name, city) in enumerate(here, 10000)
    )
    ids = [uuid4() for _ in there]
    remote.load(
        {
            "accounts": [
                {"accountid": str(row_id), "customertypecode": 3, "name": name, "address1_city": city}
                for row_id, (name, city) in zip(ids, there, strict=True)
            ]
        }
    )
    organization = mapping.company.connection.organization_id
    for row_id in ids[:taken]:
        Coupling.objects.create(
            company=company, mapping=mapping, table="customer", local_id=uuid4(), integration_id=row_id,
            organization_id=organization,
        )  # fmt: skip


def said(line):
    row = line["integration"]["id"] if line["integration"] else None
    outcome = {"couple": "coupled", "create": "skipped", "fail": "failed"}[line["outcome"]]
    return outcome, line["reason"], row, line["message"], line["fields"]


def came(row):
    row_id = str(row.integration_id) if row.integration_id else None
    return row.outcome, row.reason, row_id, row.message, row.detail["fields"]
