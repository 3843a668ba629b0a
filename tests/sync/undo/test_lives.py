"""The history of a coupling on the record's card: who, when, by which job, on what, what ended it, coupled again."""

import re

import pytest

from coupling.couplings.services import couple_by_hand, delete_coupling, start_uncoupling
from coupling.models import Coupling, EndedCoupling
from jobs.running.waiting import run_to_end
from masterdata.models import Customer
from tests.sync.conftest import coupling_of, page_text, signed_in
from tests.sync.undo.conftest import couple, undo


@pytest.fixture
def adatum(matching):
    return Customer.objects.get(company=matching, no="10000")


def timeline(record: Customer) -> list[str]:
    """Return the entries of the record's card in words, newest first."""
    url = f"/c/{record.company.slug}/records/customer/{record.system_id}/history/"
    text = page_text(signed_in("Viewer").get(url))
    entries = re.findall(r'<div class="what">(.*?)</div>', text, re.S)
    words = [re.sub(r"<[^>]+>", " ", re.sub(r"<time.*?</time>", "", one, flags=re.S)) for one in entries]
    return [" ".join(one.split()).replace(" ,", ",") for one in words]


def test_each_life_of_a_coupling_is_told_with_what_ended_it(matching, mapping, adatum, django_user_model):
    ada = django_user_model.objects.create_user("ada")
    first = couple(mapping, user=ada)
    pair = coupling_of(mapping, adatum)
    undone = undo(first, user=ada)
    couple_by_hand(
        mapping=mapping, local_id=adatum.system_id, integration_id=pair.integration_id,
        organization_id=pair.organization_id, user=ada,
    )  # fmt: skip
    delete_coupling(coupling_of(mapping, adatum), ada)
    third = couple(mapping)
    ending = run_to_end(start_uncoupling(mapping=mapping, all=True, user=ada))
    ended, again, deleted, by_hand, undoing, coupled = timeline(adatum)
    assert coupled.endswith(f"match-based, Name Adatum (priority 0), by ada, by job {first.pk}")
    assert undoing == f"Coupling undone of job {first.pk}, by ada, by job {undone.pk}"
    assert by_hand.startswith("Coupled again") and by_hand.endswith("chosen by hand, by ada")
    assert deleted == "Coupling deleted by ada"
    assert again.startswith("Coupled again") and again.endswith(f"by job {third.pk}")
    assert ended == f"Coupling deleted by ada, by job {ending.pk}"


def test_who_deleted_a_matched_coupling_is_told_and_not_the_job_that_made_it(
    matching, mapping, adatum, django_user_model
):
    ada, bob = (django_user_model.objects.create_user(name) for name in ("ada", "bob"))
    job = couple(mapping, user=ada)
    delete_coupling(coupling_of(mapping, adatum), bob)
    deleted, coupled = timeline(adatum)
    assert deleted == "Coupling deleted by bob"
    assert coupled.endswith(f"match-based, Name Adatum (priority 0), by ada, by job {job.pk}")


def test_couplings_are_kept_however_they_end_but_not_with_their_mapping(matching, mapping, adatum):
    couple(mapping)
    coupling_of(mapping, adatum).delete()
    assert EndedCoupling.objects.get().local_id == adatum.system_id
    Coupling.objects.all().delete()
    assert EndedCoupling.objects.count() == 2
    couple(mapping)
    mapping.delete()
    assert EndedCoupling.objects.count() == 2
    matching.delete()
    assert not EndedCoupling.objects.exists()
