"""The mappings of Dynamics 365 Sales: created when that setup is enabled, on hold while it is not."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from connection_setup.dynamics365 import services as dynamics
from coupling.mappings import defaults
from coupling.models import IntegrationTableMapping


def register() -> None:
    """Register them with Dynamics 365 Connection Setup; called once, when the app loads."""
    dynamics.register_mappings(dynamics.Mappings(_enabled, _disabled, _reset, count_schedules))


def sales_mappings(company: Any) -> Any:
    """Return the company's mappings of the sales tables."""
    return IntegrationTableMapping.objects.filter(
        company=company, name__in=defaults.names_of_part(defaults.DYNAMICS_365)
    )


def count_schedules(company: Any) -> tuple[int, int]:
    """Return how many of them are scheduled, and how many there are."""
    found = sales_mappings(company)
    return found.filter(scheduled=True).count(), found.count()


def _enabled(company: Any, _user: Any) -> None:
    defaults.create_missing_of_part(company, defaults.DYNAMICS_365)
    _schedule(company)


def _disabled(company: Any, _user: Any) -> None:
    sales_mappings(company).update(scheduled=False, next_run_at=None)


def _reset(company: Any, _user: Any) -> None:
    defaults.reset_mappings(company, defaults.names_of_part(defaults.DYNAMICS_365))
    _schedule(company)


def _schedule(company: Any) -> None:
    """Schedule them, the first run after one period: coupling or a full synchronization comes first."""
    now = timezone.now()
    for mapping in sales_mappings(company).filter(scheduled=False).only("every_minutes"):
        due = now + timedelta(minutes=mapping.every_minutes)
        IntegrationTableMapping.objects.filter(pk=mapping.pk).update(scheduled=True, next_run_at=due)
