"""What waits to be imported is each test's own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings


@pytest.fixture(autouse=True)
def nothing_waits() -> Iterator[None]:
    folder = Path(settings.STATE_DIR) / "imports"
    shutil.rmtree(folder, ignore_errors=True)
    yield
    shutil.rmtree(folder, ignore_errors=True)
