"""The sign-in pages: a person signs in, sees what an application asks for, and is led back to it with a code."""

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
from sandbox.identity.tenant import Application, Code, Person, SignInError, Tenant

CODE_S = 600
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SCOPES = {
    "openid": "Sign you in",
    "profile": "See your name",
    "email": "See your e-mail address",
    "offline_access": "Keep access to what you have given it access to",
    "user_impersonation": "Act in Dataverse as you",
    ".default": "Act in Dataverse as you",
}
_CARRIED = (
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
class Answer:
    """A page to show, or an address to lead the browser to."""

    page: str = ""
    location: str = ""
    status: int = 200


class SignIn:
    """The authorize page of a tenant, and the codes it gives out."""

    def __init__(self, tenant: Tenant, clock: Clock) -> None:
        self.tenant = tenant
        self.clock = clock
        self._codes: dict[str, Code] = {}
        self._used: deque[str] = deque(maxlen=1000)
        self._tickets: dict[str, Person] = {}
        self._lock = threading.Lock()
        tenant.redeem = self.redeem

    def authorize(self, asked: Mapping[str, str]) -> Answer:
        """The first page, or an error page where the browser must not be led back."""
        try:
            application = self._application(asked)
        except SignInError as error:
            return Answer(_error_page(error), status=400)
        refused = self._refused(asked)
        if refused:
            return self._back(asked, refused)
        return Answer(_sign_in_page(application, asked, ""))

    def submitted(self, form: Mapping[str, str]) -> Answer:
        """What a person sent from one of the pages."""
        try:
            application = self._application(form)
        except SignInError as error:
            return Answer(_error_page(error), status=400)
        refused = self._refused(form)
        if refused:
            return self._back(form, refused)
        if form.get("answer") == "cancel":
            return self._back(form, {"error": "access_denied", "error_description": "AADSTS65004: The user declined."})
        if form.get("answer") != "accept":
            return self._signed_in(application, form)
        with self._lock:
            person = self._tickets.pop(form.get("ticket", ""), None)
        if person is None:
            return Answer(_sign_in_page(application, form, "Sign in again, please."))
        self.tenant.consents.add((application.client_id, person.name))
        code = secrets.token_urlsafe(48)
        with self._lock:
            self._codes[code] = Code(
                application.client_id,
                person.name,
                form["redirect_uri"],
                form.get("scope", ""),
                form.get("nonce", ""),
                form["code_challenge"],
                self.clock.now() + CODE_S,
            )
        return self._back(form, {"code": code, "session_state": secrets.token_urlsafe(12)})

    def _signed_in(self, application: Application, form: Mapping[str, str]) -> Answer:
        """The page that asks for consent; a ticket stands for the person, so that the password goes no further."""
        person = self.tenant.people.get(form.get("username", "").strip().lower())
        given = form.get("password", "").encode()
        if person is None or not hmac.compare_digest(person.password.encode(), given):
            return Answer(_sign_in_page(application, form, "The user name or the password is not right."))
        try:
            self.tenant.check_person(person)
        except SignInError as error:
            return Answer(_sign_in_page(application, form, error.text))
        ticket = secrets.token_urlsafe(24)
        with self._lock:
            self._tickets[ticket] = person
        return Answer(_consent_page(application, {**form, "ticket": ticket}))

    def redeem(self, form: Mapping[str, str], application: Application) -> Code:
        """What a code stands for; it is used up. Raises SignInError."""
        with self._lock:
            text = form.get("code", "")
            found = self._codes.pop(text, None)
            used = text in self._used
            if found is not None:
                self._used.append(text)
        if used:
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

    def _application(self, asked: Mapping[str, str]) -> Application:
        client_id = asked.get("client_id", "").lower()
        application = self.tenant.applications.get(client_id)
        if application is None:
            raise SignInError(
                400, "unauthorized_client", 700016, f"Application with identifier '{client_id}' was not found."
            )
        address = asked.get("redirect_uri", "")
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
    def _refused(asked: Mapping[str, str]) -> dict[str, str]:
        """The error to lead the browser back with, if the application asked for what there is not."""
        if asked.get("response_type") != "code":
            return {"error": "unsupported_response_type", "error_description": "AADSTS70005: Only 'code' is known."}
        if asked.get("response_mode", "query") != "query":
            text = "AADSTS70007: The sandbox answers in the query only."
            return {"error": "unsupported_response_mode", "error_description": text}
        if asked.get("code_challenge_method") != "S256" or not asked.get("code_challenge"):
            text = "AADSTS501491: Proof Key for Code Exchange with S256 is needed."
            return {"error": "invalid_request", "error_description": text}
        return {}

    @staticmethod
    def _back(asked: Mapping[str, str], values: Mapping[str, str]) -> Answer:
        state = {"state": asked["state"]} if "state" in asked else {}
        address = asked["redirect_uri"]
        mark = "&" if urlsplit(address).query else "?"
        return Answer(location=f"{address}{mark}{urlencode({**values, **state})}", status=302)


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/_sandbox/style.css"></head>'
        f'<body class="narrow"><main><h1>{escape(title)}</h1>{body}</main></body></html>'
    )


def _carried(asked: Mapping[str, str], *more: str) -> str:
    return "".join(
        f'<input type="hidden" name="{name}" value="{escape(asked[name])}">'
        for name in (*_CARRIED, *more)
        if name in asked
    )


def _sign_in_page(application: Application, asked: Mapping[str, str], problem: str) -> str:
    told = f'<p role="alert" class="problem">{escape(problem)}</p>' if problem else ""
    name = escape(asked.get("username") or asked.get("login_hint", ""))
    return _page(
        "Sign in",
        f"<p>to continue to <strong>{escape(application.name)}</strong></p>{told}"
        f'<form method="post">{_carried(asked)}'
        f'<p><label for="username">User name</label>'
        f'<input id="username" name="username" value="{name}" autocomplete="username" required></p>'
        '<p><label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required></p>'
        '<p class="buttons"><button name="answer" value="sign-in">Sign in</button>'
        '<button name="answer" value="cancel" formnovalidate>Cancel</button></p></form>',
    )


def _consent_page(application: Application, asked: Mapping[str, str]) -> str:
    wanted = [scope.rpartition("/")[2] for scope in asked.get("scope", "").split()]
    items = "".join(f"<li>{escape(text)}</li>" for text in dict.fromkeys(_SCOPES.get(one, one) for one in wanted))
    return _page(
        "Permissions requested",
        f"<p><strong>{escape(application.name)}</strong> asks to:</p><ul>{items}</ul>"
        f'<form method="post">{_carried(asked, "ticket")}'
        '<p class="buttons"><button name="answer" value="accept">Accept</button>'
        '<button name="answer" value="cancel">Cancel</button></p></form>',
    )


def _error_page(error: SignInError) -> str:
    return _page("Sign-in failed", f'<p role="alert">AADSTS{error.number}: {escape(error.text)}</p>')
