"""The page Resolve Update Conflicts, requested as a browser without scripts does: fields, rules, deletions."""

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from coupling.models import Coupling, CouplingBase, IntegrationTableMapping, UndoneRecord
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.conflicts import resolving
from sync.conflicts.resolving import plan_rule
from sync.engine.conflicts_standing import conflicts_of
from sync.models import ConflictChoice
from sync.rules.resolving import Rule
from tests.sync.conflicts.test_fields import CITY, PHONE, both, connect_and_pair
from tests.sync.conftest import (
    accounts,
    coupling_of,
    page_text,
    page_url,
    patch,
    signed_in,
    synchronize,
    update_mapping,
)
from tests.sync.deletions.test_services import delete_in_sql


@pytest.fixture
def company(connected: Callable[..., Company]) -> Company:
    """Return a company with three pairs that were synchronized."""
    return connected("Conflicts on a Page", connect_and_pair)


@pytest.fixture
def pair(company: Company, customers: IntegrationTableMapping, remote: Sandbox) -> Customer:
    """Change City and Phone No. of a record on both sides, and synchronize."""
    record = Customer.objects.filter(company=company).earliest("no")
    patch(remote, coupling_of(customers, record).integration_id, address1_city="Ulm", telephone1="3")
    record.city, record.phone_no = "Köln", "2"
    record.save()
    synchronize(customers)
    return record


def form_of(page: str) -> dict[str, str]:
    """Return what the page's form sends of itself."""
    return dict(re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)"', page))


def keys_of(page: str) -> list[str]:
    """Return the names of the choices on the page, in their order."""
    return list(dict.fromkeys(re.findall(r'name="choice-([\d-]+)"', page)))


def test_choices_are_carried_out_and_what_is_not_chosen_stays_on_the_page(
    company: Company, pair: Customer, operator: Client, remote: Sandbox
) -> None:
    page = page_text(operator.get(page_url(company, "conflicts")))
    for word in ("Köln", "Ulm", "Bonn", "Value here", "Last common value", "both sides", "1 pair waits for you"):
        assert word in page, word
    city, phone = keys_of(page)
    form = form_of(page)
    operator.post(page_url(company, "resolve"), {**form, f"choice-{city}": "there"})
    job = Job.objects.latest("pk")
    assert str(job.requested_by) == "operator"
    run_to_end(job)
    assert both(pair, remote) == ("Ulm", "Ulm", "2", "3")
    page = page_text(operator.get(page_url(company, "conflicts")))
    assert "Ulm" not in page and "Phone No." in page
    (phone,) = keys_of(page)
    operator.post(page_url(company, "resolve"), {**form_of(page), f"typed-{phone}": "4"})
    run_to_end(Job.objects.latest("pk"))
    assert both(pair, remote)[2:] == ("4", "4"), "what is typed counts without a choice"
    assert "No conflicts" in page_text(operator.get(page_url(company, "conflicts")))


def test_nothing_chosen_does_nothing_and_a_value_that_does_not_fit_is_said_at_its_field(
    company: Company, pair: Customer, operator: Client
) -> None:
    page = page_text(operator.get(page_url(company, "conflicts")))
    before, (city, phone) = Job.objects.count(), keys_of(page)
    operator.post(page_url(company, "resolve"), form_of(page))
    wrong = {**form_of(page), f"choice-{city}": "value", f"typed-{city}": "x" * 99, f"choice-{phone}": "there"}
    again = page_text(operator.post(page_url(company, "resolve"), wrong))
    assert "City takes at most" in again and 'aria-invalid="true"' in again and "x" * 99 in again
    assert re.search(rf'name="choice-{phone}"\s+value="there"\s+checked', again), "the other choices are kept"
    assert Job.objects.count() == before and not ConflictChoice.objects.exists()


def test_what_changed_since_the_page_was_made_is_refused_with_what_changed(
    company: Company, customers: IntegrationTableMapping, pair: Customer, operator: Client, remote: Sandbox
) -> None:
    page = page_text(operator.get(page_url(company, "conflicts")))
    city, phone = keys_of(page)
    pair.city = "Mainz"
    pair.save()
    synchronize(customers)
    form = {**form_of(page), f"choice-{city}": "here", f"choice-{phone}": "here"}
    operator.post(page_url(company, "resolve"), form)
    said = page_text(operator.get(page_url(company, "conflicts")))
    assert "City here was “Köln” and is “Mainz” now. Choose again." in said
    run_to_end(Job.objects.latest("pk"))
    assert both(pair, remote) == ("Mainz", "Ulm", "2", "2"), "the field that was as the person saw it is written"


def test_one_side_for_the_selected_pairs_counts_for_what_the_page_showed_alone(
    company: Company, customers: IntegrationTableMapping, pair: Customer, operator: Client, remote: Sandbox
) -> None:
    page = page_text(operator.get(page_url(company, "conflicts")))
    pair.city = "Mainz"
    pair.save()
    synchronize(customers)
    chosen = {**form_of(page), "choice": "get", "selected": [coupling_of(customers, pair).pk]}
    operator.post(page_url(company, "resolve"), chosen)
    assert "City here was “Köln” and is “Mainz” now" in page_text(operator.get(page_url(company, "conflicts")))
    run_to_end(Job.objects.latest("pk"))
    assert both(pair, remote) == ("Mainz", "Ulm", "3", "3")
    page = page_text(operator.get(page_url(company, "conflicts")))
    operator.post(page_url(company, "resolve"), {**form_of(page), **chosen, **form_of(page)})
    run_to_end(Job.objects.latest("pk"))
    assert both(pair, remote)[:2] == ("Ulm", "Ulm")


def test_a_form_that_was_tampered_with_chooses_nothing(company: Company, pair: Customer, operator: Client) -> None:
    page = page_text(operator.get(page_url(company, "conflicts")))
    before, form = Job.objects.count(), form_of(page)
    seen = next(name for name in form if name.startswith("seen-"))
    operator.post(page_url(company, "resolve"), {**form, seen: "x", f"choice-{keys_of(page)[0]}": "here"})
    assert Job.objects.count() == before


def test_a_rule_is_previewed_before_it_is_carried_out(
    company: Company, customers: IntegrationTableMapping, pair: Customer, operator: Client, remote: Sandbox
) -> None:
    asked = {"rule": "there", "field": PHONE, "selected": [coupling_of(customers, pair).pk]}
    before = Job.objects.count()
    nothing = operator.post(page_url(company, "resolve-rule"), {**asked, "selected": []})
    assert nothing.status_code == 302
    preview = page_text(operator.post(page_url(company, "resolve-rule"), asked))
    assert "1 field of 1 pair would be chosen. 1 record here and 0 rows in Dataverse would be written." in preview
    assert "Resolve 1 Field" in preview and "Phone No." in preview and Job.objects.count() == before
    cells = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", preview.split("What each pair gets", 1)[1], re.DOTALL)
    told = [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in cells]
    assert told[:5] == ["Record", "Field", "Value here", "Value in Dataverse", "Result"]
    assert told[5:10] == [f"{pair.no} {pair.name}", "Phone No.", "2", "3", "3"]
    pair.phone_no = "9"
    pair.save()
    synchronize(customers)
    again = page_text(operator.post(page_url(company, "resolve-rule"), form_of(preview)))
    assert "changed since the preview was made" in again
    operator.post(page_url(company, "resolve-rule"), form_of(again))
    run_to_end(Job.objects.latest("pk"))
    assert both(pair, remote) == ("Köln", "Ulm", "3", "3")
    assert CITY in str(coupling_of(customers, pair).conflict)


def test_pairs_deleted_on_one_side_are_restored_uncoupled_or_deleted_on_the_same_page(
    company: Company, customers: IntegrationTableMapping, operator: Client, remote: Sandbox
) -> None:
    records = list(Customer.objects.filter(company=company).order_by("no"))
    delete_in_sql(records)
    operator.post(page_url(company, "find-deleted"))
    run_to_end(Job.objects.filter(mapping_name="CUSTOMER").latest("pk"))
    page = page_text(operator.get(page_url(company, "conflicts")))
    assert "10000 Customer 0 (deleted)" in page and "3 pairs wait for you" in page
    lines = {line.local_key: line.pk for line in UndoneRecord.objects.all()}

    def act(client: Client, name: str, key: str, **more: str) -> str:
        form = {"selected": [lines[key]], "list": "deleted", **more}
        answer = client.post(page_url(company, name), form)
        return answer.content.decode()

    act(operator, "restore", "10000")
    run_to_end(Job.objects.latest("pk"))
    assert Customer.objects.filter(company=company, name="Customer 0").exists()
    act(operator, "delete-couplings", "10001")
    run_to_end(Job.objects.latest("pk"))
    assert Coupling.objects.count() == 2 and "Customer 1" in accounts(remote)
    update_mapping(company, brakes={"deleted": 0})
    administrator = signed_in("Administrator")
    asked = act(administrator, "delete-records", "10002")
    assert "the brake stops above 0" in asked and "Delete 1 Record Beyond the Brake" in asked
    count = Job.objects.count()
    act(administrator, "delete-records", "10002", confirmed="yes")
    assert Job.objects.count() == count, "who does not say so does not go beyond the brake"
    administrator.post(page_url(company, "delete-records"), form_of(asked))
    run_to_end(Job.objects.latest("pk"))
    assert "Customer 2" not in accounts(remote) and not UndoneRecord.objects.exists()


def test_the_list_of_what_is_undone_leads_to_both_logs_and_says_which_side_exists(
    company: Company, customers: IntegrationTableMapping, operator: Client
) -> None:
    record = Customer.objects.filter(company=company).earliest("no")
    delete_in_sql([record])
    operator.post(page_url(company, "find-deleted"))
    run_to_end(Job.objects.filter(mapping_name="CUSTOMER").latest("pk"))
    page = page_text(operator.get(page_url(company, "skipped")))
    for word in ("Coupled Record Exists", "Synchronization Log", "Uncoupling Log", "type=uncoupling"):
        assert word in page, word
    line = UndoneRecord.objects.get()
    answer = operator.post(page_url(company, "left-out-log"), {"selected": [line.pk]})
    assert f"record={record.system_id}" in answer["Location"]
    operator.post(page_url(company, "delete-couplings"), {"selected": [line.pk]})
    run_to_end(Job.objects.latest("pk"))
    assert not UndoneRecord.objects.exists()


def test_of_many_pairs_the_preview_tells_the_first_ones(
    company: Company,
    pair: Customer,
    operator: Client,
    customers: IntegrationTableMapping,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sync.conflicts.resolving.FIRST", 0)
    monkeypatch.setattr("sync.conflicts.conflicts_page.FIRST", 0)
    asked = {"rule": "newest", "selected": [coupling_of(customers, pair).pk]}
    assert "The first 0 of 1 pairs" in page_text(operator.post(page_url(company, "resolve-rule"), asked))


def test_the_page_leads_to_the_policy_on_the_card_of_the_mapping(
    company: Company, pair: Customer, operator: Client
) -> None:
    page = page_text(operator.get(page_url(company, "conflicts")))
    (url,) = re.findall(r'<a[^>]*href="([^"]+)"[^>]*>\s*Make it the rule of the mapping', page)
    assert "Resolve Update Conflicts" in page_text(operator.get(url)) and url.rstrip("/").endswith("CUSTOMER")


def test_find_for_deleted_leads_back_to_the_list_that_it_was_chosen_on(company: Company, operator: Client) -> None:
    for query, back in (({}, page_url(company, "skipped")), ({"list": "deleted"}, page_url(company, "conflicts"))):
        asked = page_text(operator.get(page_url(company, "find-deleted"), query))
        assert f'href="{back}' in asked and "on this list" not in asked
        Coupling.objects.all().delete()
        answer = operator.post(page_url(company, "find-deleted"), form_of(asked))
        assert answer["Location"].partition("?")[0] == back


def test_the_log_of_lines_of_several_mappings_or_of_a_row_alone_says_what_it_shows(
    company: Company, customers: IntegrationTableMapping, operator: Client
) -> None:
    other = IntegrationTableMapping.objects.filter(company=company).exclude(pk=customers.pk).earliest("pk")
    lines = [
        UndoneRecord.objects.create(
            company=company, mapping=mapping, integration_id=uuid4(), reason="validation", since=timezone.now()
        )
        for mapping in (customers, other)
    ]

    def log(*chosen: UndoneRecord) -> tuple[str, str]:
        answer = operator.post(page_url(company, "left-out-log"), {"selected": [one.pk for one in chosen]})
        return answer["Location"], page_text(operator.get(answer["Location"]))

    url, page = log(*lines)
    assert "mapping=" not in url and "these are the synchronizations of all mappings" in page
    url, page = log(lines[0])
    assert "mapping=CUSTOMER" in url and "no record here, so these are all synchronizations of CUSTOMER" in page


def test_choices_of_a_form_that_comes_back_stay_with_their_fields_when_another_does_not_wait_any_more(
    company: Company, customers: IntegrationTableMapping, pair: Customer, operator: Client, remote: Sandbox
) -> None:
    page = page_text(operator.get(page_url(company, "conflicts")))
    city, phone = keys_of(page)
    pair.city = "Ulm"
    pair.save()
    synchronize(customers)
    wrong = {**form_of(page), f"choice-{city}": "here", f"choice-{phone}": "value", f"typed-{phone}": "x" * 99}
    again = page_text(operator.post(page_url(company, "resolve"), wrong))
    assert keys_of(again) == [phone] and "Phone No. takes at most" in again
    assert re.search(rf'name="choice-{phone}"\s+value="value"[^>]*checked', again)


def test_a_conflict_from_before_choices_by_field_is_shown_without_them_until_it_is_compared(
    company: Company, customers: IntegrationTableMapping, pair: Customer, operator: Client
) -> None:
    base = CouplingBase.objects.get(coupling=coupling_of(customers, pair))
    assert base.conflict is not None
    for one in base.conflict["fields"]:
        for name in ("here_value", "there_value", "here", "there", "here_at", "there_at"):
            del one[name]
    base.save()
    page = page_text(operator.get(page_url(company, "conflicts")))
    assert "It is compared by the next run" in page and not keys_of(page)
    before = Job.objects.count()
    operator.post(page_url(company, "resolve"), {**form_of(page), "choice": "get", "selected": [base.pk]})
    assert Job.objects.count() == before, "nothing is chosen on values that are not known"
    plan = plan_rule(conflicts_of(company), Rule.THERE)
    assert (plan.count, plan.waiting) == (0, 2)
    synchronize(customers, selection=[pair.system_id])
    assert len(keys_of(page_text(operator.get(page_url(company, "conflicts"))))) == 2


def test_the_result_is_shown_before_anything_is_saved_and_pairs_are_narrowed_by_what_is_chosen(
    company: Company, customers: IntegrationTableMapping, pair: Customer, operator: Client, remote: Sandbox
) -> None:
    other = Customer.objects.filter(company=company).order_by("no")[1]
    patch(remote, coupling_of(customers, other).integration_id, address1_city="Jena")
    other.city = "Kiel"
    other.save()
    synchronize(customers)
    jobs = Job.objects.count()
    url = page_url(company, "resolve")
    page = page_text(operator.get(page_url(company, "conflicts")))
    first, second, third = keys_of(page)
    form = {**form_of(page), f"choice-{first}": "there", f"choice-{second}": "here"}
    assert "0 of 2 chosen" in page and "Result:" not in page
    shown = page_text(operator.post(url, {**form, "show": "all"}))
    for words in ("2 of 2 chosen", "0 of 1 chosen", "Ulm comes here", "2 goes to Dataverse", "Goes on waiting"):
        assert words in shown, words
    assert "2 of 3 fields chosen. 1 record here and 1 row in Dataverse would be written." in shown
    ready = page_text(operator.post(url, {**form, "show": "ready"}))
    assert pair.no in ready and f"{other.no} " not in ready and keys_of(ready) == [first, second]
    nothing = page_text(operator.post(url, {**form, "show": "nothing"}))
    assert keys_of(nothing)[-1] == third and "2 of 2 chosen" not in nothing
    assert (Job.objects.count(), len(conflicts_of(company))) == (jobs, 2)
    operator.post(url, form_of(nothing))  # what is not shown goes along
    run_to_end(Job.objects.latest("pk"))
    pair.refresh_from_db()
    assert (pair.city, pair.phone_no) == ("Ulm", "2")


@pytest.mark.parametrize("asked", [("resolve", {"choice": "get"}), ("resolve-rule", {"rule": "there"})])
def test_for_more_pairs_than_a_page_plans_a_job_chooses_by_the_rule_with_an_outcome_each(
    company: Company, customers: IntegrationTableMapping, pair: Customer, operator: Client, remote: Sandbox,
    monkeypatch: pytest.MonkeyPatch, asked: tuple[str, dict[str, str]],
) -> None:  # fmt: skip
    monkeypatch.setattr(resolving, "MOST_ON_A_PAGE", 0)
    before, (name, form) = Job.objects.count(), asked
    selected = {"selected": [str(coupling_of(customers, pair).pk)]}
    question = page_text(operator.post(page_url(company, name), {**form, **selected}))
    assert "Get data update from integration table, for all fields of 1 pair." in question
    assert Job.objects.count() == before
    operator.post(page_url(company, "resolve-rule"), form_of(question))
    job = run_to_end(Job.objects.latest("pk"))
    assert (job.state, job.counters["modified"], job.counters["total"]) == ("finished", 1, 1), job.message
    pair.refresh_from_db()
    assert (pair.city, pair.phone_no) == ("Ulm", "3")
    assert not conflicts_of(company).exists()


def test_a_rule_carried_out_by_a_job_leaves_what_it_cannot_tell_and_other_fields(
    company: Company, customers: IntegrationTableMapping, pair: Customer
) -> None:
    (job,) = resolving.resolve_by_job(couplings=conflicts_of(company), rule=Rule.HERE, field_name=CITY)
    assert run_to_end(job).counters["modified"] == 1
    (waits,) = conflicts_of(company)
    assert [one["name"] for one in (waits.conflict or {})["fields"]] == [PHONE]
    CouplingBase.objects.filter(pk=waits.pk).update(conflict={**(waits.conflict or {}), "fields": [
        {**one, "there_at": "", "here_at": ""} for one in (waits.conflict or {})["fields"]
    ]})  # fmt: skip
    (job,) = resolving.resolve_by_job(couplings=conflicts_of(company), rule=Rule.NEWEST)
    assert run_to_end(job).counters["conflicts"] == 1
