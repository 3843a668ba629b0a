"""Every field that a synchronization writes has a line: what it was and is, the side written, the job."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from core.vocabulary import ConflictOption, Direction
from coupling.gateway import Gateway
from sync.engine.ledger import Ledger
from sync.engine.worker import Worker
from sync.history.services import drop_older
from sync.models import SynchronizedValue
from sync.rules.changes import Won
from sync.start.services import start_synchronization
from tests.sync.conftest import coupling_of, page_text, page_url, patch, signed_in, synchronize, update_mapping
from tests.sync.engine.test_kills import kill_once, run_despite_kills
from tests.sync.history.conftest import HERE, THERE, edit, history


def won() -> list[int]:
    return list(SynchronizedValue.objects.order_by("pk").values_list("won", flat=True))


def test_runs_without_changes_write_no_history(in_step, mapping):
    synchronize(mapping)
    synchronize(mapping, full=True)
    assert not SynchronizedValue.objects.exists()


def test_what_comes_from_dataverse_is_told_with_who_changed_it_there(mapping, adatum, remote):
    row = coupling_of(mapping, adatum).integration_id
    somebody = str(uuid4())
    remote.load({"systemusers": [{"systemuserid": somebody, "fullname": "Tomasz " + "Nowak" * 30}]})
    patch(remote, row, address1_city="Köln", modifiedby=somebody)
    remote.control("DELETE", "requests")
    synchronize(mapping)
    (line,) = SynchronizedValue.objects.all()
    assert (line.changed_by[:12], len(line.changed_by)) == ("Tomasz Nowak", 100)
    asked = remote.requests()["by"]
    of_record = {"table": "customer", "system_id": adatum.system_id}
    page = page_text(signed_in("Operator").get(page_url(mapping.company, "record-history", **of_record)))
    assert "NowakNow changed it there" in " ".join(page.split())
    edit(adatum, city="Ulm")
    synchronize(mapping)
    assert SynchronizedValue.objects.latest("pk").changed_by == ""
    assert asked.get("GET systemusers", 0) <= 1, asked


def test_what_is_written_to_either_side_is_told_with_what_it_replaced(mapping, adatum, remote):
    edit(adatum, city="Ulm", phone_no="555-2")
    first = synchronize(mapping)
    assert sorted(history(adatum, job=first)) == [
        ("city", THERE, "Bonn", "Ulm"), ("phone_no", THERE, "555-1", "555-2"),
    ]  # fmt: skip
    patch(remote, coupling_of(mapping, adatum).integration_id, address1_city="Köln")
    second = synchronize(mapping)
    assert history(adatum, job=second) == [("city", HERE, "Ulm", "Köln")]
    line = SynchronizedValue.objects.get(job=second)
    assert (line.integration_id, line.company) == (coupling_of(mapping, adatum).integration_id, mapping.company)
    assert won() == [Won.ALONE] * 3
    synchronize(mapping)
    assert len(history()) == 3


def test_edits_of_different_fields_on_both_sides_are_told_for_each_side(mapping, adatum, remote):
    edit(adatum, city="Ulm")
    patch(remote, coupling_of(mapping, adatum).integration_id, telephone1="555-9")
    job = synchronize(mapping)
    assert sorted(history(adatum, job=job)) == [
        ("city", THERE, "Bonn", "Ulm"), ("phone_no", HERE, "555-1", "555-9"),
    ]  # fmt: skip


def test_blank_values_are_blank_and_long_texts_are_whole(mapping, adatum, remote):
    edit(adatum, city="")
    patch(remote, coupling_of(mapping, adatum).integration_id, address1_line1="x" * 100)
    synchronize(mapping)
    assert sorted(history(adatum)) == [("address", HERE, "", "x" * 100), ("city", THERE, "Bonn", "")]
    assert SynchronizedValue.objects.filter(after=None, side=THERE).count() == 1
    assert SynchronizedValue.objects.filter(before=None, side=HERE).count() == 1


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"conflict": ConflictOption.SEND}, ("city", THERE, "Köln", "Ulm")),
        ({"conflict": ConflictOption.GET}, ("city", HERE, "Ulm", "Köln")),
    ],
)
def test_where_both_sides_changed_the_line_says_that_a_person_or_an_option_chose(
    mapping, adatum, remote, asked: dict[str, Any], expected: tuple[Any, ...]
):
    edit(adatum, city="Ulm")
    patch(remote, coupling_of(mapping, adatum).integration_id, address1_city="Köln")
    job = synchronize(mapping)
    assert job.counters["conflicts"] == 1
    assert history() == []
    synchronize(mapping, selection=[adatum.system_id], **asked)
    assert history() == [expected]
    assert won() == [Won.PERSON]


def test_an_option_of_the_mapping_that_chose_is_told_as_such(mapping, adatum, remote):
    update_mapping(mapping.company, update_conflict=ConflictOption.GET)
    edit(adatum, city="Ulm")
    patch(remote, coupling_of(mapping, adatum).integration_id, address1_city="Köln")
    synchronize(mapping)
    assert (history(), won()) == ([("city", HERE, "Ulm", "Köln")], [Won.OPTION])


def test_a_number_of_either_side_is_told_in_one_spelling(mapping, adatum, remote):
    edit(adatum, credit_limit=Decimal("5000.00"))
    synchronize(mapping)
    patch(remote, coupling_of(mapping, adatum).integration_id, creditlimit=7500.5)
    synchronize(mapping)
    assert [one for one in history() if one[0] == "credit_limit"][:1] == [("credit_limit", THERE, "0", "5000")]


def test_a_one_way_field_is_told_as_its_masters(mapping, adatum, remote):
    mapping.fields.filter(field="city").update(direction=Direction.TO)
    patch(remote, coupling_of(mapping, adatum).integration_id, address1_city="Köln")
    synchronize(mapping)
    edit(adatum, city="Ulm")
    synchronize(mapping)
    assert (history(), won()) == ([("city", THERE, "Köln", "Ulm")], [Won.ALONE])


POINTS = [
    (Worker, "_store_intents", True),
    (Gateway, "update", False),
    (Gateway, "update", True),
    (Ledger, "save", False),
    (Ledger, "save", True),
]


@pytest.mark.parametrize(("owner", "name", "after"), POINTS)
@pytest.mark.parametrize("who", ["the same job", "another job"])
def test_a_killed_worker_neither_loses_a_line_nor_writes_it_twice(
    mapping, adatum, remote, monkeypatch, owner, name, after, who
):
    edit(adatum, city="Ulm")
    patch(remote, coupling_of(mapping, adatum).integration_id, telephone1="555-9")
    with monkeypatch.context() as patched:
        calls = kill_once(patched, owner, name, after=after)
        job = start_synchronization(mapping=mapping)
        if who == "the same job":
            run_despite_kills(job)
        else:
            die(job)
            synchronize(mapping, selection=[adatum.system_id])
    assert calls["all"] >= 1
    expected = [("city", THERE, "Bonn", "Ulm"), ("phone_no", HERE, "555-1", "555-9")]
    assert sorted(history()) == expected
    synchronize(mapping)
    synchronize(mapping, full=True)
    assert sorted(history()) == expected


def die(job: Any) -> None:
    from django.utils import timezone

    from jobs.models import Job, State
    from jobs.running.waiting import run_to_end
    from tests.sync.engine.test_kills import Killed

    with pytest.raises(Killed):
        run_to_end(job)
    Job.objects.filter(pk=job.pk).update(state=State.CANCELLED, lease_until=None, ended_at=timezone.now())


def test_lines_older_than_they_are_kept_are_dropped_the_oldest_first_and_only_so_many(mapping, adatum):
    for city in ("Ulm", "Kiel", "Bonn", "Trier"):
        edit(adatum, city=city)
        synchronize(mapping)
    first = SynchronizedValue.objects.order_by("pk").first()
    day = timedelta(days=1)
    SynchronizedValue.objects.filter(pk__lt=first.pk + 3).update(at=first.at - 10 * day)
    asked = {"company": mapping.company, "before": first.at - 5 * day}
    assert (drop_older(most=2, **asked), drop_older(most=100, **asked), drop_older(most=100, **asked)) == (2, 1, 0)
    assert history(adatum) == [("city", THERE, "Bonn", "Trier")]
