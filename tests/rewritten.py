"""Test modules are made ready once, before the workers of pytest-xdist all begin to make each of them ready.

pytest takes every test module apart, so that a failed assert tells its values, and keeps what comes out beside the
module. In a fresh checkout nothing is kept yet: workers that begin at once would each do all of it.
"""

import os
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

from tests.cpu_times import COLLECTING, Times

TESTS = Path(__file__).parent
AT_ONCE = 2


def _rewrite(files: list[Path], config: pytest.Config) -> None:
    state = config.stash[rewrite.assertstate_key]
    for file in files:
        folder = rewrite.get_cache_dir(file)
        kept = folder / f"{file.stem}{rewrite.PYC_TAIL}"
        if rewrite.try_makedirs(folder) and rewrite._read_pyc(file, kept) is None:
            source, code = rewrite._rewrite_test(file, config)
            rewrite._write_pyc(state, code, source, kept)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Do it in the controller's children, that start no worker before they have ended."""
    config = session.config
    if not config.pluginmanager.hasplugin("dsession"):
        return
    asked = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    files = sorted(file for file in TESTS.rglob("test_*.py") if any(file.is_relative_to(one) for one in asked))
    children = []
    for first in range(AT_ONCE):
        child = os.fork()
        if not child:
            try:
                _rewrite(files[first::AT_ONCE], config)
            finally:  # a worker makes ready what is not
                os._exit(0)
        children.append(child)
    times: Times = config.pluginmanager.getplugin("cpu-times")
    for child in children:
        used = os.wait4(child, 0)[2]
        times.add(COLLECTING, used.ru_utime + used.ru_stime)
