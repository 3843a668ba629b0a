"""Parts of Select Coupling Criteria: what was measured of the fields, and the criteria sets."""

from collections.abc import Mapping

from django.http import HttpRequest

from core.roles import Can, may
from coupling import local_records
from coupling.couplings.criteria_form import CriteriaForm
from coupling.mappings import criteria_sets
from coupling.matching import criteria
from coupling.matching.field_statistics import FieldStatistics, field_statistics
from coupling.matching.measurement import Measurement, percent
from coupling.models import CriteriaMeasurement, IntegrationTableMapping
from coupling.page_parts import error_notice, mapping_url
from ui.cells import time_ago
from ui.kit import FactBox, Status


def newest_measurement(mapping: IntegrationTableMapping) -> CriteriaMeasurement | None:
    """Return what the last Suggest Criteria measured of a mapping; None where nothing did."""
    kept = CriteriaMeasurement.objects.filter(mapping=mapping).select_related("job")
    return kept.order_by("-pk").first()


def measured_text(form: CriteriaForm) -> str:
    """Give the rows what was measured of their fields. Returns a sentence on what and when."""
    kept = newest_measurement(form.mapping)
    if kept is None:
        return _fill_here(form)
    found = Measurement.load(kept.measured)
    if not found.pairs:
        return _fill_here(form)
    for row in form.rows:
        way = found.way(row.compared) or next(
            (one.ways[0] for one in found.pairs if (one.field, one.column) == (row.field, row.column)), None
        )
        if way is None:
            continue
        row.filled, row.filled_there = percent(way.filled_here, found.records), percent(way.filled_there, found.rows)
        row.distinct = percent(way.distinct_here, way.filled_here)
        row.distinct_there = percent(way.distinct_there, way.filled_there)
        row.unique = way.unique if way.criterion == row.compared else None
    return f"{measured_on(form.mapping, found)}, {time_ago(kept.job.ended_at)}"


def measured_on(mapping: IntegrationTableMapping, found: Measurement) -> str:
    """Return on what was measured: "Measured on 91 customers and 1,412 accounts"."""
    try:
        table = local_records.get_table(mapping)
        what = (table.caption if found.records == 1 else table.caption_plural).lower()
    except local_records.Unusable:
        what = mapping.table
    records = (
        f"{'the first ' if found.more_records else ''}{found.records:,}{' uncoupled' if found.others else ''} {what}"
    )
    rows = "choices" if mapping.uid_kind == "option" else mapping.entity_set
    if found.rows == 1:
        rows = "choice" if mapping.uid_kind == "option" else mapping.integration_table
    return f"Measured on {records} and {'the first ' if found.more_rows else ''}{found.rows:,} {rows}"


def _fill_here(form: CriteriaForm) -> str:
    """Give the rows what the records here say, where nothing was measured on both sides."""
    try:
        statistics = field_statistics(form.mapping, criteria.available_criteria(form.mapping))
        what = local_records.get_table(form.mapping).caption_plural.lower()
    except local_records.Unusable as error:
        form.notices.append(error_notice(error))
        statistics, what = FieldStatistics(0, False, {}), ""
    for row in form.rows:
        if row.field in statistics.fields and statistics.records:
            row.filled, row.distinct = statistics.fields[row.field]
    first = "the first " if statistics.is_sample else ""
    return f"Filled and Distinct measured on {first}{statistics.records:,} {what}" if what else ""


def sets_box(request: HttpRequest, form: CriteriaForm, kept: Mapping[str, str]) -> FactBox:
    """Return the fact box of the criteria sets. kept: what every form of the page carries along."""
    mapping = form.mapping
    stored = criteria.stored_criteria(mapping)
    sets = list(mapping.criteria_sets.all())
    rows = [
        {
            "number": one.pk, "name": one.name,
            "state": Status("In use", "ok") if criteria_sets.is_in_use(one, stored) else "",
            "text": criteria.readable(mapping, criteria_sets.criteria_of(one)),
        }
        for one in sets
    ]  # fmt: skip
    text = ""
    if stored and not any(row["state"] for row in rows):
        text = f"The present criteria are in no set: {criteria.sentence_end(criteria.readable(mapping, stored))}"
    elif not rows:
        text = "None is kept yet. Criteria saved under a name can be chosen again."
    pages = ("choose", "rename", "delete", "save")
    return FactBox(
        "Criteria sets",
        text=text,
        template="coupling/couplings/criteria_sets.html",
        context={
            "rows": rows,
            "may": may(request.user, Can.MAP, mapping.company),
            "kept": kept,
            "url": {page: mapping_url(f"{page}-criteria-set", mapping) for page in pages},
        },
    )
