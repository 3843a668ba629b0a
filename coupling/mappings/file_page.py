"""The pages Import Mappings and Copy Mappings as data: choose a file or a company; then what would change."""

from collections.abc import Sequence
from typing import Any

from django import forms

from coupling.mapping_files.difference import LOOK_UP_TABLE
from coupling.mapping_files.types import MAX_BYTES
from coupling.mappings.file_services import Plan
from coupling.page_parts import crumbs
from masterdata.models import Company
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Table
from ui.links import company_url

IMPORT, COPY = "Import Mappings", "Copy Mappings"
SHOWN = 300
"""Differences that the page shows; of more it says how many there are."""
SAID = 10
"""Sentences above them that the page shows."""
_HELP = "mappings.md#file"


class FileForm(forms.Form):
    """Which file is imported."""

    file = forms.FileField(
        label="File",
        help_text=f"YAML as Export writes it, up to {MAX_BYTES // 1_000_000} MB. What it would change is shown before "
        "anything is stored.",
        widget=forms.FileInput(attrs={"accept": ".yaml,.yml,.json"}),
        error_messages={"required": "Choose the file to import.", "empty": "The file is empty. Choose another one."},
    )


class CompanyForm(forms.Form):
    """Which company gets the mappings."""

    to = forms.ChoiceField(
        label="To Company", error_messages={"invalid_choice": "There is no such company that you administer."}
    )

    def __init__(self, *args: Any, companies: Sequence[Company], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = [(one.slug, one.name) for one in companies]  # type: ignore[attr-defined]


class AgreedForm(forms.Form):
    """What a person agreed to: the differences that were shown, and what they are of."""

    agreed = forms.CharField(widget=forms.HiddenInput, required=False)
    text = forms.CharField(widget=forms.HiddenInput, required=False, strip=False)
    to = forms.CharField(widget=forms.HiddenInput, required=False)


def list_url(company: Company) -> str:
    """Return the address of the list of mappings."""
    return company_url("coupling:mappings", company)


def choose_file_page(company: Company, form: FileForm, address: str) -> Page:
    """Return the page that asks for a file."""
    return Page(
        IMPORT,
        crumbs=crumbs(company),
        company=company,
        help=_HELP,
        form_url=address,
        form_enctype="multipart/form-data",
        fast_tabs=[FastTab("file", "File", [Field(form_field=form["file"])])],
        submit=Action("Show Difference", icon="preview"),
        cancel=Link("Cancel", list_url(company)),
    )


def choose_company_page(company: Company, names: Sequence[str], form: CompanyForm, address: str) -> Page:
    """Return the page that asks which company gets the mappings."""
    fields = [Field("Mappings", ", ".join(names)), Field("From Company", company.name)]
    there = bool(form.fields["to"].choices)  # type: ignore[attr-defined]
    nobody = Notice(
        "There is no other company that you administer.", "warn",
        actions=[Action("Export Mappings", company_url("coupling:export-mappings", company), icon="export")],
    )  # fmt: skip
    return Page(
        COPY,
        crumbs=crumbs(company),
        company=company,
        help=_HELP,
        notices=[] if there else [nobody],
        form_url=address if there else "",
        fast_tabs=[FastTab("company", "Company", [*fields, *([Field(form_field=form["to"])] if there else [])])],
        submit=Action("Show Difference", icon="preview") if there else None,
        cancel=Link("Cancel", list_url(company)) if there else None,
    )


def difference_page(company: Company, plan: Plan, form: AgreedForm, address: str, title: str, verb: str) -> Page:
    """Return the page of what would change, with the button that does it; without one where nothing differs."""
    changes = list(plan.changes)
    rows = [(one.mapping or "Look-up tables", _without_name(one.sentence, one.mapping)) for one in changes[:SHOWN]]
    table = Table(
        "What would change", ("Mapping", "Change"), rows, wrap=frozenset({1}), stack=True,
        empty=f"Nothing differs: {plan.company} has the mappings as they are in the file.",
    )  # fmt: skip
    count = f"{len(changes):,} difference{'' if len(changes) == 1 else 's'}"
    more = [f"{len(changes) - SHOWN:,} more are not shown here."] if len(changes) > SHOWN else []
    return Page(
        title,
        crumbs=crumbs(company),
        company=company,
        help=_HELP,
        notices=[Notice(sentence, "warn") for sentence in (*_few(plan.told), *more)],
        form_url=address,
        form_enctype="multipart/form-data",
        fast_tabs=[
            FastTab("mappings", "Mappings", [
                Field("Company", str(plan.company)),
                Field("Mappings", ", ".join(one.name for one in plan.file.mappings)),
                *(Field(form_field=form[name]) for name in form.fields),
            ]),
            FastTab("difference", "What Would Change", table=table, gist=count),
        ],
        submit=Action(f"{verb} ({count})", icon="save") if changes else None,
        cancel=Link("Cancel" if changes else "Back to the list", list_url(company)),
    )  # fmt: skip


def _few(told: Sequence[str]) -> list[str]:
    """Return sentences without those that would fill the page, and how many those are."""
    if len(told) <= SAID:
        return list(told)
    return [*told[:SAID], f"{len(told) - SAID:,} more like these are not shown here."]


def _without_name(sentence: str, mapping: str) -> str:
    text = sentence.removeprefix(f"{mapping}: ") if mapping else sentence
    return text[:1].upper() + text[1:]


def stored_sentence(plan: Plan) -> str:
    """Return what was stored, as a sentence."""
    tables = sum(1 for one in plan.changes if one.what == LOOK_UP_TABLE)
    beside = f" and {tables:,} look-up table{'' if tables == 1 else 's'}" if tables else ""
    named = ", ".join(dict.fromkeys(one.mapping for one in plan.changes if one.mapping)) or "No mapping"
    count = "1 change is" if len(plan.changes) == 1 else f"{len(plan.changes):,} changes are"
    return f"{count} stored in {plan.company}: {named}{beside}."
