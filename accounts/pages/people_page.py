"""Page People as data: everybody with a choice of role in each company."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils import timezone

from accounts import access
from accounts.decisions import CHOICES, choice_of
from accounts.models import CompanyRole
from accounts.pages.people_form import Cell
from core.roles import Can, may
from masterdata.models import Company
from ui.kit import Action, Page, Tip
from ui.links import company_url
from ui.searched import Choice, Pages, Search, searched_text

TITLE = "People"
PAGE_SIZE = 25
MOST_COLUMNS = 12
"""How many companies stand beside each other; of more, one is chosen."""
NO_ROLE = "No role"
OPTIONS = [(choice, choice or NO_ROLE) for choice in CHOICES]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the page: a company, or all of them (None)."""

    company: Company | None

    @property
    def key(self) -> int | None:
        """Return the company's id."""
        return self.company.pk if self.company else None

    @property
    def caption(self) -> str:
        """Return what stands at its head."""
        return self.company.name if self.company else "All companies"


@dataclass(frozen=True, slots=True)
class RoleChoice:
    """A person's choice in a column, as the page shows it."""

    field: str
    column: str
    caption: str
    value: str
    shown: str
    """The choice that is stored; `value` is another one where it was typed and could not be saved."""
    note: str = ""
    problem: str = ""


def columns_of(request: HttpRequest) -> list[Column]:
    """Return the columns in which the person gives roles."""
    everywhere = [Column(None)] if may(request.user, Can.ADMINISTER_ALL) else []
    return everywhere + [Column(one) for one in access.visible_companies(request, Can.ADMINISTER)]


def people_of(request: HttpRequest, columns: Sequence[Column], text: str) -> "QuerySet[User]":
    """Return the people whom the person sees: everybody, or those with a role in a company of theirs.

    Somebody else is found by the whole name, so that they can be given a role; nobody reads who else there is.
    """
    people = User.objects.order_by("username")
    if not may(request.user, Can.ADMINISTER_ALL):
        companies = [column.key for column in columns]
        theirs = Q(company_roles__company__in=companies) | Q(company_roles__company=None, company_roles__isnull=False)
        people = people.filter(theirs | Q(username=text)).distinct()
    if text:
        words = Q(username__icontains=text) | Q(first_name__icontains=text) | Q(last_name__icontains=text)
        people = people.filter(words | Q(email__icontains=text))
    return people


def searched(request: HttpRequest) -> str:
    """Return what is searched for."""
    return searched_text(_given(request))


def _given(request: HttpRequest) -> QueryDict:
    return request.POST if request.method == "POST" else request.GET


def people_page(
    request: HttpRequest,
    company: Company,
    *,
    typed: Mapping[Cell, str] | None = None,
    problems: Mapping[Cell, str] | None = None,
) -> Page:
    """Return the page; `typed`: choices that were not saved, `problems`: why."""
    columns = columns_of(request)
    everything = may(request.user, Can.ADMINISTER_ALL)
    actions = [Action("Role Changes", company_url("accounts:changes", company), icon="job")]
    if everything:
        actions.insert(0, Action("New person", reverse("admin:auth_user_add"), icon="add"))
    return Page(
        TITLE,
        company=company,
        help="people",
        tip=Tip(
            "A role in each company, or in all",
            "Somebody sees the companies in which they have a role, and nothing of the others. Roles add up: what a "
            "role in all companies allows, it allows in each.",
        ),
        actions=actions,
        template="accounts/people.html",
        context=_context(request, company, columns, typed or {}, problems or {}),
    )


def _context(
    request: HttpRequest,
    company: Company,
    columns: list[Column],
    typed: Mapping[Cell, str],
    problems: Mapping[Cell, str],
) -> dict[str, Any]:
    """Return what the template shows: the people of one page, the columns, links to other pages."""
    given, text = _given(request), searched(request)
    only = str(given.get("company", ""))
    shown = _shown(columns, only)
    people = people_of(request, columns, text)
    count = people.count()
    here = company_url("accounts:people", company)

    def page_url(at: int) -> str:
        return company_url("accounts:people", company, query={"q": text, "company": only, "page": at})

    pages = Pages.of("people", str(given.get("page", "1")), count, PAGE_SIZE, page_url)
    held = Prefetch("company_roles", CompanyRole.objects.select_related("given_by"))
    rows = list(people.prefetch_related(held)[pages.shown])
    everything = may(request.user, Can.ADMINISTER_ALL)
    companies = [(column.company.slug, column.caption) for column in columns if column.company]
    filtered = Choice("company", "Company", only, companies) if len(columns) > 1 else None

    return {
        "rows": [
            {
                "person": one, "name": one.get_full_name(), "choices": _choices(one, shown, typed, problems),
                "card": reverse("admin:auth_user_change", args=(one.pk,)) if everything else "",
                "own": one == request.user,
            }
            for one in rows
        ],
        "columns": shown, "only": only, "options": OPTIONS, "count": count, "narrowed": bool(text), "pages": pages,
        "search": Search("people", "People", here, text, "Search by name or e-mail", filtered),
        "save_url": company_url("accounts:people-save", company),
        "activate_url": company_url("accounts:people-activate", company) if everything else "",
    }  # fmt: skip


def _shown(columns: list[Column], only: str) -> list[Column]:
    """Return the columns that are shown: the one chosen, else as many as have room, that of all companies first."""
    chosen = [column for column in columns if column.company and column.company.slug == only]
    return [*[column for column in columns if column.company is None], *chosen] if chosen else columns[:MOST_COLUMNS]


def _choices(
    person: User, columns: Iterable[Column], typed: Mapping[Cell, str], problems: Mapping[Cell, str]
) -> list[RoleChoice]:
    """Return the person's choice in each column."""
    held = list(person.company_roles.all())
    everywhere = choice_of(row.role for row in held if row.company_id is None)
    unsaid = everywhere and not any(column.company is None for column in columns)
    found = []
    for column in columns:
        cell = Cell(person.pk, column.key)
        rows = [row for row in held if row.company_id == column.key]
        stored = choice_of(row.role for row in rows)
        where = f"in {column.company}" if column.company else "in all companies"
        notes = [given_text(max(rows, key=lambda row: row.given_at))] if rows else []
        notes += [f"{everywhere} in all companies"] if unsaid else []
        found.append(
            RoleChoice(
                field=cell.name,
                column=column.caption,
                caption=f"Role of {person} {where}",
                value=typed.get(cell, stored),
                shown=stored,
                note="; ".join(notes),
                problem=problems.get(cell, ""),
            )
        )
    return found


def given_text(row: CompanyRole) -> str:
    """Return who gave a role, and when: "by ada, 29 Nov 2026"."""
    when = f"{timezone.localtime(row.given_at):%-d %b %Y}"
    return f"by {row.given_by}, {when}" if row.given_by else f"since {when}"
