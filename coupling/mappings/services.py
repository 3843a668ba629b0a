"""DOC."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from connection_setup.connection.state import unavailable_reason
from connection_setup.dynamics365 import services as dynamics
from core.refusals import NotUsable, Refusal
from core.vocabulary import CompareAs, Direction
from coupling.mappings import defaults
from coupling.matching import criteria as criteria_
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from coupling.rows import Criterion
from jobs.models import Reason

_CRITERION = ("use_for_match", "case_sensitive", "match_priority", "compare_as")


def get_mapping(company: Any, name: str) -> IntegrationTableMapping:
    """The mapping of that name. Raises Refusal (configuration) with a sentence."""
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
    """The key under which jobs of one mapping exclude each other."""
    return f"{mapping.company_id}:{mapping.name}"


def require_enabled(company: Any) -> None:
    """Raise Refusal (not_enabled) with the sentence why the Dataverse menus are off."""
    if off := unavailable_reason(company):
        raise off


def require_usable(mapping: IntegrationTableMapping) -> None:
    """Raise Refusal (not_enabled) when the connection, or the setup that the mapping is part of, is off."""
    require_enabled(mapping.company)
    if mapping.name in defaults.disabled_names(mapping.company):
        raise Refusal(
            Reason.NOT_ENABLED,
            f"{mapping.name} is part of {dynamics.TITLE}, which is not enabled.",
            "An administrator enables it there.",
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """What the page Select Coupling Criteria keeps on a mapping."""

    criteria: Sequence[Criterion]
    synchronize: bool
    create_new: bool
    conflicts: str


@transaction.atomic
def save_criteria(*, mapping: IntegrationTableMapping, settings: Settings) -> None:
    """Keep the criteria and settings on the mapping. Raises criteria.BadCriteria; no criteria are kept as none."""
    if settings.criteria:
        criteria_.check_criteria(mapping, settings.criteria)
    by_pair = {(one.local, one.integration): one for one in settings.criteria}
    for field in criteria_.available_criteria(mapping):
        one = by_pair.get((field.field, field.integration_field))
        if one is not None:
            _keep(field, (True, one.case_sensitive, one.priority, one.compare_as.value))
        else:
            _keep(field, (False, field.case_sensitive, field.match_priority, field.compare_as))
    mapping.synch_after_coupling = settings.synchronize
    mapping.create_new = settings.create_new and mapping.direction != Direction.FROM
    if mapping.direction == Direction.BIDIRECTIONAL:
        mapping.update_conflict = settings.conflicts
    mapping.save(update_fields=["synch_after_coupling", "create_new", "update_conflict"])


@transaction.atomic
def reset_criteria(*, mapping: IntegrationTableMapping) -> None:
    """Take back all criteria of a mapping: chosen fields, case sensitivity, priorities and ways of comparing."""
    for field in mapping.fields.all():
        _keep(field, (False, False, 0, CompareAs.TEXT.value))


def _keep(field: IntegrationFieldMapping, values: tuple[bool, bool, int, str]) -> None:
    """Keep a criterion on its field mapping where it changed; saved one by one, so that the audit log tells of it."""
    if tuple(getattr(field, name) for name in _CRITERION) == values:
        return
    for name, value in zip(_CRITERION, values, strict=True):
        setattr(field, name, value)
    field.save(update_fields=_CRITERION)


@transaction.atomic
def save_mapping(*, mapping: IntegrationTableMapping, values: dict[str, Any]) -> None:
    """Keep a mapping's settings. Raises NotUsable for a direction none of its fields goes."""
    direction = values["direction"]
    if direction != mapping.direction:
        enabled = mapping.fields.filter(enabled=True)
        if enabled.exists() and not enabled.filter(direction=direction).exists():
            raise NotUsable(
                f"No enabled field of {mapping.name} goes {Direction(direction).label.lower()}, so nothing would be "
                "synchronized.",
                "Change the direction of its fields first.",
            )
    names = (
        "direction", "synch_only_coupled", "update_conflict", "deletion_conflict", "blank_is_no_match", "every_minutes",
    )  # fmt: skip
    for name in names:
        setattr(mapping, name, values[name])
    mapping.save(update_fields=names)


@transaction.atomic
def switch_fields(*, mapping: IntegrationTableMapping, fields: Sequence[IntegrationFieldMapping], enabled: bool) -> int:
    """Switch field mappings on or off; how many changed. Raises NotUsable for one that cannot be on."""
    for field in fields:
        if enabled and field.disabled_reason:
            raise NotUsable(
                f"{criteria_.field_caption(mapping, field.field) or field.integration_field} cannot be enabled: "
                f"{field.disabled_reason}"
            )
    changed = [field for field in fields if field.enabled is not enabled and field.mapping_id == mapping.pk]
    for field in changed:
        field.enabled = enabled
        field.save(update_fields=["enabled"])
    return len(changed)
