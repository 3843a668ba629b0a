"""The addresses of this room."""

from collections.abc import Callable

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponseBase
from django.urls import path
from django.views.decorators.http import require_http_methods

from accounts.pages import passwords, people_views

app_name = "accounts"
_PEOPLE = "c/<slug:company>/people/"


def _public(view: Callable[..., HttpResponseBase], *methods: str) -> Callable[..., HttpResponseBase]:
    """Return a page for somebody who is not signed in, or with POST a form."""
    return login_not_required(require_http_methods(["GET", "HEAD", *methods])(view))


urlpatterns = [
    path("password/", passwords.change, name="password"),
    path("password/forgotten/", _public(passwords.AskForLink.as_view(), "POST"), name="password-forgotten"),
    path("password/forgotten/sent/", _public(passwords.LinkSent.as_view()), name="password-sent"),
    path(
        "password/new/<slug:uidb64>/<slug:token>/",
        _public(passwords.NewPassword.as_view(), "POST"),
        name="password-new",
    ),
    path("password/new/done/", _public(passwords.PasswordDone.as_view()), name="password-done"),
    path(_PEOPLE, people_views.show, name="people"),
    path(f"{_PEOPLE}save/", people_views.save, name="people-save"),
    path(f"{_PEOPLE}activate/", people_views.activate, name="people-activate"),
    path(f"{_PEOPLE}changes/", people_views.changes, name="changes"),
]
