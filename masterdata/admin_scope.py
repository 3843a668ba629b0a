"""What the Django admin shows of companies: those that the person administers, and nothing of the others."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from core.roles import Can, may
from masterdata.models import Company
from masterdata.visible_companies import administered_companies

# A mixin has its base for the type checker alone.
if TYPE_CHECKING:
    _Mixin = admin.ModelAdmin[Any]
else:
    _Mixin = object


class OfVisibleCompanies(_Mixin):
    """A mixin before ModelAdmin. company_lookup: how its rows name their company."""

    company_lookup = "company"

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the rows of companies that the person administers; what is changed or deleted comes from these."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return narrowed(rows, self.company_lookup, request)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer companies that the person administers, and rows of these."""
        related: type[models.Model] = db_field.remote_field.model
        if related is Company:
            kwargs.setdefault("queryset", administered_companies(request.user))
        elif any(field.name == "company" for field in related._meta.fields):
            kwargs.setdefault("queryset", narrowed(related._default_manager.all(), "company", request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


def narrowed(rows: "QuerySet[Any]", lookup: str, request: HttpRequest) -> "QuerySet[Any]":
    """Return the rows of companies that the person administers."""
    if may(request.user, Can.ADMINISTER_ALL):
        return rows
    return rows.filter(**{f"{lookup}__in": administered_companies(request.user)})


class CompanyFilter(admin.RelatedFieldListFilter):
    """The companies that the person administers, whether or not they have rows: a long table is not read for it."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        """Return them."""
        return [(str(company.pk), str(company)) for company in administered_companies(request.user).order_by("name")]


class SearchById(_Mixin):
    """A mixin before ModelAdmin: a search looks for one id, by an index, in these fields."""

    id_fields: tuple[str, ...] = ()
    search_fields = ("pk",)
    show_facets = admin.ShowFacets.NEVER

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: "QuerySet[Any]",
        search_term: str,
    ) -> tuple["QuerySet[Any]", bool]:
        """Return the rows with that id; all of them without a term."""
        if not search_term.strip():
            return queryset, False
        try:
            wanted = UUID(search_term.strip())
        except ValueError:
            return queryset.none(), False
        condition = models.Q()
        for name in self.id_fields:
            condition |= models.Q(**{name: wanted})
        return queryset.filter(condition), False
