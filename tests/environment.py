"""Loaded before the settings: tests get a state folder of their own, never the developer's."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_state = tempfile.mkdtemp(prefix="tandem-tests-")
atexit.register(shutil.rmtree, _state, ignore_errors=True)
os.environ["STATE_DIR"] = _state
(Path(_state) / "static").mkdir()
os.environ["SANDBOX_ALLOWED"] = "1"
os.environ["JOB_WAKE_S"] = "0"  # a test that saves records has no run beside its own, unless it is about that
os.environ["EXTRA_APPS"] = "tests.example_app"
os.environ.setdefault("DEBUG", "0")
if os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
else:
    os.environ.pop("DATABASE_URL", None)
if os.environ.get("TEST_BROKER_URL"):
    # Tests running side by side have a database each, and so must not take each other's messages.
    _broker, _, _number = os.environ["TEST_BROKER_URL"].rpartition("/")
    _beside = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    os.environ["REDIS_URL"] = f"{_broker}/{(int(_number) + _beside) % 16}"
else:
    os.environ.pop("REDIS_URL", None)
