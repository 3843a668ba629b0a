"""manage.py failures, as programs use it."""

import pytest
from django.core.management import CommandError

from coupling.failures.standing import standing
from coupling.models import FailedRecord
from tests.coupling.test_commands import spoken
from tests.sync.failures.conftest import CALGARY

CRONUS = ("--company", "CRONUS International")


def test_failures_prints_an_object_for_each_and_the_summary_last(company, failed):
    (*lines, last), code = spoken("failures", *CRONUS)
    assert (code, last) == (0, {"total": 4, "reasons": {"already_coupled": 1, "multiple_matches": 1, "no_match": 2}})
    by_key = {line["local"]["key"]: line for line in lines}
    assert list(by_key) == ["10010", "10020", "10030", "10040"]
    iris = by_key["10020"]
    assert (iris["job"], iris["mapping"], iris["reason"]) == (failed.pk, "CUSTOMER", "multiple_matches")
    (field,) = iris["fields"]
    assert (field["local"], field["local_value"], field["integration_value"]) == (
        "phone_no", "587 555 0117", "587 555 0117",
    )  # fmt: skip
    assert len(iris["candidates"]) == 5
    calgary = next(one for one in iris["candidates"] if one["id"] == str(CALGARY))
    assert {name: calgary[name] for name in ("name", "city", "phone", "coupled_to")} == {
        "name": "Iris Bicycles Ltd.", "city": "Calgary", "phone": "587 555 0117", "coupled_to": None,
    }  # fmt: skip
    assert set(calgary) == {"id", "name", "city", "phone", "owner", "coupled_to"}
    assert by_key["10010"]["candidates"][0]["coupled_to"] == "10000 Ridge Boatyard"
    assert by_key["10030"]["candidates"][0]["nearly"] >= 90
    (only, last), _ = spoken("failures", *CRONUS, "--mapping", "CUSTOMER", "--reason", "already_coupled")
    assert (only["local"]["key"], last["total"]) == ("10010", 1)


def test_failures_are_ignored_for_a_reason_and_tried_again(company, failed):
    because = ("--because", "two records of one company")
    (done,), code = spoken("failures", "ignore", *CRONUS, "--mapping", "CUSTOMER", "--select", "10010", *because)
    assert (code, done) == (0, {"ignored": 1})
    (job,), code = spoken("failures", "retry", *CRONUS, "--mapping", "CUSTOMER", "--reason", "no_match")
    assert (code, job["type"], job["counters"]["failed"]) == (0, "coupling", 2)
    assert [one.local_key for one in standing(company)] == ["10020", "10030", "10040"]
    (refusal,), code = spoken("failures", "retry", *CRONUS, "--mapping", "CUSTOMER", "--reason", "already_coupled")
    assert (code, refusal["error"]["reason"]) == (1, "empty_selection")


def test_failures_without_any_prints_the_summary_alone(company):
    assert not FailedRecord.objects.exists()
    assert spoken("failures", *CRONUS) == ([{"total": 0, "reasons": {}}], 0)


@pytest.mark.parametrize(
    "words",
    [
        ("retry",),
        ("retry", "--mapping", "CUSTOMER"),
        ("ignore", "--reason", "no_match", "--because", "x"),
        ("retry", "--mapping", "CUSTOMER", "--select", "1", "--reason", "no_match"),
        ("--select", "1"),
        ("--because", "x"),
    ],
)
def test_failures_asks_for_what_it_takes(company, words):
    with pytest.raises(CommandError) as misused:
        spoken("failures", *words, *CRONUS)
    assert misused.value.returncode == 2
