"""Views of Data Encryption Management, for Administrators alone."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_or_404
from connection_setup.encryption import forms, page
from connection_setup.encryption import services as encryption
from core.refusals import Refusal
from core.roles import Can, requires
from ui import render
from ui.kit import Action
from ui.links import company_url


@requires(Can.ADMINISTER_ALL)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """Show the page."""
    return render.page(request, page.build_page(company_or_404(request, company), encryption.read_state()))


@requires(Can.ADMINISTER_ALL)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("key")
def enable(request: HttpRequest, company: str) -> HttpResponse:
    """Ask for a key, or make one, and encrypt every secret with it."""
    return _form(request, company, enable=True)


@requires(Can.ADMINISTER_ALL)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("key")
def change(request: HttpRequest, company: str) -> HttpResponse:
    """Do the same with another key than the one in use."""
    return _form(request, company, enable=False)


@requires(Can.ADMINISTER_ALL)
@require_POST
def rotate(request: HttpRequest, company: str) -> HttpResponse:
    """Encrypt every secret with the newest key."""
    owner = company_or_404(request, company)
    try:
        messages.success(request, page.describe_result(encryption.rotate(user=request.user)))
    except Refusal as refusal:
        messages.error(request, f"Nothing was changed. {refusal.user_message}")
    return HttpResponseRedirect(company_url("connection_setup:encryption", owner))


@requires(Can.ADMINISTER_ALL)
@require_http_methods(["GET", "HEAD", "POST"])
def disable(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, then encrypt every secret with the key derived from SECRET_KEY."""
    owner = company_or_404(request, company)
    back = company_url("connection_setup:encryption", owner)
    if request.method == "POST":
        try:
            result = encryption.disable(user=request.user)
        except Refusal as refusal:
            messages.warning(request, f"Nothing was changed. {refusal.user_message}")
        else:
            messages.success(request, f"Encryption is disabled. {page.describe_result(result)}")
        return HttpResponseRedirect(back)
    if blocked := encryption.blocked_reason(enable=False):
        messages.warning(request, f"Nothing was changed. {blocked.user_message}")
        return HttpResponseRedirect(back)
    return render.confirm(
        request,
        title="Disable encryption?",
        text=page.describe_disabling(encryption.read_state()),
        action=Action(
            "Disable Encryption", company_url("connection_setup:encryption-disable", owner), "post", primary=True
        ),
        back=back,
        company=owner,
    )


@requires(Can.ADMINISTER_ALL)
@require_POST
@sensitive_variables()
def copy(request: HttpRequest, company: str) -> HttpResponse:
    """Download the key in use, once after it was made."""
    owner = company_or_404(request, company)
    try:
        key = encryption.take_key_copy(user=request.user)
    except Refusal as refusal:
        messages.warning(request, refusal.user_message)
        return HttpResponseRedirect(company_url("connection_setup:encryption", owner))
    text = f"# The key that encrypts the secrets of this site. Fingerprint: {key.fingerprint}\n{key.secret}\n"
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    name = f"encryption-key-{key.fingerprint.replace(' ', '')}.txt"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


@sensitive_variables()
def _form(request: HttpRequest, company: str, *, enable: bool) -> HttpResponse:
    """Show the form of a key, or use what came with it; enable: encryption is off."""
    owner = company_or_404(request, company)
    if request.method != "POST":
        return render.page(request, page.build_form_page(owner, forms.KeyForm(), enable=enable))
    form = forms.KeyForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            use_key = encryption.enable if enable else encryption.change_key
            result = use_key(user=request.user, key=form.given_key())
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.user_message)
        else:
            done = "Encryption is enabled." if enable else "The encryption key is changed."
            messages.success(request, f"{done} {page.describe_result(result)}")
            return HttpResponseRedirect(company_url("connection_setup:encryption", owner))
    return render.page(request, page.build_form_page(owner, form, enable=enable))
