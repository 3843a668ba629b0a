"""Slots that a room above fills: one provider each, and none needed."""

import pytest

from connection_setup import hooks
from masterdata.models import Company


def test_a_slot_takes_one_provider_and_refuses_a_second() -> None:
    slot: hooks.Slot[str] = hooks.Slot("greeting")
    assert slot.provided is None
    slot.provide("hello")
    with pytest.raises(RuntimeError, match="greeting is filled already, by 'hello'"):
        slot.provide("good day")
    assert slot.provided == "hello"


def test_without_rooms_above_there_is_nothing_to_count_set_up_or_start(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slot in (
        hooks.COUPLED_USERS, hooks.COUPLING_COUNT, hooks.MAPPED_TABLES, hooks.SYNCHRONIZATION_SETUP, hooks.SYNCHRONIZER,
    ):  # fmt: skip
        assert slot.provided is not None, "the rooms above fill it while their apps load"
        monkeypatch.setattr(slot, "provided", None)
    assert (hooks.coupled_users(company), hooks.coupled_users_url(company)) == ({}, "")
    assert (hooks.count_couplings(company), hooks.mapped_tables(company)) == (0, ())
    assert hooks.start_synchronizations(company, None) == 0
    assert hooks.describe_setup(company) == ""
    assert hooks.apply_default_setup(company, schedules=True) == ""
    assert hooks.reset_setup(company, None) == ""
