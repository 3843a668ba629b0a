"""Services of mappings: find one, check that it can be used, save its settings, criteria and fields."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction

from connection_setup.connection.state import unavailable_reason
from connection_setup.dynamics365 import services as dynamics
from core.refusals import NotUsable, Refusal
from core.vocabulary import CompareAs, Direction
from coupling.brakes import NO_BRAKES, Brakes
from coupling.mappings import defaults
from coupling.mappings.field_edit import require_single_source
from coupling.matching.criteria import available_criteria, check_criteria, field_caption
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from coupling.rows import Criterion
from jobs.models import Reason


def get_mapping(company: Any, name: str) -> IntegrationTableMapping:
    """Return the mapping of that name. Raises Refusal (configuration)."""
    mapping = IntegrationTableMapping.objects.select_related("company").filter(company=company, name=name).first()
    if mapping is None:
        known = ", ".join(IntegrationTableMapping.objects.filter(company=company).values_list("name", flat=True))
        raise Refusal(
            Reason.CONFIGURATION,
            f"{company} has no integration table mapping {name!r}.",
            f"It has {known}." if known else "Its mappings are made when the connection to Dataverse is enabled.",
        )
    return mapping


def exclusive_key(mapping: IntegrationTableMapping) -> str:
    """Return the key under which jobs of one mapping exclude each other."""
    return f"{mapping.company_id}:{mapping.name}"


def require_enabled(company: Any) -> None:
    """Raise Refusal (not_enabled) with the sentence why the Dataverse menus are off."""
    if off := unavailable_reason(company):
        raise off


def require_usable(mapping: IntegrationTableMapping) -> None:
    """Raise Refusal (not_enabled) when the connection, or the setup that the mapping is part of, is off."""
    require_enabled(mapping.company)
    if mapping.name in defaults.disabled_names(mapping.company):
        if mapping.name in defaults.other_way_names(mapping.company) and dynamics.is_enabled(mapping.company):
            raise defaults.other_way(mapping.name)
        raise Refusal(
            Reason.NOT_ENABLED,
            f"{mapping.name} is part of {dynamics.TITLE}, which is not enabled.",
            "Have an administrator enable it on that page.",
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """What the page Select Coupling Criteria stores on a mapping."""

    criteria: Sequence[Criterion]
    synchronize: bool
    create_new: bool
    conflicts: str
    brakes: Brakes = NO_BRAKES


@transaction.atomic
def save_criteria(*, mapping: IntegrationTableMapping, settings: Settings) -> bool:
    """Store the criteria, or none, and the settings on the mapping. Returns whether a criterion changed.

    Raises BadCriteria.
    """
    changed = store_criteria(mapping=mapping, criteria=settings.criteria)
    mapping.synch_after_coupling = settings.synchronize
    mapping.create_new = settings.create_new and mapping.direction != Direction.FROM
    if mapping.direction == Direction.BIDIRECTIONAL:
        mapping.update_conflict = settings.conflicts
    kept = Brakes.stored(mapping.brakes)
    mapping.brakes = replace(settings.brakes, deleted=kept.deleted, deleted_percent=kept.deleted_percent).dump()
    mapping.save(update_fields=["synch_after_coupling", "create_new", "update_conflict", "brakes"])
    return changed


@transaction.atomic
def store_criteria(*, mapping: IntegrationTableMapping, criteria: Sequence[Criterion]) -> bool:
    """Store the criteria, or none, on the mapping, whose settings stay. Returns whether one changed.

    Raises BadCriteria.
    """
    if criteria:
        check_criteria(mapping, criteria)
    by_pair = {(one.local, one.integration): one for one in criteria}
    changed = False
    for field in available_criteria(mapping):
        one = by_pair.get((field.field, field.integration_field))
        if one is None:
            changed |= _store(field, use_for_match=False)
        else:
            changed |= _store(
                field,
                use_for_match=True,
                case_sensitive=one.case_sensitive,
                match_priority=one.priority,
                compare_as=one.compare_as.value,
            )
    return changed


@transaction.atomic
def reset_criteria(*, mapping: IntegrationTableMapping) -> None:
    """Take back all criteria of a mapping: chosen fields, case sensitivity, priorities and ways of comparing."""
    for field in mapping.fields.all():
        _store(field, use_for_match=False, case_sensitive=False, match_priority=0, compare_as=CompareAs.TEXT.value)


def _store(field: IntegrationFieldMapping, **values: bool | int | str) -> bool:
    """Store a criterion on its field mapping where it changed; saved one by one, so that the audit log shows it.

    Returns whether it changed.
    """
    changed = [name for name, value in values.items() if getattr(field, name) != value]
    for name in changed:
        setattr(field, name, values[name])
    if changed:
        field.save(update_fields=changed)
    return bool(changed)


@transaction.atomic
def switch_fields(*, mapping: IntegrationTableMapping, fields: Sequence[IntegrationFieldMapping], enabled: bool) -> int:
    """Switch field mappings on or off, all or none. Returns how many changed. Raises NotUsable for one that cannot be
    on: Tandem switched it off, or another one writes to the same column or field.
    """
    for field in fields:
        if enabled and field.disabled_reason:
            raise NotUsable(
                f"{field_caption(mapping, field.field) or field.integration_field} cannot be enabled: "
                f"{field.disabled_reason}"
            )
    changed = [field for field in fields if field.enabled is not enabled and field.mapping_id == mapping.pk]
    for field in changed:
        field.enabled = enabled
        field.save(update_fields=["enabled"])
    if enabled:
        for field in changed:
            require_single_source(field)
    return len(changed)
