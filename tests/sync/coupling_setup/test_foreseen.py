"""What a preview foresees of pairs is what synchronization after coupling then does, or the next one where none is."""

from uuid import uuid4

import pytest

from coupling.couplings.services import start_coupling
from coupling.job_parameters import CouplingParameters
from coupling.rows import Criterion
from jobs.models import Job
from jobs.outcomes import JobOutcomes
from jobs.running.waiting import run_to_end
from sync.coupling_setup.comparison import foresee
from tests.sync.conftest import ACTIVE_CUSTOMER, customer, synchronize, update_mapping

NAME = [Criterion("name", "name")]


@pytest.fixture
def pairs(company, remote):
    """Return pairs that are equal, differ, and are blank on either side."""
    there = {"Equal": "Oslo", "Different": "Bergen", "Blank here": "Bergen", "Blank there": ""}
    here = {"Equal": "Oslo", "Different": "Oslo", "Blank here": "", "Blank there": "Oslo"}
    ids = {name: uuid4() for name in there}
    remote.load(
        {
            "accounts": [
                {"accountid": str(ids[name]), "name": name, "address1_city": city, **ACTIVE_CUSTOMER}
                for name, city in there.items()
            ]
        }
    )
    made = [customer(company, f"1000{at}", name, city=city) for at, (name, city) in enumerate(here.items())]
    return [(one.system_id, ids[one.name]) for one in made]


@pytest.mark.parametrize(
    ("direction", "synchronizes", "conflict"),
    [
        ("bidirectional", True, "send"),
        ("bidirectional", True, "get"),
        ("bidirectional", True, ""),
        ("bidirectional", False, "send"),
        ("to_integration_table", True, ""),
        ("from_integration_table", False, ""),
    ],
)
def test_it_is_what_the_run_then_does(company, pairs, direction, synchronizes, conflict):
    mapping = update_mapping(company, direction=direction, synch_only_coupled=True)
    asked = {"synchronize": synchronizes, "conflicts": conflict} if conflict else {"synchronize": synchronizes}
    job = start_coupling(mapping=mapping, criteria=NAME, create_new=False, **asked)
    parameters = CouplingParameters.load(job.parameters)
    foreseen = foresee(mapping, parameters, pairs)
    run_to_end(job)
    following = Job.objects.filter(parent=job, type="synchronization").first() if synchronizes else synchronize(mapping)
    done = {row.local_id: row for row in JobOutcomes(following)}
    assert set(foreseen) == {local_id for local_id, _ in pairs}
    for local_id, one in foreseen.items():
        row = done[local_id]
        told = (row.detail or {}).get("fields", [])
        written = {(field["caption"], field["written"]) for field in told if field.get("written")}
        expected = {(name, "integration") for name in one.there} | {(name, "local") for name in one.here}
        if one.conflicts:
            assert (row.outcome, len(told)) == ("conflict", one.conflicts)
        else:
            assert (row.outcome, written) == ("modified" if expected else "unchanged", expected), row.message


def test_the_newer_side_is_foreseen_for_each_pair_by_its_own_time(company, remote):
    times = {"Early": "2020-01-01T00:00:00Z", "Late": "2099-01-01T00:00:00Z"}
    ids = {name: uuid4() for name in times}
    rows = [
        {"accountid": str(ids[name]), "name": name, "address1_city": "Bergen", "modifiedon": at, **ACTIVE_CUSTOMER}
        for name, at in times.items()
    ]
    remote.load({"accounts": rows})
    made = [customer(company, f"1000{at}", name, city="Oslo") for at, name in enumerate(times)]
    mapping = update_mapping(company, synch_only_coupled=True, update_conflict="newest")
    found = foresee(mapping, CouplingParameters(), [(one.system_id, ids[one.name]) for one in made])
    early, late = (found[one.system_id] for one in made)
    assert ("City" in early.there, "City" in early.here) == (True, False), early
    assert ("City" in late.there, "City" in late.here) == (False, True), late
