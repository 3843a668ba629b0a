"""Pages Templates for New Records: those of a company, and one with the values that new records begin with."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access
from core.refusals import NotUsable
from core.roles import Can, requires
from coupling.models import IntegrationTableMapping
from coupling.page_parts import crumbs, permission_reason, show_error
from coupling.records.forms import field_groups
from masterdata import catalog
from masterdata.catalog import LocalField, LocalTable
from masterdata.models import Company, RecordTemplate
from masterdata.record_templates import fields_of, save_template
from ui import render
from ui.kit import Action, FastTab, Field, Link, Page, Table
from ui.links import company_url

TITLE = "Templates for New Records"
_HELP = "mappings.md#templates"
_VALUE = "value-"
"""What the names of the form's values begin with."""


class NewTemplateForm(forms.Form):
    """A new template: what it is called, and for which table."""

    code = forms.CharField(label="Code", max_length=20, help_text="What mappings call it by.")
    table = forms.ChoiceField(label="Table")
    description = forms.CharField(label="Description", max_length=100, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["table"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            (table.name, table.caption_plural) for table in catalog.tables()
        ]


class TemplateForm(forms.Form):
    """A template's values, one for each field of its table; blank for none."""

    description = forms.CharField(label="Description", max_length=100, required=False)
    first_no = forms.CharField(
        label="First No.", max_length=20, required=False,
        help_text="Such as SHOP-00001. Blank for the table's own series of numbers.",
    )  # fmt: skip

    def __init__(self, table: LocalTable, data: Any, one: RecordTemplate) -> None:
        stored = {_VALUE + name: value for name, value in one.values.items()}
        super().__init__(data, initial={"description": one.description, "first_no": one.first_no, **stored})
        for field in fields_of(table):
            self.fields[_VALUE + field.name] = _form_field(field)

    def values(self) -> dict[str, str]:
        """Return what was entered, by field."""
        return {name.removeprefix(_VALUE): text for name, text in self.cleaned_data.items() if name.startswith(_VALUE)}


def _form_field(field: LocalField) -> forms.Field:
    choices = field.choices if field.type != "boolean" else (("Yes", "Yes"), ("No", "No"))
    if not choices:
        return forms.CharField(label=field.caption, required=False, max_length=field.max_length or 100)
    offered = [("", ""), *((key, label) for key, label in choices if key)]
    return forms.ChoiceField(label=field.caption, required=False, choices=offered)


@require_safe
@requires(Can.READ)
def templates(request: HttpRequest, company: str) -> HttpResponse:
    """Show the company's templates."""
    owner = access.company_or_404(request, company)
    used: dict[str, list[str]] = {}
    for code, name in IntegrationTableMapping.objects.filter(company=owner).values_list("template", "name"):
        used.setdefault(code, []).append(name)
    rows = [
        (Link(one.code, _url("template", one)), one.description, _caption(one), _values(one),
         ", ".join(used.get(one.code, [])))
        for one in RecordTemplate.objects.filter(company=owner)
    ]  # fmt: skip
    table = Table(
        TITLE, ("Code", "Description", "Table", "Values", "Mappings"), rows, wrap=frozenset({3}), stack=True,
        empty="There is none yet. A template says what records that come from Dataverse begin with here.",
    )  # fmt: skip
    page = Page(
        TITLE,
        crumbs=crumbs(owner),
        company=owner,
        help=_HELP,
        actions=[
            Action(
                "New Template", company_url("coupling:new-template", owner), icon="add",
                off=permission_reason(request, owner, Can.MAP),
            )
        ],
        fast_tabs=[FastTab("templates", TITLE, table=table)],
    )  # fmt: skip
    return render.page(request, page)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def new_template(request: HttpRequest, company: str) -> HttpResponse:
    """Show the page of a new template; a POST stores it and leads to its values."""
    owner = access.company_or_404(request, company)
    form = NewTemplateForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = save_template(company=owner, new=True, **form.cleaned_data)
        except NotUsable as error:
            form.add_error(error.field if error.field in form.fields else None, error.user_message)
        else:
            return HttpResponseRedirect(_url("template", made))
    page = Page(
        "New Template",
        crumbs=[*crumbs(owner), Link(TITLE, company_url("coupling:templates", owner))],
        company=owner,
        help=_HELP,
        fast_tabs=[FastTab("general", "General", [Field(form_field=form[name]) for name in form.fields])],
        form_url=request.path,
        submit=Action("Next", icon="save", primary=True),
        cancel=Link("Cancel", company_url("coupling:templates", owner)),
    )
    return render.page(request, page, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def template(request: HttpRequest, company: str, template_id: int) -> HttpResponse:
    """Show a template's values; a POST stores them."""
    owner = access.company_or_404(request, company)
    one = _template(owner, template_id)
    form = TemplateForm(catalog.table(one.table), request.POST if request.method == "POST" else None, one)
    if form.is_valid():
        try:
            save_template(
                company=owner, code=one.code, table=one.table, description=form.cleaned_data["description"],
                values=form.values(), first_no=form.cleaned_data["first_no"],
            )  # fmt: skip
        except NotUsable as error:
            names = (error.field, _VALUE + error.field)
            form.add_error(next((name for name in names if name in form.fields), None), error.user_message)
        else:
            messages.success(request, f"The template {one.code} is saved.")
            return HttpResponseRedirect(company_url("coupling:templates", owner))
    return render.page(request, _template_page(request, one, form), status=400 if form.errors else 200)


def _template_page(request: HttpRequest, one: RecordTemplate, form: TemplateForm) -> Page:
    shown = {name.removeprefix(_VALUE) for name in form.fields}
    tabs = [
        FastTab(tab, title, [Field(form_field=form[_VALUE + name]) for name in names if name in shown])
        for tab, title, names in field_groups(catalog.table(one.table))
    ]
    return Page(
        one.code,
        crumbs=[*crumbs(one.company), Link(TITLE, company_url("coupling:templates", one.company))],
        company=one.company,
        help=_HELP,
        actions=[Action("Delete", _url("delete-template", one), icon="delete", dialog=True)],
        fast_tabs=[
            FastTab(
                "template",
                "Template",
                [
                    Field("Table", _caption(one)),
                    *(Field(form_field=form[name]) for name in ("description", "first_no")),
                ],
            ),
            *(tab for tab in tabs if tab.fields),
        ],
        form_url=request.path,
        submit=Action("Save", icon="save", primary=True),
        cancel=Link("Cancel", company_url("coupling:templates", one.company)),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def delete_template(request: HttpRequest, company: str, template_id: int) -> HttpResponse:
    """Ask, then delete a template that no mapping names."""
    owner = access.company_or_404(request, company)
    one = _template(owner, template_id)
    back = company_url("coupling:templates", owner)
    if request.method != "POST":
        return render.confirm(
            request,
            title="Delete Template",
            text=f"This deletes the template {one.code}. Records that were made by it stay as they are.",
            action=Action(f"Delete {one.code}", request.path, "post", "delete", primary=True),
            back=back,
            company=owner,
        )
    used = IntegrationTableMapping.objects.filter(company=owner, table=one.table, template=one.code)
    if names := list(used.values_list("name", flat=True)):
        show_error(
            request,
            NotUsable(
                f"The template {one.code} is the one of {', '.join(names)}.",
                "Choose another template on the mapping's card first.",
            ),
        )
    else:
        one.delete()
        messages.success(request, f"The template {one.code} is deleted.")
    return HttpResponseRedirect(back)


def _caption(one: RecordTemplate) -> str:
    try:
        return catalog.table(one.table).caption_plural
    except LookupError:
        return one.table


def _values(one: RecordTemplate) -> str:
    try:
        captions = {field.name: field.caption for field in catalog.table(one.table).fields}
    except LookupError:
        captions = {}
    return ", ".join(f"{captions.get(name, name)} {text}" for name, text in sorted(one.values.items()))


def _template(company: Company, template_id: int) -> RecordTemplate:
    found = RecordTemplate.objects.filter(company=company, pk=template_id).first()
    if found is None or found.table not in {table.name for table in catalog.tables()}:
        raise Http404(f"{company} has no such template; perhaps it was deleted.")
    return found


def _url(page: str, one: RecordTemplate) -> str:
    return company_url(f"coupling:{page}", one.company, template_id=one.pk)
