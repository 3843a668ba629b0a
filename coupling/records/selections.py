"""Selections of records on their way from a list to a job: rows of a table, so that they have no length limit."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import Http404
from django.utils import timezone

from core import bulk
from coupling.models import IntegrationTableMapping, Selection, SelectionRecord, pairs_of
from ui import ids

LIFETIME = timedelta(days=2)
"""How long a selection is stored that no job was started with."""


@transaction.atomic
def store_selection(*, mapping: IntegrationTableMapping, local_ids: Iterable[UUID], user: Any) -> Selection:
    """Store a selection; a few expired ones are deleted on the way."""
    for expired in Selection.objects.filter(created_at__lt=timezone.now() - LIFETIME)[:20]:
        delete_selection(expired)
    selection = Selection.objects.create(company=mapping.company, mapping=mapping, user=user)
    rest = iter(local_ids)
    while part := [(selection.pk, local_id) for local_id in islice(rest, bulk.MAX_ROWS)]:
        selection.count += bulk.insert(SelectionRecord, ("selection_id", "local_id"), part)
    selection.save(update_fields=["count"])
    return selection


def get_selection(mapping: IntegrationTableMapping, user: Any, pk: str) -> Selection | None:
    """Return the person's own selection of that number; None for a blank one.

    Raises Http404 where it is no longer stored, or another person's.
    """
    if not pk:
        return None
    number = ids.parse_id(pk)
    found = Selection.objects.filter(pk=number, mapping=mapping, user=user).first() if number is not None else None
    if found is None:
        raise Http404("The selection is no longer stored. Go back to the list and select the records again.")
    return found


def iter_ids(selection: Selection) -> Iterator[UUID]:
    """Yield the ids of the selected records."""
    return selection.records.order_by("pk").values_list("local_id", flat=True).iterator(chunk_size=5000)


def count_coupled(selection: Selection) -> int:
    """Return how many of the selected records are coupled through the mapping."""
    couplings = pairs_of(selection.mapping).filter(local_id=OuterRef("local_id"))
    return selection.records.filter(Exists(couplings)).count()


def delete_selection(selection: Selection) -> None:
    """Delete a selection with its records."""
    selection.records.all()._raw_delete(selection.records.db)  # no signals, no collecting
    selection.delete()
