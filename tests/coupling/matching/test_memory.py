"""What is kept of a pair while it is written stays small: what only comparing rows needs is let go before."""

import tracemalloc
import uuid
from pathlib import Path

import pytest

from core.free_memory import give_back_memory
from coupling.matching.match import Decisions, Matcher, group_by_priority
from coupling.rows import Criterion

PAIRS = 20_000
PART = 5_000
BYTES_A_PAIR = 150
CRITERIA = [
    Criterion("phone_no", "telephone1"),
    Criterion("name", "name", priority=1),
    Criterion("city", "address1_city", priority=1),
    Criterion("e_mail", "emailaddress1", priority=2),
]


def decided(*, let_go: bool, pairs: int = PAIRS) -> Decisions:
    """Decide on so many pairs by three priorities."""
    matcher = Matcher(group_by_priority(CRITERIA), near_misses=True)
    for start in range(0, pairs, PART):
        numbers = range(start, start + PART)
        columns = {
            "phone_no": [f"+1 425 {n:07}" for n in numbers], "name": [f"Customer {n:07}" for n in numbers],
            "city": [f"City {n % 500}" for n in numbers], "e_mail": [f"someone{n}@contoso.com" for n in numbers],
        }  # fmt: skip
        matcher.add([uuid.UUID(int=2**100 + n).bytes for n in numbers], columns, columns["name"])
    for start in range(0, pairs, PART):
        numbers = range(start, start + PART)
        matcher.add_remote_page(
            [uuid.UUID(int=2**101 + n).hex for n in numbers],
            [f"Customer {n:07}" for n in numbers],
            {
                "telephone1": [f"+1 425 {n:07}" for n in numbers], "name": [f"CUSTOMER {n:07}" for n in numbers],
                "address1_city": [f"City {n % 500}" for n in numbers],
                "emailaddress1": [f"someone{n}@contoso.com" for n in numbers],
            },
        )  # fmt: skip
    decisions = matcher.decide()
    if let_go:
        decisions.let_go()
    assert decisions.count_coupled() == pairs
    return decisions


def bytes_a_pair(*, let_go: bool) -> float:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        decisions = decided(let_go=let_go)
        kept = tracemalloc.get_traced_memory()[0] - before
        assert len(decisions) == PAIRS  # alive until here
        return kept / PAIRS
    finally:
        tracemalloc.stop()


def test_once_decided_a_pair_takes_at_most_150_bytes() -> None:
    decided(let_go=True, pairs=PART)  # what is loaded once is no part of it
    kept = bytes_a_pair(let_go=True)
    assert 50 < kept <= BYTES_A_PAIR
    assert bytes_a_pair(let_go=False) > kept + 50


def resident_bytes() -> int:
    """Return what the machine holds for this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Only Linux tells what a process holds.")
def test_what_was_let_go_goes_back_to_the_machine() -> None:
    if not give_back_memory():
        pytest.skip("This C library gives nothing back on request.")
    block, number = 60_000, 1_000  # too small for the C library to give each one back by itself
    blocks = [b"x" * block for _ in range(2 * number)]
    before = resident_bytes()
    kept = blocks[::2]
    del blocks
    give_back_memory()
    assert before - resident_bytes() > block * number // 2
    assert len(kept) == number
