"""Match-based coupling as a job, against the sandbox. Names follow the scenarios of the reference."""

import pytest
from django.urls import reverse

from connection_setup.enabling import services as enabling_services
from core.refusals import Refusal
from core.vocabulary import CompareAs
from coupling.couplings import couple_writer, services
from coupling.matching import criteria, read_plan, run_matching
from coupling.matching.run_matching import MatchingRun
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import Criterion
from jobs.errors import EmptySelection
from jobs.models import Job, JobOutcome, Outcome, Reason
from jobs.outcomes import JobOutcomes
from jobs.running import runner, waiting
from masterdata.models import Company, Currency, Customer, Salesperson
from tests.conftest import the_wait_is_over
from tests.coupling.conftest import counted, match_on, pairs, previewed, run

PHONE = [Criterion("phone_no", "telephone1")]


def test_it_couples_one_from_the_mapping_list_and_leaves_old_couplings(customer_mapping, customers, account_of):
    old, new = customers(3), customers(1)
    match_on(customer_mapping, "phone_no")
    rows = account_of(old)
    run(services.start_coupling(mapping=customer_mapping, synchronize=False))
    before = pairs(customer_mapping)
    (row,) = account_of(new)
    job = run(services.start_coupling(mapping=customer_mapping, synchronize=False))
    assert counted(job) == {"total": 1, "coupled": 1}
    assert pairs(customer_mapping) == before | {new[0].system_id: row}
    assert set(before.values()) == set(rows)
    assert job.plan in ("scan", "probe")


def test_it_couples_only_the_selected_one_from_a_list(customer_mapping, customers, account_of):
    made = customers(5)
    rows = account_of(made)
    job = run(
        services.start_coupling(
            mapping=customer_mapping, selection=[made[1].system_id], criteria=PHONE, synchronize=False
        )
    )
    assert counted(job) == {"total": 1, "coupled": 1}
    assert pairs(customer_mapping) == {made[1].system_id: rows[1]}


def test_phone_numbers_are_read_with_the_country_of_each_record(customer_mapping, customers, accounts):
    made = customers(
        [
            {"phone_no": "030 1234567", "country_region_code": "DE"},
            {"phone_no": "(425) 555-0100", "country_region_code": "US"},
            {"phone_no": "0", "country_region_code": "DE"},
        ]
    )
    rows = accounts(
        [
            {"name": "Adatum", "telephone1": "+49 (0)30 1234567"},
            {"name": "Contoso", "telephone1": "425.555.0100", "address1_country": "United States"},
            {"name": "Fabrikam", "telephone1": "-"},
        ]
    )
    phones = [Criterion("phone_no", "telephone1", compare_as=CompareAs.PHONE)]
    job = run(services.start_coupling(mapping=customer_mapping, criteria=phones, synchronize=False))
    assert pairs(customer_mapping) == {made[0].system_id: rows[0], made[1].system_id: rows[1]}
    outcome = JobOutcome.objects.get(job=job, outcome="failed")
    assert outcome.detail["fields"] == [{"local": "phone_no", "integration": "telephone1", "local_value": "0"}]


def test_what_finds_no_match_fails_with_its_reason(customer_mapping, customers, account_of):
    made = customers(5)
    account_of(made[:2])
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert counted(job) == {"total": 5, "coupled": 2, "failed": 3}
    assert job.reasons == {"no_match": 3}
    outcome = JobOutcome.objects.filter(job=job, reason="no_match").first()
    assert outcome.local_key == "10020"
    assert outcome.detail["fields"] == [
        {"local": "phone_no", "integration": "telephone1", "local_value": "425 555 0002"}
    ]
    assert "Phone No." in outcome.message


def test_several_matches_and_none_have_reasons_of_their_own(customer_mapping, customers, accounts):
    made = customers(5)
    accounts([{"name": f"Row {at}", "telephone1": made[0].phone_no} for at in range(5)])
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=True))
    assert counted(job) == {"total": 5, "failed": 5}
    assert job.reasons == {"multiple_matches": 1, "no_match": 4}
    assert not Job.objects.filter(parent=job).exists()
    outcome = JobOutcome.objects.get(job=job, reason="multiple_matches")
    assert len(outcome.detail["candidates"]) == 3
    assert outcome.message.startswith("5 rows")


def test_a_match_that_is_taken_names_its_partner(customer_mapping, customers, accounts):
    customers([{"phone_no": "1"}, {"phone_no": "1"}])
    accounts([{"name": "Adatum", "telephone1": "1"}])
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert job.reasons == {"already_coupled": 1}
    outcome = JobOutcome.objects.get(job=job, reason="already_coupled")
    assert outcome.detail["candidates"][0]["coupled_to"] == "10000 Customer 0"
    assert "10000 Customer 0" in outcome.message
    again = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert again.reasons == {"already_coupled": 1}
    assert "10000 Customer 0" in JobOutcome.objects.get(job=again).message


def test_a_row_coupled_to_another_table_is_taken_too(customer_mapping, customers, accounts, company):
    (made,) = customers(1)
    (row,) = accounts([{"name": "Adatum", "telephone1": made.phone_no}])
    other = IntegrationTableMapping.objects.get(company=company, name="CURRENCY")
    currency = Currency.objects.create(company=company, code="EUR")
    Coupling.objects.create(
        company=company, mapping=other, table="currency", local_id=currency.system_id, integration_id=row
    )
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert job.reasons == {"already_coupled": 1}
    assert "EUR" in JobOutcome.objects.get(job=job).message


def test_two_priorities_are_tried_one_after_the_other(customer_mapping, customers, accounts):
    customers([{"phone_no": "1", "name": "A"}, {"phone_no": "", "name": "Bé ", "city": "Oslo"}, {"phone_no": "9"}])
    accounts(
        [
            {"name": "x", "telephone1": "1"},
            {"name": "BE\u0301", "address1_city": "OSLO"},
            {"name": "BÉ", "address1_city": "Bergen"},
        ]
    )
    match_on(customer_mapping, phone_no=0, name=1, city=1)
    job = run(services.start_coupling(mapping=customer_mapping, synchronize=False))
    assert counted(job) == {"total": 3, "coupled": 2, "failed": 1}
    (outcome,) = JobOutcomes(job, text="10010")
    trail = outcome.detail["trail"]
    assert [(one["priority"], one["rows"], one["result"]) for one in trail] == [(0, 0, "blank"), (1, 1, "coupled")]


def test_rows_outside_the_integration_filter_are_no_candidates(customer_mapping, customers, accounts, company):
    customers([{"phone_no": "1"}, {"phone_no": "2"}, {"phone_no": "3"}])
    accounts(
        [
            {"name": "a vendor", "telephone1": "1", "customertypecode": 11},
            {"name": "inactive", "telephone1": "2", "statecode": 1, "statuscode": 2},
            {"name": "ours", "telephone1": "3", "tandem_companyid": str(company.connection.company_row_id)},
        ]
    )
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert counted(job) == {"total": 3, "coupled": 1, "failed": 2}


def test_selected_records_that_take_no_part_get_the_reason(customer_mapping, customers, account_of):
    made = customers([{}, {"blocked": "All"}, {}, {}])
    account_of(made)
    run(
        services.start_coupling(
            mapping=customer_mapping, selection=[made[3].system_id], criteria=PHONE, synchronize=False
        )
    )
    job = services.start_coupling(
        mapping=customer_mapping, selection=[one.system_id for one in made], criteria=PHONE, synchronize=False
    )
    Customer.objects.filter(pk=made[2].pk).delete()
    job = run(job)
    assert counted(job) == {"total": 4, "coupled": 1, "skipped": 3}
    assert job.reasons == {"outside_filter": 1, "already_coupled": 1, "record_gone": 1}
    assert len(list(JobOutcomes(job))) == 4


def test_an_empty_selection_does_nothing(customer_mapping, customers, account_of):
    account_of(customers(2))
    with pytest.raises(EmptySelection):
        services.start_coupling(mapping=customer_mapping, selection=[], criteria=PHONE)
    assert not Job.objects.exists()
    with pytest.raises(EmptySelection):
        services.start_uncoupling(mapping=customer_mapping, selection=[])
    with pytest.raises(EmptySelection):
        services.start_uncoupling(mapping=customer_mapping)


def test_without_criteria_it_is_refused_and_a_job_that_exists_fails_with_that_one_reason(customer_mapping, customers):
    customers(2)
    with pytest.raises(criteria.NoCriteria) as refused:
        services.start_coupling(mapping=customer_mapping)
    assert refused.value.reason == "no_criteria"
    job = run(services.start_coupling(mapping=customer_mapping, strict=False))
    assert (job.state, job.failure_reason) == ("failed", Reason.NO_CRITERIA)
    assert list(JobOutcome.objects.filter(job=job).values_list("outcome", "reason")) == [("failed", "no_criteria")]


def test_create_new_hands_over_to_a_follow_up_and_counts_there(customer_mapping, customers, account_of, remote):
    made = customers(3)
    account_of(made[:1])
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, create_new=True, synchronize=False))
    assert counted(job) == {"total": 3, "coupled": 1, "skipped": 2}
    assert job.reasons == {"create_queued": 2}
    (follow_up,) = Job.objects.filter(parent=job)
    assert counted(follow_up).get("inserted") == 2
    assert {row["name"] for row in remote.rows("accounts")} >= {made[1].name, made[2].name}
    assert len(pairs(customer_mapping)) == 3


def test_create_new_is_refused_where_data_only_comes_from_dataverse(company):
    people = IntegrationTableMapping.objects.get(company=company, name="SALESPEOPLE")
    match_on(people, "e_mail")
    with pytest.raises(Refusal):
        services.start_coupling(mapping=people, create_new=True)


@pytest.mark.parametrize(
    ("conflicts", "names"), [("send", {"From here"}), ("get", {"From there"}), ("", {"From here", "From there"})]
)
def test_synchronize_after_coupling_takes_the_side_that_was_chosen_or_asks(
    customer_mapping, customers, accounts, remote, conflicts, names
):
    customers([{"name": "From here", "phone_no": "1"}])
    (row,) = accounts([{"name": "From there", "telephone1": "1"}])
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=True, conflicts=conflicts))
    (follow_up,) = Job.objects.filter(parent=job)
    assert follow_up.state == "finished"
    there = {account["accountid"]: account["name"] for account in remote.rows("accounts")}
    assert {there[str(row)], Customer.objects.get().name} == names
    assert bool(follow_up.counters.get("conflicts")) is (len(names) == 2)


def test_without_synchronize_after_coupling_both_sides_stay_as_they_are(
    customer_mapping, customers, account_of, remote
):
    made = customers(2)
    account_of(made)
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert not Job.objects.filter(parent=job).exists()
    assert all(account["name"].startswith("Account") for account in remote.rows("accounts"))


def test_compare_as_finds_what_text_does_not(customer_mapping, customers, accounts):
    customers([{"phone_no": "(425) 555-0100", "name": "Fabrikam, Inc."}])
    accounts([{"name": "FABRIKAM", "telephone1": "+1 425 555 0100"}])
    plain = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert plain.reasons == {"no_match": 1}
    given = [
        Criterion("phone_no", "telephone1", compare_as=CompareAs.PHONE),
        Criterion("name", "name", compare_as=CompareAs.COMPANY_NAME),
    ]
    job = run(services.start_coupling(mapping=customer_mapping, criteria=given, synchronize=False))
    assert counted(job) == {"total": 1, "coupled": 1}


def test_lookups_compare_through_couplings(customer_mapping, customers, accounts, company, remote):
    currencies = IntegrationTableMapping.objects.get(company=company, name="CURRENCY")
    Currency.objects.create(company=company, code="EUR")
    Currency.objects.create(company=company, code="XYZ")
    run(services.start_coupling(mapping=currencies, create_new=False, synchronize=False))
    euro = next(
        row["transactioncurrencyid"] for row in remote.rows("transactioncurrencies") if row["isocurrencycode"] == "EUR"
    )
    customers([{"name": "A", "currency_code": "EUR"}, {"name": "A", "currency_code": "XYZ"}])
    accounts([{"name": "A", "transactioncurrencyid": euro}, {"name": "A"}])
    given = [Criterion("name", "name"), Criterion("currency_code", "transactioncurrencyid")]
    for selection in (None, [Customer.objects.get(no="10010").system_id]):
        job = run(
            services.start_coupling(mapping=customer_mapping, criteria=given, selection=selection, synchronize=False)
        )
        assert job.reasons == {"no_match": 1}
    assert list(Coupling.objects.filter(mapping=customer_mapping).values_list("local_id", flat=True)) == [
        Customer.objects.get(no="10000").system_id
    ]


def test_a_small_selection_is_asked_for_by_filter_and_gives_the_same(customer_mapping, customers, accounts, remote):
    made = customers([{"phone_no": f"425 555 {at:04d}"} for at in range(250)])
    accounts(
        [
            {"name": f"a{at}", "telephone1": f"{' ' if at % 2 else ''}425 555 {at:04d}{' ' * (at % 3)}"}
            for at in range(30)
        ]
        + [{"name": f"b{at}", "telephone1": f"425 555 {at:04d}"} for at in range(5)]
        + [{"name": f"c{at}", "telephone1": f"425 777 {at:04d}"} for at in range(200)]
    )
    remote.control("DELETE", "requests")
    job = run(
        services.start_coupling(
            mapping=customer_mapping, selection=[one.system_id for one in made[:20]], criteria=PHONE, synchronize=False
        )
    )
    assert job.plan == "probe"
    assert counted(job) == {"total": 20, "coupled": 15, "failed": 5}
    Coupling.objects.all().delete()
    whole = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert whole.plan == "scan"
    assert counted(whole) == {"total": 250, "coupled": 25, "failed": 225}


def test_salespeople_are_matched_with_people_only(company, remote):
    people = IntegrationTableMapping.objects.get(company=company, name="SALESPEOPLE")
    mails = {
        row["fullname"]: row["internalemailaddress"] for row in remote.rows("systemusers") if not row["isdisabled"]
    }
    wanted = sorted(mails.items())[:3]
    Salesperson.objects.bulk_create(
        Salesperson(company=company, code=f"S{at}", name=name, e_mail=(mail or "").upper())
        for at, (name, mail) in enumerate(wanted)
    )
    job = run(
        services.start_coupling(
            mapping=people, criteria=[Criterion("e_mail", "internalemailaddress")], synchronize=False
        )
    )
    assert job.counters["coupled"] + job.counters["failed"] == 3
    coupled = set(map(str, pairs(people).values()))
    for row in remote.rows("systemusers"):
        if row["systemuserid"] in coupled:
            assert (row["isintegrationuser"], row["islicensed"], row["isdisabled"]) == (False, True, False)
    assert coupled


def test_requests_stay_below_the_pages_plus_ten(customer_mapping, customers, accounts, remote):
    customers([{"phone_no": f"5{at}"} for at in range(6_000)])
    accounts([{"name": "x", "telephone1": f"5{at}"} for at in range(0, 12_000, 2)])
    remote.control("DELETE", "requests")
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert counted(job) == {"total": 6_000, "coupled": 3000, "failed": 3000}
    assert remote.requests()["total"] <= 6_000 / 5000 + 10
    assert len(list(JobOutcomes(job))) == 6_000
    assert Coupling.objects.filter(mapping=customer_mapping, job_id=job.pk).count() == 3000


def test_an_unknown_column_is_named_and_nothing_is_coupled(customer_mapping, customers, account_of):
    account_of(customers(1))
    customer_mapping.fields.filter(field="phone_no").update(integration_field="telephone9")
    given = [Criterion("phone_no", "telephone9")]
    job = run(services.start_coupling(mapping=customer_mapping, criteria=given, synchronize=False))
    assert (job.state, job.failure_reason) == ("failed", "unknown_column")
    assert "telephone9" in job.message
    assert not Coupling.objects.filter(mapping=customer_mapping).exists()


def test_a_local_field_that_is_gone_is_named(customer_mapping, customers):
    customers(1)
    customer_mapping.fields.filter(field="phone_no").update(field="pager_no")
    given = [Criterion("pager_no", "telephone1")]
    job = run(services.start_coupling(mapping=customer_mapping, criteria=given, synchronize=False))
    assert (job.state, job.failure_reason) == ("failed", "configuration")
    assert "pager_no" in job.message


def test_another_organization_stops_the_job_before_anything_is_coupled(customer_mapping, customers, account_of, remote):
    account_of(customers(1))
    remote.control("PUT", "environment", {"organization_id": "11111111-2222-3333-4444-555555555555"})
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert (job.state, job.failure_reason) == ("failed", "wrong_environment")
    assert not Coupling.objects.exists()


def test_while_the_connection_is_off_it_is_refused_with_the_reason(customer_mapping, company):

    job = services.start_coupling(mapping=customer_mapping, criteria=PHONE)
    enabling_services.disable(company=company, user=None)
    with pytest.raises(Refusal) as refused:
        services.start_coupling(mapping=customer_mapping, criteria=PHONE)
    assert refused.value.reason == "not_enabled"
    job = run(job)
    assert (job.state, job.failure_reason) == ("failed", "not_enabled")


def test_a_job_that_lost_its_worker_resumes_where_it_was(customer_mapping, customers, accounts, monkeypatch):
    """The worker dies after each checkpoint in turn; the end is that of an undisturbed run."""

    monkeypatch.setattr(couple_writer, "records_per_checkpoint", lambda: 3)
    rows = [{"phone_no": f"5{at % 7}", "name": f"n{at % 5}", "city": "x"} for at in range(20)]
    customers(rows)
    accounts([{"name": f"n{at % 4}", "telephone1": f"5{at % 9}", "address1_city": "x"} for at in range(15)])
    match_on(customer_mapping, phone_no=0, name=1, city=1)
    calm = run(services.start_coupling(mapping=customer_mapping, synchronize=False))
    expected = (pairs(customer_mapping), calm.counters, calm.reasons)
    for kill_at in range(1, 9):
        Coupling.objects.all().delete()
        job = services.start_coupling(mapping=customer_mapping, synchronize=False)
        count = [0]
        real = runner.JobContext.checkpoint

        def checkpoint(self, real=real, count=count, kill_at=kill_at):
            count[0] += 1
            if count[0] == kill_at:
                raise KeyboardInterrupt
            return real(self)

        with monkeypatch.context() as patched:
            patched.setattr(runner.JobContext, "checkpoint", checkpoint)
            with pytest.raises(KeyboardInterrupt):
                waiting.run_to_end(job)
        job = run(job)
        assert job.state == "finished"
        assert (pairs(customer_mapping), job.counters, job.reasons) == expected
        assert len(list(JobOutcomes(job))) == 20


@pytest.mark.parametrize(
    ("how", "field", "column", "here", "there"),
    [
        ("phone", "phone_no", "telephone1", "0121 496 0000", "+44 (0) 121 / 496-0000"),
        ("company_name", "name", "name", "Adatum Corporation", "A.Datum, Corp."),
        ("email", "e_mail", "emailaddress1", "ada@contoso.example", "Ada <ADA@contoso.example>"),
        ("text", "city", "address1_city", "Århus", "A\u030arhus"),
    ],
)
def test_one_selected_record_is_looked_up_in_few_requests_whatever_it_is_compared_as(
    customer_mapping, customers, accounts, remote, how, field, column, here, there
):
    Company.objects.update(country_code="GB")
    (one,) = customers([{field: here}])
    accounts([{"name": f"Other {at}", column: f"{at} other"} for at in range(20)] + [{"name": "x", column: there}])
    remote.control("DELETE", "requests")
    criterion = Criterion(field, column, compare_as=CompareAs(how))
    job = run(
        services.start_coupling(
            mapping=customer_mapping, criteria=[criterion], selection=[one.system_id], synchronize=False
        )
    )
    assert (job.plan, counted(job)) == ("probe", {"total": 1, "coupled": 1})
    assert remote.requests()["by"]["GET accounts"] <= 3


EVERY = {
    "phone_no": ("telephone1", "phone", "020 7946 0145"),
    "mobile_phone_no": ("telephone2", "phone", "07700 900118"),
    "fax_no": ("fax", "phone", "020 7946 0146"),
    "name": ("name", "company_name", "Adatum Corporation"),
    "e_mail": ("emailaddress1", "email", "ada@contoso.example"),
    "home_page": ("websiteurl", "text", "https://contoso.example"),
    "contact": ("address1_primarycontactname", "text", "Ada Lindqvist"),
    "address": ("address1_line1", "text", "1 Station Road"),
    "address_2": ("address1_line2", "text", "Back Yard"),
    "post_code": ("address1_postalcode", "text", "GB-N16 34Z"),
    "city": ("address1_city", "text", "London"),
    "county": ("address1_stateorprovince", "text", "Kent"),
    "credit_limit": ("creditlimit", "number", 5000),
    "no": ("accountnumber", "text", "10000"),
}
"""Every field that a customer can be matched by, with its column, how it is compared, and a value."""


@pytest.mark.parametrize("found", [True, False])
def test_one_selected_record_costs_at_most_ten_requests_with_all_criteria_at_once(
    customer_mapping, customers, accounts, remote, found
):
    Company.objects.update(country_code="GB")
    (one,) = customers([{name: value for name, (_, _, value) in EVERY.items() if name != "no"}])
    others = [{"name": f"Other {at}"} for at in range(5001)]  # as many as Dataverse counts, and one
    accounts([*others, {"name": "x", "accountnumber": one.no if found else ""}])
    criteria = [
        Criterion(name, column, at, compare_as=CompareAs(how))
        for at, (name, (column, how, _)) in enumerate(EVERY.items())
    ]
    remote.control("DELETE", "requests")
    job = run(
        services.start_coupling(
            mapping=customer_mapping, criteria=criteria, selection=[one.system_id], synchronize=False
        )
    )
    requests = remote.requests()
    assert (job.plan, counted(job)) == ("probe", {"total": 1, "coupled" if found else "failed": 1}), (
        job.message,
        job.detail,
    )
    assert requests["total"] <= 10, requests["by"]


@pytest.mark.parametrize("kept", [True, False], ids=["by the same worker", "by another worker"])
def test_it_resumes_slice_by_slice(customer_mapping, customers, accounts, monkeypatch, settings, kept, remote):
    """Every checkpoint ends the slice; what was read is kept in this process, or has to be read again."""

    settings.JOB_SLICE_S = 0.0
    monkeypatch.setattr(read_plan, "MAX_PROBED_RECORDS", 0)  # the whole table is read, as for many records
    monkeypatch.setattr(couple_writer, "records_per_checkpoint", lambda: 4)
    if not kept:
        monkeypatch.setattr(runner._kept, "take", lambda _job: {})
    made = customers([{"phone_no": f"5{at}"} for at in range(18)])
    accounts([{"name": "x", "telephone1": f"5{at}"} for at in range(9)])
    selection = [one.system_id for one in made[:16]]
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, selection=selection, synchronize=False))
    assert counted(job) == {"total": 16, "coupled": 9, "failed": 7}
    assert len(list(JobOutcomes(job))) == 16
    assert job.processed == 16
    if kept:  # once for the rows, once for those outside the filter; a slice that only writes here asks nothing there
        assert remote.requests()["by"]["GET WhoAmI"] == 2


def test_records_that_come_and_go_while_it_runs_are_settled_once(customer_mapping, customers, account_of, monkeypatch):

    monkeypatch.setattr(couple_writer, "records_per_checkpoint", lambda: 4)
    made = customers([{"no": f"{at:03d}", "phone_no": f"5{at}"} for at in range(0, 20, 2)])
    rows = account_of(made)
    real = MatchingRun.run

    def and_then(self, **kwargs):
        decided = real(self, **kwargs)
        Customer.objects.filter(no__in=["004", "018"]).delete()
        customers([{"no": "005", "phone_no": "x"}, {"no": "999", "phone_no": "y"}])
        return decided

    monkeypatch.setattr(MatchingRun, "run", and_then)
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert counted(job) == {"total": 10, "coupled": 8, "skipped": 2}
    assert job.reasons == {"record_gone": 2}
    assert set(pairs(customer_mapping).values()) == {row for at, row in enumerate(rows) if at not in (2, 9)}


def test_a_cancelled_job_keeps_what_it_wrote_and_stops(customer_mapping, customers, account_of, monkeypatch):

    monkeypatch.setattr(couple_writer, "records_per_checkpoint", lambda: 4)
    account_of(customers(12))
    job = services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=True)
    real = couple_writer.CouplingWriter._save

    def and_cancel(self, point, outcomes):
        real(self, point, outcomes)
        Job.objects.filter(pk=job.pk).update(cancel_requested=True)

    monkeypatch.setattr(couple_writer.CouplingWriter, "_save", and_cancel)
    job = run(job)
    assert (job.state, job.counters["coupled"], len(pairs(customer_mapping))) == ("cancelled", 4, 4)
    assert not Job.objects.filter(parent=job).exists()


def stumble(remote, fault, seconds):
    """Have the next reading of accounts fail."""
    described = {"method": "GET", "path": "accounts", "times": 1, "fault": fault, "retry_after": seconds}
    remote.control("POST", "faults", [described])


@pytest.mark.parametrize("fault", ["503", "reset", "truncate", "429"])
def test_a_passing_fault_while_reading_changes_nothing(customer_mapping, customers, account_of, remote, fault):
    account_of(customers(5))
    stumble(remote, fault, 0)
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert counted(job) == {"total": 5, "coupled": 5}


def test_a_long_wait_gives_the_worker_back(customer_mapping, customers, account_of, remote):
    account_of(customers(2))
    stumble(remote, "429", 30)
    job = services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False)

    runner.run(job.pk)
    job.refresh_from_db()
    assert job.state == "postponed"
    # The wait is over, for the job and for whoever sends as that user.
    Job.objects.filter(pk=job.pk).update(not_before=None)
    the_wait_is_over()
    assert counted(run(job)) == {"total": 2, "coupled": 2}


def test_a_row_coupled_by_somebody_else_meanwhile_stays_so(customer_mapping, customers, accounts, monkeypatch):

    made = customers(2)
    rows = accounts([{"name": "x", "telephone1": one.phone_no} for one in made])
    (stranger,) = customers([{"phone_no": ""}])
    real = MatchingRun.run

    def and_then(self, **kwargs):
        decided = real(self, **kwargs)
        services.couple_by_hand(
            mapping=customer_mapping, local_id=stranger.system_id, integration_id=rows[0], organization_id=rows[0]
        )
        return decided

    monkeypatch.setattr(MatchingRun, "run", and_then)
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert pairs(customer_mapping) == {stranger.system_id: rows[0], made[1].system_id: rows[1]}
    # The one who lost the row failed; the one who got it meanwhile was left as it is.
    assert job.reasons == {"already_coupled": 2}
    assert (job.counters["coupled"], job.counters["failed"], job.counters["skipped"]) == (1, 1, 1)


def test_outcomes_equal_the_counters(customer_mapping, customers, accounts):
    customers([{"phone_no": f"5{at % 5}"} for at in range(12)])
    accounts([{"telephone1": f"5{at % 4}", "name": "x"} for at in range(6)])
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    found = list(JobOutcomes(job))
    for outcome in Outcome.values:
        assert sum(row.outcome == outcome for row in found) == job.counters.get(
            "conflicts" if outcome == "conflict" else outcome, 0
        )
    assert job.counters["total"] == len(found)


def test_a_preview_writes_nothing_and_says_what_the_job_then_does(customer_mapping, customers, accounts):
    customers([{"phone_no": f"5{at % 5}"} for at in range(12)])
    accounts([{"telephone1": f"5{at % 4}", "name": "x"} for at in range(6)])
    found = previewed(customer_mapping, PHONE)
    lines = list(found.lines())
    assert not Coupling.objects.exists()
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    summary = found.summary()
    assert summary["counters"] == job.counters
    assert summary["reasons"] == job.reasons
    found = sorted((row.local_key, row.reason, row.message) for row in JobOutcomes(job))
    assert [(line["local"]["key"], line["reason"], line["message"]) for line in lines] == found
    assert reverse("jobs:job", kwargs={"company": job.company.slug, "pk": job.pk})


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        ("pages", "A filter found more rows than it was to, so all rows were read instead."),
        ("length", "Rows could not be looked up by filter, so all were read instead: The query is longer than"),
    ],
)
def test_where_rows_cannot_be_looked_up_by_filter_all_are_read_and_the_job_says_why(
    customers, accounts, customer_mapping, monkeypatch, limit, says
):
    made = customers([{"name": f"a{at:03}"} for at in range(3 if limit == "pages" else 400)])
    accounts([{"name": one.name} for one in made[:2]])
    if limit == "pages":
        monkeypatch.setattr(run_matching, "MOST_PAGES", 0)
    else:  # the service takes an address of 32,768 characters
        monkeypatch.setattr(read_plan, "_MAX_CONDITIONS", 5_000)
        monkeypatch.setattr(read_plan, "_MAX_LENGTH", 60_000)
    by_name, ids = [Criterion("name", "name")], [one.system_id for one in made]
    job = run(services.start_coupling(mapping=customer_mapping, criteria=by_name, selection=ids, synchronize=False))
    assert (job.plan, counted(job)) == ("scan", {"total": len(made), "coupled": 2, "failed": len(made) - 2})
    assert f"no match). {says}" in job.message
