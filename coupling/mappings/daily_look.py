"""The daily look at the columns of mappings: for those that no run and no person has had looked at for a day."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q

from core.refusals import Refusal
from coupling.gateway import Gateway
from coupling.mappings import column_looks, defaults
from coupling.models import IntegrationTableMapping
from dataverse.errors import DataverseError
from masterdata.models import Company

logger = logging.getLogger(__name__)

A_DAY = timedelta(hours=23)
"""A little less, so that what is asked for every hour comes at the same hour each day."""


def look_at_columns(now: datetime) -> list[column_looks.Drift]:
    """Look at the columns of every mapping that was not looked at for a day. Return what has changed.

    A company whose Dataverse does not answer is left for the next time, and keeps no other waiting.
    """
    found: list[column_looks.Drift] = []
    for company in Company.objects.filter(connection__enabled=True, connection__other_organization_id=None):
        try:
            found += [drift for drift in _look_at(company, now) if drift.changes]
        except (DataverseError, Refusal) as error:
            logger.warning("columns of %s were not looked at: %s", company, error)
    return found


def _look_at(company: Company, now: datetime) -> Iterator[column_looks.Drift]:
    off = defaults.disabled_names(company)
    due = IntegrationTableMapping.objects.select_related("company").filter(company=company).exclude(name__in=off)
    mappings = list(due.filter(Q(known_columns=None) | Q(known_columns__looked_at__lte=now - A_DAY)))
    if not mappings:
        return
    gateway = Gateway(company)
    for mapping in mappings:
        try:
            yield column_looks.look(mapping, gateway.table(mapping).columns)
        except DataverseError as error:
            if error.reason != "configuration":
                raise
            logger.warning("%s of %s: %s", mapping, company, error)  # its table is gone; its runs say so
