"""Put to the public: the deployment checks find nothing, and secure cookies and HSTS follow the scheme."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.starts import Starter

pytestmark = pytest.mark.xdist_group("starts")

Started = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def started(starter: Starter, tmp_path: Path) -> Started:
    """Run the deployment checks in a process of their own, or code on nothing but the settings."""

    def run(*, site: str, code: str = "", **more: str) -> "subprocess.CompletedProcess[str]":
        checks = ["check", "--deploy", "--fail-level", "WARNING"]
        command = ["-c", f"from django.conf import settings; {code}"] if code else checks
        return starter.run(command, environment(site, **more), tmp_path)

    return run


def environment(site: str, **more: str) -> dict[str, str]:
    here = {  # as a server has it: what the browser tests beside this one allow themselves is not there
        **os.environ, "SITE_URL": site, "ALLOWED_HOSTS": "tandem.example", "EXTRA_APPS": "",
        "DJANGO_SETTINGS_MODULE": "config.settings", "SANDBOX_ALLOWED": "0", **more,
    }  # fmt: skip
    here.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
    return here


def test_the_deployment_checks_find_nothing(started: Started) -> None:
    done = started(site="https://tandem.example", TRUSTED_PROXIES="1")
    assert done.returncode == 0, done.stderr


def test_cookies_and_hsts_follow_the_scheme(started: Started) -> None:
    code = "print(settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.SECURE_HSTS_SECONDS > 0)"
    assert started(site="https://tandem.example", code=code).stdout.split() == ["True"] * 3
    assert started(site="http://127.0.0.1:8000", code=code).stdout.split() == ["False"] * 3


def test_debug_is_off_unless_asked_for(started: Started) -> None:
    code = "print(settings.DEBUG, settings.SANDBOX_ALLOWED)"
    environment = {"DEBUG": "", "SANDBOX_ALLOWED": ""}
    assert started(site="https://tandem.example", code=code, **environment).stdout.split() == ["False"] * 2
