"""Put to the public: the deployment checks find nothing, and secure cookies and HSTS follow the scheme."""

import os
import subprocess
import sys
from typing import Any

from django.conf import settings


def started(*, site: str, code: str = "", **more: str) -> "subprocess.CompletedProcess[str]":
    """Run the deployment checks in a process of their own, or code on nothing but the settings."""
    command = (
        [sys.executable, "-c", f"from django.conf import settings; {code}"]
        if code
        else [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    )
    here = {  # as a server has it: what the browser tests beside this one allow themselves is not there
        **os.environ, "SITE_URL": site, "ALLOWED_HOSTS": "tandem.example", "EXTRA_APPS": "",
        "DJANGO_SETTINGS_MODULE": "config.settings", "SANDBOX_ALLOWED": "0", **more,
    }  # fmt: skip
    here.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
    return subprocess.run(command, cwd=settings.BASE_DIR, env=here, capture_output=True, text=True, timeout=60)


def test_the_deployment_checks_find_nothing() -> None:
    done = started(site="https://tandem.example", TRUSTED_PROXIES="1")
    assert done.returncode == 0, done.stderr


def test_cookies_and_hsts_follow_the_scheme() -> None:
    code = "print(settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.SECURE_HSTS_SECONDS > 0)"
    assert started(site="https://tandem.example", code=code).stdout.split() == ["True"] * 3
    assert started(site="http://127.0.0.1:8000", code=code).stdout.split() == ["False"] * 3


def test_debug_is_off_unless_asked_for(monkeypatch: Any) -> None:
    code = "print(settings.DEBUG, settings.SANDBOX_ALLOWED)"
    environment = {"DEBUG": "", "SANDBOX_ALLOWED": ""}
    assert started(site="https://tandem.example", code=code, **environment).stdout.split() == ["False"] * 2
