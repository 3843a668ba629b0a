"""What was and what is, and the verbs of the three ways out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.views.decorators.debug import sensitive_variables

from connection_setup.captions import ENVIRONMENT_CHANGED
from connection_setup.connection import clients, moving, organization
from connection_setup.connection.organization import KnownOrganization
from connection_setup.connection.state import connection_of
from core.refusals import Explained, NotUsable, Refusal
from coupling.gateway import Gateway
from coupling.models import Coupling, IntegrationTableMapping
from dataverse.errors import DataverseError, Invalid
from jobs import services as jobs
from jobs.models import OPEN_STATES, Job, Type
from masterdata.models import Company
from sync.environment import kept_choices
from sync.environment.choices import Choice, EnvironmentParameters

CHUNK = 1000
"""Couplings that are looked up together: rows of one bulk read."""
COUNTED_SOON = 5 * CHUNK
"""Up to so many couplings, a page counts those whose rows exist while somebody waits."""
AFFECTED = (Type.COUPLING, Type.UNCOUPLING, Type.SYNCHRONIZATION)
"""Kinds of jobs that work with the couplings."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What a company's connection belonged to and what answers now.

    was: None where it was never enabled; now: None where nothing answers; problem: why nothing does; couplings: how
    many the company has; marked: how many of them a choice that was not carried out has marked as another
    organization's.
    """

    was: KnownOrganization | None
    now: KnownOrganization | None
    couplings: int
    marked: int = 0
    problem: Explained | None = None

    @property
    def changed(self) -> bool:
        """Whether another organization answers than the connection belonged to."""
        return self.was is not None and self.now is not None and self.was.id != self.now.id

    @property
    def starts_anew(self) -> bool:
        """Whether nothing keeps the connection from being enabled with the organization that answers now."""
        return self.changed and not self.couplings

    @property
    def undecided(self) -> bool:
        """Whether a person must choose."""
        return self.changed or self.marked > 0


def couplings_of(company: Company) -> "QuerySet[Coupling]":
    """Return the company's couplings with rows."""
    return Coupling.objects.filter(company=company)


def count_couplings(company: Company) -> int:
    """Return how many couplings the company has, with rows and with choices."""
    return couplings_of(company).count() + kept_choices.pairs_with_choices(company).count()


def known_situation(company: Company) -> Situation:
    """Return what is known without asking: what answered last."""
    connection = connection_of(company)
    was = organization.own_organization(connection)
    return _situation(company, was, organization.other_organization(connection) or was)


def ask_situation(company: Company) -> Situation:
    """Ask the environment of the stored settings, enabled or not, which organization it is, and store that."""
    connection = connection_of(company)
    was = organization.own_organization(connection)
    try:
        return _situation(company, was, moving.ask_organization(connection))
    except (Refusal, DataverseError) as error:
        return _situation(company, was, None, error)


def _situation(
    company: Company, was: KnownOrganization | None, now: KnownOrganization | None, problem: Explained | None = None
) -> Situation:
    marked = marked_couplings(company, was.id).count() if was else 0
    return Situation(was, now, count_couplings(company), marked, problem)


def open_job(company: Company) -> Job | None:
    """Return the job that carries out a choice now."""
    return Job.objects.filter(company=company, type=Type.ENVIRONMENT, state__in=OPEN_STATES).first()


# -- the ways out ----------------------------------------------------------------------------------------------------


@sensitive_variables("secret")
def point_back(
    *, company: Company, values: Mapping[str, Any] | None = None, secret: str = "", user: Any = None
) -> Job | None:
    """Lead the connection back to its own organization, once that one is seen to answer there.

    values: settings other than those it was enabled with. Couplings that an unfinished choice has marked as the other
    organization's are given back by the job that is returned. Raises Refusal, DataverseError; then nothing was changed.
    """
    _require_nothing_open(company)
    connection = moving.point_back(company=company, values=values or {}, secret=secret, user=user)
    if not marked_couplings(company, connection.organization_id).exists():
        return None
    parameters = EnvironmentParameters(choice=Choice.POINT_BACK, organization=connection.organization_id)
    return _start(company, parameters, user)


def start_keeping(*, company: Company, user: Any = None) -> Job:
    """Queue the job that keeps the couplings whose rows exist under the same ids in the organization that answers.

    The others are dropped once every row was looked up; then the connection belongs to that organization. Raises
    Refusal (also where the organization is the connection's own), DataverseError.
    """
    found = moving.ask_organization(connection_of(company))
    own = organization.own_organization(connection_of(company))
    if own is None or own.id == found.id:
        raise NotUsable("The organization that answers is the connection's own, so every coupling is kept as it is.")
    return _start(company, EnvironmentParameters(choice=Choice.KEEP, organization=found.id), user)


def start_dropping(*, company: Company, user: Any = None) -> Job:
    """Queue the job that drops all couplings of the company, with bases and delta links.

    Nothing is asked of Dataverse, so it also works where no environment answers any more. Raises Refusal.
    """
    return _start(company, EnvironmentParameters(choice=Choice.DROP), user)


def foreign_couplings(company: Company, own: UUID | None) -> "QuerySet[Coupling]":
    """Return the couplings that do not belong to this organization, those that name none among them."""
    return couplings_of(company).filter(Q(organization_id=None) | ~Q(organization_id=own))


def marked_couplings(company: Company, own: UUID | None) -> "QuerySet[Coupling]":
    """Return the couplings that name another organization than this one."""
    return couplings_of(company).exclude(organization_id=None).exclude(organization_id=own)


def _require_nothing_open(company: Company) -> None:
    if (job := open_job(company)) is not None:
        raise NotUsable(f"Job {job.pk} is carrying out a choice already.", "Wait for its end, or cancel it.")


@transaction.atomic
def _start(company: Company, parameters: EnvironmentParameters, user: Any) -> Job:
    _require_nothing_open(company)
    jobs.stop_all(
        company=company,
        user=user,
        why=f"Somebody decided on {ENVIRONMENT_CHANGED} what becomes of the couplings, so the job stopped. What it did "
        "until then is saved.",
        reason="wrong_environment",
        types=AFFECTED,
    )
    return jobs.start(
        company=company,
        type=Type.ENVIRONMENT,
        exclusive_key=f"{company.pk}:environment",
        description={
            Choice.KEEP: "Keep the couplings whose rows exist",
            Choice.DROP: "Drop the couplings",
            Choice.POINT_BACK: "Give the couplings back",
        }[parameters.choice],
        parameters=parameters.dump(),
        user=user,
    )


# -- looking the rows up ---------------------------------------------------------------------------------------------


def gateway_to(company: Company, found: UUID, usage: Any = None) -> Gateway:
    """Return a gateway to an organization, which need not be the connection's own nor enabled. Raises Refusal."""
    return Gateway(company, usage, client=clients.organization_client(connection_of(company), found, usage))


def existing_rows(gateway: Gateway, part: list[Coupling]) -> dict[int, str]:
    """Return the names of the rows that exist, by the ids of these couplings; of tables that are gone, none do.

    Raises DataverseError.
    """
    names: dict[int, str] = {}
    by_mapping: dict[int, list[Coupling]] = {}
    for coupling in part:
        by_mapping.setdefault(coupling.mapping_id, []).append(coupling)
    for mapping in IntegrationTableMapping.objects.filter(pk__in=by_mapping):
        try:
            rows = gateway.read(mapping, [], [coupling.integration_id for coupling in by_mapping[mapping.pk]])
        except Invalid as error:
            if error.reason != kept_choices.NO_TABLE:
                raise
            continue
        names |= {one.pk: rows[one.integration_id].name for one in by_mapping[mapping.pk] if one.integration_id in rows}
    return names


def chunks(query: "QuerySet[Coupling]", after: int = 0) -> Iterator[list[Coupling]]:
    """Yield couplings in the order they were made, behind a key, as many as are looked up together."""
    while part := list(query.filter(pk__gt=after).order_by("pk")[:CHUNK]):
        yield part
        after = part[-1].pk


def count_existing(company: Company, found: UUID) -> int:
    """Return how many couplings have their row, under the same id, or their choice in the organization that answers.

    Nothing is written. Raises Refusal, DataverseError.
    """
    gateway = gateway_to(company, found)
    pairs = list(kept_choices.pairs_with_choices(company))
    choices = kept_choices.same_choices(pairs, kept_choices.read_choices(gateway, pairs))
    return len(choices) + sum(len(existing_rows(gateway, part)) for part in chunks(couplings_of(company)))


def count_soon(company: Company, situation: Situation) -> int | None:
    """Return the count of `count_existing`; None where it would take long, or where it cannot be asked now."""
    if situation.now is None or not situation.changed or situation.couplings > COUNTED_SOON:
        return None
    try:
        return count_existing(company, situation.now.id)
    except (Refusal, DataverseError):
        return None
