"""How long a step waits, and making what is not shown yet: pure, by a clock of the test."""

from typing import Any
from uuid import UUID

import pytest

from connection_setup.provisioning.languages import Languages, of
from connection_setup.provisioning.patience import wait
from connection_setup.provisioning.role import make_role
from connection_setup.provisioning.settling import Blocked, NotSettled, Settling
from connection_setup.provisioning.solution import make_application_user, make_solution
from connection_setup.provisioning.verification import sentence_case
from dataverse.errors import ConfigurationError, CustomizationsBlocked, Duplicate
from dataverse.types import Page, WhoAmI


def test_a_lock_is_waited_for_longer_each_time_and_ten_minutes_at_most() -> None:
    memory: dict[str, Any] = {}
    now, pauses = 1000.0, []
    while True:
        found = wait(memory, step="tables", reason="locked", now=now)
        if found.pause_s is None:
            break
        memory, now = found.memory, now + found.pause_s
        pauses.append(found.pause_s)
    assert pauses[:5] == [5, 10, 20, 30, 30]
    assert 600 <= sum(pauses) < 630
    assert wait(memory, step="role", reason="locked", now=now).pause_s == 5, "another step begins anew"
    assert wait(memory, step="tables", reason="later", now=now).pause_s == 2, "and so does another reason"


def test_a_lock_counts_from_its_first_refusal_also_where_other_waits_come_between() -> None:
    memory = wait({}, step="tables", reason="locked", now=0).memory
    for now in range(60, 600, 60):
        memory = wait(memory, step="tables", reason="later" if now % 120 else "locked", what="It", now=now).memory
    assert wait(memory, step="tables", reason="locked", now=601).pause_s is None
    assert wait(memory, step="tables", reason="locked", now=5000).pause_s == 5, "after hours it is another lock"


def test_a_sentence_begins_with_a_capital_letter_and_names_keep_theirs() -> None:
    assert sentence_case("the privilege prvReadAccount") == "The privilege prvReadAccount"


class Lagging:
    """Dataverse of several servers: everything is there, but the second one asked knows nothing of `lost` yet."""

    def __init__(self, lost: str) -> None:
        self.lost, self.asked = lost, 0

    def who_am_i(self) -> Any:
        return WhoAmI(*(UUID(int=n) for n in (1, 2, 3)))

    def first_page(self, entity_set: str, **_: Any) -> Any:
        self.asked += entity_set == self.lost
        if entity_set == self.lost and self.asked > 1:
            return Page([])
        key = UUID(int=4)
        row = {"businessunitid": key, "roleid": key, "publisherid": key, "customizationprefix": "tandem"}
        return Page([{name: str(value) for name, value in (row | {"systemuserid": key, "solutionid": key}).items()}])


def test_a_second_read_that_lags_is_waited_for() -> None:
    for lost, make in (
        ("roles", lambda client: make_role(client, Settling({}))),
        ("publishers", lambda client: make_solution(client, Settling({}))),
        ("systemusers", lambda client: make_application_user(client, str(UUID(int=5)), Settling({}))),
    ):
        with pytest.raises(NotSettled):
            make(Lagging(lost))


class World:
    """Dataverse, as far as one thing is concerned."""

    def __init__(self) -> None:
        self.now, self.shown, self.answer, self.asked = 0.0, False, None, 0

    def make(self) -> None:
        self.asked += 1
        if self.answer is not None:
            raise self.answer

    def ensure(self, settling: Settling) -> bool:
        return settling.ensure("it", what="The thing", there=lambda: self.shown, make=self.make)


def test_nothing_counts_as_there_before_it_was_read() -> None:
    world, memory = World(), {}
    settling = Settling(memory, lambda: world.now)
    with pytest.raises(NotSettled):
        world.ensure(settling)
    world.now = 119
    with pytest.raises(NotSettled):
        world.ensure(Settling(memory, lambda: world.now))
    assert world.asked == 1, "what was accepted is not made twice, also after a restart"
    world.shown = True
    assert world.ensure(Settling(memory, lambda: world.now)), "made by this preparation"
    assert not world.ensure(Settling({}, lambda: world.now)), "there already"


def test_what_never_shows_ends_with_why() -> None:
    for answer, said in ((None, "has not shown it for two minutes"), (Duplicate("There."), "for about half an hour")):
        world = World()
        memory: dict[str, Any] = {}
        world.answer = answer
        with pytest.raises(NotSettled):
            world.ensure(Settling(memory, lambda: 0.0))
        with pytest.raises(ConfigurationError, match=said):
            world.ensure(Settling(memory, lambda: 121.0))
        assert memory["made"] == {}, "another try makes it again"


def test_exists_already_is_asked_again_until_it_is_made_or_read() -> None:
    world, memory = World(), {}
    world.answer = Duplicate("Operation failed due to a SQL integrity violation.")
    for _ in range(2):
        with pytest.raises(NotSettled):
            world.ensure(Settling(memory, lambda: world.now))
    world.answer, world.shown = None, False
    with pytest.raises(NotSettled):
        world.ensure(Settling(memory, lambda: world.now))
    assert world.asked == 3


def test_a_block_is_told_as_what_to_ask_the_administrator_for() -> None:
    world = World()
    world.answer = CustomizationsBlocked("No.")
    with pytest.raises(Blocked, match="does not allow unmanaged customizations") as found:
        world.ensure(Settling({}, lambda: world.now))
    assert "Download Solution File" in found.value.fix
    with pytest.raises(Blocked):
        world.ensure(Settling({"blocked": True}, lambda: world.now))
    assert world.asked == 1, "where the block is known nothing is sent"


def test_labels_are_in_the_base_language_first_and_in_provisioned_ones_alone() -> None:
    for base, listed, texts in (
        (1031, [], [(1031, "Unternehmen")]),
        (1030, [1033, 1036], [(1030, "Virksomhed"), (1033, "Company")]),
        (1036, [1036], [(1036, "Company")]),
        (None, [1031], [(1033, "Company"), (1031, "Unternehmen")]),
    ):
        assert of(base, listed).texts("Company") == texts
    assert Languages(1041, (1041,)).label("No caption")["LocalizedLabels"][0]["LanguageCode"] == 1041
