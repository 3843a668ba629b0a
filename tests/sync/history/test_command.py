"""manage.py changes, as programs use it."""

import json
from io import StringIO
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from accounts.roles import set_roles
from core.roles import Role
from sync.history.export import json_text
from sync.history.reading import lines_of
from sync.models import SynchronizedValue
from tests.coupling.test_commands import spoken
from tests.sync.conftest import accounts, coupling_of, patch, synchronize
from tests.sync.history.conftest import edit

OWN = ("--company", "One in Step")


@pytest.fixture
def jobs(mapping, adatum, remote):
    """Return two runs: the first wrote the city there, the second the phone number here."""
    edit(adatum, city="Ulm")
    first = synchronize(mapping)
    patch(remote, coupling_of(mapping, adatum).integration_id, telephone1="555-9")
    return first, synchronize(mapping)


def test_changes_prints_an_object_for_each_newest_first_and_the_summary_last(jobs, adatum):
    (phone, city, last), code = spoken("changes", *OWN)
    assert (code, last) == (0, {"total": 2})
    assert (phone["field"], phone["before"], phone["after"], phone["direction"], phone["job"]) == (
        "phone_no", "555-1", "555-9", "from_integration_table", jobs[1].pk,
    )  # fmt: skip
    assert set(city) == {
        "at", "mapping", "job", "direction", "local", "integration", "field", "before", "after", "person",
    }  # fmt: skip
    assert city["local"] == {"id": str(adatum.system_id), "key": "10000", "name": "Adatum"}
    assert (city["mapping"], city["integration"]["name"], city["person"]) == ("CUSTOMER", "Adatum", None)


def test_changes_and_the_json_file_tell_who_changed_a_value_in_dataverse(mapping, adatum, remote):
    somebody = str(uuid4())
    remote.load({"systemusers": [{"systemuserid": somebody, "fullname": "Tomasz Nowak"}]})
    patch(remote, coupling_of(mapping, adatum).integration_id, telephone1="555-9", modifiedby=somebody)
    synchronize(mapping)
    edit(adatum, city="Ulm")
    synchronize(mapping)
    (city, phone, _), code = spoken("changes", *OWN)
    assert (code, phone["changed_by"], "changed_by" in city) == (0, "Tomasz Nowak", False)
    told = json.loads("".join(json_text(lines_of(mapping.company))))
    assert [line.get("changed_by") for line in told] == [None, "Tomasz Nowak"]
    text = StringIO()
    call_command("changes", *OWN, stdout=text)
    assert text.getvalue().count("changed in Dataverse by Tomasz Nowak)") == 1


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (("CUSTOMER",), ["phone_no", "city"]),
        (("VENDOR",), []),
        (("CUSTOMER", "--select", "10000"), ["phone_no", "city"]),
        (("--field", "city"), ["city"]),
        (("--since", "2020-01-01"), ["phone_no", "city"]),
        (("--since", "2999-01-01T10:00"), []),
        (("--job", "1"), []),
    ],
)
def test_changes_are_narrowed_by_mapping_record_field_date_and_job(jobs, words, fields):
    (*lines, last), code = spoken("changes", *OWN, *words)
    assert (code, [line["field"] for line in lines], last) == (0, fields, {"total": len(fields)})


def test_changes_restore_puts_back_what_it_names_and_prints_the_job(jobs, mapping, remote):
    (job,), code = spoken("changes", "restore", *OWN, "CUSTOMER", "--select", "10000", "--field", "city")
    assert (code, job["type"], job["state"], job["counters"]["modified"]) == (0, "restore", "finished", 1)
    assert accounts(remote)["Adatum"]["address1_city"] == "Bonn"
    (line, *_), _ = spoken("changes", *OWN)
    assert (line["field"], line["before"], line["after"], line["job"]) == ("city", "Ulm", "Bonn", job["job"])


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("restore", "CUSTOMER", "--since", "2999-01-01"), "empty_selection"),
        (("--since", "yesterday"), "value_invalid"),
        (("--since", "2026-02-31"), "value_invalid"),
        (("CUSTOMER", "--select", "NOBODY"), "unknown_record"),
    ],
)
def test_changes_refuses_what_it_cannot_find_or_read(jobs, words, reason):
    (refused,), code = spoken("changes", *OWN, *words)
    assert (code, refused["error"]["reason"]) == (1, reason)
    assert refused["error"]["fix"]


@pytest.mark.parametrize(
    "words",
    [("restore",), ("restore", "CUSTOMER"), ("--select", "1"), ("CUSTOMER", "VENDOR"), ("--anyway",)],
)
def test_changes_called_wrongly_is_a_usage_error(jobs, words):
    with pytest.raises(CommandError) as wrong:
        spoken("changes", *OWN, *words)
    assert wrong.value.returncode == 2


def test_who_may_look_may_not_put_back(jobs, in_step):
    viewer = User.objects.create_user("vera")
    set_roles(person=viewer, company=in_step, roles=[Role.VIEWER])
    (*_, last), code = spoken("changes", *OWN, "--user", "vera")
    assert (code, last) == (0, {"total": 2})
    (refused,), code = spoken("changes", "restore", *OWN, "CUSTOMER", "--since", "2020-01-01", "--user", "vera")
    assert (code, refused["error"]["reason"]) == (1, "not_permitted")
    assert SynchronizedValue.objects.count() == 2
