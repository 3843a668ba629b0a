"""Changes of a mapping's settings and filters: what is asked for, its checks, and the verb that stores it."""

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from django.db import transaction

from connection_setup.connection.state import unavailable_reason
from core.refusals import NotUsable, joined
from core.vocabulary import Direction
from coupling import filters, local_filters, local_records
from coupling.filters import fields as filter_fields
from coupling.gateway import Gateway
from coupling.mappings import column_looks, questions
from coupling.mappings.insert_values import check_values
from coupling.mappings.questions import Question, Wanted
from coupling.mappings.schedule import ON_HOLD, follow_schedule
from coupling.mappings.time_zones import check_zone
from coupling.models import IntegrationTableMapping
from dataverse.types import ColumnInfo
from masterdata import record_templates
from masterdata.models import normal_code

LEAST_MINUTES, MOST_MINUTES = 1, 1440
MOST_LATE_MINUTES = 10_080
"""How often a mapping may be synchronized: every minute to once a day."""
LOGICAL_NAME = re.compile(r"[a-z][a-z0-9_]{0,127}")
"""What a table or column is called in Dataverse."""
_UNCHANGED = "Nothing was changed."

Columns = Mapping[str, ColumnInfo]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to change of a mapping, by the names of its model; None leaves it as it is. Filters: as stored."""

    direction: str | None = None
    table_filter: Any = None
    integration_filter: Any = None
    synch_only_coupled: bool | None = None
    multi_company: bool | None = None
    update_conflict: str | None = None
    deletion_conflict: str | None = None
    blanks: str | None = None
    blank_is_no_match: bool | None = None
    day_zone: str | None = None
    brakes: dict[str, int] | None = None
    every_minutes: int | None = None
    late_after_minutes: int | None = None
    scheduled: bool | None = None
    template: str | None = None
    insert_values: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """What changed: the names of the model's fields; and what a person should know about it, as sentences.

    before: what was there, of what was asked to be changed.
    """

    names: frozenset[str]
    advice: tuple[str, ...]
    before: Mapping[str, Any] = field(default_factory=dict)


def question(mapping: IntegrationTableMapping, changes: Changes) -> Question | None:
    """Return what to ask before changes are stored; None where there is nothing to ask."""
    wanted = {
        one.name: getattr(mapping, one.name) if (given := getattr(changes, one.name)) is None else given
        for one in fields(Wanted)
    }
    return questions.question(mapping, Wanted(**wanted))


def live_columns(mapping: IntegrationTableMapping) -> Columns | None:
    """Return the columns of the mapping's Dataverse table; None while the connection is not enabled.

    Asks Dataverse, so not inside a transaction. Raises NotConnected, DataverseError.
    """
    if unavailable_reason(mapping.company):
        return None
    return Gateway(mapping.company).table(mapping).columns


@transaction.atomic
def change_mapping(*, mapping: IntegrationTableMapping, changes: Changes, columns: Columns | None = None) -> Changed:
    """Check the changes and store them, all or none. columns: see live_columns.

    Raises NotUsable, whose `field` is the model's field that it is about.
    """
    changed = apply_changes(mapping, changes, columns)
    if changed.names:
        mapping.save(update_fields=[*changed.names])
    if columns is not None and "integration_filter" in changed.names:
        column_looks.look(mapping, columns)
    return changed


def apply_changes(mapping: IntegrationTableMapping, changes: Changes, columns: Columns | None) -> Changed:
    """Check the changes and set them on a mapping, which may be a new one, without storing it. Raises NotUsable."""
    values = {one.name: getattr(changes, one.name) for one in fields(changes)}
    values = {name: value for name, value in values.items() if value is not None}
    if "table_filter" in values:
        values["table_filter"] = check_table_filter(mapping, values["table_filter"])
    if "integration_filter" in values:
        values["integration_filter"] = check_integration_filter(mapping, values["integration_filter"], columns)
    if "insert_values" in values:
        known = mapping.insert_values
        values["insert_values"] = check_values(values["insert_values"], known, mapping.integration_table, columns)
    values = {name: value for name, value in values.items() if value != getattr(mapping, name)}
    if "direction" in values:
        _check_direction(mapping, values["direction"])
    if "every_minutes" in values:
        _check_interval(values["every_minutes"])
    if "late_after_minutes" in values:
        _check_lateness(values["late_after_minutes"])
    if values.get("day_zone"):
        check_zone(values["day_zone"])
    if values.get("template"):
        values["template"] = check_template(mapping, values["template"])
    before = {name: getattr(mapping, name) for name in values}
    for name, value in values.items():
        setattr(mapping, name, value)
    advice = [*_advice(mapping, values.keys()), *_unchecked(mapping, values, columns)]
    advice += _follow(mapping, values)
    return Changed(frozenset(values), tuple(advice), before)


# -- filters ------------------------------------------------------------------------------------------------------


def check_table_filter(mapping: IntegrationTableMapping, given: Any) -> dict[str, Any]:
    """Return a table filter as it is stored. Raises NotUsable, which names what does not fit."""
    table = local_records.get_table(mapping)

    def field_of(name: str) -> filters.FilterField:
        try:
            return local_filters.filter_field(table, name)
        except LookupError as error:
            raise filters.BadFilter(str(error.args[0]), _similar(name, [one.name for one in table.fields])) from None

    return _checked("table_filter", given, field_of)


def check_integration_filter(mapping: IntegrationTableMapping, given: Any, columns: Columns | None) -> dict[str, Any]:
    """Return an integration table filter as it is stored. columns: None checks the names' form alone.

    Raises NotUsable, which names what does not fit.
    """

    def field_of(name: str) -> filters.FilterField:
        if columns is None:
            if not LOGICAL_NAME.fullmatch(name):
                raise filters.BadFilter(
                    f"{name!r} cannot be the logical name of a column: those have small letters, digits and _."
                )
            return filter_fields.unknown(name)
        if name not in columns:
            raise filters.BadFilter(
                f"Dataverse has no column {name!r} in the table {mapping.integration_table}.",
                _similar(name, columns),
            )
        return filters.of_column(columns[name])

    return _checked("integration_filter", given, field_of)


def _checked(name: str, given: Any, field_of: filter_fields.FieldOf) -> dict[str, Any]:
    try:
        node = filters.parse(given)
        filters.resolve(node, field_of)
    except filters.BadFilter as error:
        fix = "" if error.fix == filters.RESET else error.fix
        raise NotUsable(error.message, joined(fix, _UNCHANGED), field=name) from None
    return filters.dump(node)


def _similar(name: str, known: "Mapping[str, Any] | list[str]") -> str:
    near = difflib.get_close_matches(name.lower(), list(known), n=3)
    return f"Is {' or '.join(near)} meant?" if near else ""


# -- the other settings -------------------------------------------------------------------------------------------


def _check_direction(mapping: IntegrationTableMapping, direction: str) -> None:
    if mapping.uid_kind == "option":
        if direction == Direction.BIDIRECTIONAL:
            raise NotUsable(
                f"{mapping.name} maps records to the choices of a column, so it cannot be bidirectional.",
                f"Choose one direction. {_UNCHANGED}",
                field="direction",
            )
        return
    enabled = mapping.fields.filter(enabled=True)
    if enabled.exists() and not enabled.filter(direction=direction).exists():
        raise NotUsable(
            f"No enabled field of {mapping.name} goes {Direction(direction).label.lower()}, so nothing would be "
            "synchronized.",
            "Choose a direction that its fields have; Integration Field Mapping List shows them.",
            field="direction",
        )


def _check_interval(minutes: int) -> None:
    if not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        raise NotUsable(
            f"A mapping cannot be synchronized every {minutes:,} minutes.",
            f"Choose {LEAST_MINUTES} to {MOST_MINUTES:,} minutes. {_UNCHANGED}",
            field="every_minutes",
        )


def _check_lateness(minutes: int) -> None:
    if not 1 <= minutes <= MOST_LATE_MINUTES:
        raise NotUsable(
            f"A mapping cannot be late {minutes:,} minutes past its time.",
            f"Choose 1 to {MOST_LATE_MINUTES:,} minutes. {_UNCHANGED}",
            field="late_after_minutes",
        )


def check_template(mapping: IntegrationTableMapping, code: str) -> str:
    """Return the code of a template of the mapping's table. Raises NotUsable."""
    known = record_templates.codes_for(mapping.company_id, mapping.table)
    if (wanted := normal_code(code)) not in known:
        raise NotUsable(
            f"{local_records.get_table(mapping).caption} has no template {wanted!r}.",
            f"It has {', '.join(known) or 'none yet: make one on Templates for New Records'}. {_UNCHANGED}",
            field="template",
        )
    return wanted


def _follow(mapping: IntegrationTableMapping, values: dict[str, Any]) -> list[str]:
    """Change what follows from other changes, adding it to `values`. Returns what a person should know of it."""
    told: list[str] = []
    if "direction" in values and mapping.uid_kind == "option":
        for field in mapping.fields.exclude(direction=mapping.direction):
            field.direction = mapping.direction
            field.save(update_fields=["direction"])
    if "direction" in values and mapping.direction == Direction.FROM and mapping.create_new:
        mapping.create_new = values["create_new"] = False
        told.append("Create New if Unable to Find a Match is off now, since nothing is created in Dataverse.")
    for name in follow_schedule(mapping, values):
        values[name] = getattr(mapping, name)
    if "on_hold_since" in values and mapping.on_hold_since is not None:
        told.append(
            f"Its schedule is {ON_HOLD} now, since choices are only sent: it runs when a record here changes, or once "
            "the timeout ends. Synchronize Modified Records runs it at once."
        )
    return told


def _advice(mapping: IntegrationTableMapping, names: Collection[str]) -> list[str]:
    """Return what a person should know who combines settings so. names: those that changed."""
    told: list[str] = []
    if questions.creates_anew(mapping) and {"deletion_conflict", "synch_only_coupled"} & set(names):
        told.append(questions.CREATED_ANEW)
    if mapping.multi_company and {"multi_company", "direction"} & set(names):
        told.append(questions.shares_rows(mapping))
    return told


def _unchecked(mapping: IntegrationTableMapping, values: dict[str, Any], columns: Columns | None) -> list[str]:
    if columns is not None or not values.get("integration_filter"):
        return []
    names = ", ".join(filters.field_names(filters.parse(mapping.integration_filter)))
    return [
        "The connection to Dataverse is not enabled, so of the Integration Table Filter only the form of the columns' "
        f"names was checked: {names}."
    ]
