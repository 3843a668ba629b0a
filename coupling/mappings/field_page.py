"""Page of one field mapping, as data: both sides, direction, rules with what they make of real values, options."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.refusals import Explained
from core.vocabulary import Direction
from coupling.mappings.field_form import FieldForm, column_label, local_label
from coupling.mappings.rule_samples import Sample
from coupling.mappings.transformations import look_up_tables, rules
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from coupling.page_parts import crumbs, error_notice, field_captions, mapping_url
from dataverse.types import ColumnInfo
from masterdata.catalog import LocalField
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Table, Tip
from ui.links import company_url

NEW_TITLE = "New Field Mapping"
_TIP = Tip(
    "Rules rewrite a value on its way",
    "They change what the other side gets, not what stands here. Test them on real records before you save.",
)


@dataclass(frozen=True)
class Tested:
    """What the rules make of real values, or why that could not be found out."""

    local: Sequence[Sample] = ()
    remote: Sequence[Sample] = ()
    problems: Sequence[Explained] = field(default_factory=tuple)


def field_page(
    mapping: IntegrationTableMapping,
    form: FieldForm,
    known: IntegrationFieldMapping | None,
    *,
    local: LocalField | None,
    column: ColumnInfo | None,
    notices: Sequence[Notice],
    off: str,
    tested: Tested | None = None,
) -> Page:
    """Return the page of a field mapping, or of a new one. off: why the person may not change it."""
    owner, back = mapping.company, mapping_url("fields", mapping)

    def entry(name: str) -> Field:
        return _read(form, name) if off else Field(form_field=form[name])

    def entries(*names: str) -> list[Field]:
        return [entry(name) for name in names]

    pair = (
        [
            Field("Field Name", local_label(local) if local is not None else (known.field or "(a constant value)")),
            Field(
                "Integration Field Name",
                column_label(column) if column is not None else (known.integration_field or "(a constant value)"),
            ),
            *([Field("Why it is off", known.disabled_reason)] if known.disabled_reason else []),
        ]
        if known is not None
        else entries("field", "integration_field")
    )
    seen = [Field(form_field=form["seen"])] if known is not None and not off else []
    tabs = [
        *(_tested_tabs(form, tested) if tested is not None else []),
        FastTab("general", "General", [*seen, *pair, *entries("enabled", "direction", "constant")]),
        FastTab("rules", "Transformation Rules", entries("rules", "transformation_direction")),
        FastTab(
            "options",
            "Blank values and conflicts",
            entries(
                "blanks", "update_conflict", "clear_on_failed", "not_null", "validate_field",
                "validate_integration_field",
            ),
        ),
        _rules_tab(mapping),
    ]  # fmt: skip
    return Page(
        NEW_TITLE if known is None else _title(known),
        crumbs=[*crumbs(owner, mapping), Link("Integration Field Mapping List", back)],
        company=owner,
        help="mappings.md#rules",
        tip=_TIP,
        notices=[*notices, *(error_notice(one) for one in (tested.problems if tested else ()))],
        actions=[
            Action(
                "Test Rules", _address(mapping, known, test=True), "post", "preview", with_form=True, off=off
            ),
            *(
                [
                    Action(
                        "Remove", company_url("coupling:remove-field", owner, mapping=mapping.name, field=known.pk),
                        icon="delete", off=off, dialog=True,
                    )
                ]
                if known is not None
                else []
            ),
        ],
        fast_tabs=tabs,
        form_url="" if off else _address(mapping, known),
        submit=None if off else Action("Save", icon="save", primary=True),
        cancel=None if off else Link("Cancel", back),
    )  # fmt: skip


def _address(mapping: IntegrationTableMapping, known: IntegrationFieldMapping | None, *, test: bool = False) -> str:
    if known is None:
        return mapping_url("test-new-field" if test else "new-field", mapping)
    page = "coupling:test-field" if test else "coupling:field"
    return company_url(page, mapping.company, mapping=mapping.name, field=known.pk)


def _title(known: IntegrationFieldMapping) -> str:
    caption = field_captions(known.mapping).get(known.field, known.field) or f"constant {known.constant}"
    return f"{caption} · {known.integration_field or f'constant {known.constant}'}"


def _read(form: FieldForm, name: str) -> Field:
    """Return what a person may only look at."""
    value = form.initial.get(name, "")
    choices = dict(getattr(form.fields[name], "choices", ()))
    return Field(str(form.fields[name].label), choices.get(value, value) if choices else value)


def _tested_tabs(form: FieldForm, tested: Tested) -> list[FastTab]:
    """Return what the rules make of values of both sides; the side that they rewrite comes first."""
    bound = str(form.data.get("direction", ""))
    way = str(form.data.get("transformation_direction", "")) if bound == Direction.BIDIRECTIONAL else bound
    here = _samples_tab("tested-here", "Test on records here", tested.local, rewritten=way == Direction.TO)
    there = _samples_tab("tested-there", "Test on rows in Dataverse", tested.remote, rewritten=way == Direction.FROM)
    return [here, there] if way == Direction.TO else [there, here]


def _samples_tab(name: str, title: str, samples: Sequence[Sample], *, rewritten: bool) -> FastTab:
    gist = "The rules rewrite these" if rewritten else "For comparison: the rules rewrite the other side's values"
    rows = [
        (one.name, one.before, one.problem or one.after or "(blank)", " → ".join(step.value for step in one.steps))
        for one in samples
    ]
    table = Table(
        title, ("Record", "Before", "After", "Step by step"), rows, wrap=frozenset({1, 2, 3}), stack=True,
        empty="No value was found to test the rules on.",
    )  # fmt: skip
    return FastTab(name, title, gist=gist, table=table)


def _rules_tab(mapping: IntegrationTableMapping) -> FastTab:
    rows = [
        (f"{name}={value}" if value else name, caption, does) for name, (caption, value, does) in rules().usages.items()
    ]
    tables = ", ".join(look_up_tables(mapping.company)) or "none yet"
    table = Table(
        "Rules there are", ("Rule", "Name", "What the value becomes"), rows, wrap=frozenset({0, 2}), stack=True
    )
    return FastTab("known-rules", "Rules", gist=f"Look-up tables: {tables}", open=False, table=table)
