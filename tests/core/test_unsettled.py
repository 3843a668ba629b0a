"""What an upgrade leaves to a person is listed, and the upgrade goes on."""

import pytest

from core import unsettled

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("plan", "listed"),
    [
        ([("a migration", False)], ["Codes that differ by case:", "  k1 and K1 of Cronus.", "  Rename one of them."]),
        ([], []),  # started again: nothing was upgraded
        ([("a migration", True)], []),  # taken back
    ],
)
def test_an_upgrade_lists_what_is_to_be_settled(monkeypatch, capsys, plan, listed):
    monkeypatch.setattr(unsettled, "_kinds", [])
    unsettled.register("Codes that differ by case", lambda: ["k1 and K1 of Cronus."], "Rename one of them.")
    unsettled.register("Nothing", list, "Never shown.")
    unsettled.list_after_upgrade("default", plan)
    assert capsys.readouterr().err.splitlines() == listed
