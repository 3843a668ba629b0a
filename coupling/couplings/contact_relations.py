"""What couplings of contacts mean for customers and vendors, and the other way round: the jobs that follow."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from coupling.contact_accounts import CONTACT, PARENT, PARTNERS
from coupling.gateway import Gateway
from coupling.job_parameters import SyncParameters, UncouplingParameters
from coupling.mappings.services import exclusive_key
from coupling.models import Coupling, IntegrationTableMapping
from jobs import outcomes
from jobs.models import Job, Outcome, Type
from masterdata import catalog
from masterdata.models.parties import ContactType

_PART = 1000


def primary_contact_follow_ups(mapping: IntegrationTableMapping, job: Job) -> Iterator[dict[str, Any]]:
    """Yield the synchronizations of customers and vendors that contacts coupled by a job may be the primary ones of.

    Those that name one of them here; and those without a primary contact, whose account may name one of them.
    """
    if mapping.table != CONTACT or not (job.counters.get("inserted") or job.counters.get("coupled")):
        return  # most runs couple nothing, and no index finds what a job has coupled
    contacts = catalog.table(CONTACT).records(mapping.company).order_by()
    coupled = Coupling.objects.filter(mapping=mapping, job_id=job.pk)
    if not coupled.exists():
        return
    new = contacts.filter(system_id__in=coupled.values("local_id"))
    businesses = contacts.filter(type=ContactType.COMPANY, no__in=new.values("company_no"))
    for other in _mappings_with_primary_contact(mapping):
        number = PARTNERS[other.table]
        partners = catalog.table(other.table).records(mapping.company).filter(
            Q(primary_contact_no__in=new.values("no"))
            | Q(primary_contact_no="", no__in=businesses.exclude(**{number: ""}).values(number)),
            Exists(Coupling.objects.filter(mapping=other, local_id=OuterRef("system_id"), pending=False)),
        )  # fmt: skip
        if partners.exists():
            yield {
                "type": Type.SYNCHRONIZATION.value,
                "mapping_name": other.name,
                "exclusive_key": exclusive_key(other),
                "direction": other.direction,
                "description": f"Primary contacts of {catalog.table(other.table).caption_plural}",
                "parameters": SyncParameters(create=False).dump(),
                "selection": partners.values_list("system_id", flat=True),
            }


def _mappings_with_primary_contact(mapping: IntegrationTableMapping) -> "QuerySet[IntegrationTableMapping]":
    own = IntegrationTableMapping.objects.filter(company=mapping.company, table__in=PARTNERS, uid_kind="guid")
    return own.filter(fields__field="primary_contact_no", fields__enabled=True).select_related("company").distinct()


def uncouple_follow_ups(mapping: IntegrationTableMapping, job: Job, gateway: Gateway) -> Iterator[dict[str, Any]]:
    """Yield the uncoupling of the persons whose rows belong to the accounts that a job has uncoupled."""
    number = PARTNERS.get(mapping.table)
    if number is None:
        return
    uncoupled = outcomes.rows_of(job, Outcome.UNCOUPLED)
    partners = catalog.table(mapping.table).records(mapping.company).order_by()
    numbers = partners.filter(system_id__in=uncoupled.values("local_id")).values("no")
    contacts = catalog.table(CONTACT).records(mapping.company).order_by()
    businesses = contacts.filter(type=ContactType.COMPANY, **{f"{number}__in": numbers})
    persons = contacts.filter(type=ContactType.PERSON, company_no__in=businesses.values("no"))
    for other in IntegrationTableMapping.objects.filter(company=mapping.company, table=CONTACT, uid_kind="guid"):
        pairs = Coupling.objects.filter(mapping=other, local_id__in=persons.values("system_id")).order_by("pk")
        chosen = list(_belonging_to(other, gateway, pairs, uncoupled))
        if chosen:
            yield {
                "type": Type.UNCOUPLING.value,
                "mapping_name": other.name,
                "exclusive_key": exclusive_key(other),
                "direction": other.direction,
                "description": f"Delete the couplings of contacts of the {catalog.table(mapping.table).caption_plural}",
                "parameters": UncouplingParameters().dump(),
                "selection": chosen,
            }


def _belonging_to(
    mapping: IntegrationTableMapping, gateway: Gateway, pairs: "QuerySet[Coupling]", uncoupled: "QuerySet[Any]"
) -> Iterator[UUID]:
    """Yield the contacts of those pairs whose row belongs to an account of these outcomes."""
    after = 0
    while part := dict(pairs.filter(pk__gt=after).values_list("pk", "integration_id")[:_PART]):
        after = max(part)
        rows = gateway.read(mapping, [PARENT], part.values())
        parents = {row.id: UUID(str(row.values[PARENT])) for row in rows.values() if row.values.get(PARENT)}
        accounts = set(
            uncoupled.filter(integration_id__in=set(parents.values())).values_list("integration_id", flat=True)
        )
        rows_of = [row_id for row_id, parent in parents.items() if parent in accounts]
        yield from pairs.filter(pk__in=part, integration_id__in=rows_of).values_list("local_id", flat=True)
