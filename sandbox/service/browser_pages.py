"""Requests of a browser to the sign-in: the pages of signing in and of admin consent, and the cookie it keeps."""

from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, unquote

from sandbox.base.messages import Request, Response
from sandbox.identity import admin_consent, client_authentication
from sandbox.identity.sign_in import BrowserAnswer, SignIn

COOKIE = "sandbox_sign_in"


def answer(request: Request, sign_in: SignIn, tenant: str, rest: str) -> Response:
    """Answer a browser at the authorize or the admin-consent endpoint of a tenant, as the address names it."""
    any_tenant = unquote(tenant).lower() in {"organizations", "common"}
    if request.method == "POST":
        if request.headers.get("origin", request.origin).lower() not in {request.origin, "null"}:
            return Response(403, b"", {"Content-Type": "text/html"})
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        if rest == "v2.0/adminconsent":
            return _respond(admin_consent.submit(sign_in, form))
        return _respond(sign_in.submit(form, any_tenant=any_tenant))
    asked = dict(parse_qsl(request.query, keep_blank_values=True))
    if rest == "v2.0/adminconsent":
        return _respond(admin_consent.show(sign_in, asked, any_tenant=any_tenant))
    if rest == "oauth2/authorize":
        asked = client_authentication.from_older(asked)
    return _respond(sign_in.authorize(asked, remembered=_remembered(request), any_tenant=any_tenant))


def _remembered(request: Request) -> str:
    """Return what this browser kept of an earlier sign-in; "" for a browser that has none."""
    try:
        kept = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return kept.value if kept is not None else ""


def _respond(answer: BrowserAnswer) -> Response:
    # No form-action: browsers apply it to the redirect back to the application as well.
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    if answer.location:
        headers["Location"] = answer.location
    if answer.remember:
        headers["Set-Cookie"] = f"{COOKIE}={answer.remember}; Path=/; Secure; HttpOnly; SameSite=Lax"
    return Response(answer.status, answer.page.encode(), headers)
