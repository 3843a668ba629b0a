"""The sign-in pages: a person signs in, consents to what an application asks for, and returns to it with a code."""

import base64
import hashlib
import hmac
import secrets
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode, urlsplit

from sandbox.base.clock import Clock
from sandbox.identity.records import Application, Code, Person, SignInError
from sandbox.identity.tenant import Tenant

CODE_LIFETIME_S = 600
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SCOPE_TEXTS = {
    "openid": "Sign you in",
    "profile": "See your name",
    "email": "See your e-mail address",
    "offline_access": "Keep access to what you have given it access to",
    "user_impersonation": "Act in Dataverse as you",
    ".default": "Act in Dataverse as you",
}
_PASSED_ON = (
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "login_hint",
)


@dataclass(frozen=True, slots=True)
class BrowserAnswer:
    """A page to show, or an address to redirect the browser to."""

    page: str = ""
    location: str = ""
    status: int = 200


class SignIn:
    """The authorize endpoint of a tenant, and the codes it issues."""

    def __init__(self, tenant: Tenant, clock: Clock) -> None:
        self.tenant = tenant
        self.clock = clock
        self._codes: dict[str, Code] = {}
        self._used: deque[str] = deque(maxlen=1000)
        self._tickets: dict[str, Person] = {}
        self._lock = threading.Lock()
        tenant.redeem = self.redeem

    def authorize(self, parameters: Mapping[str, str]) -> BrowserAnswer:
        """Return the sign-in page; an error page where the redirect address cannot be trusted."""
        try:
            application = self._find_application(parameters)
        except SignInError as error:
            return BrowserAnswer(_error_page(error), status=400)
        error_values = self._find_protocol_error(parameters)
        if error_values:
            return self._redirect(parameters, error_values)
        return BrowserAnswer(_sign_in_page(application, parameters, ""))

    def submit(self, form: Mapping[str, str]) -> BrowserAnswer:
        """Answer a form that a person sent from one of the pages."""
        try:
            application = self._find_application(form)
        except SignInError as error:
            return BrowserAnswer(_error_page(error), status=400)
        error_values = self._find_protocol_error(form)
        if error_values:
            return self._redirect(form, error_values)
        if form.get("answer") == "cancel":
            return self._redirect(
                form, {"error": "access_denied", "error_description": "AADSTS65004: The user declined."}
            )
        if form.get("answer") != "accept":
            return self._ask_consent(application, form)
        with self._lock:
            person = self._tickets.pop(form.get("ticket", ""), None)
        if person is None:
            return BrowserAnswer(_sign_in_page(application, form, "Sign in again, please."))
        self.tenant.consents.add((application.client_id, person.name))
        code = secrets.token_urlsafe(48)
        with self._lock:
            self._codes[code] = Code(
                application=application.client_id,
                person=person.name,
                redirect_uri=form["redirect_uri"],
                scope=form.get("scope", ""),
                nonce=form.get("nonce", ""),
                challenge=form["code_challenge"],
                expires=self.clock.now() + CODE_LIFETIME_S,
            )
        return self._redirect(form, {"code": code, "session_state": secrets.token_urlsafe(12)})

    def _ask_consent(self, application: Application, form: Mapping[str, str]) -> BrowserAnswer:
        """Check the password and return the page that asks for consent. Its ticket stands for the person."""
        person = self.tenant.people.get(form.get("username", "").strip().lower())
        given = form.get("password", "").encode()
        if person is None or not hmac.compare_digest(person.password.encode(), given):
            return BrowserAnswer(_sign_in_page(application, form, "The user name or the password is not right."))
        try:
            self.tenant.require_enabled(person)
        except SignInError as error:
            return BrowserAnswer(_sign_in_page(application, form, error.text))
        ticket = secrets.token_urlsafe(24)
        with self._lock:
            self._tickets[ticket] = person
        return BrowserAnswer(_consent_page(application, {**form, "ticket": ticket}))

    def redeem(self, form: Mapping[str, str], application: Application) -> Code:
        """Return what a code stands for, and void the code. Raises SignInError."""
        with self._lock:
            code = form.get("code", "")
            found = self._codes.pop(code, None)
            was_used = code in self._used
            if found is not None:
                self._used.append(code)
        if was_used:
            raise SignInError(400, "invalid_grant", 54005, "OAuth2 Authorization code was already redeemed.")
        if found is None or found.application != application.client_id:
            raise SignInError(400, "invalid_grant", 9002313, "Invalid request. The authorization code is malformed.")
        if found.expires <= self.clock.now():
            raise SignInError(400, "invalid_grant", 70008, "The provided authorization code has expired.")
        if form.get("redirect_uri") != found.redirect_uri:
            raise SignInError(400, "invalid_grant", 500112, "The reply address does not match that of the code.")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not hmac.compare_digest(challenge, found.challenge):
            raise SignInError(400, "invalid_grant", 501481, "The Code_Verifier does not match the code_challenge.")
        return found

    def _find_application(self, parameters: Mapping[str, str]) -> Application:
        client_id = parameters.get("client_id", "").lower()
        application = self.tenant.applications.get(client_id)
        if application is None:
            raise SignInError(
                400, "unauthorized_client", 700016, f"Application with identifier '{client_id}' was not found."
            )
        address = parameters.get("redirect_uri", "")
        parts = urlsplit(address)
        local = parts.scheme in {"http", "https"} and parts.hostname in _LOOPBACK
        if address not in application.redirect_urls and not local:
            raise SignInError(
                400,
                "invalid_request",
                50011,
                f"The redirect URI '{address}' specified in the request does not match those configured for "
                f"the application '{client_id}'.",
            )
        return application

    @staticmethod
    def _find_protocol_error(parameters: Mapping[str, str]) -> dict[str, str]:
        """Return the error with which to redirect the browser; empty where the request follows the protocol."""
        if parameters.get("response_type") != "code":
            return {"error": "unsupported_response_type", "error_description": "AADSTS70005: Only 'code' is known."}
        if parameters.get("response_mode", "query") != "query":
            text = "AADSTS70007: The sandbox answers in the query only."
            return {"error": "unsupported_response_mode", "error_description": text}
        if parameters.get("code_challenge_method") != "S256" or not parameters.get("code_challenge"):
            text = "AADSTS501491: Proof Key for Code Exchange with S256 is needed."
            return {"error": "invalid_request", "error_description": text}
        return {}

    @staticmethod
    def _redirect(parameters: Mapping[str, str], values: Mapping[str, str]) -> BrowserAnswer:
        state = {"state": parameters["state"]} if "state" in parameters else {}
        address = parameters["redirect_uri"]
        mark = "&" if urlsplit(address).query else "?"
        return BrowserAnswer(location=f"{address}{mark}{urlencode({**values, **state})}", status=302)


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/_sandbox/style.css"></head>'
        f'<body class="narrow"><main><h1>{escape(title)}</h1>{body}</main></body></html>'
    )


def _hidden_fields(parameters: Mapping[str, str], *more: str) -> str:
    return "".join(
        f'<input type="hidden" name="{name}" value="{escape(parameters[name])}">'
        for name in (*_PASSED_ON, *more)
        if name in parameters
    )


def _sign_in_page(application: Application, parameters: Mapping[str, str], problem: str) -> str:
    alert = f'<p role="alert" class="problem">{escape(problem)}</p>' if problem else ""
    name = escape(parameters.get("username") or parameters.get("login_hint", ""))
    return _page(
        "Sign in",
        f"<p>to continue to <strong>{escape(application.name)}</strong></p>{alert}"
        f'<form method="post">{_hidden_fields(parameters)}'
        f'<p><label for="username">User name</label>'
        f'<input id="username" name="username" value="{name}" autocomplete="username" required></p>'
        '<p><label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required></p>'
        '<p class="buttons"><button name="answer" value="sign-in">Sign in</button>'
        '<button name="answer" value="cancel" formnovalidate>Cancel</button></p></form>',
    )


def _consent_page(application: Application, parameters: Mapping[str, str]) -> str:
    wanted = [scope.rpartition("/")[2] for scope in parameters.get("scope", "").split()]
    items = "".join(f"<li>{escape(text)}</li>" for text in dict.fromkeys(_SCOPE_TEXTS.get(one, one) for one in wanted))
    return _page(
        "Permissions requested",
        f"<p><strong>{escape(application.name)}</strong> asks to:</p><ul>{items}</ul>"
        f'<form method="post">{_hidden_fields(parameters, "ticket")}'
        '<p class="buttons"><button name="answer" value="accept">Accept</button>'
        '<button name="answer" value="cancel">Cancel</button></p></form>',
    )


def _error_page(error: SignInError) -> str:
    return _page("Sign-in failed", f'<p role="alert">AADSTS{error.number}: {escape(error.text)}</p>')
