"""Mappings of choices: coupled, created, renamed, deleted and uncoupled as jobs, and used by customers and vendors."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from core.refusals import NotUsable
from core.vocabulary import Direction
from coupling.couplings import services as couplings
from coupling.gateway import Gateway
from coupling.mappings.edit import Changes, change_mapping
from coupling.mappings.field_edit import FieldChanges, add_field
from coupling.models import IntegrationTableMapping, OptionMapping, UndoneRecord
from dataverse import metadata_cache
from dataverse.choices import ColumnChoices
from jobs.models import Job, JobOutcome
from jobs.running.runner import run
from jobs.running.waiting import run_to_end
from masterdata.models import Customer, PaymentTerms, ShipmentMethod, ShippingAgent, Vendor
from sandbox.testing import Sandbox
from sync.engine.preview import Preview
from sync.full import services as full
from sync.history.services import put_back
from sync.models import SynchronizedValue
from sync.schedules.services import run_due
from sync.start.services import start_synchronization, synchronize_in_order
from tests.conftest import the_wait_is_over
from tests.coupling.conftest import previewed
from tests.sandbox.conftest import api_of
from tests.sync.conftest import (
    accounts,
    counters,
    coupling_of,
    customer,
    page_text,
    patch,
    signed_in,
    synchronize,
    update_mapping,
)
from tests.sync.engine.test_kills import kill_once, run_despite_kills
from tests.sync.history.conftest import HERE, THERE, history

FIRST = 831_200_000


@pytest.fixture
def role_without(remote: Sandbox) -> Callable[[str], Callable[[], None]]:
    """Take a privilege from the integration's role; what is returned gives it back."""
    api = api_of(remote, grant_type="password", username=remote.admin_user, password=remote.admin_password)

    def take(name: str) -> Callable[[], None]:
        role, *_ = api.get("roles?$select=roleid&$filter=name eq 'Tandem Dataverse Integration'")["value"]
        (one,) = api.get(f"privileges?$select=privilegeid&$filter=name eq '{name}'")["value"]
        path = f"roles({role['roleid']})/Microsoft.Dynamics.CRM."
        api.send("POST", f"{path}RemovePrivilegeRole", json={"PrivilegeId": one["privilegeid"]})
        added = {"Depth": "Global", "PrivilegeId": one["privilegeid"], "PrivilegeName": name}
        return lambda: api.send("POST", f"{path}AddPrivilegesRole", json={"Privileges": [added]})

    return take


def terms(company: Any, *codes: str, **values: Any) -> list[PaymentTerms]:
    return [PaymentTerms.objects.create(company=company, code=code, **values) for code in codes]


def choices(company: Any, name: str = "PAYMENT TERMS") -> dict[int, str]:
    return Gateway(company).choices(update_mapping(company, name)).read()


def pairs(company: Any) -> dict[str, int]:
    keys = dict(PaymentTerms.objects.values_list("system_id", "code"))
    found = OptionMapping.objects.filter(company=company, mapping__name="PAYMENT TERMS")
    return {keys.get(local_id, "gone"): value for local_id, value in found.values_list("local_id", "value")}


def couple(company: Any, name: str = "PAYMENT TERMS", **asked: Any) -> Job:
    return run_to_end(couplings.start_coupling(mapping=update_mapping(company, name), **asked))


def ended(job: Job) -> list[Job]:
    return [Job.objects.get(pk=job.pk), *Job.objects.filter(parent=job).order_by("pk")]


def rename(company: Any, value: int, caption: str) -> None:
    """Somebody renames a choice in Dataverse and publishes it."""
    assert Gateway(company).choices(update_mapping(company, "PAYMENT TERMS")).change({}, {value: caption}) == {}


def test_coupling_finds_choices_by_code_and_name_and_creates_the_others(company):
    mapping = update_mapping(company, "PAYMENT TERMS")
    mapping.fields.update(use_for_match=True)
    mapping.fields.filter(field="description").update(match_priority=1)
    terms(company, "NET 30", "2% 10, NET", "14 DAYS", "COD")
    terms(company, "M45", description="net 45")
    preview = previewed(mapping)
    assert (preview.coupled, preview.created) == (3, 2)
    job = couple(company)
    first, created, after = ended(job)
    assert counters(first) == {"coupled": 3, "skipped": 2}
    assert counters(created) == {"inserted": 2}
    assert counters(after) == {"unchanged": 3}, "a caption that is the name stays"
    assert pairs(company) == {"NET 30": 1, "2% 10, NET": 2, "M45": 3, "14 DAYS": FIRST, "COD": FIRST + 1}
    assert choices(company) == {
        1: "Net 30", 2: "2% 10, Net 30", 3: "Net 45", 4: "Net 60", FIRST: "14 DAYS", FIRST + 1: "COD"
    }  # fmt: skip
    outcome = JobOutcome.objects.get(job=first, local_key="NET 30")
    assert (outcome.integration_id, outcome.integration_name) == (None, "Net 30 (1)")
    again = couple(company)
    assert [counters(one) for one in ended(again)] == [{}]
    assert counters(synchronize(mapping)) == {"unchanged": 5}


def test_a_run_with_nothing_to_do_sends_few_requests(company):
    terms(company, "NET 30")
    couple(company)
    job = synchronize(update_mapping(company, "PAYMENT TERMS"))
    assert counters(job) == {"unchanged": 1}
    assert job.requests <= 4


def test_a_record_that_is_renamed_here_renames_its_choice_and_one_renamed_there_stays(company):
    one, _ = terms(company, "NET 30", "NET 45")
    couple(company)
    one.code = "30 DAYS"
    one.save()
    rename(company, 3, "Forty-five days")
    mapping = update_mapping(company, "PAYMENT TERMS")
    assert {row.outcome: row.integration_name for row in Preview(mapping).outcomes()} == {
        "modified": "30 DAYS (1)", "unchanged": "Forty-five days (3)",
    }  # fmt: skip
    assert counters(synchronize(mapping)) == {"modified": 1, "unchanged": 1}
    assert choices(company)[1] == "30 DAYS" and choices(company)[3] == "Forty-five days"
    assert OptionMapping.objects.get(value=3).caption == "Forty-five days"
    assert counters(synchronize(mapping)) == {"unchanged": 2}


def test_from_dataverse_choices_become_records_by_the_beginning_of_their_captions(company):
    terms(company, "NET 30")
    mapping = update_mapping(company, "PAYMENT TERMS")
    with pytest.raises(NotUsable, match="cannot be bidirectional"):
        change_mapping(mapping=mapping, changes=Changes(direction="bidirectional"))
    change_mapping(mapping=mapping, changes=Changes(direction="from_integration_table"))
    assert set(mapping.fields.values_list("direction", flat=True)) == {"from_integration_table"}
    rename(company, 4, "2% 10, Net 60")
    job = synchronize(update_mapping(company, "PAYMENT TERMS", synch_only_coupled=False))
    assert counters(job) == {"coupled": 1, "inserted": 2, "failed": 1}
    failed = JobOutcome.objects.get(job=job, outcome="failed")
    assert failed.integration_name == "2% 10, Net 60 (4)"
    assert "2% 10, NET is there already: a code holds 10 letters of a caption." in failed.message
    assert dict(PaymentTerms.objects.values_list("code", "description")) == {
        "NET 30": "", "2% 10, NET": "2% 10, Net 30", "NET 45": "Net 45",
    }  # fmt: skip
    mapping.fields.filter(field="description").update(enabled=True)
    rename(company, 3, "Forty-five")
    assert counters(synchronize(mapping))["modified"] == 1
    assert PaymentTerms.objects.get(description="Forty-five").code == "NET 45", "others refer to the code"


def test_a_choice_whose_code_has_a_record_outside_the_filter_fails_alone(company):
    terms(company, "NET 45")
    mapping = update_mapping(
        company, "PAYMENT TERMS", direction="from_integration_table", synch_only_coupled=False,
        table_filter={"field": "code", "op": "ne", "value": "NET 45"},
    )  # fmt: skip
    mapping.fields.update(direction="from_integration_table")
    assert {one.outcome for one in Preview(mapping).outcomes()} == {"inserted", "failed"}
    job = synchronize(mapping)
    assert job.state == "finished"
    assert counters(job) == {"inserted": 3, "failed": 1}
    assert "NET 45 is there already" in JobOutcome.objects.get(job=job, outcome="failed").message


@pytest.mark.parametrize(
    ("pair", "changes", "said"),
    [
        (("discount_percent", "paymenttermscode"), {"direction": Direction.FROM}, "takes no caption of a choice"),
        (("description", "name"), {}, "couples records with the choices of paymenttermscode"),
        (("description", "paymenttermscode"), {"rules": ("upper",)}, "takes no transformation rules"),
        (("", "paymenttermscode"), {"constant": "1"}, "takes no constant"),
    ],
)
def test_a_field_of_choices_takes_their_captions_alone(company, pair, changes, said):
    mapping = update_mapping(company, "PAYMENT TERMS")
    mapping.fields.filter(field="description").delete()
    with pytest.raises(NotUsable, match=said):
        add_field(mapping=mapping, local=pair[0], column=pair[1], changes=FieldChanges(**changes))
    assert not mapping.fields.filter(field=pair[0], integration_field=pair[1]).exists()


def test_what_is_gone_on_one_side_goes_by_the_mappings_option(company, remote: Sandbox):
    one, _ = terms(company, "NET 30", "14 DAYS")
    couple(company)
    one.delete()
    body = {"EntityLogicalName": "account", "AttributeLogicalName": "paymenttermscode", "Value": FIRST}
    client = Gateway(company)._client
    client.action("DeleteOptionValue", body)
    client.action("PublishAllXml", {})
    mapping = update_mapping(company, "PAYMENT TERMS")
    job = synchronize(mapping)
    assert counters(job) == {"uncoupled": 1, "failed": 1}
    assert "deleted in Dataverse" in JobOutcome.objects.get(job=job, outcome="failed").message
    assert counters(synchronize(update_mapping(company, "PAYMENT TERMS", deletion_conflict="restore"))) == {
        "inserted": 1
    }
    assert choices(company)[FIRST] == "14 DAYS"
    client.action("DeleteOptionValue", body)
    client.action("PublishAllXml", {})
    assert counters(synchronize(update_mapping(company, "PAYMENT TERMS", deletion_conflict="uncouple"))) == {
        "uncoupled": 1
    }
    assert pairs(company) == {}


def test_a_worker_that_is_lost_after_sending_makes_nothing_twice(company, monkeypatch):
    terms(company, "14 DAYS")
    mapping = update_mapping(company, "PAYMENT TERMS", synch_only_coupled=False)
    answered = ColumnChoices.change

    def lost(self: Any, *given: Any) -> Any:
        answered(self, *given)
        raise ConnectionError("the worker was lost here")

    monkeypatch.setattr(ColumnChoices, "change", lost)
    job = start_synchronization(mapping=mapping)
    run_to_end(job)
    monkeypatch.undo()
    assert choices(company)[FIRST] == "14 DAYS" and pairs(company) == {}
    assert counters(synchronize(mapping)) == {"coupled": 1}
    assert list(choices(company).values()).count("14 DAYS") == 1


@pytest.mark.parametrize("privilege", ["prvWriteAttribute", "prvPublishCustomization"])
def test_without_a_privilege_each_record_says_so_and_is_created_once_it_is_there(
    company, remote: Sandbox, privilege, role_without
):
    terms(company, "14 DAYS")
    mapping = update_mapping(company, "PAYMENT TERMS", synch_only_coupled=False)
    give_back = role_without(privilege)
    for _ in range(2):
        job = synchronize(mapping)
        assert counters(job) == {"failed": 1}
        failed = JobOutcome.objects.get(job=job)
        assert failed.reason == "denied"
        assert "Choose Redeploy Integration Solution" in failed.message
    assert UndoneRecord.objects.get(company=company).local_key == "14 DAYS"
    give_back()
    assert counters(synchronize(mapping)) == {"inserted": 1}
    assert not UndoneRecord.objects.exists()
    assert list(choices(company).values()).count("14 DAYS") == 1


def test_selected_couplings_are_deleted_and_others_stay(company):
    one, _ = terms(company, "NET 30", "NET 45")
    couple(company)
    mapping = update_mapping(company, "PAYMENT TERMS")
    job = run_to_end(couplings.start_uncoupling(mapping=mapping, selection=[one.system_id]))
    assert counters(job) == {"uncoupled": 1}
    assert pairs(company) == {"NET 45": 3}
    job = run_to_end(couplings.start_uncoupling(mapping=mapping, selection=[one.system_id]))
    assert counters(job) == {"skipped": 1}
    run_to_end(couplings.start_uncoupling(mapping=mapping, all=True))
    assert pairs(company) == {}
    assert len(choices(company)) == 4, "choices are never deleted"


@pytest.mark.parametrize(("name", "kind"), [("CUSTOMER", 3), ("VENDOR", 11)])
def test_option_values_travel_both_ways_and_a_blank_one_is_blank(company, remote: Sandbox, name: str, kind: int):
    terms(company, "NET 30", "14 DAYS")
    ShipmentMethod.objects.create(company=company, code="FOB")
    ShippingAgent.objects.create(company=company, code="UPS", name="United Parcel Service")
    for of_choices in ("PAYMENT TERMS", "SHIPMENT METHOD", "SHIPPING AGENT"):
        couple(company, of_choices)
    codes = {"payment_terms_code": "14 DAYS", "shipment_method_code": "FOB", "shipping_agent_code": "UPS"}
    mapping = update_mapping(company, name, synch_only_coupled=False)
    model = {"CUSTOMER": Customer, "VENDOR": Vendor}[name]
    one = model.objects.create(company=company, no="1", name="One", **codes)
    two = model.objects.create(company=company, no="2", name="Two")
    assert counters(synchronize(mapping)) == {"inserted": 2}
    columns = ("paymenttermscode", "address1_freighttermscode", "address1_shippingmethodcode")
    rows = accounts(remote)
    assert [rows["One"][column] for column in columns] == [FIRST, 1, 4]
    assert [rows["Two"][column] for column in columns] == [None, None, None]
    assert {row["customertypecode"] for row in rows.values()} == {kind}
    patch(remote, coupling_of(mapping, two).integration_id, **dict(zip(columns, (1, 1, 4), strict=True)))
    one.payment_terms_code = ""
    one.save()
    assert counters(synchronize(mapping)) == {"modified": 2}
    two.refresh_from_db()
    assert {field: getattr(two, field) for field in codes} == {**codes, "payment_terms_code": "NET 30"}
    assert accounts(remote)["One"]["paymenttermscode"] is None
    patch(remote, coupling_of(mapping, two).integration_id, address1_shippingmethodcode=None)
    assert counters(synchronize(mapping))["modified"] == 1
    two.refresh_from_db()
    assert two.shipping_agent_code == ""
    assert synchronize(mapping).counters["modified"] == 0


def test_of_several_mappings_of_choices_the_one_of_the_column_counts_and_none_of_another(
    company, customers, remote: Sandbox
):
    terms(company, "NET 30")
    couple(company)
    other = update_mapping(company, "PAYMENT TERMS")
    other.pk, other.name, other.uid_column, other.position = None, "OTHER TERMS", "customertypecode", 0
    other.save()
    local_id = PaymentTerms.objects.get().system_id
    OptionMapping.objects.create(company=company, mapping=other, local_id=local_id, value=3)
    customer(company, "1", "One", payment_terms_code="NET 30")
    assert counters(synchronize(customers)) == {"inserted": 1}
    assert accounts(remote)["One"]["paymenttermscode"] == 1
    update_mapping(company, "PAYMENT TERMS", uid_column="industrycode")
    customer(company, "2", "Two", payment_terms_code="NET 30")
    job = run_to_end(start_synchronization(mapping=customers))
    assert (
        "Payment Terms Code in CUSTOMER cannot be used: none of the mappings OTHER TERMS, PAYMENT TERMS couples "
        "Payment Terms with its choices." in job.message
    )
    assert set(accounts(remote)) == {"One"}


def test_choices_that_another_process_has_created_are_known_at_once(company, customers, remote: Sandbox):
    """A process keeps what it has read of a table for a minute; the coupling job may run in another one."""
    terms(company, "14 DAYS")
    customer(company, "1", "One", payment_terms_code="14 DAYS")
    kept = Gateway(company).table(customers)
    couple(company)
    cache = metadata_cache.cache_for(remote.environment_url)
    cache.forget()
    cache.get("account", lambda: kept)
    assert counters(synchronize(customers)) == {"inserted": 1}
    assert accounts(remote)["One"]["paymenttermscode"] == FIRST


def test_an_uncoupled_value_fails_the_record_until_it_is_coupled(company, customers, remote: Sandbox):
    terms(company, "NET 30")
    one, two = customer(company, "1", "One", payment_terms_code="NET 30"), customer(company, "2", "Two")
    job = synchronize(customers)
    assert counters(job) == {"inserted": 1, "failed": 1}
    failed = JobOutcome.objects.get(job=job, outcome="failed")
    assert failed.reason == "reference_not_coupled"
    assert "Payment Terms Code is “NET 30”, and that Payment Terms is not coupled to Dataverse." in failed.message
    patch(remote, coupling_of(customers, two).integration_id, paymenttermscode=4)
    job = synchronize(customers)
    there = JobOutcome.objects.get(job=job, local_key="2")
    assert "is “Net 60”, a choice that no Payment Terms here are coupled to." in there.message
    couple(company)
    terms(company, "NET 60")
    couple(company)
    assert counters(synchronize(customers)) == {"inserted": 1, "modified": 1}
    assert one.pk and accounts(remote)["One"]["paymenttermscode"] == 1


def test_choices_are_synchronized_first_and_on_a_schedule(company):
    names = [job.mapping_name for job in synchronize_in_order(company=company)]
    assert names.index("PAYMENT TERMS") < names.index("CUSTOMER")
    for job in Job.objects.all():
        run_to_end(job)
    IntegrationTableMapping.objects.filter(company=company).update(scheduled=False)
    update_mapping(company, "PAYMENT TERMS", scheduled=True, next_run_at=None)
    assert [job.mapping_name for job in run_due(timezone.now())] == ["PAYMENT TERMS"]


def test_the_review_couples_choices_as_soon_as_there_are_records(company):
    terms(company, "NET 30")
    full.generate(company)
    line = next(line for line in full.lines(company) if line.name == "PAYMENT TERMS")
    assert (line.local_count, line.recommendation) == (1, "none")
    assert not [one.name for one in full.lines(company) if one.recommendation == "dependency"]
    full.start(company)
    for _ in range(4):
        for job in Job.objects.filter(state="queued"):
            run_to_end(job)
        full.advance(company)
    assert {line.name: line.status for line in full.lines(company)}["PAYMENT TERMS"] == "finished"
    assert pairs(company) == {"NET 30": 1}
    full.reset(company)
    line = next(line for line in full.lines(company) if line.name == "PAYMENT TERMS")
    assert line.recommendation == "no_records"


def test_directions_that_a_mapping_of_choices_does_not_have_are_refused(company):
    with pytest.raises(NotUsable, match="to the integration table only"):
        start_synchronization(mapping=update_mapping(company, "PAYMENT TERMS"), direction=Direction.FROM)


def test_a_limit_that_stops_a_part_postpones_the_job_and_each_choice_is_made_once(company, remote: Sandbox):
    terms(company, "14 DAYS", "COD", "2 MONTHS")
    fault = {"method": "POST", "path": "InsertOptionValue", "after": 1, "times": 9, "fault": "429", "retry_after": 30}
    remote.control("POST", "faults", [fault])
    job = start_synchronization(mapping=update_mapping(company, "PAYMENT TERMS", synch_only_coupled=False))
    run(job.pk)
    job.refresh_from_db()
    assert job.state == "postponed"
    assert pairs(company) == {}
    remote.control("DELETE", "faults")
    Job.objects.filter(pk=job.pk).update(not_before=None)
    the_wait_is_over()
    assert counters(run_to_end(job)) == {"inserted": 3}
    assert sorted(caption for value, caption in choices(company).items() if value >= FIRST) == [
        "14 DAYS", "2 MONTHS", "COD"
    ]  # fmt: skip


# -- the history -------------------------------------------------------------------------------------------------------


def test_the_history_tells_of_choices_created_and_renamed_there(company):
    one, two = terms(company, "NET 30", "90 DAYS")
    couple(company)
    synchronize(update_mapping(company, "PAYMENT TERMS", synch_only_coupled=False))
    assert history(two) == [("code", THERE, "", "90 DAYS")]
    one.code = "30 DAYS"
    one.save()
    job = synchronize(update_mapping(company, "PAYMENT TERMS"))
    assert history(one) == [("code", THERE, "Net 30", "30 DAYS")]
    line = SynchronizedValue.objects.get(job=job)
    with pytest.raises(NotUsable, match="not put back by a job"):
        put_back(company=company, lines=[line.pk])
    text = page_text(signed_in("Operator").get(f"/c/{company.slug}/synchronization-history/"))
    assert "30 DAYS" in text


def test_the_history_tells_of_records_that_choices_made_and_renamed_here(company):
    mapping = update_mapping(company, "PAYMENT TERMS", synch_only_coupled=False)
    change_mapping(mapping=mapping, changes=Changes(direction="from_integration_table"))
    mapping.fields.update(field="description")
    synchronize(update_mapping(company, "PAYMENT TERMS"))
    record = PaymentTerms.objects.earliest("pk")
    told = {name: (side, before, after) for name, side, before, after in history(record)}
    assert told["code"] == (HERE, "", record.code)
    value = OptionMapping.objects.get(local_id=record.system_id).value
    rename(company, value, "Due at once")
    job = synchronize(update_mapping(company, "PAYMENT TERMS"))
    ((_, side, before, after),) = history(record, job=job)
    assert (side, before, after) == (HERE, record.description, "Due at once")


def test_a_rename_whose_worker_was_lost_is_told_once(company, monkeypatch):
    one, _ = terms(company, "NET 30", "NET 45")
    couple(company)
    one.code = "30 DAYS"
    one.save()
    job = start_synchronization(mapping=update_mapping(company, "PAYMENT TERMS"))
    with monkeypatch.context() as patched:
        kill_once(patched, ColumnChoices, "change", after=True)
        run_despite_kills(job)
    assert history(one) == [("code", THERE, "Net 30", "30 DAYS")]
