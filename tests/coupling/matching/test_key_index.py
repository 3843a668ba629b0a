"""The index of keys: any keys, added and met part by part, whatever their hashes, against a dictionary."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coupling.matching.key_index import KeyIndex, encode

KEYS = st.lists(st.text("ab\x00\u00e9\ud800", max_size=3) | st.text("ab", min_size=6, max_size=18), max_size=12)
HASHES = {
    "own": hash,
    "all the same": lambda key: 0,
    "few": lambda key: len(key) - 2,
    "highest and lowest": lambda key: (2**63 - 1) if "a" in key else -(2**63),
}


@pytest.mark.parametrize("hashed", HASHES.values(), ids=HASHES)
@given(parts=st.lists(KEYS, max_size=3), further=KEYS, met=KEYS)
def test_a_slot_is_the_first_candidate_with_the_key_whatever_the_hashes(
    hashed: Callable[[str], int], parts: list[list[str]], further: list[str], met: list[str]
) -> None:
    index = KeyIndex(hashed)
    known: dict[str, int] = {}
    slots: list[int] = []
    for part in (*parts, further):
        if part is further:
            assert index.find_slots(met).tolist() == [known.get(key, 0) for key in met]
        index.add(part)
        for key in part:
            slots.append(known.setdefault(key, len(slots) + 1) if key else 0)
    assert index.slots.tolist() == slots
    assert index.find_slots(met).tolist() == [known.get(key, 0) for key in met]


@given(st.lists(st.text("a\u00e9\U0001f600\ud83d\ude00", max_size=3)))
def test_texts_are_encoded_one_by_one(texts: list[str]) -> None:
    """Half signs that meet where two texts do stay halves of their own."""
    data, sizes = encode(texts)
    ends = sizes.cumsum().tolist()
    parts = [data[end - size : end] for end, size in zip(ends, sizes.tolist(), strict=True)]
    assert [part.decode("utf-8", "surrogatepass") for part in parts] == texts
    assert len(data) == sum(sizes)
