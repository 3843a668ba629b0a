"""Which tests a run takes: `pure` is found out here, and `--processes sample` takes a sample of the dear ones."""

from collections.abc import Iterable
from typing import Any

import pytest

STATEFUL = {"db", "transactional_db", "django_db_setup", "live_server", "sandbox_server", "worker", "migrated"}
"""Fixtures that stand for a database, a service or a process, directly or behind others."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--processes", choices=("all", "sample"), default="all",
        help="of the tests that start and kill processes take all (the default), or one of each kind",
    )  # fmt: skip


def pytest_report_header(config: pytest.Config) -> str | None:
    if config.getoption("processes") == "all":
        return None
    return "left out: tests that start and kill processes, but for one of each kind (--processes all takes them too)"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = []
    for item in items:
        processes = item.get_closest_marker("processes")
        if not processes and is_pure(item):
            item.add_marker(pytest.mark.pure)
        if processes and config.getoption("processes") == "sample" and not item.get_closest_marker("sample"):
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def with_sample(values: Iterable[str], sample: str = "") -> list[Any]:
    """Values of a parameter, one of which (the first, unless named) is taken where only a sample is."""
    known = list(values)
    return [
        pytest.param(value, marks=pytest.mark.sample) if value == (sample or known[0]) else pytest.param(value)
        for value in known
    ]


def is_pure(item: pytest.Item) -> bool:
    """Whether the test asks for neither a database nor a service. (Without asking it gets no database.)"""
    return not item.get_closest_marker("django_db") and STATEFUL.isdisjoint(getattr(item, "fixturenames", ()))
