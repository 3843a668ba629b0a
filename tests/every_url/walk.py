"""Tests that go through many addresses: each is tried as if alone, and every one that fails is told."""

import inspect
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.db import transaction

from tests.conftest import delete_key_file
from tests.every_url.urls import Endpoint

Test = Callable[..., None]

MOST = 24
"""Addresses in one go: more of a room are gone through by several tests, which run side by side."""
TIMEOUT_S = 400
"""For all of them, on a machine that has much else to do."""


def for_each(endpoints: Iterable[Endpoint]) -> Callable[[Test], Test]:
    """Have a test with an argument `endpoint` run for each of them, those of a room in one go.

    What a run writes is undone before the next. All that pytest does for a test of its own it does once a room.
    """
    rooms = [pytest.param(some, id=name) for name, some in _rooms(endpoints)]

    def wrap(test: Test) -> Test:
        def walk(room: list[Endpoint], **fixtures: Any) -> None:
            tell({endpoint.name: wrong for endpoint in room if (wrong := _try(test, endpoint, fixtures))})

        walk.__name__, walk.__qualname__, walk.__doc__ = test.__name__, test.__qualname__, test.__doc__
        walk.__module__ = test.__module__
        asked = [name for name in inspect.signature(test).parameters if name != "endpoint"]
        walk.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("room", *asked)]
        )
        return pytest.mark.timeout(TIMEOUT_S)(pytest.mark.parametrize("room", rooms)(walk))

    return wrap


def _rooms(endpoints: Iterable[Endpoint]) -> Iterator[tuple[str, list[Endpoint]]]:
    rooms: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        rooms.setdefault(_room(endpoint), []).append(endpoint)
    for name, some in rooms.items():
        for first in range(0, len(some), MOST):
            yield f"{name} {first // MOST + 1}" if len(some) > MOST else name, some[first : first + MOST]


def _room(endpoint: Endpoint) -> str:
    """Return the part of the name that stands for the room; in the admin, whose app it is."""
    space, _, rest = endpoint.name.partition(":")
    return f"{space} {rest.partition('_')[0]}" if endpoint.is_admin and rest.count("_") else space


def _try(test: Test, endpoint: Endpoint, fixtures: dict[str, Any]) -> str:
    """Return what is wrong there; "" if nothing is."""
    before = transaction.savepoint()
    try:
        test(endpoint=endpoint, **fixtures)
    except Exception as error:
        own = error.__traceback__.tb_next if error.__traceback__ else None
        return "".join(traceback.format_exception(error.with_traceback(own)))
    else:
        return ""
    finally:
        transaction.set_rollback(False)  # the savepoint undoes what failed
        transaction.savepoint_rollback(before)
        delete_key_file()


def tell(failures: dict[str, str]) -> None:
    """Fail with the names of all of them, and what is wrong with the first few."""
    if failures:
        some = "\n".join(f"{name}: {text}" for name, text in list(failures.items())[:5])
        pytest.fail(f"{len(failures)} failed: {', '.join(failures)}\n\n{some}", pytrace=False)
