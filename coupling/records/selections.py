"""Selections on their way from a list to a job: rows of a table, so that they have no length limit."""

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
from coupling.models import Coupling, IntegrationTableMapping, Selection, SelectionRecord
from ui import ids as ids_of

KEPT_FOR = timedelta(days=2)


@transaction.atomic
def store_selection(*, mapping: IntegrationTableMapping, ids: Iterable[UUID], user: Any) -> Selection:
    """Keep a selection; what others left behind long ago is removed on the way."""
    old = Selection.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)
    for draft in old[:20]:
        drop(draft)
    draft = Selection.objects.create(company=mapping.company, mapping=mapping, user=user)
    rest = iter(ids)
    while part := [(draft.pk, row_id) for row_id in islice(rest, bulk.MAX_ROWS)]:
        draft.count += bulk.insert(SelectionRecord, ("selection_id", "local_id"), part)
    draft.save(update_fields=["count"])
    return draft


def of(mapping: IntegrationTableMapping, user: Any, pk: str) -> Selection | None:
    """The person's own draft of that number; None for a blank one. Raises Http404 when it is gone or another's."""
    if not pk:
        return None
    number = ids_of.number(pk)
    draft = Selection.objects.filter(pk=number, mapping=mapping, user=user).first() if number is not None else None
    if draft is None:
        raise Http404("The selection is no longer kept. Go back to the list and select the records again.")
    return draft


def ids(draft: Selection) -> Iterator[UUID]:
    """The selected records."""
    return draft.records.order_by("pk").values_list("local_id", flat=True).iterator(chunk_size=5000)


def coupled(draft: Selection) -> int:
    """How many of the selected records are coupled through the mapping."""
    couplings = Coupling.objects.filter(mapping=draft.mapping, local_id=OuterRef("local_id"))
    return draft.records.filter(Exists(couplings)).count()


def drop(draft: Selection) -> None:
    """Forget a selection."""
    draft.records.all()._raw_delete(draft.records.db)  # no signals, no collecting
    draft.delete()
