"""Packages of others that drive the sandbox: installed once by a lock file into the user's cache, or left out."""

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

INSTALL_S = 90


def install_once(kind: str, lock_file: Path, command: Callable[[Path], Sequence[str]]) -> Path:
    """Return the folder of the user's cache in which the packages of a lock file (versions and hashes) are installed.

    command: what installs them into a folder; it runs in that folder. Skips the test with the reason where it fails.
    """
    version = hashlib.sha256(lock_file.read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tandem-tests" / f"{kind}-{version}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cache / ".installed").exists():
            try:
                made = subprocess.run(
                    command(cache), cwd=cache, capture_output=True, text=True, timeout=INSTALL_S, check=False
                )
            except subprocess.TimeoutExpired:
                pytest.skip(f"{kind} did not bring the packages in time, so they cannot be tried.")
            if made.returncode:
                pytest.skip(f"{kind} cannot bring the packages: {made.stderr.strip().splitlines()[-1:]}")
            (cache / ".installed").touch()
    return cache
