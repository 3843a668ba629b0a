"""Brakes: above so many records nothing is created, or nothing is coupled, and the job says so."""

import pytest
from django.core.management import load_command_class

from coupling.brakes import Brakes
from coupling.couplings import services
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import Criterion
from jobs.models import Job
from jobs.outcomes import JobOutcomes
from tests.coupling.conftest import counted, previewed, run
from tests.coupling.test_commands import spoken

PHONE = [Criterion("phone_no", "telephone1")]
COUPLE = ("couple", "CUSTOMER", "--company", "Cronus", "--match", "phone_no")


@pytest.fixture
def five(customers, account_of):
    """Five customers; two of them have an account."""
    made = customers(5)
    account_of(made[:2])
    return made


def test_where_more_would_be_created_than_the_brake_lets_none_is_and_couplings_stay(five, remote):
    (result,), code = spoken(*COUPLE, "--create-new", "--synchronize", "--stop-above", "2")
    assert (code, result["state"]) == (1, "finished")
    assert (result["counters"]["coupled"], result["counters"]["failed"]) == (2, 3)
    assert result["reasons"] == {"brake": 3}
    created, synchronized = result["followups"]
    assert (created["state"], created["error"]["reason"]) == ("failed", "brake")
    assert created["error"]["message"] == "3 records would be created, and the brake stops above 2, so none is."
    assert synchronized["state"] == "finished"
    assert (Coupling.objects.count(), len(remote.rows("accounts"))) == (2, 2)
    messages = {row.message for row in JobOutcomes(Job.objects.get(pk=result["job"]), "failed")}
    assert {text.partition("It is not created")[2] for text in messages} == {
        ": the brake stops above 2, and 3 would be."
    }


def test_as_many_as_the_brake_lets_are_created(five, remote):
    (result,), code = spoken(*COUPLE, "--create-new", "--stop-above", "3")
    assert (code, [one["counters"]["inserted"] for one in result["followups"]]) == (0, [3])
    assert len(remote.rows("accounts")) == 5


def test_a_brake_in_percent_counts_the_records_that_take_part(five):
    (result,), code = spoken(*COUPLE, "--create-new", "--stop-above", "59%")
    assert (code, result["reasons"]) == (1, {"brake": 3})
    (result,), code = spoken(*COUPLE, "--create-new", "--stop-above", "100%")
    assert (code, result["reasons"]) == (0, {"create_queued": 3})


def test_where_more_would_be_coupled_than_the_brake_lets_nothing_is(five, remote):
    (result,), code = spoken(*COUPLE, "--create-new", "--synchronize", "--stop-coupled-above", "1")
    assert (code, result["state"], result["error"]["reason"]) == (1, "failed", "brake")
    assert result["error"]["message"] == "2 records would be coupled, and the brake stops above 1, so none is."
    assert (result["counters"]["coupled"], result["reasons"], result["followups"]) == (0, {"brake": 1}, [])
    assert not Coupling.objects.exists()
    assert len(remote.rows("accounts")) == 2
    (result,), code = spoken(*COUPLE, "--stop-coupled-above", "2")
    assert (code, result["counters"]["coupled"]) == (0, 2)


def test_a_preview_says_where_a_brake_stops(five):
    (*lines, told), code = spoken(*COUPLE, "--create-new", "--stop-above", "2", "--preview")
    assert (code, [(line["outcome"], line["reason"]) for line in lines]) == (
        0, [("couple", "")] * 2 + [("fail", "brake")] * 3
    )  # fmt: skip
    (result,), _ = spoken(*COUPLE, "--create-new", "--stop-above", "2")
    assert (told["counters"], told["reasons"]) == (result["counters"], result["reasons"])
    outcomes = JobOutcomes(Job.objects.get(pk=result["job"]), "failed")
    assert [line["message"] for line in lines[2:]] == [row.message for row in outcomes]


def test_a_preview_says_that_nothing_would_be_coupled(five, customer_mapping):
    found = previewed(customer_mapping, PHONE, create_new=True, brakes=Brakes(coupled=1))
    assert {(line["outcome"], line["reason"]) for line in found.lines()} == {("fail", "brake")}
    assert found.summary()["reasons"] == {"brake": 5}
    assert (found.coupled, found.created) == (0, 0)


def test_a_brake_that_was_decided_counts_for_what_is_written_after_a_kill(five, customer_mapping):
    """What is left would be few enough."""
    job = services.start_coupling(mapping=customer_mapping, criteria=PHONE, create_new=True, brakes=Brakes(created=2))
    Job.objects.filter(pk=job.pk).update(resume={"stage": "match", "braked": "It is not created.", "most_created": 2})
    five[4].delete()
    job = run(job)
    assert counted(job) == {"total": 4, "coupled": 2, "failed": 2}
    assert job.reasons == {"brake": 2}


@pytest.mark.parametrize("given", ["-1", "many", "101%", "2.5"])
def test_a_limit_that_is_none_is_a_wrong_call(company, given):
    with pytest.raises(Exception, match="argument --stop-above"):
        spoken(*COUPLE, "--stop-above", given)


def test_a_mapping_keeps_its_brakes_and_a_command_may_ask_for_others_or_none(five, customer_mapping):
    of_mapping = ("mapping", "set", "CUSTOMER", "--company", "Cronus")
    (shown,), code = spoken(*of_mapping, "--stop-above", "2", "--stop-above", "90%")
    assert (code, shown["brakes"]) == (0, {"created": 2, "created_percent": 90})
    (shown,), _ = spoken(*of_mapping, "--stop-coupled-above", "1")
    assert shown["brakes"] == {"created": 2, "created_percent": 90, "coupled": 1}
    (result,), code = spoken(*COUPLE, "--create-new")
    assert (code, result["error"]["reason"]) == (1, "brake")
    kept = previewed(IntegrationTableMapping.objects.get(pk=customer_mapping.pk), PHONE, create_new=True)
    assert kept.brakes == Brakes(2, 90, 1)
    (result,), code = spoken(*COUPLE, "--create-new", "--stop-coupled-above", "none", "--stop-above", "3")
    assert (code, result["counters"]["coupled"], result["reasons"]) == (0, 2, {"create_queued": 3})


@pytest.mark.parametrize(
    ("creating", "coupled", "expected"),
    [
        (None, None, Brakes(5, 10, 7)),
        ([(2, None)], None, Brakes(2, None, 7)),
        ([(2, None), (None, 3)], None, Brakes(2, 3, 7)),
        ([(None, None)], (None,), Brakes()),
        (None, (0,), Brakes(5, 10, 0)),
    ],
)
def test_limits_that_are_asked_for_take_the_place_of_those_there_are(creating, coupled, expected):
    assert Brakes(5, 10, 7).asked_instead(creating, coupled) == expected
    assert Brakes.stored(expected.dump()) == expected


@pytest.mark.parametrize("command", ["couple", "mapping"])
def test_the_commands_tell_how_they_are_called(command):
    words = load_command_class("coupling", command).create_parser("manage.py", command).format_help()
    assert "(10%)" in words and "N|PERCENT|none" in words
