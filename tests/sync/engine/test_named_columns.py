"""Models that do not inherit the base class are coupled and synchronized like all others, by the columns they have."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connection_setup.types import ROLE
from core import bulk
from core.vocabulary import DeletionOption
from coupling.couplings import services
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import Criterion
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata import catalog
from masterdata.models import Company, RecordIdentity
from sandbox.testing import Sandbox
from sync.deletions.services import find_deleted_records
from tests.example_app.models import Machine, Tool
from tests.sandbox.conftest import api_of
from tests.sandbox.test_customizing import column, create_definition, table
from tests.sync.conftest import counters, synchronize

KEYS = {"machine": "serial_no", "tool": "code"}


@pytest.fixture
def made(company: Company, remote: Sandbox) -> None:
    admin = api_of(remote, grant_type="password", username=remote.admin_user, password=remote.admin_password)
    create_definition(admin, "EntityDefinitions", table("new_Asset", ChangeTrackingEnabled=True))
    at = "EntityDefinitions(LogicalName='new_asset')/Attributes"
    create_definition(admin, at, column("String", "new_Number", MaxLength=20))
    create_definition(admin, at, column("Decimal", "new_Weight", Precision=2))
    rights = admin.values("privileges?$select=privilegeid,name&$filter=contains(name,'new_Asset')")
    given = [{"PrivilegeId": right["privilegeid"], "Depth": "Global"} for right in rights]
    for role in admin.values(f"roles?$select=roleid&$filter=name eq '{ROLE}' and _parentroleid_value eq null"):
        path = f"roles({role['roleid']})/Microsoft.Dynamics.CRM.AddPrivilegesRole"
        assert admin.send("POST", path, json={"Privileges": given}).status_code == 204


@pytest.fixture(params=["machine", "tool"])
def assets(made: None, company: Company, request: pytest.FixtureRequest) -> IntegrationTableMapping:
    mapping = IntegrationTableMapping.objects.create(
        company=company, name="ASSET", table=request.param, integration_table="new_asset", entity_set="new_assets",
        uid_column="new_assetid", name_column="new_name", synch_only_coupled=False,
    )  # fmt: skip
    for field, name in ((KEYS[request.param], "new_number"), ("label", "new_name"), ("weight", "new_weight")):
        mapping.fields.create(field=field, integration_field=name)
    return mapping


def stored(mapping: IntegrationTableMapping, *keys: str) -> None:
    """Somebody stores records past `save()`, as another program does."""
    model = Machine if mapping.table == "machine" else Tool
    own = {"tenant": mapping.company.slug} if model is Machine else {}
    model._default_manager.bulk_create(
        [model(**{KEYS[mapping.table]: key}, label=f"Here {key}", **own) for key in keys]
    )


def written(job: Job) -> dict[str, int]:
    """Return the outcomes of a job but for pairs that were looked at and found alike, its own writes come back."""
    return {name: count for name, count in counters(job).items() if name != "unchanged"}


def here(mapping: IntegrationTableMapping, key: str) -> Any:
    return catalog.table(mapping.table).records(mapping.company).get(**{KEYS[mapping.table]: key})


def change_here(mapping: IntegrationTableMapping, key: str, **values: Any) -> None:
    """Change a record: a machine by save(), which its app has; a tool past it, where nothing tells that it was."""
    record = here(mapping, key)
    if mapping.table == "tool":
        Tool.objects.filter(pk=key).update(**values)
        return
    for name, value in values.items():
        setattr(record, name, value)
    record.save()


def there(remote: Sandbox, key: str) -> dict[str, Any]:
    return next(row for row in remote.rows("new_assets") if row["new_number"] == key)


def change_there(remote: Sandbox, key: str, **columns: Any) -> None:
    kept = {name: value for name, value in there(remote, key).items() if name.startswith("new_")}
    remote.load({"new_assets": [{**kept, **columns}]})


def couple(mapping: IntegrationTableMapping, field: str, name: str) -> Job:
    job = run_to_end(services.start_coupling(mapping=mapping, criteria=[Criterion(field, name)], synchronize=False))
    assert job.state == "finished", (job.state, job.message, job.detail)
    return job


def test_a_table_with_columns_of_its_own_lives_on_both_sides(assets: IntegrationTableMapping, remote: Sandbox) -> None:
    stored(assets, "A1", "A2")
    remote.load({"new_assets": [{"new_number": "A1", "new_name": "Here A1"}, {"new_number": "A3", "new_name": "New"}]})
    assert couple(assets, "label", "new_name").counters["coupled"] == 1
    assert Coupling.objects.get(mapping=assets).local_id == here(assets, "A1").system_id

    assert counters(synchronize(assets)) == {"inserted": 2, "unchanged": 1}
    assert (here(assets, "A3").label, there(remote, "A2")["new_name"]) == ("New", "Here A2")
    assert here(assets, "A3").changed_by == "synchronization"
    assert written(synchronize(assets)) == {}
    assert counters(synchronize(assets, full=True)) == {"unchanged": 3}

    change_here(assets, "A1", label="Changed here")
    change_there(remote, "A3", new_weight=7.5)
    assert written(synchronize(assets)) == {"modified": 2}
    assert (there(remote, "A1")["new_name"], here(assets, "A3").weight) == ("Changed here", Decimal("7.5"))
    assert written(synchronize(assets)) == {}

    change_here(assets, "A2", label="Mine")
    change_there(remote, "A2", new_name="Theirs")
    synchronize(assets)
    pair = Coupling.objects.get(mapping=assets, local_id=here(assets, "A2").system_id)
    assert pair.conflict is not None
    assert (here(assets, "A2").label, there(remote, "A2")["new_name"]) == ("Mine", "Theirs")


def test_deleted_records_and_couplings_are_found(assets: IntegrationTableMapping, remote: Sandbox) -> None:
    stored(assets, "A1", "A2", "A3", "A4")
    IntegrationTableMapping.objects.filter(pk=assets.pk).update(deletion_conflict=DeletionOption.UNCOUPLE)
    synchronize(assets)
    model = catalog.table(assets.table).model
    known = here(assets, "A1").system_id
    here(assets, "A1").delete()
    bulk.delete(model, model._meta.pk.name, [here(assets, "A2").pk])
    assert not RecordIdentity.objects.filter(system_id=known).exists()
    assert written(synchronize(assets)) == {"uncoupled": 2}
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE {KEYS[assets.table]} = 'A3'")
    assert find_deleted_records() == 1
    IntegrationTableMapping.objects.filter(pk=assets.pk).update(deletion_conflict=DeletionOption.RESTORE)
    assert written(synchronize(assets))["inserted"] >= 1
    assert here(assets, "A3").label == "Here A3"
    job = run_to_end(services.start_uncoupling(mapping=assets, selection=[here(assets, "A4").system_id]))
    assert job.counters["uncoupled"] == 1, job.message


def test_what_cannot_become_a_record_is_told(assets: IntegrationTableMapping, remote: Sandbox) -> None:
    stored(assets, "A1")
    synchronize(assets)
    remote.load({"new_assets": [{"new_name": "No number"}]})
    change_there(remote, "A1", new_number="B1")
    failed = {} if assets.table == "machine" else {"failed": 2}
    assert counters(synchronize(assets)) == (failed or {"failed": 1, "modified": 1})
    if failed:
        last = Coupling.objects.get(mapping=assets)
        assert "Code is the primary key of the table here, which never changes: it stays A1." in last.last_error


@pytest.mark.parametrize("assets", ["tool"], indirect=True)
def test_a_key_that_was_deleted_in_sql_and_is_entered_again_is_another_record(assets: IntegrationTableMapping) -> None:
    stored(assets, "A1")
    catalog.table(assets.table).give_ids()
    known, model = here(assets, "A1").system_id, catalog.table(assets.table).model
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE {KEYS[assets.table]} = 'A1'")
    model(code="A1", label="Another").save(force_insert=True)
    assert here(assets, "A1").system_id != known


@pytest.mark.parametrize("assets", ["machine"], indirect=True)
def test_ids_are_given_and_read_in_few_queries(assets: IntegrationTableMapping) -> None:
    machines = catalog.table("machine")
    stored(assets, *(f"M{number}" for number in range(300)))
    with CaptureQueriesContext(connection) as asked:
        assert machines.give_ids() == 300
        assert machines.give_ids() == 0
    assert len([one for one in asked if "SAVEPOINT" not in one["sql"]]) <= 8
    ids = list(machines.rows(assets.company).values_list("system_id", flat=True))
    with CaptureQueriesContext(connection) as asked:
        assert machines.rows(assets.company).filter(system_id__in=ids[:100]).count() == 100
        assert machines.rows(assets.company).get(system_id=ids[0]).system_id == ids[0]
    assert len(asked) == 2
    elsewhere = Company.objects.create(name="Elsewhere", currency_code="USD")
    assert not machines.rows(elsewhere).exists()
