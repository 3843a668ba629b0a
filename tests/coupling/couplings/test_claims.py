"""Two companies on one environment: a row belongs to the company that couples it first."""

import html
from io import StringIO
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.roles import set_roles as give_roles
from core.refusals import Refusal
from core.roles import Role
from core.vocabulary import ConflictOption
from coupling import claims
from coupling.couplings import services
from coupling.matching.run_matching import MatchingRun
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import Criterion
from jobs.mentions import PersonReading
from jobs.models import JobOutcome
from masterdata.models import Currency, Customer
from sync.full import services as full
from sync.start.services import start_synchronization
from tests.coupling.conftest import connect, counted, pairs, previewed, run

NAME = [Criterion("name", "name")]


@pytest.fixture
def other(company, connected):
    """Return a second company on the same environment."""
    return connected("Northwind Traders", connect)


@pytest.fixture
def other_mapping(other):
    return IntegrationTableMapping.objects.get(company=other, name="CUSTOMER")


@pytest.fixture
def both(company, other, accounts):
    """Return the row that customers of both companies are named like, and these customers."""
    (row,) = accounts([{"name": "Shared Works"}])
    made = [Customer.objects.create(company=one, no="S1", name="Shared Works") for one in (company, other)]
    return row, *made


def couple(mapping, **asked):
    return run(services.start_coupling(mapping=mapping, criteria=NAME, **{"synchronize": False, **asked}))


def test_matching_refuses_a_row_of_another_company_by_name(customer_mapping, other_mapping, both):
    assert counted(couple(customer_mapping)) == {"total": 1, "coupled": 1}
    preview = previewed(other_mapping, NAME)
    job = couple(other_mapping)
    assert (counted(job), job.reasons) == ({"total": 1, "failed": 1}, {"already_coupled": 1})
    message, detail = read(JobOutcome.objects.get(job=job))
    assert message == (
        "The one row with the same Name belongs to Cronus, where it is coupled to S1 Shared Works. Match on other "
        "fields, delete the coupling there, or switch Multi-Company Synchronization Enabled on for CUSTOMER."
    )
    assert detail["candidates"][0]["coupled_to"] == "S1 Shared Works in Cronus"
    assert [line["message"] for line in preview.lines(PersonReading(None))] == [message]
    assert not pairs(other_mapping)


NOBODY_NAMED = "belongs to another company of this installation. "


@pytest.mark.parametrize(("roles", "named"), [(["there"], False), (["there", "here"], True), ([None], True)])
def test_the_company_that_holds_a_row_is_named_to_those_who_have_a_role_there(
    company, other, customer_mapping, other_mapping, both, roles, named
):
    """On pages, in exports, by commands, in the admin, and by hand."""
    row, _, second = both
    person = User.objects.create_user("ada", is_staff=True)
    companies = {"here": company, "there": other, None: None}
    for one in roles:
        role = Role.ADMINISTRATOR if one != "here" else Role.VIEWER
        give_roles(person=person, company=companies[one], roles=[role])
    couple(customer_mapping)
    job = couple(other_mapping)
    (preview,) = previewed(other_mapping, NAME).lines(PersonReading(person))
    by_hand = {
        "mapping": other_mapping, "local_id": second.system_id, "integration_id": row,
        "organization_id": other_mapping.company.connection.organization_id,
    }  # fmt: skip
    with pytest.raises(Refusal) as refused:
        services.couple_by_hand(user=person, **by_hand)
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    of_job = {"company": other.slug, "pk": job.pk}
    outcome = JobOutcome.objects.get(job=job)
    urls = [reverse(f"jobs:{name}", kwargs=of_job) for name in ("job", "outcomes", "export")]
    urls += [reverse("admin:jobs_joboutcome_changelist"), reverse("admin:jobs_joboutcome_change", args=(outcome.pk,))]
    said = [*map(text_of, map(client.get, urls)), str(preview), refused.value.message + " "]
    match = ("couple", "CUSTOMER", "--company", other.name, "--match", "name", "--preview")
    said += [command(*words, *form, "--user", "ada") for words in (match, ("job", str(job.pk), "--errors"))
             for form in ((), ("--json",))]  # fmt: skip
    for text in said:
        assert ("belongs to Cronus, where it is coupled to S1 Shared Works." in text) is named, text
        assert (NOBODY_NAMED in text) is not named, text
        assert ("Cronus" in text) is named, text
        assert ("S1 Shared Works in Cronus" in text) is named or "oupled_to" not in text, text


def text_of(answer):
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return html.unescape(content.decode())


def command(*words):
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


def read(outcome):
    """Return message and detail as a command shows them that acts with all rights."""
    return PersonReading(None).read_outcome(outcome.message, outcome.detail)


def test_a_row_is_claimed_before_the_first_write(customer_mapping, other_mapping, both, remote):
    couple(customer_mapping)
    (account,) = remote.rows("accounts")
    assert account["_tandem_companyid_value"] is None  # nothing was written there, and yet it is taken
    row, _, second = both
    with pytest.raises(Refusal, match=r"belongs to Cronus, where it is coupled to S1 Shared Works") as refused:
        services.couple_by_hand(
            mapping=other_mapping, local_id=second.system_id, integration_id=row,
            organization_id=other_mapping.company.connection.organization_id,
        )  # fmt: skip
    assert refused.value.reason == "already_coupled"


def test_a_run_that_creates_records_leaves_rows_of_another_company_alone(customer_mapping, other_mapping, both):
    couple(customer_mapping)
    Customer.objects.filter(company=other_mapping.company).delete()
    job = run(start_synchronization(mapping=other_mapping, full=True, create=True))
    assert (counted(job), job.reasons) == ({"total": 1, "skipped": 1}, {"already_coupled": 1})
    outcome = JobOutcome.objects.get(job=job)
    assert (outcome.integration_name, outcome.outcome) == ("Shared Works", "skipped")
    assert read(outcome)[0].startswith("The row belongs to Cronus, where it is coupled to S1 Shared Works.")
    assert not Customer.objects.filter(company=other_mapping.company).exists()


def test_the_review_does_not_count_rows_of_another_company(customer_mapping, other_mapping, both):
    def uncoupled(company):
        full.reset(company)
        return next(line.integration_count for line in full.lines(company) if line.name == "CUSTOMER")

    assert uncoupled(other_mapping.company) == 1
    couple(customer_mapping)
    assert (uncoupled(other_mapping.company), uncoupled(customer_mapping.company)) == (0, 0)


def test_the_row_is_free_again_once_its_coupling_is_deleted(customer_mapping, other_mapping, both):
    row, _, second = both
    couple(customer_mapping)
    run(services.start_uncoupling(mapping=customer_mapping, all=True))
    assert counted(couple(other_mapping)) == {"total": 1, "coupled": 1}
    assert pairs(other_mapping) == {second.system_id: row}


def test_who_couples_while_the_other_reads_keeps_the_row(customer_mapping, other_mapping, both, monkeypatch):
    row, first, _ = both
    real = MatchingRun.run

    def and_then(self, **kwargs):
        decided = real(self, **kwargs)
        services.couple_by_hand(
            mapping=customer_mapping, local_id=first.system_id, integration_id=row,
            organization_id=customer_mapping.company.connection.organization_id,
        )  # fmt: skip
        return decided

    monkeypatch.setattr(MatchingRun, "run", and_then)
    job = couple(other_mapping)
    assert job.reasons == {"already_coupled": 1}
    assert "belongs to Cronus, where it is coupled to S1 Shared Works" in read(JobOutcome.objects.get(job=job))[0]
    assert not pairs(other_mapping)


def test_multi_company_shares_rows_and_leaves_their_mark(company, customer_mapping, other_mapping, both, remote):
    _, first, second = both
    couple(customer_mapping)
    first.city = "Oslo"
    first.save()
    run(start_synchronization(mapping=customer_mapping, conflict=ConflictOption.SEND))
    assert remote.rows("accounts")[0]["_tandem_companyid_value"] == str(company.connection.company_row_id)
    IntegrationTableMapping.objects.filter(pk=other_mapping.pk).update(multi_company=True)
    other_mapping.refresh_from_db()
    assert counted(couple(other_mapping)) == {"total": 1, "coupled": 1}
    Customer.objects.filter(pk=second.pk).update(city="Oslo")
    run(start_synchronization(mapping=other_mapping))
    second.refresh_from_db()
    second.city = "Bergen"
    second.save()
    run(start_synchronization(mapping=other_mapping))
    (account,) = remote.rows("accounts")
    assert account["address1_city"] == "Bergen"
    assert account["_tandem_companyid_value"] == str(company.connection.company_row_id)


def test_currencies_are_shared(company, other):
    for one in (company, other):
        Currency.objects.create(company=one, code="EUR", description="Euro", exchange_rate="1.1")
    for one in (company, other):
        mapping = IntegrationTableMapping.objects.get(company=one, name="CURRENCY")
        job = run(services.start_coupling(mapping=mapping, synchronize=False, create_new=False))
        assert counted(job) == {"total": 1, "coupled": 1}, [one.message for one in job.outcomes.all()]


def test_an_upgrade_lists_the_rows_that_two_companies_hold(customer_mapping, other_mapping, both):
    row, first, second = both
    organization = other_mapping.company.connection.organization_id
    for mapping, record in ((customer_mapping, first), (other_mapping, second)):
        Coupling.objects.create(
            company=mapping.company, mapping=mapping, table="customer", local_id=record.system_id, integration_id=row,
            organization_id=organization,
        )  # fmt: skip
    assert claims.rows_of_several_companies() == [
        f"The account {row} is coupled to S1 Shared Works in Cronus and to S1 Shared Works in Northwind Traders."
    ]
    IntegrationTableMapping.objects.update(multi_company=True)
    assert claims.rows_of_several_companies() == []


def test_one_company_alone_asks_nothing_about_others(customer_mapping, customers, django_assert_num_queries):
    organization = customer_mapping.company.connection.organization_id
    with django_assert_num_queries(1):
        assert claims.find_holders(customer_mapping, organization, [UUID(int=at) for at in range(2000)]) == {}
    assert connection.vendor in ("sqlite", "postgresql")
