"""The admin-consent endpoint: an administrator of the directory consents to an application for everyone.

Its answer says admin_consent=True also when nothing was consented to: then it holds an error beside it.
Source: Microsoft identity platform, "Admin consent on the Microsoft identity platform" (v2-admin-consent).
"""

from collections.abc import Mapping

from sandbox.identity.policy import PAGE, Refusal
from sandbox.identity.records import SignInError
from sandbox.identity.sign_in import BrowserAnswer, SignIn
from sandbox.identity.sign_in_pages import admin_consent_page, error_page, sign_in_page

_DECLINED = "AADSTS65004: The resource owner or authorization server denied the request."


def show(sign_in: SignIn, parameters: Mapping[str, str], *, any_tenant: bool) -> BrowserAnswer:
    """Return the sign-in page of somebody who consents for everyone."""
    try:
        application = sign_in.find_application(parameters)
        if any_tenant:
            raise Refusal(50194, PAGE).sign_in_error()
    except SignInError as error:
        return BrowserAnswer(error_page(error), status=400)
    return BrowserAnswer(sign_in_page(application, parameters, ""))


def submit(sign_in: SignIn, form: Mapping[str, str]) -> BrowserAnswer:
    """Answer a form from one of the pages: consent for everyone is given, declined, or not for this person to give."""
    try:
        application = sign_in.find_application(form)
    except SignInError as error:
        return BrowserAnswer(error_page(error), status=400)
    whole = {"admin_consent": "True", "tenant": sign_in.tenant.id}
    declined = {**whole, "error": "consent_required", "error_description": _DECLINED}
    if form.get("answer") == "cancel":
        return sign_in.redirect(form, declined)
    if form.get("answer") == "accept":
        person = sign_in.take_ticket(form.get("ticket", ""))
        if person is None:
            return BrowserAnswer(sign_in_page(application, form, "Sign in again, please."))
        application.consented = True
        return sign_in.redirect(form, {**whole, "scope": form.get("scope", "")})
    person, page = sign_in.check_password(application, form)
    if person is None:
        return page
    if not person.directory_administrator:
        text = "AADSTS90093: This operation can only be performed by an administrator. Sign out and sign in as one."
        return BrowserAnswer(sign_in_page(application, form, text))
    return BrowserAnswer(admin_consent_page(application, {**form, "ticket": sign_in.give_ticket(person)}))
