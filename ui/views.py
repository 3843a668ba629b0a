"""Sign-in, the role center, Tell Me, help, and what a person chooses for the shell."""

import re
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render as render_template
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from core.roles import Can, held_roles, no_company, requires
from core.words import counted
from ui import preferences, render
from ui.context import Shell, entry_url, may_open
from ui.help import html as help_html
from ui.help import text as help_text
from ui.htmx import htmx_of
from ui.kit import Link, Notice, Page, Status
from ui.links import company_url
from ui.registry import Found, RoleCenterPart, registry

MAX_QUERY = 100
MOST_HITS = 8
MAX_COLUMNS = 100
MAX_TABS = 40


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Lead to the role center of the company seen last; where there is no company, what to do about it."""
    company = Shell(request).company
    if company is not None:
        return HttpResponseRedirect(company_url("ui:role-center", company))
    words = "There is no company yet. An administrator creates one: manage.py company create NAME --currency EUR"
    if not held_roles(request.user):
        words = "You have no role in any company yet. Ask an administrator to give you one."
    return render.page(request, Page("Welcome", notices=(Notice(words, title="Nothing to show yet."),)))


@require_safe
@requires(Can.READ)
def role_center(request: HttpRequest, company: str) -> HttpResponse:
    """Show how things stand: cues, tables and the connection's state, as the rooms report them."""
    found = _company(request, company)
    parts = [give(request, found) for _, give in registry.parts]
    notices = [notice for give in registry.notices if (notice := give(request, found)) is not None]
    state = next((state for give in registry.status if (state := give(request, found)) is not None), None)
    return render.page(
        request,
        Page(
            "Role Center",
            company=found,
            state=state,
            notices=notices,
            help="index#role-center",
            template="ui/shell/role_center.html",
            context={
                "tables": [table for part in parts for table in part.tables],
                **_attention(parts, well=not notices),
            },
            fact_boxes=[box for part in parts for box in part.boxes],
        ),
    )


_WORST_FIRST = ("bad", "late", "warn")


def _attention(parts: Iterable[RoleCenterPart], *, well: bool) -> dict[str, Any]:
    """Return what needs a person, the worst first, and what is said of the rest. well: no notice says otherwise."""
    cues = [cue for part in parts for cue in part.attention]
    wanting = sorted((cue for cue in cues if cue.state != "ok"), key=lambda cue: _WORST_FIRST.index(cue.state))
    quiet = [Status(cue.quiet, "ok") for cue in cues if cue.state == "ok" and cue.quiet]
    nothing = "Nothing needs you now." if well else ""
    return {"attention": wanting, "counted": counted(len(wanting), "thing") if wanting else nothing, "quiet": quiet}


@require_safe
@requires(Can.READ)
def search(request: HttpRequest, company: str) -> HttpResponse:
    """Tell Me: pages, actions and records by what they are called."""
    found = _company(request, company)
    text = request.GET.get("q", "").replace("\x00", "").strip()[:MAX_QUERY]
    groups = hits(request, found, text)
    number = sum(len(group) for _, group in groups)
    status = (
        f"{number} found" if number else ("Type what you look for." if not text else f"Nothing is called {text!r}.")
    )
    context = {"groups": groups, "text": text, "status": status}
    if htmx_of(request) and htmx_of(request).target == "tellme-found":
        response = render_template(request, "ui/shell/results.html", context)
        patch_vary_headers(response, ["HX-Request", "HX-Target"])
        return response
    return render.page(
        request,
        Page(
            "Tell me what you want to do",
            company=found,
            template="ui/shell/search.html",
            context=context,
            help="keyboard",
        ),
    )


def hits(request: HttpRequest, company: Any, text: str) -> list[tuple[str, list[Found]]]:
    """Return what Tell Me finds, grouped: pages the person may open whose names hold every word, then records."""
    words = text.casefold().split()
    scored: list[tuple[int, int, Found]] = []
    for position, entry in enumerate(registry.all_entries()):
        score = max((_score(name, words) for name in (entry.title, *entry.also)), default=0)
        if words and not score:
            continue
        if may_open(request.user, entry, company) and (url := entry_url(entry, company)):
            other = next((name for name in entry.also if _score(name, words) > _score(entry.title, words)), "")
            scored.append((-score, position, Found(entry.title, url, entry.group, other)))
    groups: dict[str, list[Found]] = {}
    for _, _, one in sorted(scored, key=lambda row: row[:2]):
        groups.setdefault(one.group, []).append(one)
    if words:
        for find in registry.record_finders:
            for one in find(request, company, text):
                if len(group := groups.setdefault(one.group, [])) < MOST_HITS:
                    group.append(one)
    return list(groups.items())


def _score(name: str, words: Iterable[str]) -> int:
    """Return how well a name fits: 0 unless every word begins one of its words (or stands in it)."""
    lowered = name.casefold()
    parts = re.split(r"[\s/.-]+", lowered)
    total = 0
    for word in words:
        if any(part.startswith(word) for part in parts):
            total += 2
        elif word in lowered:
            total += 1
        else:
            return 0
    return total * 10 - min(len(lowered) // 10, 9) if total else 0


@require_safe
@requires(Can.READ)
def help_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show a page of docs/, found by its name."""
    text = help_text(name)
    if text is None:
        raise Http404(f"There is no help page called {name!r}.")
    title, body = help_html(text, name)
    crumbs = (Link("Help", reverse("ui:help", kwargs={"name": "index"})),) if name != "index" else ()
    return render.page(request, Page(title, crumbs=crumbs, template="ui/shell/help.html", context={"body": body}))


@require_POST
def columns(request: HttpRequest) -> HttpResponse:
    """Keep which columns of a list the person wants to see; the list leaves out names it does not know."""
    name = request.POST.get("list", "")[:60]
    chosen = [column[:60] for column in request.POST.getlist("column")[:MAX_COLUMNS]]
    if not name or not re.fullmatch(r"[\w-]+", name):
        raise Http404("There is no such list.")
    if request.POST.get("reset"):
        preferences.store_preference(request, f"columns:{name}", None)
    elif chosen:
        preferences.store_preference(request, f"columns:{name}", chosen)
    else:
        messages.warning(request, "A list shows at least one column. Tick the ones you want to see.")
    return _back(request)


@require_POST
def appearance(request: HttpRequest) -> HttpResponse:
    """Keep light or dark, and the height of rows."""
    for name, allowed in (("theme", {"light", "dark"}), ("density", {"compact"})):
        value = request.POST.get(name, "")
        preferences.store_preference(request, name, value if value in allowed else None)
    return _back(request)


@require_POST
def tip(request: HttpRequest) -> HttpResponse:
    """Put a teaching tip away."""
    name = request.POST.get("name", "")
    if re.fullmatch(r"tip:[\w-]{1,80}", name):
        preferences.store_preference(request, name, True)
    return _back(request)


@require_POST
def tab(request: HttpRequest) -> HttpResponse:
    """Keep whether a FastTab of a page is open."""
    page, name = request.POST.get("page", ""), request.POST.get("tab", "")
    if not re.fullmatch(r"[\w.-]{1,80}", page) or not re.fullmatch(r"tab-[\w-]{1,60}", name):
        raise Http404("There is no such section.")
    kept = preferences.preferences_of(request).get(f"tabs:{page}")
    states = {**kept} if isinstance(kept, dict) else {}
    states[name] = bool(request.POST.get("open"))
    if len(states) <= MAX_TABS:
        preferences.store_preference(request, f"tabs:{page}", states)
    return HttpResponse(status=204)


def _back(request: HttpRequest) -> HttpResponse:
    """Lead to the page the form came from; never to another site."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = reverse(settings.LOGIN_REDIRECT_URL)
    return HttpResponseRedirect(target)


def _company(request: HttpRequest, slug: str) -> Any:
    """Return the company of that address part. Raises Http404 with a sentence."""
    for company in Shell(request).companies:
        if company.slug == slug:
            return company
    raise Http404(no_company(slug))
