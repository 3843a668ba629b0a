"""Counting the rows written on either side by day, and reading them."""

from collections.abc import Sequence
from datetime import date, timedelta

from django.db.models import F, Sum

from masterdata.models import Company
from sync.written_models import WrittenRows

DAYS = 14


def count_written(*, company_id: int, mapping_name: str, day: date, to_dataverse: int, from_dataverse: int) -> None:
    """Add rows to those of a day, in the transaction that saves that they were written."""
    own = WrittenRows.objects.filter(company_id=company_id, mapping_name=mapping_name, day=day)
    added = {"to_dataverse": F("to_dataverse") + to_dataverse, "from_dataverse": F("from_dataverse") + from_dataverse}
    if not own.update(**added):
        new = WrittenRows(company_id=company_id, mapping_name=mapping_name, day=day)
        WrittenRows.objects.bulk_create([new], ignore_conflicts=True)
        own.update(**added)


def written_by_day(company: Company, today: date) -> Sequence[tuple[date, int, int]]:
    """Return (day, rows written to Dataverse, rows written from it) of the last DAYS days, the oldest first."""
    first = today - timedelta(days=DAYS - 1)
    found = WrittenRows.objects.filter(company=company, day__range=(first, today)).order_by().values_list("day")
    numbers = {day: (there, here) for day, there, here in found.annotate(Sum("to_dataverse"), Sum("from_dataverse"))}
    return [(day, *numbers.get(day, (0, 0))) for day in (first + timedelta(days=passed) for passed in range(DAYS))]
