"""Suggest Criteria: what is measured on both sides is what a preview and a coupling with these criteria find."""

import random

import pytest

from core.refusals import Refusal
from coupling.couplings import services, suggest_services
from coupling.matching import criteria, measuring
from coupling.matching.measurement import Measurement, percent
from coupling.models import Coupling, CriteriaMeasurement, IntegrationTableMapping
from coupling.rows import Criterion
from jobs import services as jobs
from jobs.models import JobOutcome
from tests.coupling.conftest import counted, previewed, run
from tests.coupling.test_commands import spoken

CITIES = ("Oslo", "Bergen", "Trondheim")


def measured(mapping):
    job = run(suggest_services.start_suggestion(mapping=mapping))
    assert job.state == "finished", (job.message, job.detail)
    return Measurement.load(CriteriaMeasurement.objects.get(job=job).measured)


def pair(found, field):
    return next(one for one in found.pairs if one.field == field)


def as_couple_reads(mapping, suggestion):
    return criteria.parse_criteria(mapping, [criteria.to_words(mapping, suggestion.criteria)])


@pytest.mark.parametrize("seed", [1, 2])
def test_every_suggestion_and_every_field_pair_gives_as_many_matches_as_the_preview_of_it(
    seed, company, customer_mapping, customers, accounts
):
    dice = random.Random(seed)
    made = customers(
        [
            {
                "name": f"Business {at // 2}", "city": dice.choice(CITIES),
                "phone_no": f"425 555 {dice.randrange(25):04d}",
                "e_mail": dice.choice(["", f"a{at}@b.example"]), "country_region_code": dice.choice(["", "US", "NO"]),
            }
            for at in range(30)
        ]
    )  # fmt: skip
    rows = accounts(
        [
            {
                "name": dice.choice([one.name, f"{one.name}, Inc.", one.name.upper()]), "address1_city": one.city,
                "telephone1": dice.choice([one.phone_no, f"{one.phone_no}; 425 555 0099", None]),
                "emailaddress1": dice.choice([one.e_mail.upper() or None, None]),
            }
            for one in made[5:]
        ]
    )  # fmt: skip
    (first,) = made[:1]
    services.couple_by_hand(
        mapping=customer_mapping, local_id=first.system_id, integration_id=rows[3], organization_id=rows[3]
    )
    found = measured(customer_mapping)
    assert (found.records, found.rows, found.others) == (29, 25, 1)
    assert found.suggestions
    for one in found.suggestions:
        lines = previewed(customer_mapping, as_couple_reads(customer_mapping, one))
        assert lines.coupled == one.unique, one.criteria
        assert [count for _, count in lines.preview.orders] == one.by_priority
    for name in ("name", "city", "phone_no", "e_mail"):
        for way in pair(found, name).ways:
            assert previewed(customer_mapping, [way.criterion]).coupled == way.unique, way.criterion


def test_both_sides_are_read_once_and_nothing_is_written(company, customer_mapping, customers, account_of, remote):
    account_of(customers(8))
    measured(customer_mapping)
    remote.control("DELETE", "requests")
    found = measured(customer_mapping)
    asked = remote.requests()
    assert asked["by"].get("GET accounts") == 1, asked
    assert (asked["writes"], Coupling.objects.count(), JobOutcome.objects.count()) == (0, 0, 0)
    (first, *_) = found.suggestions
    assert [one.local for one in first.criteria] == ["phone_no"]


def test_what_many_share_is_told_with_its_value_and_what_cannot_be_compared_with_why(
    customer_mapping, customers, accounts
):
    customers([{"phone_no": "425 555 0100"}, {"phone_no": "425 555 0100"}, {"phone_no": "425 555 0101"}])
    accounts([{"name": "A", "telephone1": "(425) 555-0100"}, {"name": "B", "telephone1": "425 555 0101"}])
    phone = pair(measured(customer_mapping), "phone_no").ways[0]
    assert (phone.unique, phone.wrongly_joined, phone.examples) == (2, 2, [("425 555 0100", 2, 1)])


def test_taking_a_suggestion_stores_it_as_the_mapping_s_criteria_and_leaves_the_settings(
    customer_mapping, customers, account_of
):
    account_of(customers(3))
    customer_mapping.synch_after_coupling = True
    customer_mapping.save()
    found = measured(customer_mapping)
    number = CriteriaMeasurement.objects.get().job_id
    taken = suggest_services.take(mapping=customer_mapping, number=number, place=0)
    customer_mapping.refresh_from_db()
    assert criteria.stored_criteria(customer_mapping) == taken == found.suggestions[0].criteria
    assert customer_mapping.synch_after_coupling
    job = run(services.start_coupling(mapping=customer_mapping, synchronize=False))
    assert counted(job) == {"total": 3, "coupled": 3}
    for wrong in ({"number": number, "place": 99}, {"number": number + 1, "place": 0}):
        with pytest.raises(Refusal, match="measured once more"):
            suggest_services.take(mapping=customer_mapping, **wrong)


def test_of_more_records_or_rows_than_are_measured_the_first_are_a_sample_and_it_is_said(
    customer_mapping, customers, account_of, monkeypatch
):
    account_of(customers(6))
    monkeypatch.setattr(measuring, "MOST", 4)
    found = measured(customer_mapping)
    assert (found.records, found.more_records) == (4, True)
    assert found.rows <= 6


def test_it_waits_for_no_job_of_the_mapping_and_counts_nothing(customer_mapping, customers, account_of):
    account_of(customers(2))
    waiting = services.start_coupling(
        mapping=customer_mapping, criteria=[Criterion("phone_no", "telephone1")], synchronize=False
    )
    job = run(suggest_services.start_suggestion(mapping=customer_mapping))
    waiting.refresh_from_db()
    assert (waiting.state, counted(job), job.reasons) == ("queued", {"total": 2}, {})
    assert job.message == "2 of 2 would be coupled by the criteria suggested. Nothing was changed."


def test_a_suggestion_that_is_cancelled_keeps_nothing_and_one_of_nothing_says_so(customer_mapping, customers):
    customers(1)
    job = jobs.cancel(job=suggest_services.start_suggestion(mapping=customer_mapping))
    assert (run(job).state, CriteriaMeasurement.objects.exists()) == ("cancelled", False)
    job = run(suggest_services.start_suggestion(mapping=customer_mapping))
    assert job.message == "No criteria would couple a record. Nothing was changed."


def test_choices_are_measured_by_their_captions(company):
    mapping = IntegrationTableMapping.objects.get(company=company, uid_kind="option", table="payment_terms")
    found = measured(mapping)
    assert [one.field for one in found.pairs] == [one.field for one in criteria.available_criteria(mapping)]


def test_the_command_prints_what_couple_takes(company, customer_mapping, customers, account_of):
    account_of(customers(4))
    (document,), code = spoken("suggest", "CUSTOMER", "--company", "Cronus")
    assert code == 0
    first = document["suggestions"][0]
    assert first == {
        "match": "phone_no:as=phone", "unique": 4, "filled_here": 100, "filled_there": 100, "wrongly_joined": 0
    }  # fmt: skip
    (document,), code = spoken("couple", "CUSTOMER", "--company", "Cronus", "--match", first["match"])
    assert (code, document["counters"]["coupled"]) == (0, 4)
    (document,), code = spoken("suggest", "CUSTOMER", "--company", "Cronus")
    assert (code, document) == (0, {"suggestions": []})
    (document,), code = spoken("suggest", "NOTHING", "--company", "Cronus")
    assert (code, document["error"]["reason"]) == (1, "configuration")


def test_criteria_in_one_text_are_read_as_those_in_several_words(customer_mapping):
    words = ["phone_no:as=phone", "name:1:cs", "city:1"]
    given = criteria.parse_criteria(customer_mapping, words)
    assert criteria.parse_criteria(customer_mapping, [" ".join(words)]) == given
    assert criteria.to_words(customer_mapping, given) == " ".join(words)
    with pytest.raises(criteria.BadCriteria):
        criteria.parse_criteria(customer_mapping, [""])


def test_a_field_of_several_columns_is_named_with_the_one_that_is_meant(customer_mapping):
    customer_mapping.fields.create(field="phone_no", integration_field="telephone2", enabled=False)
    words = "phone_no=telephone2:as=phone phone_no=telephone1:1 city:1:cs"
    given = criteria.parse_criteria(customer_mapping, [words])
    assert [(one.local, one.integration, one.priority) for one in given] == [
        ("phone_no", "telephone2", 0), ("phone_no", "telephone1", 1), ("city", "address1_city", 1)
    ]  # fmt: skip
    assert criteria.to_words(customer_mapping, given) == words
    assert criteria.parse_criteria(customer_mapping, ["city=address1_city"])[0].integration == "address1_city"
    for wrong, says in (
        ("phone_no", "Write phone_no=telephone., for one of them"),
        ("city=x", "not mapped"),
    ):
        with pytest.raises(criteria.BadCriteria, match=says):
            criteria.parse_criteria(customer_mapping, [wrong])


@pytest.mark.parametrize(
    ("part", "whole", "said"), [(0, 0, 0), (0, 9, 0), (1, 1000, 1), (999, 1000, 99), (9, 9, 100), (1, 3, 33)]
)
def test_a_percentage_is_100_only_of_all_and_0_only_of_nothing(part, whole, said):
    assert percent(part, whole) == said
