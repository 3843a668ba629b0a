"""The time zone of a mapping's dates: on its card, by command, and from one company to another by file."""

import pytest

from core.refusals import NotUsable
from coupling.mapping_files.reading import read_file
from coupling.mapping_files.types import BadFile
from coupling.mapping_files.writing import write_file
from coupling.mappings.stored_file import stored_file
from coupling.mappings.time_zones import check_zone
from tests.coupling.mappings.test_card import mapper, post, stored
from tests.coupling.mappings.test_filter_builder import text
from tests.coupling.test_commands import spoken

__all__ = ["mapper"]


def test_it_is_chosen_on_the_card_and_one_that_is_none_is_refused(mapper, customer_mapping):
    assert post(mapper, day_zone="Europe/Berlin").status_code == 302
    assert stored().day_zone == "Europe/Berlin"
    answer = post(mapper, day_zone="Europe/Berlni")
    assert answer.status_code == 400
    assert "There is no time zone &#x27;Europe/Berlni&#x27;" in text(answer) or "Europe/Berlin meant" in text(answer)
    assert stored().day_zone == "Europe/Berlin"
    assert post(mapper, day_zone="").status_code == 302
    assert stored().day_zone == ""


def test_the_command_sets_it_and_the_file_carries_it(company, customer_mapping):
    (shown,), code = spoken("mapping", "set", "CUSTOMER", "--company", "Cronus", "--day-zone", "Pacific/Auckland")
    assert (code, shown["day_zone"]) == (0, "Pacific/Auckland")
    written = write_file(stored_file(company, ["CUSTOMER"]))
    assert "day_zone: Pacific/Auckland" in written
    assert read_file(written.encode()).mappings[0].day_zone == "Pacific/Auckland"
    with pytest.raises(BadFile, match="there is no time zone 'Mars/Olympus'"):
        read_file(written.replace("Pacific/Auckland", "Mars/Olympus").encode())
    (refused,), code = spoken("mapping", "set", "CUSTOMER", "--company", "Cronus", "--day-zone", "Berlin")
    assert (code, stored().day_zone) == (1, "Pacific/Auckland")
    assert "Europe/Berlin" in str(refused["error"])


ZONES = [("Berlin", "Europe/Berlin meant"), ("zzzzzz", "Write it like Europe/Berlin")]


@pytest.mark.parametrize(("name", "fix"), ZONES)
def test_a_zone_that_is_none_is_refused_with_one_that_may_be_meant(name, fix):
    with pytest.raises(NotUsable) as caught:
        check_zone(name)
    assert fix in caught.value.user_message
