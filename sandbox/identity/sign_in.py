"""The sign-in pages: a person signs in, consents to what an application asks for, and returns to it with a code."""

import base64
import hashlib
import hmac
import secrets
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode, urlsplit

from sandbox.base.clock import Clock
from sandbox.identity.policy import PAGE, REDIRECT, Refusal
from sandbox.identity.records import Application, Code, Person, SignInError
from sandbox.identity.sign_in_pages import consent_page, error_page, sign_in_page
from sandbox.identity.tenant import Tenant

CODE_LIFETIME_S = 600
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class BrowserAnswer:
    """A page to show, or an address to redirect the browser to; `remember`: a cookie to keep, "" for none."""

    page: str = ""
    location: str = ""
    status: int = 200
    remember: str = ""


class SignIn:
    """The authorize endpoint of a tenant, and the codes it issues."""

    def __init__(self, tenant: Tenant, clock: Clock) -> None:
        self.tenant = tenant
        self.clock = clock
        self._codes: dict[str, Code] = {}
        self._used: deque[str] = deque(maxlen=1000)
        self._tickets: dict[str, Person] = {}
        self._remembered: dict[str, str] = {}
        self._lock = threading.Lock()
        tenant.redeem = self.redeem

    def authorize(
        self, parameters: Mapping[str, str], *, remembered: str = "", any_tenant: bool = False
    ) -> BrowserAnswer:
        """Return the sign-in page; an error page where the redirect address cannot be trusted.

        remembered: what the browser kept of an earlier sign-in; without `prompt` that person is taken silently.
        any_tenant: the address names no tenant ("organizations", "common").
        """
        try:
            application = self._find_application(parameters, any_tenant=any_tenant)
        except SignInError as error:
            return BrowserAnswer(error_page(error), status=400)
        error_values = self._find_protocol_error(parameters)
        if error_values:
            return self.redirect(parameters, error_values)
        person = self._remembered_person(remembered)
        asked = parameters.get("prompt", "")
        if person is not None and asked in {"", "none"}:
            return self._take_person(application, person, parameters)
        if asked == "none":
            said = "AADSTS50058: A silent sign-in request was sent but no user is signed in."
            return self.redirect(parameters, {"error": "login_required", "error_description": said})
        known = {"username": person.name} if person is not None and asked == "select_account" else {}
        return BrowserAnswer(sign_in_page(application, {**parameters, **known}, ""))

    def submit(self, form: Mapping[str, str], *, any_tenant: bool = False) -> BrowserAnswer:
        """Answer a form that a person sent from one of the pages."""
        try:
            application = self._find_application(form, any_tenant=any_tenant)
        except SignInError as error:
            return BrowserAnswer(error_page(error), status=400)
        error_values = self._find_protocol_error(form)
        if error_values:
            return self.redirect(form, error_values)
        if form.get("answer") == "cancel":
            return self.redirect(
                form, {"error": "access_denied", "error_description": "AADSTS65004: The user declined."}
            )
        if form.get("answer") != "accept":
            person, page = self.check_password(application, form)
            return page if person is None else self._ask_consent(application, person, form)
        person = self.take_ticket(form.get("ticket", ""))
        if person is None:
            return BrowserAnswer(sign_in_page(application, form, "Sign in again, please."))
        self.tenant.consents.add((application.client_id, person.name))
        return self._issue_code(application, person, form)

    def check_password(self, application: Application, form: Mapping[str, str]) -> tuple[Person | None, BrowserAnswer]:
        """Return the person with this user name and password; None with the page that says what is wrong."""
        person = self.tenant.people.get(form.get("username", "").strip().lower())
        given = form.get("password", "").encode()
        if person is None or not hmac.compare_digest(person.password.encode(), given):
            return None, BrowserAnswer(sign_in_page(application, form, "The user name or the password is not right."))
        try:
            self.tenant.require_enabled(person)
            self.tenant.require_assigned(application, person)
        except SignInError as error:
            return None, BrowserAnswer(sign_in_page(application, form, f"AADSTS{error.number}: {error.text}"))
        return person, BrowserAnswer()

    def give_ticket(self, person: Person) -> str:
        """Return a ticket that stands for a person whose password was right, once."""
        ticket = secrets.token_urlsafe(24)
        with self._lock:
            self._tickets[ticket] = person
        return ticket

    def take_ticket(self, ticket: str) -> Person | None:
        """Return the person a ticket stands for, and void it."""
        with self._lock:
            return self._tickets.pop(ticket, None)

    def _ask_consent(self, application: Application, person: Person, form: Mapping[str, str]) -> BrowserAnswer:
        """Return the page that asks a person for consent, or the refusal where they may not give it."""
        if refused := self._refusal(application, person):
            return self.redirect(form, refused)
        answer = consent_page(application, {**form, "ticket": self.give_ticket(person)})
        return BrowserAnswer(answer, remember=self._remember(person))

    def _take_person(self, application: Application, person: Person, form: Mapping[str, str]) -> BrowserAnswer:
        """Go on with a person whom the browser remembers: at once where consent was given before."""
        if not self.tenant.has_consent(application, person.name):
            return self._ask_consent(application, person, form)
        if refused := self._refusal(application, person):
            return self.redirect(form, refused)
        return self._issue_code(application, person, form)

    def _refusal(self, application: Application, person: Person) -> dict[str, str]:
        """Return the error that the browser comes back with in place of a code; empty where there is none."""
        may_consent = self.tenant.policy.user_consent or person.directory_administrator
        error = self.tenant.policy.take(REDIRECT)
        if error is None and not may_consent and not self.tenant.has_consent(application, person.name):
            error = Refusal(90094, REDIRECT).sign_in_error()
        return {"error": error.error, "error_description": error.description()} if error else {}

    def _issue_code(self, application: Application, person: Person, form: Mapping[str, str]) -> BrowserAnswer:
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
        answer = self.redirect(form, {"code": code, "session_state": secrets.token_urlsafe(12)})
        return replace(answer, remember=self._remember(person))

    def _remember(self, person: Person) -> str:
        """Return what the browser keeps of this person."""
        kept = secrets.token_urlsafe(24)
        with self._lock:
            self._remembered[kept] = person.name
        return kept

    def _remembered_person(self, kept: str) -> Person | None:
        return self.tenant.people.get(self._remembered.get(kept, ""))

    def forget(self) -> None:
        """Forget who signed in before: every browser is a new one."""
        with self._lock:
            self._remembered.clear()

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

    def _find_application(self, parameters: Mapping[str, str], *, any_tenant: bool) -> Application:
        """Return the application that a request names. Raises SignInError, which only a page tells."""
        application = self.find_application(parameters)
        if any_tenant and not application.multi_tenant:
            raise Refusal(50194, PAGE).sign_in_error()
        if refusal := self.tenant.policy.take(PAGE):
            raise refusal
        return application

    def find_application(self, parameters: Mapping[str, str]) -> Application:
        """Return the application that a request names, with an address it may return to. Raises SignInError."""
        client_id = parameters.get("client_id", "").lower()
        application = self.tenant.applications.get(client_id)
        if application is None:
            raise SignInError(
                400, "unauthorized_client", 700016, f"Application with identifier '{client_id}' was not found."
            )
        address = parameters.get("redirect_uri", "")
        if not _is_registered(application, address):
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
    def redirect(parameters: Mapping[str, str], values: Mapping[str, str]) -> BrowserAnswer:
        """Return the redirect back to the application, with these values and its state."""
        state = {"state": parameters["state"]} if "state" in parameters else {}
        address = parameters["redirect_uri"]
        mark = "&" if urlsplit(address).query else "?"
        return BrowserAnswer(location=f"{address}{mark}{urlencode({**values, **state})}", status=302)


def _is_registered(application: Application, address: str) -> bool:
    """Return whether an application may return to an address; on this machine the port does not matter."""
    parts = urlsplit(address)
    local = parts.scheme in {"http", "https"} and parts.hostname in _LOOPBACK
    if address in application.redirect_urls or (local and not application.strict_redirects):
        return True
    known = (urlsplit(one) for one in application.redirect_urls)
    return local and any((one.hostname, one.path) == (parts.hostname, parts.path) for one in known)
