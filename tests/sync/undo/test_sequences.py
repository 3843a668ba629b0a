"""Undo after synchronization returns both sides to what people made of them: a few random lives; a soak has more."""

import pytest

from tests.sync.undo.sequences import live


@pytest.mark.parametrize("seed", range(8))
def test_undo_after_synchronization_returns_both_sides_to_what_they_held(connected, remote, seed):
    live(connected, remote, seed)
