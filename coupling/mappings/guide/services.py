"""What the guide stores: answers while it is under way, the mapping at its end."""

from collections.abc import Collection
from typing import Any

from django.db import transaction

from coupling.mappings import new_mapping
from coupling.mappings.new_mapping import Made, NewMapping
from coupling.models import NewMappingDraft


def current_draft(company: Any, user: Any) -> NewMappingDraft:
    """Return what the person has answered in the company until now; an unsaved draft where nothing was."""
    known = NewMappingDraft.objects.filter(company=company, user=user).first()
    return known or NewMappingDraft(company=company, user=user)


@transaction.atomic
def save_answers(
    *, draft: NewMappingDraft, step: str, answers: dict[str, Any], outdated: Collection[str] = ()
) -> NewMappingDraft:
    """Store what was answered on a step. outdated: steps whose answers no longer fit and are taken back."""
    NewMappingDraft.objects.get_or_create(company=draft.company, user=draft.user)
    stored = NewMappingDraft.objects.select_for_update().get(company=draft.company, user=draft.user)
    kept = {name: value for name, value in stored.answers.items() if name not in outdated}
    stored.answers = {**kept, step: answers}
    stored.save()
    return stored


def discard(*, draft: NewMappingDraft) -> None:
    """Forget what was answered. No mapping is changed."""
    NewMappingDraft.objects.filter(company=draft.company, user=draft.user).delete()


def finish(*, draft: NewMappingDraft, asked: NewMapping) -> Made:
    """Make the mapping, and forget the draft with it. Raises Refusal, NotConnected, DataverseError."""
    return new_mapping.create_mapping(company=draft.company, asked=asked, draft=draft)
