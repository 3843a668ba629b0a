"""manage.py schedule: the documents of the contract, sentences for what cannot be, and exit codes."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError
from django.utils import timezone

from coupling.models import IntegrationTableMapping
from jobs.models import Job
from masterdata.models import Company
from sync.models import Schedule
from tests.sync.conftest import make_unreachable, update_mapping
from tests.sync.full.test_full import command

KEYS = {"mapping", "status", "every", "next_run", "last_success", "late", "attempts"}


def schedule(company: Company, *words: str) -> Any:
    return command("schedule", *words, "--company", company.name)


def test_the_list_has_every_mapping_and_how_it_stands(company: Company) -> None:
    now = timezone.now()
    update_mapping(company, "CUSTOMER", scheduled=True, next_run_at=now - timedelta(minutes=20), every_minutes=7)
    update_mapping(company, "VENDOR", scheduled=True, next_run_at=now + timedelta(minutes=5), on_hold_since=now)
    contact = update_mapping(company, "CONTACT", scheduled=True)
    Schedule.objects.create(mapping=contact, failed_at=now, attempts=10, error="It cannot be.", last_success_at=now)
    code, document = schedule(company, "list")
    assert code == 0
    found = {one["mapping"]: one for one in document["schedules"]}
    assert all(one.keys() == KEYS for one in found.values())
    assert found["CUSTOMER"] | {"next_run": None} == {
        "mapping": "CUSTOMER", "status": "late", "every": 7, "next_run": None, "last_success": None, "late": True,
        "attempts": 0,
    }  # fmt: skip
    assert (found["VENDOR"]["status"], found["SALESPEOPLE"]["status"]) == ("on_hold_inactive", "on_hold")
    assert (found["CONTACT"]["status"], found["CONTACT"]["attempts"]) == ("error", 10)
    assert found["CONTACT"]["last_success"] == now.isoformat()
    assert len(schedule(company, "list", "CUSTOMER")[1]["schedules"]) == 1


def test_set_hold_ready_and_run_print_the_schedule(company: Company) -> None:
    assert schedule(company, "ready", "CUSTOMER")[1]["status"] == "ready"
    code, document = schedule(company, "set", "CUSTOMER", "--every", "5", "--late-after", "40")
    assert (code, document["every"], document["status"], document.keys()) == (0, 5, "ready", KEYS)
    assert IntegrationTableMapping.objects.get(name="CUSTOMER").late_after_minutes == 40
    assert schedule(company, "hold", "CUSTOMER")[1]["status"] == "on_hold"
    code, document = schedule(company, "run", "CUSTOMER")
    assert (code, document["status"]) == (0, "on_hold")
    assert document["last_success"] is not None
    assert Job.objects.get().state == "finished"
    assert schedule(company, "ready", "CUSTOMER", "--every", "1440")[1]["every"] == 1440


def test_a_run_that_fails_exits_with_1(company: Company) -> None:
    schedule(company, "ready", "CUSTOMER")
    make_unreachable(company)
    code, document = schedule(company, "run", "CUSTOMER")
    assert (code, document["status"], document["last_success"]) == (1, "on_hold", None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", "CUSTOMER", "--every", "0"), "Choose 1 to 1,440 minutes"),
        (("set", "CUSTOMER", "--every", "1441"), "Choose 1 to 1,440 minutes"),
        (("set", "CUSTOMER", "--late-after", "0"), "Choose 1 to 10,080 minutes"),
        (("hold", "NOTHING"), "NOTHING"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(company: Company, words: tuple[str, ...], said: str) -> None:
    before = list(IntegrationTableMapping.objects.values())
    code, document = schedule(company, *words)
    assert code == 1
    assert said in f"{document['error']['message']} {document['error']['fix']}"
    assert list(IntegrationTableMapping.objects.values()) == before


@pytest.mark.parametrize("words", [("hold",), ("set", "CUSTOMER"), ("list", "--every", "5")])
def test_called_wrongly_it_says_so_and_exits_with_2(company: Company, words: tuple[str, ...]) -> None:
    with pytest.raises((CommandError, SystemExit)) as error:
        command("schedule", *words, "--company", company.name)
    assert getattr(error.value, "returncode", getattr(error.value, "code", None)) == 2
