"""Which alerts begin, go on and are over, who is told, and when: as tables of cases."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.alerts.decisions import PAUSES_S, Fact, Receiver, Standing, decide, is_due, next_try, wants

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
BOTH = frozenset({"failure", "drift"})


def fact(subject: str = "a", message: str = "It failed.", company: int = 1) -> Fact:
    return Fact(company, subject, message, "/here/", fix="Look.")


def standing(pk: int = 7, kind: str = "failure", subject: str = "a", company: int = 1) -> Standing:
    return Standing(pk, kind, company, subject, "It failed.", "Look.", "/here/")


@pytest.mark.parametrize(
    ("stands", "facts", "looked_at", "begins", "changes", "over"),
    [
        pytest.param([], [], BOTH, [], [], [], id="nothing stands"),
        pytest.param([], [("failure", fact())], BOTH, ["a"], [], [], id="it begins"),
        pytest.param([standing()], [("failure", fact())], BOTH, [], [], [], id="it goes on: nobody is told again"),
        pytest.param(
            [standing()], [("failure", fact(message="Two failed."))], BOTH, [], [7], [], id="it goes on in other words"
        ),
        pytest.param([standing()], [], BOTH, [], [], [7], id="it is over"),
        pytest.param([standing()], [("failure", fact("b"))], BOTH, ["b"], [], [7], id="another one takes its place"),
        pytest.param([standing()], [("drift", fact())], BOTH, ["a"], [], [7], id="another kind is another alert"),
        pytest.param([standing()], [("failure", fact(company=2))], BOTH, ["a"], [], [7], id="so is another company"),
        pytest.param([standing()], [], {"drift"}, [], [], [], id="what could not be read is not over"),
        pytest.param([], [("failure", fact())], {"drift"}, [], [], [], id="nor does it begin in part"),
        pytest.param([], [("failure", fact()), ("failure", fact())], BOTH, ["a"], [], [], id="told twice, begins once"),
    ],
)
def test_each_alert_begins_once_and_is_over_once(stands, facts, looked_at, begins, changes, over) -> None:
    turn = decide(stands, facts, looked_at)
    assert [one.subject for _, one in turn.begins] == begins
    assert [pk for pk, _ in turn.changes] == changes
    assert list(turn.over) == over


@pytest.mark.parametrize(
    ("receiver", "told"),
    [
        (Receiver(1, 1), True),
        (Receiver(1, 2), False),
        (Receiver(1, 1, frozenset({"failure"})), True),
        (Receiver(1, 1, frozenset({"drift"})), False),
        (Receiver(1, 1, mapping="CUSTOMER"), True),
        (Receiver(1, 1, mapping="VENDOR"), False),
        (Receiver(1, 1, frozenset({"drift"}), "CUSTOMER"), False),
    ],
)
def test_who_is_told(receiver: Receiver, told: bool) -> None:
    assert wants(receiver, "failure", 1, "CUSTOMER") is told


@pytest.mark.parametrize(
    ("digest", "minutes_ago", "due"),
    [
        ("at_once", None, True), ("at_once", 0, True), ("hourly", None, True), ("hourly", 59, False),
        ("hourly", 60, True), ("daily", 60, False), ("daily", 24 * 60, True), ("unknown", 0, True),
    ],
)  # fmt: skip
def test_when_a_message_goes(digest: str, minutes_ago: int | None, due: bool) -> None:
    last = None if minutes_ago is None else NOW - timedelta(minutes=minutes_ago)
    assert is_due(digest, last, NOW) is due


def test_a_message_that_fails_is_tried_for_a_day_with_growing_pauses_and_then_given_up() -> None:
    pauses = [at - NOW for number in range(1, 60) if (at := next_try(number, NOW)) is not None]
    assert pauses == sorted(pauses) and len(pauses) == len(PAUSES_S)
    assert timedelta(hours=20) < sum(pauses, timedelta()) < timedelta(hours=30)
