"""A tenant: its applications and people, and the tokens that it issues and signs."""

import hmac
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import NAMESPACE_URL, uuid5

import msgspec

from sandbox.base.clock import Clock
from sandbox.identity import client_assertion
from sandbox.identity.policy import KEY_REASONS, TOKEN, Policy, Refusal
from sandbox.identity.records import Application, Code, Grant, Person, SignInError
from sandbox.identity.signing import TokenSigner, encode_base64url

TOKEN_LIFETIME_S = 3599
REFRESH_LIFETIME_S = 90 * 86_400
"""A refresh token expires when it was not used for so long."""
_MAX_TOKENS = 10_000
_GRANT_TYPES = frozenset({"authorization_code", "client_credentials", "password", "refresh_token"})


@dataclass(frozen=True, slots=True)
class _RefreshToken:
    application: str
    person: str
    issued_at: float
    """Seconds since 1970."""


class KnowsResource(Protocol):
    """Which resources (origins) a tenant issues tokens for."""

    def __call__(self, tenant_id: str, resource: str, *, asked_at: str, for_person: bool) -> bool:
        """Return whether it does for this one, asked for at the origin `asked_at`."""


class Tenant:
    """Applications, people and the tokens issued to them."""

    def __init__(self, tenant_id: str, clock: Clock, name: str, domain: str, knows_resource: KnowsResource) -> None:
        self.id = tenant_id
        self.clock = clock
        self.name = name
        self.domain = domain
        self._knows_resource = knows_resource
        self.applications: dict[str, Application] = {}
        self.people: dict[str, Person] = {}
        self._signer = TokenSigner()
        self._tokens: dict[str, Grant] = {}
        self._refresh_tokens: dict[str, _RefreshToken] = {}
        self.consents: set[tuple[str, str]] = set()
        self.policy = Policy()
        self._lock = threading.Lock()
        self.redeem: Callable[[Mapping[str, str], Application], Code] | None = None

    # -- metadata -----------------------------------------------------------------------------------------------------

    def openid_configuration(self, origin: str) -> bytes:
        """Return the OpenID metadata as JSON; all addresses are on the origin that was asked."""
        base = f"{origin}/{self.id}"
        return msgspec.json.encode(
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "grant_types_supported": sorted(_GRANT_TYPES),
                "response_modes_supported": ["query"],
                "response_types_supported": ["code"],
                "scopes_supported": ["openid", "profile", "offline_access"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "claims_supported": ["aud", "exp", "iat", "iss", "oid", "sub", "tid", "ver"],
            }
        )

    def public_keys(self) -> bytes:
        """Return the public key that verifies tokens, as JSON."""
        return self._signer.public_keys()

    # -- tokens -------------------------------------------------------------------------------------------------------

    def issue_token(self, form: Mapping[str, str], origin: str) -> bytes:
        """Return the token endpoint's answer to a form, as JSON. Raises SignInError."""
        kind = form.get("grant_type", "")
        if not kind:
            raise SignInError(
                400, "invalid_request", 900144, "The request body must contain the following parameter: 'grant_type'."
            )
        if kind not in _GRANT_TYPES:
            raise SignInError(
                400, "unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{kind}'."
            )
        client_id = form.get("client_id", "").lower()
        if not client_id:
            raise SignInError(
                400, "invalid_request", 900144, "The request body must contain the following parameter: 'client_id'."
            )
        application = self.applications.get(client_id)
        if application is None:
            raise SignInError(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{client_id}' was not found in the directory '{self.name}'. This can "
                "happen if the application has not been installed by the administrator of the tenant or "
                "consented to by any user in the tenant. You may have sent the request to the wrong tenant.",
            )
        if application.disabled:
            raise SignInError(
                400,
                "unauthorized_client",
                7000112,
                f"Application '{client_id}'({application.name}) is disabled.",
            )
        if refusal := self.policy.take(TOKEN):
            raise refusal
        if kind == "password" and application.public_client:
            return self._issue_by_password(form, application, origin)
        if "client_assertion" in form:
            self._check_assertion(application, form, f"{origin}/{self.id}/oauth2/v2.0/token")
        else:
            self._check_secret(application, form.get("client_secret", ""))
        if kind == "password":
            return self._issue_by_password(form, application, origin)
        if kind == "authorization_code" and self.redeem is not None:
            return self._issue_by_code(self.redeem(form, application), application, form, origin)
        if kind == "refresh_token":
            return self._issue_by_refresh_token(form, application, origin)
        audience = self._check_audience(form.get("scope", ""), origin)
        if not form.get("scope", "").endswith("/.default"):
            raise Refusal(1002012, TOKEN).sign_in_error()
        return self._issue(
            Grant(audience, self.clock.now() + TOKEN_LIFETIME_S, application=client_id, tenant=self.id),
            {"appid": client_id},
        )

    def _issue_by_password(self, form: Mapping[str, str], application: Application, origin: str) -> bytes:
        name = form.get("username", "").strip().lower()
        person = self.people.get(name)
        if person is None and "@" in name:
            raise SignInError(
                400,
                "invalid_grant",
                50034,
                f"The user account {name} does not exist in the {self.name} directory. To sign into this application, "
                "the account must be added to the directory.",
            )
        given = form.get("password", "").encode()
        if person is None or not hmac.compare_digest(person.password.encode(), given):
            raise SignInError(
                400, "invalid_grant", 50126, "Error validating credentials due to invalid username or password."
            )
        self.require_enabled(person)
        if person.second_factor:
            raise SignInError(
                400,
                "interaction_required",
                50076,
                "Due to a configuration change made by your administrator, or because you moved to a new location, "
                "you must use multi-factor authentication to access this resource.",
            )
        self.require_assigned(application, person)
        if not self.has_consent(application, person.name):
            raise SignInError(
                400,
                "invalid_grant",
                65001,
                f"The user or administrator has not consented to use the application with ID "
                f"'{application.client_id}' named '{application.name}'. Send an interactive authorization request for "
                "this user and resource.",
            )
        return self._issue_for_person(application, person.name, form.get("scope", ""), origin)

    def has_consent(self, application: Application, person: str) -> bool:
        """Return whether an administrator for everyone, or the person, consented to the application."""
        return application.consented or (application.client_id, person) in self.consents

    @staticmethod
    def require_assigned(application: Application, person: Person) -> None:
        """Raise SignInError where the application is for other people alone."""
        if application.assigned is not None and person.name not in application.assigned:
            raise Refusal(50105, TOKEN).sign_in_error()

    @staticmethod
    def require_enabled(person: Person) -> None:
        """Raise SignInError where the person may not sign in at all."""
        if person.disabled:
            raise SignInError(400, "invalid_grant", 50057, "The user account is disabled.")

    def object_id(self, name: str) -> str:
        """Return the directory's id of a person or an application."""
        return str(uuid5(NAMESPACE_URL, f"{self.id}/{name.lower()}"))

    def _issue_by_code(self, code: Code, application: Application, form: Mapping[str, str], origin: str) -> bytes:
        scope = form.get("scope") or code.scope
        return self._issue_for_person(application, code.person, scope, origin, nonce=code.nonce)

    def _issue_by_refresh_token(self, form: Mapping[str, str], application: Application, origin: str) -> bytes:
        with self._lock:
            found = self._refresh_tokens.get(form.get("refresh_token", ""))
        if found is None:
            raise SignInError(400, "invalid_grant", 9002313, "Invalid request. The refresh token is malformed.")
        person = self.people.get(found.person)
        if found.application != application.client_id or person is None:
            raise SignInError(
                400,
                "invalid_grant",
                50173,
                "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
            )
        if found.issued_at + REFRESH_LIFETIME_S <= self.clock.now():
            raise SignInError(400, "invalid_grant", 700082, "The refresh token has expired due to inactivity.")
        self.require_enabled(person)
        return self._issue_for_person(application, found.person, form.get("scope", ""), origin)

    def _issue_for_person(
        self, application: Application, person: str, scope: str, origin: str, *, nonce: str = ""
    ) -> bytes:
        """Issue an access token, and identity and refresh tokens where the scopes ask for them. Raises SignInError."""
        wanted = scope.split()
        audience = self._check_audience(scope, origin)
        grant = Grant(
            audience,
            self.clock.now() + TOKEN_LIFETIME_S,
            application=application.client_id,
            person=person,
            tenant=self.id,
        )
        claims = {"appid": application.client_id, "upn": person, "scp": "user_impersonation"}
        answer = msgspec.json.decode(self._issue(grant, claims))
        object_id = self.object_id(person)
        answer["scope"] = f"{audience}/user_impersonation"
        client_info = msgspec.json.encode({"uid": object_id, "utid": self.id})
        answer["client_info"] = encode_base64url(client_info).decode()
        if "openid" in wanted:
            now = self.clock.now()
            identity = {
                "aud": application.client_id,
                "iss": f"{origin}/{self.id}/v2.0",
                "iat": int(now),
                "nbf": int(now),
                "exp": int(grant.expires),
                "oid": object_id,
                "sub": object_id,
                "tid": self.id,
                "preferred_username": person,
                "name": person.partition("@")[0],
                "ver": "2.0",
                **({"nonce": nonce} if nonce else {}),
            }
            answer["id_token"] = self._signer.sign(identity)
        if "offline_access" in wanted:
            token = secrets.token_urlsafe(48)
            with self._lock:
                self._refresh_tokens[token] = _RefreshToken(application.client_id, person, self.clock.now())
            answer["refresh_token"] = token
        return msgspec.json.encode(answer)

    def _check_audience(self, scope: str, origin: str) -> str:
        """Return the resource (an origin) that a scope asks a token for. Raises SignInError."""
        wanted = [part for part in scope.split() if part not in {"openid", "profile", "offline_access", "email"}]
        if not wanted:
            raise SignInError(400, "invalid_scope", 70011, f"The provided value for scope '{scope}' is not valid.")
        resource, _, permission = wanted[0].rpartition("/")
        if permission not in {".default", "user_impersonation"}:
            raise SignInError(400, "invalid_scope", 1002012, f"The provided value for scope '{scope}' is not valid.")
        audience = resource.rstrip("/").lower()
        for_person = permission == "user_impersonation"
        if not self._knows_resource(self.id, audience, asked_at=origin, for_person=for_person):
            raise SignInError(
                400,
                "invalid_resource",
                500011,
                f"The resource principal named {resource} was not found in the tenant named {self.name}. This can "
                "happen if the application has not been installed by the administrator of the tenant or "
                "consented to by any user in the tenant.",
            )
        return audience

    def _check_secret(self, application: Application, value: str) -> None:
        if not value:
            raise SignInError(
                401,
                "invalid_client",
                7000218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            )
        given = value.encode()
        found = [one for one in application.secrets if hmac.compare_digest(one.value.encode(), given)]
        if not found:
            raise SignInError(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{application.client_id}'.",
            )
        if all(one.expires is not None and one.expires <= self.clock.now() for one in found):
            raise SignInError(
                401,
                "invalid_client",
                7000222,
                f"The provided client secret keys for app '{application.client_id}' are expired. Visit the Azure "
                "portal to create new keys for your app, or consider using certificate credentials for added security.",
            )

    def _check_assertion(self, application: Application, form: Mapping[str, str], audience: str) -> None:
        if form.get("client_assertion_type") != client_assertion.ASSERTION_TYPE:
            raise SignInError(
                400, "invalid_request", 50027, "The client assertion type is not that of a JSON Web Token."
            )
        try:
            client_assertion.verify(
                form["client_assertion"],
                client_id=application.client_id,
                audience=audience,
                certificates=application.certificates,
                now=self.clock.moment(),
            )
        except client_assertion.ExpiredCertificate:
            raise SignInError(401, "invalid_client", 700027, KEY_REASONS["expired"]) from None
        except client_assertion.OutsideValidity as error:
            raise SignInError(
                401, "invalid_client", 700024, f"Client assertion is not within its valid time range: {error}."
            ) from None
        except client_assertion.BadAssertion as error:
            raise SignInError(
                401,
                "invalid_client",
                700027,
                KEY_REASONS.get(error.reason) or f"Client assertion failed signature validation: {error}.",
            ) from None

    def _issue(self, grant: Grant, claims: Mapping[str, Any]) -> bytes:
        now = self.clock.now()
        payload = {
            "aud": grant.audience,
            "iss": f"https://sts.windows.net/{self.id}/",
            "iat": int(now),
            "nbf": int(now),
            "exp": int(grant.expires),
            "tid": self.id,
            "oid": self.object_id(grant.person or grant.application),
            "ver": "1.0",
            "uti": secrets.token_urlsafe(12),
            **claims,
        }
        token = self._signer.sign(payload)
        with self._lock:
            if len(self._tokens) >= _MAX_TOKENS:
                self._tokens.pop(next(iter(self._tokens)))
            self._tokens[token] = grant
        # The lifetime in the answer is measured by the client's clock, which runs at rate 1.
        lifetime_s = max(1, int((grant.expires - now) / max(self.clock.rate, 1e-9)))
        return msgspec.json.encode(
            {"token_type": "Bearer", "expires_in": lifetime_s, "ext_expires_in": lifetime_s, "access_token": token}  # nosec B105
        )

    def find_grant(self, token: str) -> Grant | None:
        """Return what a bearer token stands for; None where it is unknown or has expired."""
        found = self._tokens.get(token)
        return None if found is None or found.expires <= self.clock.now() else found


def local_origins(origin: str, *, named: bool = False) -> set[str]:
    """Return the origins of this machine on an origin's port, and that origin itself; `named`: without it."""
    port = origin.rpartition(":")[2]
    names = {f"https://{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]")}
    return names if named else names | {origin.lower()}
