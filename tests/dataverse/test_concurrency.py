"""How many requests at once: learned by trying, shared by all clients of a user."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dataverse.concurrency import RequestSlots, share, slots_for
from dataverse.throttle import Counting


def crowd(slots: RequestSlots, requests: int, *, limit: int | None = None, took_s: float = 0.002) -> int:
    """Send requests from many threads to a service that accepts `limit` at once; the most that were under way."""
    lock = threading.Lock()
    under_way = most = 0

    def request(_: int) -> None:
        nonlocal under_way, most
        with slots.take() as slot:
            with lock:
                under_way += 1
                most = max(most, under_way)
                if limit is not None and under_way > limit:
                    slot.mark_throttled()
            time.sleep(took_s)
            with lock:
                under_way -= 1

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(request, range(requests)))
    return most


def test_one_request_is_sent_at_a_time_until_the_service_recommends_a_number() -> None:
    slots = RequestSlots()
    with slots.take():
        waiting = threading.Thread(target=lambda: slots.take().__enter__(), daemon=True)
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
    waiting.join(2)
    assert not waiting.is_alive()


def test_it_starts_with_the_recommended_number_and_grows_while_nothing_is_refused() -> None:
    slots = RequestSlots(maximum=12)
    slots.recommend(4)
    assert slots.limit == 4
    assert crowd(slots, 300) == 12
    assert slots.limit == 12


def test_it_does_not_grow_without_need() -> None:
    slots = RequestSlots()
    slots.recommend(4)
    for _ in range(100):
        with slots.take():
            pass
    assert slots.limit == 4


def test_it_settles_around_what_the_service_accepts() -> None:
    slots = RequestSlots()
    slots.recommend(2)
    crowd(slots, 400, limit=6)
    assert 2 <= slots.limit <= 7


def test_requests_refused_together_halve_the_limit_once() -> None:
    slots = RequestSlots()
    slots.recommend(8)
    held = [slots.take() for _ in range(8)]
    for slot in [one.__enter__() for one in held]:
        slot.mark_throttled()
    for one in held:
        one.__exit__(None, None, None)
    assert slots.limit == 4
    with slots.take() as slot:
        slot.mark_throttled()
    assert slots.limit == 2


def test_a_later_recommendation_does_not_undo_what_was_learned() -> None:
    slots = RequestSlots()
    slots.recommend(8)
    with slots.take() as slot:
        slot.mark_throttled()
    slots.recommend(8)
    assert (slots.limit, slots.recommended) == (4, 8)


@pytest.mark.parametrize(
    ("recommended", "processes", "slots"),
    [
        (4, 1, 32),  # one alone goes on trying what the service bears
        (4, 2, 2), (4, 3, 1), (4, 4, 1), (4, 9, 1), (52, 4, 13), (52, 1, 32), (None, 4, 8), (None, 1, 32),
    ],
)  # fmt: skip
def test_processes_divide_what_the_service_recommends(recommended: int | None, processes: int, slots: int) -> None:
    assert share(recommended, processes) == slots


def test_a_process_keeps_to_its_share_and_has_all_it_learned_once_it_is_alone_again() -> None:
    slots = RequestSlots()
    slots.recommend(8)
    slots.divide(2)
    assert slots.limit == 4
    crowd(slots, 100, limit=8)
    assert slots.limit == 4
    slots.divide(1)
    assert slots.limit == 8


def test_a_process_counts_itself_once_it_has_gone_on_sending_and_then_now_and_then() -> None:
    counting = Counting()
    sent_at = [0.0, 0.5, 1.0, 1.1, 9.0, 11.0, 11.5, 60.0, 60.5, 61.0]
    assert [at for at in sent_at if counting.is_due(at)] == [1.0, 11.0, 61.0]


def test_one_slot_always_remains() -> None:
    slots = RequestSlots()
    for _ in range(5):
        with slots.take() as slot:
            slot.mark_throttled()
    assert slots.limit == 1


def test_all_clients_of_a_user_share_its_slots() -> None:
    class User: ...

    one, two = User(), User()
    assert slots_for(one) is slots_for(one)
    assert slots_for(one) is not slots_for(two)
