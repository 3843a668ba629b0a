"""What a tenant decides beside who may sign in: consent of people, and refusals that a test asks for by number.

Texts: Microsoft identity platform, "Error codes" (reference-error-codes) and reports of real tenants.
"""

import threading
from dataclasses import dataclass, field
from typing import Any

from sandbox.identity.records import SignInError

PAGE, REDIRECT, TOKEN = "page", "redirect", "token"

_CLIENT, _GRANT, _ACTION = "invalid_client", "invalid_grant", "interaction_required"
_ASSERTION = "A configuration issue is preventing authentication. Client assertion "
TEXTS: dict[int, tuple[str, int, str, str]] = {
    # number -> place, status, error, text
    50011: (PAGE, 400, "invalid_request", "The redirect URI specified in the request does not match the redirect "
            "URIs configured for the application."),
    50194: (PAGE, 400, "unauthorized_client", "Application is not configured as a multi-tenant application. Usage of "
            "the /common endpoint is not supported for such applications created after '10/15/2018'. Use a "
            "tenant-specific endpoint or configure the application to be multi-tenant."),
    50105: (PAGE, 400, _ACTION, "Your administrator has configured the application to block users unless they are "
            "specifically granted ('assigned') access to the application."),
    90095: (PAGE, 400, _ACTION, "Admin consent is required for the permissions requested by this application. An "
            "admin consent request may be sent to the admin."),
    65004: (REDIRECT, 400, "access_denied", "User declined to consent to access the app."),
    90094: (REDIRECT, 400, "access_denied", "The grant requires admin permission. An administrator has to consent."),
    90093: (REDIRECT, 400, "access_denied", "Calling principal cannot consent due to lack of permissions."),
    53000: (REDIRECT, 400, _ACTION, "Device is not in required device state: compliant."),
    53003: (TOKEN, 400, _ACTION, "Access has been blocked by Conditional Access policies. The access policy does not "
            "allow token issuance."),
    50076: (TOKEN, 400, _ACTION, "Due to a configuration change made by your administrator, or because you moved to a "
            "new location, you must use multi-factor authentication to access the resource."),
    50079: (TOKEN, 400, _ACTION, "Due to a configuration change made by your administrator, you must enroll in "
            "multi-factor authentication to access the resource."),
    530035: (REDIRECT, 400, "access_denied", "Access has been blocked by security defaults. This is due to the request "
             "being deemed unsafe by security defaults policies."),
    50020: (REDIRECT, 400, _GRANT, "User account from identity provider does not exist in tenant and cannot access the "
            "application in that tenant. The account needs to be added as an external user in the tenant first."),
    70043: (TOKEN, 400, _GRANT, "The refresh token has expired or is invalid due to sign-in frequency checks by "
            "conditional access."),
    650052: (REDIRECT, 400, "invalid_request", "The app needs access to a service that your organization has not "
             "subscribed to or enabled."),
    7000215: (TOKEN, 401, _CLIENT, "Invalid client secret provided. Ensure the secret being sent in the request is the "
              "client secret value, not the client secret ID."),
    7000222: (TOKEN, 401, _CLIENT, "The provided client secret keys for the app are expired."),
    7000218: (TOKEN, 401, _CLIENT, "The request body must contain the following parameter: 'client_assertion' or "
              "'client_secret'."),
    700025: (TOKEN, 401, _CLIENT, "Client is public so neither 'client_assertion' nor 'client_secret' should be "
             "presented."),
    700027: (TOKEN, 401, _CLIENT, f"{_ASSERTION}contains an invalid signature. [Reason - The key was not found.]"),
    1002012: (TOKEN, 400, "invalid_scope", "The provided value for scope is not valid. Client credential flows must "
              "have a scope value with /.default suffixed to the resource identifier (application ID URI)."),
    700016: (TOKEN, 400, "unauthorized_client", "Application was not found in the directory."),
    90002: (TOKEN, 400, "invalid_request", "Tenant not found. Check to make sure you have the correct tenant ID and "
            "are signing into the correct cloud."),
    90038: (TOKEN, 400, "invalid_request", "Tenant request is being redirected to the National Cloud."),
}  # fmt: skip
KEY_REASONS = {
    "not registered": f"{_ASSERTION}failed signature validation. The certificate with identifier used to sign the "
    "client assertion is not registered on application. [Reason - The key was not found.]",
    "expired": f"{_ASSERTION}failed signature validation. [Reason - The key used is expired., Thumbprint of key used "
    "by client: '5E0F', Found key 'Start=01/01/2020 00:00:00, End=01/01/2021 00:00:00']",
    "other key": TEXTS[700027][3],
}
"""The three reasons that 700027 is given for."""


@dataclass(slots=True)
class Refusal:
    """A refusal by number, given `times` times, or always where that is 0; `at`: page, redirect or token."""

    number: int
    at: str
    times: int = 0
    text: str = ""
    error: str = ""
    given: int = 0

    def sign_in_error(self) -> SignInError:
        """Return the error as the service words it; an unknown number has a text that says nothing."""
        _, status, error, text = TEXTS.get(self.number, (self.at, 400, _GRANT, "Something that nobody has seen yet."))
        return SignInError(status, self.error or error, self.number, self.text or text)


@dataclass(slots=True)
class Policy:
    """Decisions of a tenant; `user_consent`: people may consent for themselves. Safe to use from several threads."""

    user_consent: bool = True
    refusals: list[Refusal] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def take(self, place: str) -> SignInError | None:
        """Return the refusal that a place gives now, and count it; None where none is left."""
        with self._lock:
            for one in self.refusals:
                if one.at == place and (not one.times or one.given < one.times):
                    one.given += 1
                    return one.sign_in_error()
        return None

    def clear(self) -> None:
        """Go back to the decisions of a new tenant."""
        with self._lock:
            self.user_consent, self.refusals = True, []

    def to_json(self) -> dict[str, Any]:
        """Return the decisions as the control call lists them."""
        shown = [{"number": one.number, "at": one.at, "times": one.times, "given": one.given} for one in self.refusals]
        return {"user_consent": self.user_consent, "refusals": shown}


def read_refusal(given: dict[str, Any]) -> Refusal:
    """Return the refusal that a control call describes. Raises ValueError with a sentence."""
    unknown = set(given) - {"number", "at", "times", "reason", "error"}
    if unknown:
        raise ValueError(f"A refusal of the sign-in has no '{sorted(unknown)[0]}'.")
    number = int(given.get("number") or 0)
    if number <= 0:
        raise ValueError("A refusal of the sign-in needs its number, as 53003.")
    place = str(given.get("at") or TEXTS.get(number, (TOKEN, 0, "", ""))[0])
    if place not in {PAGE, REDIRECT, TOKEN}:
        raise ValueError(f"'{place}' is no place; there are page, redirect, token.")
    reason = str(given.get("reason", ""))
    if reason and reason not in KEY_REASONS:
        raise ValueError(f"'{reason}' is no reason of 700027; there are {', '.join(KEY_REASONS)}.")
    text = KEY_REASONS.get(reason, "")
    return Refusal(number, place, int(given.get("times") or 0), text, str(given.get("error", "")))
