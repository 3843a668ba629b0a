"""Views of the page Alerts: what stands, receivers, how often messages go."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_or_404
from core.refusals import Refusal
from core.roles import Can, may, requires
from jobs.alerts import page, services
from jobs.alerts.forms import DigestForm, ReceiverForm
from jobs.models import AlertReceiver
from masterdata.models import Company
from ui import render
from ui.kit import Action
from ui.links import company_url


@require_safe
@requires(Can.READ)
def alerts(request: HttpRequest, company: str) -> HttpResponse:
    """Show what stands, who is told, and what is over."""
    owner = company_or_404(request, company)
    return render.page(request, page.build_page(owner, administrator=may(request.user, Can.ADMINISTER, owner)))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.ADMINISTER)
def settings(request: HttpRequest, company: str) -> HttpResponse:
    """Show how often messages go; a POST saves it."""
    owner = company_or_404(request, company)
    given = request.POST if request.method == "POST" else None
    form = DigestForm(given, initial={"digest": services.digest_of(owner)})
    if not form.is_valid():
        return render.page(request, page.settings_page(owner, form), status=400 if form.errors else 200)
    services.set_digest(company=owner, digest=form.cleaned_data["digest"], user=request.user)
    messages.success(request, "The settings of alerts are saved.")
    return HttpResponseRedirect(company_url("jobs:alerts", owner))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.ADMINISTER)
@sensitive_post_parameters("secret", "address")
@sensitive_variables()
def new_receiver(request: HttpRequest, company: str) -> HttpResponse:
    """Show the page of a new receiver; a POST adds it."""
    owner = company_or_404(request, company)
    return _answer(request, owner, None)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.ADMINISTER)
@sensitive_post_parameters("secret", "address")
@sensitive_variables()
def receiver(request: HttpRequest, company: str, receiver: int) -> HttpResponse:
    """Show a receiver; a POST changes it."""
    owner = company_or_404(request, company)
    return _answer(request, owner, _receiver(owner, receiver))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.ADMINISTER)
def delete_receiver(request: HttpRequest, company: str, receiver: int) -> HttpResponse:
    """Ask, then delete a receiver."""
    owner = company_or_404(request, company)
    one = _receiver(owner, receiver)
    back = company_url("jobs:alerts", owner)
    if request.method != "POST":
        return render.confirm(
            request,
            title="Delete the receiver?",
            text=f"{one} gets no more alerts of {owner}, nor what waits to be sent. The alerts stay.",
            action=Action("Delete", request.path, "post", "delete", primary=True),
            back=back,
            company=owner,
        )
    services.delete_receiver(receiver=one, user=request.user)
    messages.success(request, f"{one} gets no more alerts.")
    return HttpResponseRedirect(back)


@require_POST
@requires(Can.ADMINISTER)
def test_receiver(request: HttpRequest, company: str, receiver: int) -> HttpResponse:
    """Send a test, and say what came of it."""
    owner = company_or_404(request, company)
    one = _receiver(owner, receiver)
    sent = services.send_test(receiver=one)
    if sent.ok:
        messages.success(request, f"{one} got the test. {sent.answer}")
    else:
        messages.error(request, f"{one} did not get the test. {sent.answer}")
    return HttpResponseRedirect(company_url("jobs:alert-receiver", owner, receiver=one.pk))


@sensitive_variables()
def _answer(request: HttpRequest, owner: Company, one: AlertReceiver | None) -> HttpResponse:
    """Store what was entered, or show the page."""
    form = ReceiverForm(request.POST if request.method == "POST" else None, company=owner, receiver=one)
    if form.is_bound and form.is_valid():
        given = form.cleaned_data
        try:
            saved = services.save_receiver(
                company=owner, receiver=one, way=given["way"], address=given["address"], secret=given["secret"],
                only=given["kinds"], mapping_name=given["mapping"], user=request.user,
            )  # fmt: skip
        except Refusal as refusal:
            form.refused(refusal.field, refusal.user_message)
        else:
            messages.success(request, f"{saved} is saved. Send Test shows whether alerts arrive.")
            return HttpResponseRedirect(company_url("jobs:alert-receiver", owner, receiver=saved.pk))
    return render.page(request, page.receiver_page(owner, form, one), status=400 if form.errors else 200)


def _receiver(company: Company, pk: int) -> AlertReceiver:
    found = AlertReceiver.objects.select_related("company").filter(company=company, pk=pk).first()
    if found is None:
        raise Http404(f"{company} has no such receiver; perhaps it was deleted.")
    return found
