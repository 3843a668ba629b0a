"""What the web server writes of each request."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.conf import settings
from gunicorn.config import Config

from config.access_log import ReticentLogger


def line(path: str, query: str = "", referer: str = "-") -> str:
    """Return the line about a request, with every part that gunicorn knows of it."""
    config = Config()
    raw = f"{path}?{query}" if query else path
    environ = {
        "REQUEST_METHOD": "GET", "RAW_URI": raw, "PATH_INFO": path, "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_REFERER": referer,
    }  # fmt: skip
    answer, request = (
        SimpleNamespace(status="200 OK", headers=[], sent=1),
        SimpleNamespace(headers=[("REFERER", referer)]),
    )
    atoms = ReticentLogger(config).atoms(answer, request, environ, timedelta(seconds=1))
    return f"{config.access_log_format % atoms} {atoms}"


@pytest.mark.parametrize(
    ("path", "query", "referer"),
    [
        ("/password/new/MQ/c0ffee-secret/", "", "-"),
        ("/password/new/MQ/set-password/", "", "http://127.0.0.1:8000/password/new/MQ/c0ffee-secret/"),
        ("/connection/signed-in", "code=c0ffee-secret&state=x", "-"),
    ],
)
def test_no_address_is_written_that_is_as_good_as_a_password(path: str, query: str, referer: str) -> None:
    told = line(path, query, referer)
    assert "secret" not in told
    assert path.split("/")[1] in told


def test_other_addresses_are_written_as_they_are() -> None:
    assert "GET /c/cronus/jobs/?type=coupling HTTP/1.1" in line("/c/cronus/jobs/", "type=coupling")
    assert "/password/forgotten/" in line("/password/forgotten/")


def test_the_image_uses_it() -> None:
    command = next(text for text in (settings.BASE_DIR / "Dockerfile").read_text().splitlines() if text[:4] == "CMD ")
    given = json.loads(command[4:])
    assert given[given.index("--logger-class") + 1] == f"{ReticentLogger.__module__}.{ReticentLogger.__name__}"
