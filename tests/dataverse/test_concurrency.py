"""How many requests at once: found out by trying, shared by all clients of a user."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from dataverse.concurrency import RequestSlots, lanes_of


def crowd(lanes: RequestSlots, requests: int, *, limit: int | None = None, took_s: float = 0.002) -> int:
    """Send requests from many threads to a service that bears `limit` at once; the most that were under way."""
    lock = threading.Lock()
    under_way = most = 0

    def request(_: int) -> None:
        nonlocal under_way, most
        with lanes.lane() as lane:
            with lock:
                under_way += 1
                most = max(most, under_way)
                if limit is not None and under_way > limit:
                    lane.throttled()
            time.sleep(took_s)
            with lock:
                under_way -= 1

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(request, range(requests)))
    return most


def test_before_the_service_said_anything_one_request_goes_at_a_time() -> None:
    lanes = RequestSlots()
    with lanes.lane():
        waiting = threading.Thread(target=lambda: lanes.lane().__enter__(), daemon=True)
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
    waiting.join(2)
    assert not waiting.is_alive()


def test_it_begins_with_the_recommended_number_and_grows_while_nothing_is_refused() -> None:
    lanes = RequestSlots(most=12)
    lanes.hinted(4)
    assert lanes.width == 4
    assert crowd(lanes, 300) == 12
    assert lanes.width == 12


def test_it_does_not_grow_without_need() -> None:
    lanes = RequestSlots()
    lanes.hinted(4)
    for _ in range(100):
        with lanes.lane():
            pass
    assert lanes.width == 4


def test_it_settles_around_what_the_service_bears() -> None:
    lanes = RequestSlots()
    lanes.hinted(2)
    crowd(lanes, 400, limit=6)
    assert 2 <= lanes.width <= 7


def test_many_refused_together_halve_it_once() -> None:
    lanes = RequestSlots()
    lanes.hinted(8)
    held = [lanes.lane() for _ in range(8)]
    for lane in [one.__enter__() for one in held]:
        lane.throttled()
    for one in held:
        one.__exit__(None, None, None)
    assert lanes.width == 4
    with lanes.lane() as lane:
        lane.throttled()
    assert lanes.width == 2


def test_the_recommendation_does_not_undo_what_was_learnt() -> None:
    lanes = RequestSlots()
    lanes.hinted(8)
    with lanes.lane() as lane:
        lane.throttled()
    lanes.hinted(8)
    assert (lanes.width, lanes.hint) == (4, 8)


def test_there_is_always_one_lane() -> None:
    lanes = RequestSlots()
    for _ in range(5):
        with lanes.lane() as lane:
            lane.throttled()
    assert lanes.width == 1


def test_a_user_s_lanes_are_the_same_for_all_its_clients() -> None:
    class User: ...

    one, two = User(), User()
    assert lanes_of(one) is lanes_of(one)
    assert lanes_of(one) is not lanes_of(two)
