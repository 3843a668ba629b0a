"""Views of one field mapping: add, change, test its rules, remove; and Reset Transformation Rules."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access
from core.refusals import Explained
from core.roles import Can, may, requires
from coupling import local_records
from coupling.gateway import Gateway
from coupling.mappings import field_edit
from coupling.mappings.card_state import field_changes_since
from coupling.mappings.field_form import FieldForm
from coupling.mappings.field_page import Tested, field_page
from coupling.mappings.rule_samples import local_samples, remote_samples
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from coupling.page_parts import EXPLAINED, error_notice, mapping_or_404, mapping_url, permission_reason, show_error
from dataverse.types import ColumnInfo
from ui import render
from ui.kit import Action
from ui.links import company_url


@dataclass
class _Asked:
    """What a request is about: the mapping, its field where it is not a new one, and the table's columns."""

    request: HttpRequest
    mapping: IntegrationTableMapping
    known: IntegrationFieldMapping | None
    gateway: Gateway | None = None
    columns: dict[str, ColumnInfo] | None = None
    problem: Explained | None = None

    def __post_init__(self) -> None:
        try:
            self.gateway = Gateway(self.mapping.company)
            known = self.gateway.table(self.mapping).columns
            self.columns = {name: column for name, column in known.items() if column.type != "EntityName"}
        except EXPLAINED as error:
            self.problem = error

    def form(self, data: Any = None) -> FieldForm:
        """Return the form, empty or with what was entered."""
        return FieldForm(data, mapping=self.mapping, columns=self.columns or {}, known=self.known)

    def pair(self, form: FieldForm) -> tuple[str, str]:
        """Return the names of field and column: those of the mapping that is known, or those entered."""
        if self.known is not None:
            return self.known.field, self.known.integration_field
        return str(form["field"].value() or ""), str(form["integration_field"].value() or "")

    def page(self, form: FieldForm, tested: Tested | None = None) -> HttpResponse:
        """Answer with the page; 400 where the form is refused."""
        local, column = self.pair(form)
        fields = {one.name: one for one in local_records.get_table(self.mapping).fields}
        notices = [error_notice(self.problem, "The columns in Dataverse cannot be read")] if self.problem else []
        page = field_page(
            self.mapping, form, self.known, local=fields.get(local), column=(self.columns or {}).get(column),
            notices=notices, off=permission_reason(self.request, self.mapping.company, Can.MAP), tested=tested,
        )  # fmt: skip
        return render.page(self.request, page, status=400 if form.errors else 200)


def _asked(request: HttpRequest, company: str, mapping: str, field: int | None = None) -> _Asked:
    one = mapping_or_404(access.company_or_404(request, company), mapping)
    try:
        local_records.get_table(one)
    except local_records.Unusable as error:
        raise Http404(error.user_message) from None
    return _Asked(request, one, _known(one, field) if field is not None else None)


def _known(mapping: IntegrationTableMapping, field: int) -> IntegrationFieldMapping:
    found = mapping.fields.filter(pk=field).first()
    if found is None:
        raise Http404(f"{mapping.name} has no such field mapping; perhaps it was removed.")
    found.mapping = mapping
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def new_field(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Show the page of a new field mapping; a POST adds it."""
    asked = _asked(request, company, mapping)
    return _save(asked) if request.method == "POST" else asked.page(asked.form())


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.READ)
def one_field(request: HttpRequest, company: str, mapping: str, field: int) -> HttpResponse:
    """Show a field mapping; a POST changes it, for those who may."""
    asked = _asked(request, company, mapping, field)
    if request.method != "POST":
        return asked.page(asked.form())
    if not may(request.user, Can.MAP, asked.mapping.company):
        raise PermissionDenied("This needs the right to map.")
    return _save(asked)


def _save(asked: _Asked) -> HttpResponse:
    form = asked.form(asked.request.POST)
    if not form.is_valid():
        return asked.page(form)
    told: tuple[str, ...] = ()
    if asked.known is not None and (changed := field_changes_since(asked.known, form.cleaned_data["seen"])):
        form.refuse_changed(asked.known, changed)
        return asked.page(form)
    try:
        if asked.known is None:
            local, column = asked.pair(form)
            saved = field_edit.add_field(mapping=asked.mapping, local=local, column=column, changes=form.changes())
        else:
            saved = asked.known
            told = field_edit.set_field(field=saved, changes=form.changes())
        told = (*told, field_edit.note(saved))
    except EXPLAINED as error:
        name = getattr(error, "field", "").replace("column", "integration_field")
        form.add_error(name if name in form.fields else None, error.user_message)
        if name not in form.fields:
            asked.problem = error
        return asked.page(form)
    messages.success(asked.request, " ".join(filter(None, [f"The field mapping {saved} is saved.", *told])))
    return HttpResponseRedirect(mapping_url("fields", asked.mapping))


@require_POST
@requires(Can.MAP)
def test_new_field(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Show what the rules entered for a new field mapping make of real values; nothing is stored."""
    return _test(_asked(request, company, mapping))


@require_POST
@requires(Can.MAP)
def test_field(request: HttpRequest, company: str, mapping: str, field: int) -> HttpResponse:
    """Show what the rules entered make of real values; nothing is stored."""
    return _test(_asked(request, company, mapping, field))


def _test(asked: _Asked) -> HttpResponse:
    form = asked.form(asked.request.POST)
    if not form.is_valid():
        return asked.page(form)
    local, name = asked.pair(form)
    field = IntegrationFieldMapping(mapping=asked.mapping, field=local, integration_field=name)
    column, words = (asked.columns or {}).get(name), form.cleaned_data["rules"]
    found: dict[str, Any] = {}
    try:
        if local:
            found["local"] = local_samples(field, words, column)
        if column is not None and asked.gateway is not None:
            found["remote"] = remote_samples(field, words, column, asked.gateway)
    except EXPLAINED as error:
        if getattr(error, "field", "") == "rules":
            form.add_error("rules", error.user_message)
            return asked.page(form)
        found["problems"] = (error,)
    return asked.page(form, Tested(**found))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def remove_field(request: HttpRequest, company: str, mapping: str, field: int) -> HttpResponse:
    """Ask about a field mapping, then remove it."""
    owner = access.company_or_404(request, company)
    one = mapping_or_404(owner, mapping)
    known = _known(one, field)
    back = mapping_url("fields", one)
    if request.method != "POST":
        return render.confirm(
            request,
            title="Remove Field Mapping",
            text=f"This removes the field mapping {known} from {one.name}, with its rules and its place among the "
            "matching criteria. No value is changed on either side. To keep it for later, disable it instead.",
            action=Action(f"Remove {known}", request.path, "post", "delete", primary=True),
            back=back,
            company=owner,
        )
    field_edit.remove_field(field=known)
    messages.success(request, f"The field mapping {known} is removed.")
    return HttpResponseRedirect(back)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def reset_rules(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Ask, then take back the transformation rules of all fields of a mapping."""
    owner = access.company_or_404(request, company)
    one = mapping_or_404(owner, mapping)
    back = mapping_url("fields", one)
    count = one.fields.exclude(rules=[]).count()
    if request.method != "POST":
        return render.confirm(
            request,
            title="Reset Transformation Rules",
            text=f"This takes the transformation rules away from {count} of the fields of {one.name}. The next "
            "synchronization compares all its records and transfers their values as they are.",
            action=Action(
                "Reset Transformation Rules", company_url("coupling:reset-rules", owner, mapping=one.name), "post",
                "reset", primary=True, off="" if count else "No field of this mapping has transformation rules.",
            ),
            back=back, company=owner,
        )  # fmt: skip
    try:
        changed = field_edit.reset_rules(mapping=one)
    except EXPLAINED as error:
        show_error(request, error)
    else:
        messages.success(request, f"Field mappings without transformation rules from now on: {changed}.")
    return HttpResponseRedirect(back)
