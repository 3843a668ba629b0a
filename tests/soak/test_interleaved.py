"""Two coupling jobs, people who couple by hand and others who uncouple, all at once, in an order that chance makes.

Two workers take the jobs. Whatever comes first: no record and no row is coupled twice, none is created twice, and no
write is left of which nobody knows what became of it.
"""

from collections import Counter
from random import Random
from uuid import UUID

import pytest
from django.db import connection

from connection_setup.connection.state import connection_of
from core import bulk
from core.refusals import Refusal
from coupling.couplings import services as coupling
from coupling.mappings.services import get_mapping
from coupling.models import Coupling, IntegrationTableMapping, Method
from coupling.rows import Criterion
from jobs.models import Job, State
from masterdata.models import Vendor
from sync.models import SynchState
from tests.recovery import harness, scenarios
from tests.recovery.scenarios import BY_PHONE, steady
from tests.soak.conftest import FULL, size

pytestmark = [pytest.mark.processes, pytest.mark.sample, pytest.mark.timeout(0 if FULL else 480)]

INTERLEAVINGS = size("interleavings", 20 if connection.vendor == "postgresql" else 2, 200)
RECORDS, MATCHED, IN_ONE_WORLD = 12, 9, 20
"""Records of an interleaving, those of them that have a row, and how many interleavings share a world."""
STEPS = 6
"""What people do while the jobs run."""
PAUSE_S = 0.15
"""At most so long nobody does anything."""
BY_NAME = [Criterion("name", "name")]


class Interleaved:
    """One interleaving: its own records and rows, in a world that others had theirs in."""

    def __init__(self, w: scenarios.World, number: int, chance: Random) -> None:
        self.w, self.chance = w, chance
        self.numbers = range(number * 100, number * 100 + RECORDS)
        w.records(self.numbers)
        w.rows(self.numbers[:MATCHED])
        self.mapping, self.vendors = get_mapping(w.company, "CUSTOMER"), get_mapping(w.company, "VENDOR")
        rows = [
            (w.company.pk, steady("vendor", n), f"{n:05d}", f"Vendor {n}", f"555-{n:05d}")
            for n in self.numbers[MATCHED // 2 :]
        ]
        bulk.insert(Vendor, ("company_id", "system_id", "no", "name", "phone_no"), rows)

    def start(self) -> list[Job]:
        """Start two jobs: of the customers, and of those again or of the vendors, who want some of the same rows."""
        ids = [steady("customer", n) for n in self.numbers]
        first = coupling.start_coupling(
            mapping=self.mapping, selection=ids, criteria=BY_PHONE, create_new=True, only_unmatched=True,
            synchronize=self.chance.random() < 0.5, conflicts="send",
        )  # fmt: skip
        if self.chance.random() < 0.5:
            again = self.chance.sample(ids, RECORDS // 2)
            second = coupling.start_coupling(
                mapping=self.mapping, selection=again, criteria=BY_NAME, create_new=True, only_unmatched=True,
                synchronize=True, conflicts="send",
            )  # fmt: skip
        else:
            second = coupling.start_coupling(
                mapping=self.vendors, selection=[steady("vendor", n) for n in self.numbers[MATCHED // 2 :]],
                criteria=BY_PHONE, create_new=False, synchronize=False,
            )  # fmt: skip
        return [first, second]

    def step(self, organization: UUID) -> None:
        """Let somebody couple a record with its row by hand, or have its coupling deleted."""
        n = self.chance.choice(self.numbers[:MATCHED])
        try:
            if self.chance.random() < 0.6:
                coupling.couple_by_hand(
                    mapping=self.mapping, local_id=steady("customer", n), integration_id=steady("Account", n),
                    organization_id=organization,
                )  # fmt: skip
            else:
                coupling.start_uncoupling(mapping=self.mapping, selection=[steady("customer", n)])
        except Refusal as error:  # it is coupled already, or there is nothing to uncouple
            assert error.reason in ("already_coupled", "empty_selection"), error

    def make_sure_it_adds_up(self) -> None:
        """Nothing is there twice, on either side, and nothing is in doubt."""
        pairs = list(Coupling.objects.filter(company=self.w.company))
        # Who couples by hand may take a row that a record of another table has; a job never does.
        rows = Counter((one.table, one.integration_id) for one in pairs)
        matched = Counter(one.integration_id for one in pairs if one.method != Method.MANUAL)
        for found in (rows, matched):
            assert not found or max(found.values()) == 1, "a row is coupled twice"
        records = Counter((one.mapping_id, one.local_id) for one in pairs)
        assert not records or max(records.values()) == 1, "a record is coupled twice"
        assert not any(one.pending for one in pairs), "nobody knows whether a row was created"
        assert not SynchState.objects.filter(mapping__company=self.w.company).exclude(unconfirmed_writes=b"").exists()
        there = self.w.remote.rows("accounts")
        made = Counter(row["telephone1"] for row in there)
        assert {made[f"555-{n:05d}"] for n in self.numbers} == {1}, "a row was created twice, or not at all"
        known = {UUID(row["accountid"]) for row in there}
        assert {row_id for _, row_id in rows} <= known


def test_in_whatever_order_jobs_and_people_couple_nothing_is_coupled_or_created_twice(sandbox, fleet):
    fleet.start(threads=1)
    fleet.start(threads=1)
    w = None
    for number in range(INTERLEAVINGS):
        if w is None or number % IN_ONE_WORLD == 0:
            w = scenarios.world(sandbox)
            IntegrationTableMapping.objects.filter(company=w.company, name="VENDOR").update(
                integration_filter=get_mapping(w.company, "CUSTOMER").integration_filter
            )
        chance = harness.seeded("interleaved", number)
        one = Interleaved(w, number % IN_ONE_WORLD + 1, chance)
        organization = connection_of(w.company).organization_id
        jobs = one.start()
        for _ in range(STEPS):
            harness.wait_for(lambda: False, chance.random() * PAUSE_S)
            one.step(organization)
        for job in Job.objects.filter(company=w.company, parent=None).order_by("pk"):
            harness.wait_for_end(job.pk, fleet)
        ended = Job.objects.filter(company=w.company)
        assert not ended.exclude(state=State.FINISHED).exists(), (number, [harness.describe(job) for job in ended])
        assert {job.state for job in Job.objects.filter(pk__in=[job.pk for job in jobs])} == {State.FINISHED}
        one.make_sure_it_adds_up()
