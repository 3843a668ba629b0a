"""Values side by side: what differs is marked, what shows nothing is made visible, and nothing else changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coupling.failures.compared import compare, mark, visible


def shown(parts):
    """Return parts with what differs in brackets."""
    return "".join(f"<{part.text}>" if part.differs else part.text for part in parts)


@pytest.mark.parametrize(
    ("here", "there", "one", "other"),
    [
        ("+44 20 7946 0145", "+44 20 7946 0146", "+44 20 7946 014<5>", "+44 20 7946 014<6>"),
        ("Gull Design SA", "Gull DesignSA", "Gull Design<␣>SA", "Gull DesignSA"),
        ("Adatum", "Ada\u200btum", "Adatum", "Ada<[U+200B]>tum"),
        ("Adatum", "Adatum", "Adatum", "Adatum"),
        ("Adatum", "Fabrikam Ltd", "Adatum", "Fabrikam Ltd"),
        ("Adatum\u00a0AG", "Adatum AG", "Adatum<[U+00A0]>AG", "Adatum<␣>AG"),
    ],
)
def test_what_only_one_side_has_is_marked(here, there, one, other):
    assert tuple(map(shown, mark(here, there))) == (one, other)


@given(st.text(max_size=40), st.text(max_size=40))
def test_both_sides_stay_whole(here, there):
    one, other = mark(here, there)
    blanks = str.maketrans("", "", " ␣")
    assert "".join(part.text for part in one).translate(blanks) == visible(here).translate(blanks)
    assert "".join(part.text for part in other).translate(blanks) == visible(there).translate(blanks)


@pytest.mark.parametrize(
    ("here", "there", "equal", "look"),
    [
        (["Adatum", "Bonn"], ["Adatum", "Bonn"], False, "eq"),
        (["0121 5550100"], ["+44 121 555 0100"], True, "eq"),
        (["Adatum"], ["Adatun"], False, "ne"),
        (["Adatum"], [None], False, "blank"),
        (["Adatum"], None, False, "blank"),
    ],
)
def test_how_both_sides_stand_has_a_word(here, there, equal, look):
    assert compare(here, there, equal=equal).look == look
