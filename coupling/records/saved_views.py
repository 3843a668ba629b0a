"""The verbs of saved views: which a person sees, saving one, changing and deleting one's own."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q

from core.refusals import Refusal
from core.roles import Can, may
from coupling.models import SavedView
from masterdata.catalog import LocalTable
from masterdata.models import Company
from ui.links import company_url
from ui.listing import Listing

MOST = 100
"""Views of a list that one person may save."""
MOST_OF_QUERY = 4000
SHOWN = "of_view"
"""What an address calls the view that it came from."""


def views_of(company: Company, table: LocalTable, user: Any) -> list[SavedView]:
    """Return the views of a list that a person sees: their own, then those that others share."""
    seen = SavedView.objects.filter(company=company, table=table.name).filter(Q(owner=user) | Q(shared=True))
    return sorted(seen, key=lambda one: (one.owner_id != user.pk, one.name.casefold()))


def list_query(listing: Listing, given: Iterable[tuple[str, str]]) -> str:
    """Return the filters, the search and the order of an address, as a view keeps them."""
    asked = dict(given)
    kept = dict(listing.in_force(asked))
    sort = asked.get("sort", "")
    if any(column.sort and column.name == sort.lstrip("-") for column in listing.columns):
        kept["sort"] = sort
    return urlencode(kept)


def view_url(company: Company, view: SavedView) -> str:
    """Return the address of a view, which leads to the list as it was saved."""
    return company_url("records:list", company, table=view.table, query={"view": view.pk})


def opened_url(company: Company, view: SavedView) -> str:
    """Return the address of the list as a view has it."""
    query = {**dict(parse_qsl(view.query)), SHOWN: view.pk}
    return company_url("records:list", company, table=view.table, query=query)


def save(
    *,
    company: Company,
    table: LocalTable,
    user: Any,
    name: str,
    shared: bool,
    query: str,
    view: SavedView | None = None,
) -> SavedView:
    """Save a view under a name, or change the given one. Raises Refusal with a sentence."""
    own = SavedView.objects.filter(company=company, table=table.name, owner=view.owner if view else user)
    others = own.exclude(pk=view.pk) if view else own
    if any(one.casefold() == name.casefold() for one in others.values_list("name", flat=True)):
        raise Refusal("invalid", f"There is a view named {name} already.", "Choose another name, or change that one.")
    if view is None and own.count() >= MOST:
        raise Refusal("invalid", f"You have {MOST} views of this list already.", "Delete one that is not used.")
    if len(query) > MOST_OF_QUERY:
        raise Refusal("invalid", "The filters are too long to be saved.", "Take some of them out.")
    if shared and not (view and view.shared) and not may(user, Can.OPERATE, company):
        raise Refusal("invalid", "Your role may save views, not share them.", "Save it for yourself.")
    changed = view or SavedView(company=company, table=table.name, owner=user)
    changed.name, changed.shared, changed.query = name, shared, query
    try:
        with transaction.atomic():
            changed.save(force_insert=view is None, force_update=view is not None)
    except IntegrityError:
        raise Refusal(
            "invalid", f"There is a view named {name} already.", "Choose another name, or change that one."
        ) from None
    except DatabaseError:
        raise Refusal("invalid", "The view was deleted meanwhile.", "Save the filters as a new one.") from None
    return changed


def may_change(user: Any, company: Company, view: SavedView) -> bool:
    """Return whether a person may change or delete a view: its owner, and who administers the company."""
    return bool(view.owner_id == user.pk or (view.shared and may(user, Can.ADMINISTER, company)))


def names(views: Sequence[SavedView], user: Any) -> dict[int, str]:
    """Return what each view is called in a menu: shared ones of others say so."""
    return {one.pk: one.name if one.owner_id == user.pk else f"{one.name} (shared)" for one in views}
