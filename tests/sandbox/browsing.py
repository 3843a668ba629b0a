"""A person at the sign-in pages: sends what a browser would, without one."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sandbox.testing import Sandbox
from tests.sandbox.conftest import plain_session


def hidden_fields(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's form."""
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)}


def sign_in(sandbox: Sandbox, address: str, name: str, password: str, answer: str = "accept") -> dict[str, Any]:
    """Sign in at an address and answer the consent page; return the redirect's parameters, or the page shown."""
    browser = plain_session(sandbox)
    page = browser.get(address, timeout=30).text
    form = {**hidden_fields(page), "username": name, "password": password, "answer": "sign-in"}
    page = browser.post(address, data=form, timeout=30).text
    if "Permissions requested" not in page:
        return {"page": page}
    back = browser.post(address, data={**hidden_fields(page), "answer": answer}, allow_redirects=False, timeout=30)
    return dict(parse_qsl(urlsplit(back.headers["Location"]).query))
