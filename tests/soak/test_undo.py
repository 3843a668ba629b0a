"""Coupling jobs are undone after random lives of their pairs, and both sides hold what people made of them."""

from collections.abc import Callable

import pytest

from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.soak.conftest import size
from tests.sync.undo.sequences import live


@pytest.mark.parametrize("seed", range(1000, 1000 + size("undo", 4, 500)))
def test_after_undo_both_sides_hold_what_people_entered(
    connected: Callable[..., Company], sandbox: Sandbox, seed: int
) -> None:
    live(connected, sandbox, seed)
