"""The mappings of Dynamics 365 Sales: they come when that setup is enabled, and rest while it is not."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from connection_setup.dynamics365 import services as dynamics
from coupling.mappings import defaults
from coupling.models import IntegrationTableMapping


def register() -> None:
    """Bring them to Dynamics 365 Connection Setup; called once, when the app loads."""
    dynamics.register_mappings(dynamics.Mappings(_enabled, _disabled, _reset, schedules))


def rows(company: Any) -> Any:
    """The company's mappings of the sales tables."""
    return IntegrationTableMapping.objects.filter(company=company, name__in=defaults.names_of(defaults.DYNAMICS_365))


def schedules(company: Any) -> tuple[int, int]:
    """How many of them are scheduled, and how many there are."""
    found = rows(company)
    return found.filter(scheduled=True).count(), found.count()


def _enabled(company: Any, _user: Any) -> None:
    defaults.ensure_part(company, defaults.DYNAMICS_365)
    _schedule(company)


def _disabled(company: Any, _user: Any) -> None:
    rows(company).update(scheduled=False, next_run_at=None)


def _reset(company: Any, _user: Any) -> None:
    defaults.reset(company, defaults.names_of(defaults.DYNAMICS_365))
    _schedule(company)


def _schedule(company: Any) -> None:
    """Their first run is a whole period away: couple first, or run a full synchronization."""
    now = timezone.now()
    for mapping in rows(company).filter(scheduled=False).only("every_minutes"):
        due = now + timedelta(minutes=mapping.every_minutes)
        IntegrationTableMapping.objects.filter(pk=mapping.pk).update(scheduled=True, next_run_at=due)
