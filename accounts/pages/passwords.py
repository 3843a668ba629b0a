"""A person's own password: changing it, and a link by mail for whoever forgot it. The steps are Django's."""

from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

from axes.utils import reset
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth import views as auth
from django.contrib.auth.forms import PasswordChangeForm, PasswordResetForm, SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import password_validators_help_texts
from django.core.exceptions import ValidationError
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse, reverse_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.models import PasswordMail
from accounts.sign_in_limits import is_own_password
from ui import render
from ui.kit import Action, FastTab, Field, Link, Page

# The type is generic for the type checker alone.
if TYPE_CHECKING:
    _SetPasswordForm = SetPasswordForm[User]
else:
    _SetPasswordForm = SetPasswordForm

TEMPLATE = "accounts/password_by_mail.html"
MAIL_PAUSE_S = 300
"""How long nobody gets another link, in seconds."""
NO_MAIL = {
    "title": "No mail is sent from here",
    "text": "No mail server is set up, so no link for a new password can be sent. Ask an administrator to set a new "
    "password for you.",
}


class PlainHelp:
    """A mixin before Django's forms for a new password: what it must be like, as sentences."""

    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].help_text = " ".join(password_validators_help_texts())
        self.fields["new_password2"].label = "New password, again"
        self.fields["new_password2"].help_text = ""


class OwnPasswordForm(PlainHelp, PasswordChangeForm):
    """The old password and, twice, the new one. A wrong old one is a failed sign-in: a session may be stolen."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        """Return the old password. Raises ValidationError where it is wrong, or was so too often."""
        old = str(self.cleaned_data["old_password"])
        if not is_own_password(self.request, self.user.get_username(), old):
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return old


class NewPasswordForm(PlainHelp, _SetPasswordForm):
    """The new password, twice."""


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest) -> HttpResponse:
    """Change one's own password, which signs one out everywhere else."""
    person: Any = request.user
    form: Any = OwnPasswordForm(request, person, request.POST if request.method == "POST" else None)
    if form.is_valid():
        update_session_auth_hash(request, form.save())
        messages.success(request, "Your password is changed. You are signed out everywhere else.")
        return HttpResponseRedirect(reverse("ui:home"))
    old, *new = (Field(form_field=bound) for bound in form)
    page = Page(
        "Change Password",
        help="people#passwords",
        fast_tabs=(FastTab("old", "Your password now", (old,)), FastTab("new", "The new one", new)),
        form_url=reverse("accounts:password"),
        submit=Action("Change password", primary=True),
        cancel=Link("Cancel", reverse("ui:home")),
    )
    return render.page(request, page)


class LinkForm(PasswordResetForm):
    """The address that the link goes to. Nobody gets many mails because somebody else keeps asking."""

    def send_mail(
        self,
        subject_template_name: str,
        email_template_name: str,
        context: dict[str, Any],
        *given: Any,
        **named: Any,
    ) -> None:
        """Send the mail while the answer goes out: how long that takes would tell whether somebody has the address."""
        send = partial(super().send_mail, subject_template_name, email_template_name, context, *given, **named)
        Thread(target=_send_once, args=(send, context["user"])).start()


def _send_once(send: Callable[[], None], person: User) -> None:
    """Send a link to somebody who got none in the last MAIL_PAUSE_S seconds, in a thread of its own."""
    try:
        if PasswordMail.claim(person, MAIL_PAUSE_S):
            send()
    finally:
        if not connection.in_atomic_block:
            connection.close()


class AskForLink(auth.PasswordResetView):
    """Ask for the address that the link goes to. Whether somebody has it is not told."""

    template_name = TEMPLATE
    form_class = LinkForm
    email_template_name = "accounts/password_mail.txt"
    subject_template_name = "accounts/password_mail_subject.txt"
    success_url = reverse_lazy("accounts:password-sent")
    extra_email_context = {"site_url": settings.SITE_URL, "product_name": settings.PRODUCT_NAME}
    extra_context = {
        "title": "Forgot your password?",
        "text": "A link for a new password is sent to your e-mail address, as an administrator stored it.",
        "button": "Send the link",
    }

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Say so where no mail is sent, and do nothing else."""
        if not settings.MAIL_IS_SET_UP:
            return self.render_to_response(NO_MAIL)
        return super().dispatch(request, *args, **kwargs)


class LinkSent(auth.PasswordResetDoneView):
    """Say what to look for."""

    template_name = TEMPLATE
    extra_context = {
        "title": "Look into your mail",
        "text": "If somebody here has that e-mail address, a link is on its way to it. It is good for an hour. Nothing "
        "came? Ask an administrator which address is stored.",
    }


class NewPassword(auth.PasswordResetConfirmView):
    """Take a new password from whoever has the link."""

    template_name = TEMPLATE
    form_class = NewPasswordForm
    success_url = reverse_lazy("accounts:password-done")
    extra_context = {"title": "Choose a new password", "text": "", "button": "Save the password"}

    def get_user(self, uidb64: str) -> Any:
        """Return whose link it is; None for somebody who was deactivated since it was sent."""
        person: Any = super().get_user(uidb64)
        return person if person is not None and person.is_active else None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return what the page shows: of a link that is not good any more, what to do."""
        context = super().get_context_data(**kwargs)
        if not self.validlink:
            return {**context, **EXPIRED, "form": None, "ask_again": True}
        return context

    def form_valid(self, form: Any) -> HttpResponse:
        """Save the password; whoever locked themselves out by failing too often may sign in with it at once."""
        answer = super().form_valid(form)
        reset(username=form.user.get_username())
        return answer


EXPIRED = {
    "title": "This link cannot be used any more",
    "text": "It was used already, is older than an hour, or a newer password was set since. Ask for another one.",
}


class PasswordDone(auth.PasswordResetCompleteView):
    """Say that it is done."""

    template_name = TEMPLATE
    extra_context = {
        "title": "Your password is changed",
        "text": "You are signed out everywhere. Sign in with the new password.",
    }
