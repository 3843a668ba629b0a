"""Dynamics 365 Connection Setup: test, enable, disable and reset the sales part of a company's connection.

Address and credentials are those of the connection to Dataverse, which must be enabled. The mappings belong to a room
above, which registers them with `register_mappings`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from connection_setup.connection import state
from connection_setup.connection.state import audit_as
from connection_setup.dynamics365 import sales_test
from connection_setup.models import Dynamics365Connection
from connection_setup.types import Report
from core.refusals import Refusal
from masterdata.models import Company

TITLE = "Dynamics 365 Connection Setup"

Hook = Callable[[Any, Any], None]


@dataclass(frozen=True, slots=True)
class Mappings:
    """What a room above registers: each `hook(company, user)` runs in the transaction of the change, without HTTP."""

    enabled: Hook
    disabled: Hook
    reset: Hook
    schedules: Callable[[Any], tuple[int, int]]
    """How many of the scheduled synchronizations of a company are active, and how many there are."""
    discards: Callable[[Any], Sequence[str]] = lambda _: ()
    """What a reset would change now, a sentence for each mapping."""


_mappings: list[Mappings] = []


def register_mappings(mappings: Mappings) -> None:
    """Register what is synchronized; called once, while the room above loads."""
    _mappings.append(mappings)


def get_setup(company: Company) -> Dynamics365Connection:
    """Return the company's setup; one that is not saved yet where there is none."""
    found = Dynamics365Connection.objects.filter(company=company).select_related("company").first()
    return found or Dynamics365Connection(company=company)


def is_enabled(company: Company) -> bool:
    """Return whether sales tables are synchronized."""
    return Dynamics365Connection.objects.filter(company=company, enabled=True).exists()


def discarded_by_reset(company: Company) -> list[str]:
    """Return what a reset of the sales tables would change, a sentence for each mapping."""
    return [sentence for mappings in _mappings for sentence in mappings.discards(company)]


def count_schedules(company: Company) -> tuple[int, int]:
    """Return how many scheduled synchronizations of the sales tables are active, and how many there are."""
    counts = [mappings.schedules(company) for mappings in _mappings]
    return sum(active for active, _ in counts), sum(total for _, total in counts)


def test_sales(*, company: Company) -> Report:
    """Test whether the environment has what sales need, enabled or not, and store the report."""
    report = sales_test.run(company)
    setup = get_setup(company)
    setup.checks, setup.checked_at = [check.document() for check in report.checks], timezone.now()
    if setup.pk:
        Dynamics365Connection.objects.filter(pk=setup.pk).update(checks=setup.checks, checked_at=setup.checked_at)
    else:
        setup.save()
    return report


def enable(*, company: Company, user: Any) -> Report:
    """Test, then enable, with the mappings of the sales tables and their schedules. Repeatable.

    A report that is not ok means that nothing was enabled. Raises Refusal while the connection to Dataverse is not
    enabled.
    """
    if off := state.unavailable_reason(company):
        raise Refusal(off.reason, f"{off.message} Dynamics 365 needs it.", off.fix)
    report = test_sales(company=company)
    if not report.ok:
        return report
    with audit_as(user), transaction.atomic():
        setup = _locked(company)
        setup.enabled, setup.enabled_at = True, setup.enabled_at or timezone.now()
        setup.save()
        for mappings in _mappings:
            mappings.enabled(company, user)
    return report


def disable(*, company: Company, user: Any) -> Dynamics365Connection:
    """Disable: schedules are put on hold; mappings and couplings are kept. Repeatable."""
    with audit_as(user), transaction.atomic():
        setup = _locked(company)
        if setup.enabled:
            setup.enabled, setup.enabled_at = False, None
            setup.save()
            for mappings in _mappings:
                mappings.disabled(company, user)
    return setup


def map_unit_groups(*, company: Company, user: Any, on: bool) -> Dynamics365Connection:
    """Choose how units are mapped: each item and resource with a unit group of its own, or each unit as a unit group.

    Raises Refusal while it is enabled: the mappings follow when it is enabled next.
    """
    return _choose(company, user, "unit_groups", on=on)


def map_price_lists(*, company: Company, user: Any, on: bool) -> Dynamics365Connection:
    """Choose how prices are mapped: price lists with their lines, or the prices of customer price groups.

    Raises Refusal while it is enabled: the mappings follow when it is enabled next.
    """
    return _choose(company, user, "extended_prices", on=on)


def _choose(company: Company, user: Any, name: str, *, on: bool) -> Dynamics365Connection:
    with audit_as(user), transaction.atomic():
        setup = _locked(company)
        if setup.enabled and getattr(setup, name) != on:
            raise Refusal(
                "configuration",
                f"{caption(name)} cannot be changed while Dynamics 365 is enabled.",
                "Disable it first, and enable it again afterwards.",
            )
        setattr(setup, name, on)
        setup.save()
    return setup


def caption(name: str) -> str:
    """Return what people call a setting."""
    field = Dynamics365Connection._meta.get_field(name)
    return str(getattr(field, "verbose_name", name))


def reset(*, company: Company, user: Any) -> None:
    """Reset the mappings of the sales tables and their schedules to their defaults. Raises Refusal."""
    with audit_as(user), transaction.atomic():
        if not _locked(company).enabled:
            raise Refusal(
                "not_enabled",
                "Dynamics 365 Connection Setup is not enabled.",
                "Enable it first.",
            )
        for mappings in _mappings:
            mappings.reset(company, user)


def _locked(company: Company) -> Dynamics365Connection:
    """Return the row, locked until the transaction ends."""
    Dynamics365Connection.objects.get_or_create(company=company)
    return Dynamics365Connection.objects.select_for_update().get(company=company)
