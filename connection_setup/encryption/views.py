"""Data Encryption Management in the browser. Only Administrators."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company as company_of
from connection_setup.encryption import page
from connection_setup.encryption import services as encryption
from core.refusals import Refusal
from core.roles import Can, requires
from ui import render
from ui.kit import Action
from ui.links import company_url


@requires(Can.ADMINISTER)
@require_safe
def show(request: HttpRequest, company: str) -> HttpResponse:
    """The page."""
    return render.page(request, page.page(company_of(request, company), encryption.state()))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("key")
def enable(request: HttpRequest, company: str) -> HttpResponse:
    """Ask for a key or make one, then seal everything with it."""
    return _form(request, company, enable=True)


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("key")
def change(request: HttpRequest, company: str) -> HttpResponse:
    """The same with another key in front of those there are."""
    return _form(request, company, enable=False)


@requires(Can.ADMINISTER)
@require_POST
def rotate(request: HttpRequest, company: str) -> HttpResponse:
    """Seal everything with the newest key."""
    owner = company_of(request, company)
    try:
        messages.success(request, page.told(encryption.rotate(user=request.user)))
    except Refusal as refusal:
        messages.error(request, f"Nothing was changed. {refusal}")
    return HttpResponseRedirect(company_url("connection_setup:encryption", owner))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def disable(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, then seal everything with the key that follows from SECRET_KEY."""
    owner = company_of(request, company)
    back = company_url("connection_setup:encryption", owner)
    if request.method == "POST":
        try:
            done = encryption.disable(user=request.user)
        except Refusal as refusal:
            messages.warning(request, f"Nothing was changed. {refusal}")
        else:
            messages.success(request, f"Encryption is disabled. {page.told(done)}")
        return HttpResponseRedirect(back)
    if why := encryption.why_not(enable=False):
        messages.warning(request, f"Nothing was changed. {why}")
        return HttpResponseRedirect(back)
    return render.confirm(
        request,
        title="Disable encryption?",
        text=page.what_disabling_does(encryption.state()),
        action=Action(
            "Disable Encryption", company_url("connection_setup:encryption-disable", owner), "post", primary=True
        ),
        back=back,
        company=owner,
    )


@requires(Can.ADMINISTER)
@require_POST
@sensitive_variables()
def copy(request: HttpRequest, company: str) -> HttpResponse:
    """The key in use as a file, once after it was made."""
    owner = company_of(request, company)
    try:
        key = encryption.take_copy(user=request.user)
    except Refusal as refusal:
        messages.warning(request, str(refusal))
        return HttpResponseRedirect(company_url("connection_setup:encryption", owner))
    text = f"# The key that seals the secrets of this site. Fingerprint: {key.fingerprint}\n{key.secret}\n"
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    name = f"encryption-key-{key.fingerprint.replace(' ', '')}.txt"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


@sensitive_variables()
def _form(request: HttpRequest, company: str, *, enable: bool) -> HttpResponse:
    owner = company_of(request, company)
    if request.method != "POST":
        return render.page(request, page.form_page(owner, page.KeyForm(), enable=enable))
    form = page.KeyForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            text = form.cleaned_data["key"] or _text(form.cleaned_data["key_file"])
            act = encryption.enable if enable else encryption.change_key
            done = act(user=request.user, key=text)
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            what = "Encryption is enabled." if enable else "The encryption key is changed."
            messages.success(request, f"{what} {page.told(done)}")
            return HttpResponseRedirect(company_url("connection_setup:encryption", owner))
    return render.page(request, page.form_page(owner, form, enable=enable))


@sensitive_variables()
def _text(file: object) -> str:
    """The text of the file that was chosen; "" without one. Raises Refusal."""
    if not file:
        return ""
    raw: bytes = file.read(encryption.LARGEST_FILE + 1)  # type: ignore[attr-defined]  # an UploadedFile
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = ""
    return encryption.key_in(text if len(raw) <= encryption.LARGEST_FILE else "")
