"""How an application says who it is at the token endpoint, and what the older endpoint takes; pure."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote_plus

from sandbox.identity.records import SignInError


def with_basic_credentials(form: Mapping[str, str], authorization: str) -> dict[str, str]:
    """Return a form with client id and secret of an HTTP Basic header, where there is one. Raises SignInError."""
    kind, _, text = authorization.partition(" ")
    if kind.lower() != "basic":
        return dict(form)
    try:
        decoded = base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    client_id, colon, secret = decoded.partition(":")
    if not colon:
        raise SignInError(401, "invalid_client", 7000216, "The authorization header is not valid.")
    if "client_secret" in form or "client_assertion" in form:
        raise SignInError(
            400, "invalid_request", 900971, "The client authenticates both by header and in the request body."
        )
    return {**form, "client_id": unquote_plus(client_id), "client_secret": unquote_plus(secret)}


def from_older(form: Mapping[str, str]) -> dict[str, str]:
    """Return the form of the v1 endpoint, which names a `resource`, as the v2 endpoint takes it: with a scope."""
    resource = form.get("resource", "").rstrip("/")
    kind = form.get("grant_type", "")
    permission = ".default" if kind == "client_credentials" else "user_impersonation openid profile offline_access"
    rest = {name: value for name, value in form.items() if name != "resource"}
    return {**rest, "scope": f"{resource}/{permission}" if resource else rest.get("scope", "")}


def refuse_resource(form: Mapping[str, str]) -> None:
    """Raise SignInError for the v1 parameter `resource` at the v2 endpoint."""
    if "resource" in form:
        raise SignInError(
            400,
            "invalid_request",
            901002,
            "The 'resource' request parameter is not supported. Use the 'scope' parameter instead.",
        )
