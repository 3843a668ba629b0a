"""Dataverse Connection Setup: read, save, test, enable, disable."""

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRedirect

from connection_setup import hooks, pages, services
from connection_setup.forms import SettingsForm
from connection_setup.models import DataverseConnection
from dataverse.errors import DataverseError
from jobs.models import OPEN_STATES, Job
from masterdata.access import company as company_of
from ui import render
from ui.kit import Action
from ui.roles import Can, requires

Acting = Callable[[HttpRequest, DataverseConnection], HttpResponse]


def typed_is_saved_first(act: Acting) -> Callable[..., HttpResponse]:
    """A view of POSTs that saves the form that came along, then acts; the page again where something is wrong in it.

    Since that page stands at the action's own address, reading the address anew leads to the page's.
    """

    @requires(Can.ADMINISTER)
    @require_http_methods(["GET", "HEAD", "POST"])
    @sensitive_post_parameters("client_secret", "user_password")
    @wraps(act)
    def view(request: HttpRequest, company: str) -> HttpResponse:
        connection = services.connection_of(company_of(request, company))
        if request.method != "POST":
            return HttpResponseRedirect(pages.address("setup", connection.company))
        form = saved(request, connection, request.POST)
        if form is not None:
            return again(request, connection, form)
        return act(request, services.connection_of(connection.company))

    return view


@requires(Can.READ)
@require_safe
def setup(request: HttpRequest, company: str) -> HttpResponse:
    """The page."""
    connection = services.connection_of(company_of(request, company))
    return render.page(request, pages.setup(request, connection))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("client_secret", "user_password")
def choose(request: HttpRequest, company: str) -> HttpResponse:
    """The page with the fields of the authentication type just chosen; what was typed stays, nothing is saved."""
    connection = services.connection_of(company_of(request, company))
    if request.method != "POST" or connection.enabled:
        return _back(request, connection)
    return again(request, connection, SettingsForm(connection=connection, typed=request.POST))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("client_secret", "user_password")
def environment_url(request: HttpRequest, company: str) -> HttpResponse:
    """The page with a verdict on the address just typed, of which the field alone is taken; nothing is saved."""
    connection = services.connection_of(company_of(request, company))
    if request.method != "POST" or connection.enabled:
        return _back(request, connection)
    form = SettingsForm(request.POST, connection=connection)
    form.is_valid()
    return render.page(request, pages.setup(request, connection, form))


@typed_is_saved_first
def save(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """Save what was typed; without scripts the Enabled switch comes along and is obeyed."""
    if bool(request.POST.get("enabled")) != connection.enabled:
        return _switched(request, connection)
    messages.success(request, "The settings are saved.")
    return _back(request, connection)


@typed_is_saved_first
def test(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """Test Connection: what was typed is saved first."""
    report = services.test_connection(connection=connection)
    if report.failed is None:
        left = report.attention
        words = (
            f"{left} {'check needs' if left == 1 else 'checks need'} attention." if left else "All checks are right."
        )
        messages.success(request, f"The connection test was successful. {words}")
    return _back(request, connection)


@typed_is_saved_first
def toggle(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """The Enabled switch: what was typed is saved first; turning off asks before."""
    if bool(request.POST.get("enabled")) == connection.enabled:
        return _back(request, connection)
    return _switched(request, connection)


@typed_is_saved_first
def enable(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """Enable, by its own POST; enabled already is fine."""
    return _enabled(request, connection)


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def disable(request: HttpRequest, company: str) -> HttpResponse:
    """Ask with numbers, then switch off."""
    connection = services.connection_of(company_of(request, company))
    back = pages.address("setup", connection.company)
    if request.method == "POST":
        services.disable(company=connection.company, user=request.user)
        messages.success(request, "The connection is disabled. Settings, mappings and couplings are kept.")
        return HttpResponseRedirect(back)
    return render.confirm(
        request,
        title="Disable the connection?",
        text=_what_disabling_does(connection),
        action=Action("Disable", pages.address("disable", connection.company), "post", primary=True),
        back=back,
        company=connection.company,
    )


def _what_disabling_does(connection: DataverseConnection) -> str:
    couplings = hooks.couplings(connection.company)
    jobs = Job.objects.filter(company=connection.company, state__in=OPEN_STATES).count()
    kept = "1 coupling is kept" if couplings == 1 else f"{couplings:,} couplings are kept"
    going = {0: "No job is waiting or running", 1: "1 job that waits or runs stops with the reason"}.get(
        jobs, f"{jobs:,} jobs that wait or run stop with the reason"
    )
    return (
        f"{kept}, with all settings and mappings. {going}, and no further jobs are scheduled until the connection is "
        "enabled again. Nothing is removed in Dataverse."
    )


@sensitive_variables("secret")
def saved(request: HttpRequest, connection: DataverseConnection, given: QueryDict) -> SettingsForm | None:
    """Save the form that came along, if one did; the form itself when it was refused."""
    if connection.enabled or "environment_url" not in given:
        return None
    form = SettingsForm(given, request.FILES, connection=connection)
    if not form.is_valid():
        return form
    try:
        services.save_settings(connection=connection, values=form.values, secret=form.secret, user=request.user)
    except services.Refused as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        return form
    return None


def _switched(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    if connection.enabled:
        return _to(request, pages.address("disable", connection.company))
    return _enabled(request, connection)


def _enabled(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    try:
        report = services.enable(company=connection.company, user=request.user)
    except (services.Refused, DataverseError) as error:
        messages.error(request, f"The connection is not enabled. {getattr(error, 'user_message', error)}")
        return _back(request, connection)
    if report.failed:
        messages.error(request, f"The connection is not enabled. {report.failed.sentence}")
    else:
        messages.success(
            request,
            "The connection is enabled. Next, look at the Integration Table Mappings, couple records, or run a full "
            "synchronization.",
        )
    return _back(request, connection)


def again(request: HttpRequest, connection: DataverseConnection, form: SettingsForm) -> HttpResponse:
    """The page with what is wrong; the secret typed is not sent back."""
    response = render.page(request, pages.setup(request, connection, form), status=200)
    if request.htmx:  # type: ignore[attr-defined]
        response["HX-Retarget"] = "#main"
        response["HX-Reselect"] = "#main"
        response["HX-Reswap"] = "outerHTML"
    return response


def _back(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    return _to(request, pages.address("setup", connection.company))


def _to(request: HttpRequest, url: str) -> HttpResponse:
    """A redirect that a switch's own request follows with the whole page."""
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(url)
    return HttpResponseRedirect(url)
