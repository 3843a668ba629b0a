"""What Microsoft's sign-in refuses, as sentences with a remedy and who can give it; pure.

Microsoft changes numbers and texts at any time and says so; what stays is `error`. So `error` decides the kind, the
AADSTS number refines the sentence where it is known, and what nobody has seen yet still has one that helps.
Source: Microsoft identity platform, "Error codes" (reference-error-codes) and "Authorization code flow".
"""

import re
from dataclasses import dataclass

from dataverse.error_rules import error_for
from dataverse.errors import DataverseError, SignInError, Unavailable, as_sentence

GRANT_CONSENT = "Grant admin consent"
"""The button that leads an administrator of the tenant to Microsoft's page of consent."""
CONSENT_PAGE = "Administrator Sign-In"
"""The page it is on."""

_AADSTS = re.compile(r"AADSTS(\d+)")
_ADMINISTRATOR = "an administrator of the tenant"
_REGISTRATION = "the application's registration in Microsoft Entra ID"


@dataclass(frozen=True, slots=True)
class Saying:
    """What happened and why, and what to do next and who can."""

    message: str
    fix: str


_MISSING_CONSENT = Saying(
    "Nobody who may do so has given the application consent to use Dataverse in this tenant.",
    f"Ask {_ADMINISTRATOR} to choose {GRANT_CONSENT} on {CONSENT_PAGE}, or send them its link; then sign in again.",
)
_NOT_FOR_PEOPLE = Saying(
    "In this tenant people may not consent to an application themselves: an administrator of the tenant has to.",
    f"Ask {_ADMINISTRATOR} who may consent for everyone to choose {GRANT_CONSENT} on {CONSENT_PAGE}, or send them its "
    "link; then sign in again.",
)
_DECLINED = Saying(
    "The sign-in was cancelled, or the permissions were not granted.",
    "Start the sign-in again and accept the permissions.",
)
_PERMISSIONS = Saying(
    "The application's registration does not ask for the permission to use Dataverse.",
    f"In {_REGISTRATION}, add user_impersonation of Dynamics CRM under API permissions, then sign in again. Whoever "
    "owns the registration can.",
)
_ONE_TENANT = Saying(
    "The application is registered for one tenant alone, and the sign-in named none.",
    "Enter the Tenant ID, which the registration's Overview shows, or have the owner of the registration "
    "choose accounts in any organizational directory under Authentication.",
)
_NOT_ASSIGNED = Saying(
    "The application is only for people who are assigned to it, and this person is not.",
    f"Ask {_ADMINISTRATOR} to assign the person under Enterprise applications, Users and groups, or to turn off "
    "Assignment required.",
)
_DEVICE = Saying(
    "A conditional access policy of the tenant asks for a managed device, and this one is not.",
    f"Sign in from a device that the organization manages, or ask {_ADMINISTRATOR} to exclude this person.",
)
_POLICY = Saying(
    "A conditional access policy of the tenant refuses this sign-in.",
    f"Ask {_ADMINISTRATOR}: Sign-in logs in Microsoft Entra ID name the policy, which can exclude the application "
    "or the person, or admit the address of this site.",
)
_PLACE = Saying(
    "The tenant refuses sign-ins from this place or at this risk.",
    f"Sign in from a network that the organization trusts, or ask {_ADMINISTRATOR}.",
)
_FREQUENCY = Saying(
    "The tenant asks people to sign in again after some time, and that time has passed.",
    "Sign in again; what was prepared so far is kept.",
)
_SECOND_FACTOR = Saying(
    "The tenant asks this user for a second factor, which a user name and password alone cannot give.",
    "Use OAuth 2.0 with a client secret or a certificate instead.",
)
_SECURITY_DEFAULTS = Saying(
    "The tenant's security defaults refuse this kind of sign-in.",
    f"Use OAuth 2.0 with a client secret or a certificate, or ask {_ADMINISTRATOR} about security defaults.",
)
_NOT_INVITED = Saying(
    "The account belongs to another tenant and is not a guest in this one.",
    f"Sign in with an account of the environment's tenant, or ask {_ADMINISTRATOR} to invite this one.",
)
_BETWEEN_TENANTS = Saying(
    "One of the two tenants does not let its people into the other.",
    "Sign in with an account of the environment's own tenant.",
)
_CLOUD = Saying(
    "The tenant belongs to another cloud of Microsoft.",
    "Choose the right Cloud on Dataverse Connection Setup, then try again.",
)
_REVOKED = Saying("The sign-in was revoked, for example because the password was changed.", "Sign in again.")
_OTHER_TENANT = Saying("The sign-in began in one tenant and ended in another.", "Start the sign-in again.")
_NO_SERVICE = Saying(
    "The tenant of whoever signed in has no Dataverse.",
    "Sign in with an account of the environment's tenant, or enter that tenant's ID first.",
)
_PARTNER = Saying(
    "A partner's administrator has not authorized the application in this tenant.",
    f"Ask {_ADMINISTRATOR} of the customer to choose {GRANT_CONSENT} on {CONSENT_PAGE}.",
)
_PUBLIC = Saying(
    "The application is registered as a public client, which takes neither a secret nor a certificate.",
    f"In {_REGISTRATION}, move the Redirect URL to the platform Web and set Allow public client flows to No. Whoever "
    "owns the registration can.",
)
_PUBLIC_FLOWS = Saying(
    "The registration does not allow a sign-in by user name and password, which Office365 (legacy) uses.",
    f"In {_REGISTRATION}, set Allow public client flows to Yes under Authentication, or choose OAuth 2.0 with a client "
    "secret or a certificate. Whoever owns the registration can.",
)
_OUR_FAULT = Saying(
    "The sign-in service does not understand the request, which is a fault of this program.",
    "Give the detail to whoever supports it.",
)
_LOCKED = Saying(
    "The account is locked, since there were too many sign-ins with a wrong password or from a suspicious address.",
    f"Wait a while, or ask {_ADMINISTRATOR} to unlock it.",
)
_PASSWORD_EXPIRED = Saying(
    "The password has expired.",
    "Change it at Microsoft 365 and enter the new one.",
)
_TOO_MANY = Saying(
    "The sign-in service refuses more requests like this one for now: there were too many.",
    "Try again in a few minutes.",
)
_RESTRICTED = Saying(
    "A network between this site and Microsoft admits only certain tenants, and this one is not among them.",
    "Ask whoever runs the network to admit the tenant (tenant restrictions).",
)
_CLOCK = Saying(
    "The sign-in service refused the certificate's signature because of its time.",
    "Check this machine's clock.",
)
_CERTIFICATE = "Certificates & secrets"
_KEY_UNKNOWN = Saying(
    "The certificate is not registered with the application.",
    f"Upload its public part under {_CERTIFICATE} in the application's registration.",
)
_KEY_EXPIRED = Saying(
    "The certificate has expired.",
    f"Choose Use Certificate Authentication on Dataverse Connection Setup for a new one, and upload its public part "
    f"under {_CERTIFICATE} in the application's registration.",
)
_KEY_OTHER = Saying(
    "The signature is not that of the registered certificate's key.",
    f"Choose the certificate with its own key again, or upload the public part of this one under {_CERTIFICATE} in the "
    "application's registration.",
)

_NUMBERS: dict[str, Saying] = {
    **dict.fromkeys(("50194", "9001023"), _ONE_TENANT),
    "50105": _NOT_ASSIGNED,
    "65001": _MISSING_CONSENT,
    "65004": _DECLINED,
    **dict.fromkeys(("90093", "90094", "90095"), _NOT_FOR_PEOPLE),
    "90099": _PARTNER,
    "650052": _NO_SERVICE,
    **dict.fromkeys(("650056", "650057", "65005"), _PERMISSIONS),
    **dict.fromkeys(("53000", "53001", "53002", "53011"), _DEVICE),
    **dict.fromkeys(("53003", "50158", "530032"), _POLICY),
    **dict.fromkeys(("53004", "50131"), _PLACE),
    "70043": _FREQUENCY,
    **dict.fromkeys(("50072", "50074", "50076", "50079"), _SECOND_FACTOR),
    "530035": _SECURITY_DEFAULTS,
    **dict.fromkeys(("50020", "16000", "90072", "51004"), _NOT_INVITED),
    **dict.fromkeys(("500212", "500213"), _BETWEEN_TENANTS),
    **dict.fromkeys(("500021", "500022"), _RESTRICTED),
    **dict.fromkeys(("90038", "900382", "900432"), _CLOUD),
    "700005": _OTHER_TENANT,
    "700025": _PUBLIC,
    **dict.fromkeys(("50173", "70000", "50089"), _REVOKED),
    **dict.fromkeys(("1002012", "900144", "70011", "700022", "901002"), _OUR_FAULT),
    "50053": _LOCKED,
    **dict.fromkeys(("50055", "50056"), _PASSWORD_EXPIRED),
    "50196": _TOO_MANY,
    **dict.fromkeys(("700024", "500133"), _CLOCK),
}
_AS_PERSON = {
    **dict.fromkeys(
        ("50072", "50074", "50076", "50079"),
        Saying("The tenant asks for a second factor.", "Sign in again, and confirm it on Microsoft's page."),
    ),
}
"""Sayings for a person in a browser, who can do what a stored password cannot."""
_KEY_REASONS = (
    ("not registered", _KEY_UNKNOWN),
    ("key used is expired", _KEY_EXPIRED),
    ("key was not found", _KEY_OTHER),
)

_ERRORS: dict[str, Saying] = {
    "invalid_client": Saying(
        "The sign-in service does not accept how the application proves who it is.",
        "Check Client ID, and enter the Client Secret anew or upload the certificate's public part again. Whoever owns "
        "the registration can look there.",
    ),
    "invalid_grant": Saying(
        "The sign-in service does not accept this sign-in.",
        "Start the sign-in again. Where a password is stored, enter it again.",
    ),
    "unauthorized_client": Saying(
        "The application may not sign in this way, or not in this tenant.",
        f"Compare Client ID and Tenant ID with the Overview of {_REGISTRATION}.",
    ),
    "invalid_resource": Saying(
        "The sign-in service does not know the environment in this tenant.",
        "Check that the Environment URL is spelled right and belongs to the tenant of the Tenant ID.",
    ),
    "interaction_required": Saying(
        "The tenant asks for something that only a person in a browser can do.",
        f"Sign in again as a person, or ask {_ADMINISTRATOR} which policy asks for it.",
    ),
    "login_required": Saying("The sign-in has expired.", "Sign in again."),
    "consent_required": _MISSING_CONSENT,
    "access_denied": _DECLINED,
    "invalid_tenant": Saying(
        "There is no tenant with this Tenant ID.",
        "Copy the Directory (tenant) ID from the Overview of the application's registration, and check the field "
        "Cloud.",
    ),
    "invalid_request": _OUR_FAULT,
    "invalid_scope": _OUR_FAULT,
}
_LATER = frozenset({"temporarily_unavailable", "server_error"})
_BUSY = ("The sign-in service does not answer properly.", "Try again in a few minutes.")


def number_of(text: str) -> str:
    """Return the AADSTS number in a text; "" where it has none."""
    found = _AADSTS.search(text)
    return found.group(1) if found else ""


def sign_in_error(error: str, description: str, *, person: bool = False, password: bool = False) -> DataverseError:
    """Return the error for what Microsoft's sign-in answered: its `error`, and the text that holds a number.

    person: somebody signs in through a browser; password: the legacy user name and password are what signs in.
    """
    said = description.partition("Trace ID")[0].strip(" :\r\n")[:2000]
    number = number_of(description)
    code = f"AADSTS{number}" if number else ""
    if error in _LATER:
        return Unavailable(*_BUSY, code=code, said=said, repeat=True)
    found = _saying(number, said, person=person, password=password)
    if found is None and code and isinstance(known := error_for(0, code, said), SignInError):
        return known
    if found is None:
        found = _ERRORS.get(error)
        if found is not None and said and not (error == "access_denied" and not number):
            found = Saying(f"{found.message} It says: {as_sentence(said, longest=300)}", found.fix)
    if found is None:
        whom = "this sign-in" if person else "the application"
        found = Saying(
            f"The sign-in service refused {whom}. It says: {as_sentence(said or error or 'nothing', longest=300)}",
            "Start the sign-in again; if it is refused again, give the detail to an administrator of the tenant."
            if person
            else "Check Tenant ID, Client ID and the secret or certificate.",
        )
    return SignInError(found.message, found.fix, code=code, said=said)


def _saying(number: str, said: str, *, person: bool, password: bool) -> Saying | None:
    """Return what a number is known to mean; None for one that is not known here."""
    if number == "700027":
        return next((saying for words, saying in _KEY_REASONS if words in said), None)
    if number == "7000218":
        return _PUBLIC_FLOWS if password else None
    if person and number in _AS_PERSON:
        return _AS_PERSON[number]
    return _NUMBERS.get(number)


def wants_claims(challenge: str) -> bool:
    """Return whether a 401's WWW-Authenticate asks for a new sign-in, not for other settings."""
    return "insufficient_claims" in challenge


def claims_error(request_id: str) -> SignInError:
    """Return the error for a session that was revoked, or that a policy no longer admits, before its token expired."""
    return SignInError(
        "The environment asks for a new sign-in: the session was revoked, or a policy of the tenant changed.",
        f"Sign in again; where it is the application that is refused again, ask {_ADMINISTRATOR} which policy asks it.",
        status=401,
        code="insufficient_claims",
        request_id=request_id,
    )


def consent_problem(returned: dict[str, str], *, asked: bool = True) -> SignInError | None:
    """Return why an answer of the admin-consent page is none; None where consent was given.

    It says admin_consent=True also when nothing was granted, so `error` decides. asked: it answers what this
    browser asked; else anybody may have made it up, so that none of its words are passed on, but what its number means.
    """
    error, said = returned.get("error", ""), returned.get("error_description", "")[:2000]
    if not error:
        return None if returned.get("admin_consent", "").lower() == "true" else SignInError(*_UNKNOWN_CONSENT)
    number = number_of(said)
    if not asked:
        error = error if error in _ERRORS.keys() | _LATER else "unknown"
        said = f"AADSTS{number}" if number else ""
    if number in {"90093"}:
        return SignInError(
            "Whoever signed in may not consent for everyone in the tenant.",
            f"Have an administrator of the tenant who may consent for everyone choose {GRANT_CONSENT}.",
            code=f"AADSTS{number}",
            said=said,
        )
    if number in {"", "65004"} and error in {"consent_required", "access_denied"}:
        return SignInError(
            "Consent was not given: the page was left by Cancel, or the account may not consent for everyone.",
            f"Choose {GRANT_CONSENT} again and accept, as an administrator of the tenant.",
            code=f"AADSTS{number}" if number else "",
            said=said,
        )
    found = sign_in_error(error, said, person=True)
    return SignInError(found.message, found.fix, code=found.code, said=found.said)


_UNKNOWN_CONSENT = (
    "Microsoft did not say whether consent was given.",
    f"Choose {GRANT_CONSENT} again; Enterprise applications in Microsoft Entra ID shows what was granted.",
)
