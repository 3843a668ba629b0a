"""A Page as HTML: the whole page, or the one region that htmx asks for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render as render_template
from django.utils.cache import patch_vary_headers
from django.utils.text import slugify
from django_htmx.http import HttpResponseClientRedirect

from ui import preferences
from ui.bound_list import Bound
from ui.htmx import htmx_of
from ui.kit import Action, FastTab, Menu, Notice, Page
from ui.listing import Listing
from ui.registry import registry


@dataclass(frozen=True, slots=True)
class Node:
    """An action or menu with the id its popover goes by."""

    item: Action | Menu
    id: str
    children: "tuple[Node, ...]" = ()
    first_action: bool = False
    """The first plain action after menus: a line stands before it."""
    why_off: str = ""
    """Why it cannot be used; said once for actions of the bar that stand side by side, by the last of them."""

    @property
    def is_menu(self) -> bool:
        """Whether it opens others."""
        return isinstance(self.item, Menu)


@dataclass(frozen=True, slots=True)
class Tab:
    """A FastTab as shown: open as the person left it, and always where something in it is wrong."""

    tab: FastTab
    open: bool


def page(request: HttpRequest, page: Page, *, status: int = 200) -> HttpResponse:
    """Answer with the page. htmx gets the list's rows, the list or the progress alone, by the id of its target."""
    page = _with_list_notices(request, page)
    bound = _bound(request, page)
    template, context = _part(request, page, bound)
    company = page.company
    if company is not None and request.session.get("company") != company.slug and not htmx_of(request):
        request.session["company"] = company.slug
    response = render_template(
        request,
        template,
        {
            **page.context,
            **context,
            "page": page,
            "listing": bound,
            "nodes": _said_once(_nodes(page.actions)),
            "tabs": _tabs(request, page),
            "page_name": _name(request),
            "form_errors": _form_errors(page),
            "tip_name": f"tip:{slugify(page.title)}",
            "tip_seen": bool(page.tip and preferences.preferences_of(request).get(f"tip:{slugify(page.title)}")),
            "form_id": f"{bound.id}-form" if bound else "",
        },
        status=status,
    )
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    if (
        template in ("ui/page/page.html", "ui/page/guide.html")
        and htmx_of(request)
        and htmx_of(request).target == "live"
    ):
        # The job has ended: the whole page changes (its actions, its list), not the progress alone.
        response["HX-Retarget"] = "#main"
        response["HX-Reselect"] = "#main"
        response["HX-Reswap"] = "outerHTML"
    return response


def _with_list_notices(request: HttpRequest, page: Page) -> Page:
    """Return a company's list with what every list says; any other page, and a list's part for htmx, as it is."""
    if page.listing is None or page.company is None or htmx_of(request):
        return page
    found = [notice for give in registry.list_notices if (notice := give(request, page.company)) is not None]
    return replace(page, notices=(*found, *page.notices)) if found else page


def redirect(request: HttpRequest, url: str) -> HttpResponse:
    """Return a redirect that a request of htmx follows with the whole page, not the part it would have replaced."""
    if htmx_of(request):
        return HttpResponseClientRedirect(url)
    return HttpResponseRedirect(url)


def confirm(
    request: HttpRequest,
    *,
    title: str,
    text: str,
    action: Action,
    back: str,
    company: Any = None,
    notice: Notice | None = None,
    careful: bool = False,
    lines: Sequence[str] = (),
) -> HttpResponse:
    """Ask before doing: a page, or a dialog where a link with `dialog` opened it.

    text: what will happen, in numbers; action: the POST that does it (its values go along); back: where Cancel leads.
    careful: the answer that stands out is Cancel. lines: what it is about, each on a line of its own below the text.
    """
    asked = Page(title, company=company, notices=(notice,) if notice else ())
    context = {
        "title": title, "text": text, "lines": lines, "action": action, "back": back, "page": asked, "careful": careful,
    }  # fmt: skip
    if htmx_of(request) and htmx_of(request).target == "dialog-body":
        response = render_template(request, "ui/page/confirm_body.html", {**context, "in_dialog": True})
    else:
        response = render_template(request, "ui/page/confirm.html", context)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def _bound(request: HttpRequest, page: Page) -> Bound | None:
    return Bound(request, page.listing) if isinstance(page.listing, Listing) else page.listing


def _part(request: HttpRequest, page: Page, bound: Bound | None) -> tuple[str, dict[str, Any]]:
    """Return the template for what is asked for."""
    htmx = htmx_of(request)
    whole = "ui/page/guide.html" if page.guide is not None else "ui/page/page.html"
    if not htmx or htmx.history_restore_request:
        return whole, {}
    if bound is not None and htmx.target == f"{bound.id}-rows":
        return bound.listing.rows_template, {}
    if bound is not None and htmx.target == f"{bound.id}-columns":
        return "ui/list/list_columns.html", {}
    if bound is not None and htmx.target == f"{bound.id}-filters":
        return "ui/list/list_filters.html", {}
    if bound is not None and htmx.target == bound.id:
        return "ui/list/list.html", {}
    if htmx.target == "live" and page.progress is not None and page.progress.poll_url:
        return "ui/page/live.html", {"swapped": True}
    return whole, {}


def _nodes(items: Any, prefix: str = "menu") -> tuple[Node, ...]:
    nodes: list[Node] = []
    menus = False
    for position, item in enumerate(items, 1):
        name = f"{prefix}-{position}"
        if isinstance(item, Menu):
            menus = True
            nodes.append(Node(item, name, _nodes(item.items, name), why_off=item.off))
        else:
            nodes.append(Node(item, name, first_action=menus, why_off=item.off))
            menus = False
    return tuple(nodes)


def _said_once(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Return the nodes of an action bar, with a reason that is the next one's too left out."""
    following = [node.why_off for node in nodes[1:]] + [""]
    return tuple(
        replace(node, why_off="") if node.why_off == after else node
        for node, after in zip(nodes, following, strict=False)
    )


def _name(request: HttpRequest) -> str:
    """Return what a page's kept choices go by: the address's name, the same for every record and company."""
    match = request.resolver_match
    return match.view_name.replace(":", ".") if match else ""


def _tabs(request: HttpRequest, page: Page) -> list[Tab]:
    if not page.fast_tabs:
        return []
    kept = preferences.preferences_of(request).get(f"tabs:{_name(request)}")
    states = kept if isinstance(kept, dict) else {}
    return [Tab(tab, bool(states.get(f"tab-{tab.id}", tab.open)) or _has_errors(tab)) for tab in page.fast_tabs]


def _has_errors(tab: FastTab) -> bool:
    return any(bound.errors for bound, _ in _controls(tab))


def _controls(tab: FastTab) -> list[tuple[Any, str]]:
    """Return a tab's bound form fields with their captions."""
    given = [
        (one.form_field, one.label or str(one.form_field.label)) for one in tab.fields if one.form_field is not None
    ]
    return given + [(bound, str(bound.label)) for bound in tab.controls]


def _form_errors(page: Page) -> list[tuple[str, str, str]]:
    """Return the errors of the page's form as (id of the control, caption, sentence), the form's own first."""
    found: list[tuple[str, str, str]] = []
    forms: dict[int, Any] = {}
    for tab in page.fast_tabs:
        for bound, caption in _controls(tab):
            forms[id(bound.form)] = bound.form
            found.extend((bound.auto_id, caption, str(error)) for error in bound.errors)
    own = [("", "", str(error)) for form in forms.values() if form.is_bound for error in form.non_field_errors()]
    return own + found
