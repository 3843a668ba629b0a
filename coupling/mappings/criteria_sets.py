"""The verbs of criteria sets: keep criteria under a name, choose a set, rename and delete one.

The criteria in use stand on the field mappings. They are those of a set where they say the same, in whatever order.
"""

from collections.abc import Sequence

from django.db import transaction

from core.refusals import NotUsable, Refusal
from coupling import mapping_names
from coupling.mappings.services import store_criteria
from coupling.mappings.set_entries import criteria_of as criteria_of
from coupling.matching import criteria
from coupling.models import CriteriaSet, IntegrationTableMapping
from coupling.rows import Criterion


def is_in_use(one: CriteriaSet, stored: Sequence[Criterion]) -> bool:
    """Return whether a set says the same as the criteria stored on its mapping. stored: those."""
    return set(criteria_of(one)) == set(stored)


@transaction.atomic
def save_as(*, mapping: IntegrationTableMapping, name: str) -> tuple[CriteriaSet, bool]:
    """Keep the mapping's present criteria under a name; a set of that name becomes them.

    Returns the set, and whether it was there before. Raises NotUsable where there are none, and for the name.
    """
    given = criteria.stored_criteria(mapping)
    if not given:
        raise NotUsable(
            f"{mapping.name} has no criteria, so no set was saved.",
            "Choose fields under Match on this Field, then Save Criteria.",
        )
    name = usable_name(name)
    sets = _locked(mapping)
    one = sets.get(name.casefold())
    there = one is not None
    if one is None:
        if len(sets) >= mapping_names.MOST_SETS:
            raise NotUsable(
                f"{mapping.name} has {mapping_names.MOST_SETS} criteria sets already.", "Delete one that is not used."
            )
        one = CriteriaSet(mapping=mapping, name=name)
    one.criteria = criteria.to_json(given)
    one.save()
    return one, there


def choose(*, mapping: IntegrationTableMapping, number: int) -> CriteriaSet:
    """Store the criteria of a set as the mapping's, whose settings stay. Raises Refusal, BadCriteria."""
    one = _set_of(mapping, number)
    store_criteria(mapping=mapping, criteria=criteria_of(one))
    return one


@transaction.atomic
def rename(*, mapping: IntegrationTableMapping, number: int, name: str) -> CriteriaSet:
    """Call a set by another name. Raises Refusal, NotUsable where the name cannot be, or is another set's."""
    name = usable_name(name)
    sets = _locked(mapping)
    one = _set_of(mapping, number)
    other = sets.get(name.casefold())
    if other is not None and other.pk != one.pk:
        raise NotUsable(f"{mapping.name} has a criteria set called {other.name} already.", "Choose another name.")
    if one.name != name:
        one.name = name
        one.save(update_fields=["name"])
    return one


def delete(*, mapping: IntegrationTableMapping, number: int) -> str:
    """Delete a set; the mapping's criteria stay. Returns its name. Raises Refusal where it is gone."""
    one = _set_of(mapping, number)
    one.delete()
    return one.name


def usable_name(name: str) -> str:
    """Return a set's name as it is stored. Raises NotUsable."""
    name = " ".join(name.split())
    problem, fix = mapping_names.problem_of_set(name)
    if problem:
        raise NotUsable(problem, fix, field="set_name")
    return name


def _locked(mapping: IntegrationTableMapping) -> dict[str, CriteriaSet]:
    """Return the sets of a mapping by their names in small letters; nobody adds one until the transaction ends."""
    IntegrationTableMapping.objects.select_for_update(no_key=True).get(pk=mapping.pk)
    return {one.name.casefold(): one for one in CriteriaSet.objects.filter(mapping=mapping).select_related("mapping")}


def _set_of(mapping: IntegrationTableMapping, number: int) -> CriteriaSet:
    """Return a set of the mapping. Raises Refusal where it is gone."""
    one = CriteriaSet.objects.filter(mapping=mapping, pk=number).select_related("mapping").first()
    if one is None:
        raise Refusal("gone", "The criteria set was deleted meanwhile, so nothing was done.", "Choose another one.")
    return one
