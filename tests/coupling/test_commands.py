"""The commands, as programs use them: documents on stdout, refusals with their word, exit codes."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from coupling.mappings import defaults
from coupling.models import Coupling, IntegrationTableMapping
from jobs.models import Job
from jobs.outcomes import JobOutcomes
from masterdata.models import Customer
from tests.coupling.conftest import match_on


def spoken(*words):
    """Run a command; return stdout's lines as documents, and the exit code."""
    out, code = StringIO(), 0
    try:
        call_command(*words, "--json", stdout=out, stderr=StringIO())
    except SystemExit as ended:
        code = ended.code
    text = out.getvalue()
    try:
        return [json.loads(text)], code
    except ValueError:
        return [json.loads(line) for line in text.splitlines()], code


def test_couple_prints_one_document_of_the_contract(customers, account_of, company):
    made = customers(4)
    account_of(made[:3])
    (result,), code = spoken("couple", "CUSTOMER", "--company", "Cronus", "--match", "phone_no:0:cs", "name:1")
    assert code == 0
    assert set(result) >= {
        "job", "type", "mapping", "state", "plan", "counters", "reasons", "requests", "seconds", "followups",
    }  # fmt: skip
    assert (result["state"], result["counters"]["coupled"], result["counters"]["failed"]) == ("finished", 3, 1)
    assert result["reasons"] == {"no_match": 1}
    assert result["plan"] in ("scan", "probe")


def test_couple_select_takes_those_records_only(customers, account_of):
    account_of(customers(4))
    (result,), _ = spoken(
        "couple", "CUSTOMER", "--company", "Cronus", "--match", "phone_no", "--select", "10000", "10020"
    )
    assert result["counters"]["coupled"] == 2
    assert Coupling.objects.count() == 2


def test_an_unknown_number_is_refused_and_nothing_is_done(customers, account_of):
    account_of(customers(2))
    (refusal,), code = spoken(
        "couple", "CUSTOMER", "--company", "Cronus", "--match", "phone_no", "--select", "10000", "99999"
    )
    assert (code, refusal["error"]["reason"]) == (1, "unknown_record")
    assert "99999" in refusal["error"]["message"]
    assert not Job.objects.exists()


def test_without_criteria_it_is_refused(company):
    (refusal,), code = spoken("couple", "CUSTOMER", "--company", "Cronus")
    assert (code, refusal["error"]["reason"]) == (1, "no_criteria")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("couple", "NOTHING", "--match", "name"), "configuration"),
        (("couple", "CUSTOMER", "--match", "nofield"), "configuration"),
        (("couple", "CUSTOMER", "--match", "name:first"), "configuration"),
        (("couple", "CUSTOMER", "--match", "phone_no:as=telephone"), "configuration"),
        (("couple", "SALESPEOPLE", "--match", "name", "--create-new"), "configuration"),
        (("uncouple", "NOTHING", "--all"), "configuration"),
        (("mapping", "show", "NOTHING"), "configuration"),
        (("mapping", "reset", "NOTHING"), "configuration"),
    ],
)
def test_refusals_have_a_word_and_a_sentence(company, words, reason):
    (refusal,), code = spoken(*words, "--company", "Cronus")
    assert (code, refusal["error"]["reason"]) == (1, reason)
    assert refusal["error"]["message"].endswith(".")


def test_the_stored_criteria_count_without_match(customers, account_of, customer_mapping):
    account_of(customers(2))
    match_on(customer_mapping, "phone_no")
    (result,), _ = spoken("couple", "CUSTOMER", "--company", "Cronus")
    assert result["counters"]["coupled"] == 2


def test_match_says_how_a_field_is_compared(customers, accounts):
    customers([{"phone_no": "(0)30 1234567", "country_region_code": "DE"}])
    accounts([{"name": "Somebody", "telephone1": "+49 30 1234567"}])
    coupled = []
    for words in ("phone_no:as=text", "phone_no:1:as=phone"):
        (*_, result), _ = spoken("couple", "CUSTOMER", "--company", "Cronus", "--match", words, "--preview")
        coupled.append(result["counters"]["coupled"])
    assert coupled == [0, 1]


def test_a_preview_is_one_object_per_record_and_the_summary_last(customers, account_of):
    made = customers(3)
    account_of(made[:2])
    lines, code = spoken("couple", "CUSTOMER", "--company", "Cronus", "--match", "phone_no", "--preview")
    assert code == 0
    assert [line["outcome"] for line in lines[:-1]] == ["couple", "couple", "fail"]
    assert lines[0]["local"]["key"] == "10000"
    assert lines[0]["integration"]["name"] == f"Account {made[0].no}"
    assert (lines[2]["reason"], lines[2]["integration"]) == ("no_match", None)
    assert (lines[-1]["state"], lines[-1]["counters"]["coupled"], lines[-1]["reasons"]) == (
        "preview", 2, {"no_match": 1}
    )  # fmt: skip
    assert not Coupling.objects.exists()


def test_a_preview_says_of_each_record_what_the_job_would_do_and_sends_no_write(
    customers, account_of, company, customer_mapping, remote
):
    made = customers(4)
    account_of(made[:2])
    spoken("couple", "CUSTOMER", "--company", "Cronus", "--match", "phone_no", "--select", "10000")
    Customer.objects.filter(pk=made[3].pk).update(blocked="All")
    numbers = [one.no for one in made]
    remote.control("DELETE", "requests")
    (*lines, told), code = spoken(
        "couple", "CUSTOMER", "--company", "Cronus", "--match", "phone_no", "--create-new", "--preview", "--select",
        *numbers,
    )  # fmt: skip
    assert code == 0
    assert remote.requests()["writes"] == 0
    assert {line["local"]["key"]: (line["outcome"], line["reason"]) for line in lines} == {
        numbers[0]: ("skip", "already_coupled"), numbers[1]: ("couple", ""), numbers[2]: ("create", "create_queued"),
        numbers[3]: ("skip", "outside_filter"),
    }  # fmt: skip
    keys = {"outcome", "local", "integration", "reason", "message", "fields", "candidates"}
    assert all(set(line) >= keys for line in lines)
    (job,), _ = spoken(
        "couple", "CUSTOMER", "--company", "Cronus", "--match", "phone_no", "--create-new", "--select", *numbers
    )
    assert (told["counters"], told["reasons"]) == (job["counters"], job["reasons"])
    assert set(told) >= set(job) - {"message"}
    messages = {row.local_key: row.message for row in JobOutcomes(Job.objects.get(pk=job["job"]))}
    assert {line["local"]["key"]: line["message"] for line in lines} == messages


def test_a_preview_of_creating_is_refused_where_nothing_can_be_created(customers, customer_mapping):
    customers(1)
    IntegrationTableMapping.objects.update(direction="from_integration_table")
    asked = ("couple", "CUSTOMER", "--company", "Cronus", "--match", "phone_no", "--create-new")
    (previewed,), code = spoken(*asked, "--preview")
    assert (previewed, code) == (spoken(*asked)[0][0], 1)


def test_create_new_and_synchronize_are_follow_ups(customers, account_of, remote):
    made = customers(3)
    account_of(made[:1])
    (result,), _ = spoken(
        "couple", "CUSTOMER", "--company", "Cronus", "--match", "phone_no", "--create-new", "--synchronize",
        "--conflicts", "send",
    )  # fmt: skip
    assert result["reasons"] == {"create_queued": 2}
    assert sum(one["counters"]["inserted"] for one in result["followups"]) == 2
    assert {row["name"] for row in remote.rows("accounts")} == {one.name for one in made}


def test_create_new_unmatched_leaves_likely_duplicates_and_the_preview_says_the_same(customers, accounts, remote):
    names = ("Coupled", "Several", "Taken", "Taken", "Near by", "Outside", "New Harbour")
    customers([{"name": name} for name in names])
    accounts([{"name": name} for name in ("Coupled", "Several", "Several", "Taken", "Nearby", "New Harbor")])
    accounts([{"name": "Outside", "customertypecode": 11}])
    asked = ("couple", "CUSTOMER", "--company", "Cronus", "--match", "name", "--create-new", "unmatched")
    (*lines, told), code = spoken(*asked, "--preview")
    assert [(line["outcome"], line["reason"]) for line in lines] == [
        ("couple", ""), ("fail", "multiple_matches"), ("couple", ""), ("fail", "already_coupled"), ("fail", "no_match"),
        ("fail", "no_match"), ("create", "create_queued"),
    ]  # fmt: skip
    assert 'The closest Name in Dataverse is "New Harbor" (95 % alike). If it is the same,' in lines[-1]["message"]
    (job,), _ = spoken(*asked)
    assert (told["counters"], told["reasons"], code) == (job["counters"], job["reasons"], 0)
    assert [one["counters"]["inserted"] for one in job["followups"]] == [1]
    assert len(remote.rows("accounts")) == 8
    (job,), _ = spoken(*asked[:-1], "all")
    assert [one["counters"]["inserted"] for one in job["followups"]] == [4]


def test_the_errors_of_a_job_say_what_was_compared(customers, accounts):
    customers([{"phone_no": "1"}])
    accounts([{"name": "one", "telephone1": "1"}, {"name": "two", "telephone1": "1"}])
    (result,), _ = spoken("couple", "CUSTOMER", "--company", "Cronus", "--match", "phone_no")
    error, summary = spoken("job", str(result["job"]), "--errors")[0]
    assert error["reason"] == "multiple_matches"
    assert error["fields"] == [{"local": "phone_no", "integration": "telephone1", "local_value": "1"}]
    assert {one["name"] for one in error["candidates"]} == {"one", "two"}
    assert summary["job"] == result["job"]


def test_uncouple_takes_some_or_all_but_never_neither(customers, account_of):
    account_of(customers(3))
    spoken("couple", "CUSTOMER", "--company", "Cronus", "--match", "phone_no")
    (result,), _ = spoken("uncouple", "CUSTOMER", "--company", "Cronus", "--select", "10000")
    assert result["counters"]["uncoupled"] == 1
    with pytest.raises(CommandError):
        call_command("uncouple", "CUSTOMER", "--company", "Cronus")
    (result,), _ = spoken("uncouple", "CUSTOMER", "--company", "Cronus", "--all")
    assert (result["type"], result["counters"]["uncoupled"]) == ("uncoupling", 2)
    assert not Coupling.objects.exists()


def test_mappings_are_listed_shown_and_reset(customers, company):
    customers(2)
    (listed,), _ = spoken("mapping", "list", "--company", "Cronus")
    base = [name for name in defaults.default_names() if name not in defaults.names_of_part(defaults.DYNAMICS_365)]
    assert [one["name"] for one in listed["mappings"]] == base
    assert {one["name"]: one["uncoupled"] for one in listed["mappings"]}["CUSTOMER"] == 2
    (shown,), _ = spoken("mapping", "show", "CUSTOMER", "--company", "Cronus")
    fields = {one["field"]: one["integration_field"] for one in shown["fields"]}
    assert fields["phone_no"] == "telephone1"
    (reset,), code = spoken("mapping", "reset", "CUSTOMER", "--company", "Cronus")
    assert (reset, code) == ({"reset": ["CUSTOMER"], "applied": True, "summary": [], "changes": []}, 0)


def test_a_failed_job_ends_with_exit_code_one(customers, customer_mapping):
    customers(1)
    customer_mapping.fields.filter(field="phone_no").update(integration_field="telephone9")
    (result,), code = spoken("couple", "CUSTOMER", "--company", "Cronus", "--match", "phone_no")
    assert (code, result["state"]) == (1, "failed")
    assert "telephone9" in result["message"]


def test_without_json_the_output_is_text(customers, account_of):
    account_of(customers(2))
    out = StringIO()
    call_command("couple", "CUSTOMER", "--company", "Cronus", "--match", "phone_no", stdout=out)
    assert "coupled" in out.getvalue()
    out = StringIO()
    call_command("couple", "CUSTOMER", "--company", "Cronus", "--match", "phone_no", "--preview", stdout=out)
    assert "0 uncoupled records" in out.getvalue()
    call_command("mapping", "list", "--company", "Cronus", stdout=out)
    call_command("mapping", "show", "CUSTOMER", "--company", "Cronus", stdout=out)
    assert "telephone1" in out.getvalue()
