"""The mappings of Dynamics 365 Sales: created when that setup is enabled, on hold while it is not."""

from typing import Any

from connection_setup.dynamics365 import services as dynamics
from coupling.mapping_files.difference import summary
from coupling.mappings import defaults
from coupling.models import IntegrationTableMapping


def register() -> None:
    """Register them with Dynamics 365 Connection Setup; called once, when the app loads."""
    dynamics.register_mappings(dynamics.Mappings(_enabled, _disabled, _reset, count_schedules, _discards))


def sales_mappings(company: Any) -> Any:
    """Return the company's mappings of the sales tables, without those of what is mapped another way."""
    return IntegrationTableMapping.objects.filter(company=company, name__in=_names(company))


def _names(company: Any) -> list[str]:
    other = defaults.other_way_names(company)
    return [name for name in defaults.names_of_part(defaults.DYNAMICS_365) if name not in other]


def count_schedules(company: Any) -> tuple[int, int]:
    """Return how many of them are scheduled, and how many have a schedule."""
    found = sales_mappings(company).exclude(name__in=defaults.on_demand_names(), scheduled=False)
    return found.filter(scheduled=True).count(), found.count()


def _enabled(company: Any, _user: Any) -> None:
    defaults.create_missing_of_part(company, defaults.DYNAMICS_365)
    defaults.apply_ways(company)
    _schedule(company)


def _disabled(company: Any, _user: Any) -> None:
    for mapping in sales_mappings(company).filter(scheduled=True):
        defaults.schedule_mapping(mapping, on=False)


def _reset(company: Any, _user: Any) -> None:
    defaults.reset_mappings(company, _names(company))
    _schedule(company)


def _discards(company: Any) -> list[str]:
    if not dynamics.is_enabled(company):
        return []
    return summary(defaults.reset_changes(company, _names(company)))


def _schedule(company: Any) -> None:
    """Schedule them, the first run after one period: coupling or a full synchronization comes first."""
    resting = sales_mappings(company).filter(scheduled=False).exclude(name__in=defaults.on_demand_names())
    for mapping in resting:
        defaults.schedule_mapping(mapping, on=True)
