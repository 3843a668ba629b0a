"""Workers to kill."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.recovery import harness
from tests.recovery.harness import Fleet


@pytest.fixture(scope="session")
def _fleet(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("workers"))
    yield fleet
    fleet.close()


@pytest.fixture
def fleet(transactional_db: None, _fleet: Fleet) -> Iterator[Fleet]:
    """Workers for one test."""
    harness.forget_messages()
    yield _fleet
    _fleet.kill_all()  # before the tables are emptied
