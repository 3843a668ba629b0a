"""The step Fields: which fields and columns belong together, proposed from live metadata, and what is missing."""

from collections.abc import Iterable
from typing import Any

from coupling.mappings.field_checks import can_be_mapped
from coupling.mappings.guide import caption_step, field_rows, services
from coupling.mappings.guide.field_rows import CHECK, FieldRows
from coupling.mappings.guide.situation import FIELDS, Situation
from coupling.mappings.proposals import propose
from coupling.mappings.value_samples import ValueSamples
from coupling.page_parts import EXPLAINED
from dataverse import odata
from ui.guides import StepContent, StepOutcome
from ui.kit import Action, FastTab, Notice
from ui.links import company_url

LOOK = "look"
"""What scripts send when something else is chosen, to have it looked at before Next."""
AGAIN = "again"
"""The name of the button that takes the proposals in place of what is chosen."""
ALL, EVERY, NONE = "all", "every", "none"
"""The name of what maps all pairs that are shown, or none of them."""
SHOW = "show"
"""The name of what says which part of the pairs is shown; the others are chosen all the same."""
_SAMPLED = 50
"""Records and rows whose values are looked at; rows that are called like one of the records come on top."""
_PAGE = 100
"""Rows that are read of each filter by these values: a title may be that of many."""
_VALUES_PER_FILTER, _LONGEST_VALUE = 10, 100
"""Values in a filter, and letters of each: a letter takes up to nine characters of the request's address."""


def show_fields(situation: Situation, rows: FieldRows | None = None) -> StepContent:
    """Return the pairs, and what is missing."""
    if situation.choices:
        return caption_step.show_caption(situation)
    if rows is None:
        known = situation.given(FIELDS).get("rows") if situation.has_taken(FIELDS) else None
        rows = field_rows.proposed(situation.sides, _samples(situation), known)
    to_check = sum(1 for row in rows.rows if row.mapped and row.segment == CHECK)
    wrong = [row.field.caption for row in rows.rows if row.error] + [one.caption for one in rows.constants if one.error]
    notices = [Notice(text, "bad") for text in rows.errors]
    if wrong:
        notices.append(Notice(f"Look again at {', '.join(wrong)}: what is wrong stands beside them.", "bad"))
    table = situation.table
    return StepContent(
        "Which fields belong together?",
        (
            f"Proposed by names, labels and types of {table.caption_plural} here and {situation.info.name} in "
            f"Dataverse, and by values of up to {_SAMPLED} of each side. Choose another column, or none, where that is "
            "not meant.",
        ),
        (
            FastTab(
                "pairs", "Proposed field pairs", template="coupling/mappings/new_fields.html",
                context={
                    "rows": rows.rows,
                    "chooses": rows.chooses_ways,
                    "all": rows.all_mapped,
                    "tick": ALL,
                    "direction": situation.direction.label,
                    "count": f"{rows.mapped} of {len(rows.rows)} fields mapped, {to_check} to check",
                    "segments": rows.segments,
                    "shown": "" if wrong or rows.errors else situation.request.POST.get(SHOW, ""),
                    "show": SHOW,
                    "again": AGAIN,
                    "look": LOOK,
                    "url": situation.url(FIELDS),
                },
            ),
            *([_missing(situation, rows)] if rows.constants or rows.unfit or rows.left else []),
        ),
        notices,
        next=Action("Next"),
        wide=True,
    )  # fmt: skip


def _missing(situation: Situation, rows: FieldRows) -> FastTab:
    return FastTab(
        "missing", "What is missing", template="coupling/mappings/new_missing.html",
        context={
            "constants": rows.constants,
            "unfit": rows.unfit,
            "left": ", ".join(rows.left),
            "left_count": len(rows.left),
            "mappings": company_url("coupling:mappings", situation.company),
        },
    )  # fmt: skip


def _samples(situation: Situation) -> ValueSamples:
    """Return values of some records here and rows there, paired by what people know them by. Asks Dataverse.

    Nothing is returned where Dataverse does not give them: proposals are made without them, too.
    """
    sides = situation.sides
    names = [one.name for one in situation.table.fields]
    records = list(situation.table.records(situation.company).values(*names)[:_SAMPLED])
    known = [one for one in propose(sides).pairs if one.field.name in (situation.table.key, sides.title)]
    known = [one for one in known if one.column.type == "String"]
    wanted = [
        text
        for one in known
        for text in sample_filters(one.column.name, (record[one.field.name] for record in records))
    ]
    mapping, gateway = situation.mapping(), situation.gateway
    columns = [one.name for one in sides.columns.values() if can_be_mapped(one)]
    try:
        found = {row.id: row.values for row in gateway.probe(mapping, columns, wanted, pages=1, page_size=_PAGE)}
        first = next(iter(gateway.scan(mapping, columns, page_size=_SAMPLED)), None)
    except EXPLAINED:
        return ValueSamples()
    found |= {row.id: row.values for row in (first.rows if first is not None else ())}
    samples = ValueSamples(records, list(found.values()))
    paired = [samples.paired_by(one.field, one.column) for one in known]
    return max(paired, key=lambda one: len(one.pairs), default=samples)


def sample_filters(column: str, values: Iterable[Any]) -> list[str]:
    """Return $filter texts that find the rows with one of the values; none of them makes an address too long."""
    texts = dict.fromkeys(str(value) for value in values if value is not None)
    terms = [odata.eq(column, text) for text in texts if 0 < len(text) <= _LONGEST_VALUE]
    parts = (terms[start : start + _VALUES_PER_FILTER] for start in range(0, len(terms), _VALUES_PER_FILTER))
    return [odata.any_of(*part) for part in parts]


def take_fields(situation: Situation) -> StepOutcome:
    """Store the pairs, unless one cannot be mapped so."""
    if situation.choices:
        return caption_step.take_caption(situation)
    sent = situation.request.POST
    if AGAIN in sent:
        return show_fields(situation, field_rows.proposed(situation.sides, _samples(situation), None))
    rows = field_rows.typed(situation.sides, _samples(situation), sent)
    if ALL in sent:
        rows.map_all(sent.get(SHOW, ""), mapped=sent[ALL] == EVERY)
    if LOOK in sent or ALL in sent:
        rows.settle_ways()
        return show_fields(situation, rows)
    if not rows.check(situation.info):
        return show_fields(situation, rows)
    services.save_answers(draft=situation.draft, step=FIELDS, answers={"rows": rows.answers()})
    return None
