"""The HTML of the sign-in pages."""

from collections.abc import Mapping
from html import escape

from sandbox.identity.records import Application, SignInError

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


def sign_in_page(application: Application, parameters: Mapping[str, str], problem: str) -> str:
    """Return the page that asks for user name and password; `problem`: why the last ones did not do."""
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


def consent_page(application: Application, parameters: Mapping[str, str]) -> str:
    """Return the page that asks a person to consent to what an application wants."""
    wanted = [scope.rpartition("/")[2] for scope in parameters.get("scope", "").split()]
    items = "".join(f"<li>{escape(text)}</li>" for text in dict.fromkeys(_SCOPE_TEXTS.get(one, one) for one in wanted))
    return _page(
        "Permissions requested",
        f"<p><strong>{escape(application.name)}</strong> asks to:</p><ul>{items}</ul>"
        f'<form method="post">{_hidden_fields(parameters, "ticket")}'
        '<p class="buttons"><button name="answer" value="accept">Accept</button>'
        '<button name="answer" value="cancel">Cancel</button></p></form>',
    )


def error_page(error: SignInError) -> str:
    """Return the page of an error that is not told to the application."""
    return _page("Sign-in failed", f'<p role="alert">AADSTS{error.number}: {escape(error.text)}</p>')


def admin_consent_page(application: Application, parameters: Mapping[str, str]) -> str:
    """Return the page that asks an administrator of the directory to consent for everyone."""
    return _page(
        "Permissions requested",
        f"<p><strong>{escape(application.name)}</strong> asks, for everyone in your organization, to:</p>"
        "<ul><li>Act in Dataverse as the person who signs in</li></ul>"
        f'<form method="post">{_hidden_fields(parameters, "ticket")}'
        '<p class="buttons"><button name="answer" value="accept">Accept</button>'
        '<button name="answer" value="cancel">Cancel</button></p></form>',
    )
