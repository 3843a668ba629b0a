"""Dataverse Option Mapping: the page, and couplings with choices by the command."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from coupling.models import IntegrationTableMapping, OptionMapping
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import PaymentTerms
from tests.coupling.couplings.test_pages import text, typed
from tests.coupling.test_commands import spoken
from tests.sync.conftest import signed_in


@pytest.mark.parametrize("of", ["mappings", "coupling"])
def test_every_test_that_the_list_of_scenarios_names_is_there(of: str) -> None:
    root = Path(settings.BASE_DIR)
    listed = (root / "docs" / f"scenarios-{of}.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", listed)
    assert len(named) > 20
    missing = [
        name for file, name in named if f"def {name}(" not in (root / "tests" / file).read_text(encoding="utf-8")
    ]
    assert missing == []


@pytest.fixture
def terms(company):
    return [PaymentTerms.objects.create(company=company, code=code, description="x") for code in ("30 DAYS", "45 DAYS")]


def options(*pairs):
    words = [word for pair in pairs for word in ("--pair", pair)]
    return spoken("mapping", "options", "PAYMENT TERMS", "--company", "Cronus", *words)


def test_the_command_couples_and_prints_what_show_prints(terms, company):
    (shown,), code = options("30 days=1", "45 DAYS=Net 45")
    assert code == 0
    expected = [
        {"code": "30 DAYS", "value": 1, "caption": "Net 30"},
        {"code": "45 DAYS", "value": 3, "caption": "Net 45"},
    ]
    assert shown["options"] == expected
    assert [shown] == spoken("mapping", "show", "PAYMENT TERMS", "--company", "Cronus")[0]
    (shown,), _ = options("45 DAYS=4")
    assert [one["value"] for one in shown["options"]] == [1, 4]
    assert options()[0][0]["options"] == shown["options"]
    assert spoken("mapping", "show", "CUSTOMER", "--company", "Cronus")[0][0]["options"] == []


@pytest.mark.parametrize(
    ("pair", "reason", "said"),
    [
        ("45 DAYS=1", "already_coupled", "The choice Net 30 (1) is coupled already to 30 DAYS x."),
        ("45 DAYS=9", "configuration", "has no choice '9' in Dataverse."),
        ("NONE=2", "configuration", "has no Payment Terms 'NONE'."),
    ],
)
def test_a_pair_that_cannot_be_is_refused_and_nothing_is_half_done(terms, pair, reason, said):
    options("30 DAYS=1")
    (refused,), code = options("45 DAYS=2", pair) if not pair.startswith("45") else options(pair)
    assert (code, refused["error"]["reason"]) == (1, reason)
    assert said in refused["error"]["message"]
    assert OptionMapping.objects.count() == 1


def test_a_choice_whose_record_is_gone_is_taken_over_and_rows_have_no_options(terms):
    options("30 DAYS=1")
    terms[0].delete()
    assert [one["code"] for one in options("45 DAYS=1")[0][0]["options"]] == ["45 DAYS"]
    (refused,), code = spoken("mapping", "options", "CUSTOMER", "--company", "Cronus", "--pair", "10000=1")
    assert (code, refused["error"]["reason"]) == (1, "configuration")
    assert "couples records with rows" in refused["error"]["message"]


def test_a_reset_asks_without_naming_pairs_since_they_stay_as_all_couplings_do(terms, company):
    options("30 DAYS=1", "45 DAYS=3")
    mapping = IntegrationTableMapping.objects.get(company=company, name="PAYMENT TERMS")
    mapping.fields.filter(field="description").update(use_for_match=True, enabled=True)
    url = reverse("coupling:reset", kwargs={"company": company.slug})
    mapper = signed_in("Mapper")
    asked = text(mapper.get(url, {"id": str(mapping.pk)}))
    assert "Couplings and data stay as they are" in asked
    assert "PAYMENT TERMS: 1 matching criterion (description=paymenttermscode); 1 changed field" in asked
    assert "30 DAYS" not in asked and "Net 30" not in asked
    pairs = list(OptionMapping.objects.order_by("value").values())
    assert [pair["value"] for pair in pairs] == [1, 3]
    mapper.post(url, {"id": str(mapping.pk)})
    assert list(OptionMapping.objects.order_by("value").values()) == pairs
    assert not mapping.fields.filter(field="description", use_for_match=True).exists()


def test_the_page_shows_records_and_choices_and_tell_me_finds_it(terms, company):
    options("30 DAYS=1")
    client = signed_in("Viewer")
    page = text(client.get(reverse("coupling:all-options", kwargs={"company": company.slug})))
    for word in ("Dataverse Option Mapping", "Record", "Option Value Caption", "Payment Terms 30 DAYS x", "Net 30"):
        assert word in page
    one = text(client.get(reverse("coupling:options", kwargs={"company": company.slug, "mapping": "PAYMENT TERMS"})))
    assert "Payment Terms 30 DAYS x" in one and "Match-Based Coupling" in one
    terms[0].delete()
    page = text(client.get(reverse("coupling:all-options", kwargs={"company": company.slug})))
    assert "a record that was deleted here" in page


def test_choices_mapped_field_by_field_are_shown_too(company):
    mapping = IntegrationTableMapping.objects.get(company=company, name="CUSTOMER")
    url = reverse("coupling:options", kwargs={"company": company.slug, "mapping": "CUSTOMER"})
    client = signed_in("Viewer")
    assert "No enabled field of CUSTOMER maps choices here" in text(client.get(url))
    mapping.fields.create(field="blocked", integration_field="preferredcontactmethodcode", position=90)
    page = text(client.get(url))
    assert "Blocked: Ship" in page and "No choice is called like it" in page


def test_the_criteria_page_previews_what_couples_with_choices(terms, company):
    PaymentTerms.objects.create(company=company, code="NET 30")
    mapping = IntegrationTableMapping.objects.get(company=company, name="PAYMENT TERMS")
    url = reverse("coupling:preview", kwargs={"company": company.slug, "mapping": "PAYMENT TERMS"})
    client = signed_in("Operator")
    answer = client.post(url, typed(mapping, "code"))
    run_to_end(Job.objects.get(type="preview"))
    assert "3 payment terms would end like this" in text(client.get(answer.url))
    (line, *_), code = spoken("couple", "PAYMENT TERMS", "--company", "Cronus", "--preview")
    assert code == 0
    assert line["outcome"] == "create" and line["message"].startswith("No choice in Dataverse has the same Code.")
    (*_, matched, summary), _ = spoken("couple", "PAYMENT TERMS", "--company", "Cronus", "--match", "code", "--preview")
    assert matched["integration"] == {"id": "1", "name": "Net 30"}
    assert matched["fields"] == [{"local": "code", "integration": "paymenttermscode", "local_value": "NET 30"}]
    assert summary["counters"]["coupled"] == 1
