"""What the guide stores: the steps that were confirmed."""

from django.db import transaction

from connection_setup.models import AssistedSetup


def confirm_step(*, assisted_setup: AssistedSetup, step: str) -> None:
    """Store that Next was chosen on a step, with what the step changed on `assisted_setup`."""
    with transaction.atomic():
        AssistedSetup.objects.get_or_create(company=assisted_setup.company)
        stored = AssistedSetup.objects.select_for_update().get(company=assisted_setup.company)
        # Another tab may have confirmed other steps meanwhile: they stay.
        stored.confirmed = list(dict.fromkeys([*stored.confirmed, *assisted_setup.confirmed, step]))
        stored.accepted_by_id = assisted_setup.accepted_by_id or stored.accepted_by_id
        stored.without_synchronization = assisted_setup.without_synchronization
        stored.completed_at = assisted_setup.completed_at or stored.completed_at
        stored.save()
