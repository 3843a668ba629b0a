"""The commands that make people, companies and records."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.models import Group

from core.roles import Can, Role, capabilities
from jobs.models import Job, JobOutcome, State, Type
from masterdata.models import Company, Customer, Item


def test_a_new_person_gets_a_password_that_is_shown_once(run, rf):
    code, out, _ = run("user", "ada", "--role", "Operator")
    password = out.rsplit("Password (shown only now): ", 1)[1].strip()
    assert code == 0
    assert authenticate(rf.get("/"), username="ada", password=password)
    assert "Password" not in run("user", "ada", "--role", "Operator")[1]


def test_the_four_groups_are_made(run):
    run("user", "ada", "--role", "Viewer")
    assert set(Group.objects.values_list("name", flat=True)) == {"Administrator", "Mapper", "Operator", "Viewer"}


@pytest.mark.parametrize("role", list(Role))
def test_a_role_replaces_the_one_before(run, role):
    run("user", "root", "--role", Role.ADMINISTRATOR.value)  # somebody must be
    for first in Role:
        run("user", "ada", "--role", first.value)
    run("user", "ada", "--role", role.value)
    user = get_user_model().objects.get(username="ada")
    assert [group.name for group in user.groups.all()] == [role.value]
    assert user.is_superuser is user.is_staff is (role is Role.ADMINISTRATOR)
    assert (Can.ADMINISTER in capabilities(user)) is (role is Role.ADMINISTRATOR)


def test_groups_of_the_business_itself_are_kept(run):
    run("user", "ada", "--role", "Viewer")
    user = get_user_model().objects.get(username="ada")
    user.groups.add(Group.objects.create(name="Warehouse"))
    run("user", "ada", "--role", "Mapper")
    assert {group.name for group in user.groups.all()} == {"Warehouse", "Mapper"}


def test_a_password_comes_from_a_file_and_is_not_printed(run, run_json, tmp_path, rf):
    (tmp_path / "secret").write_text("correct horse battery\n")
    code, document = run_json("user", "ada", "--role", "Mapper", "--password-file", str(tmp_path / "secret"))
    assert (code, document) == (0, {"user": "ada", "role": "Mapper", "created": True, "password": None})
    assert authenticate(rf.get("/"), username="ada", password="correct horse battery")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"short", "at least 10"), (b"password123", "too common"), (b"", "is empty"), (b"\xff", "not text")],
)
def test_a_password_that_will_not_do_is_refused_and_nobody_is_made(run, tmp_path, content, said):
    (tmp_path / "secret").write_bytes(content)
    code, _, err = run("user", "ada", "--role", "Mapper", "--password-file", str(tmp_path / "secret"))
    assert code == 1
    assert said in err
    assert not get_user_model().objects.exists()


def test_a_name_nobody_can_sign_in_with_is_refused(run):
    code, _, err = run("user", "ada moss!", "--role", "Mapper")
    assert code == 1
    assert "valid username" in err


def test_a_company_is_created_with_an_address_of_its_own(run, run_json):
    code, document = run_json("company", "create", "Alder & Finch", "--currency", "usd", "--country", "us")
    assert code == 0
    assert document["company"]["slug"] == "alder-finch"
    assert (document["company"]["currency"], document["company"]["country"]) == ("USD", "US")
    run("company", "create", "Alder - Finch", "--currency", "USD")
    assert list(Company.objects.values_list("slug", flat=True)) == ["alder-finch", "alder-finch-2"]
    assert [c["name"] for c in run_json("company", "list")[1]["companies"]] == ["Alder & Finch", "Alder - Finch"]


@pytest.mark.parametrize(
    ("args", "reason", "said"),
    [
        (["alder", "--currency", "USD"], "company_exists", "Choose another name"),
        (["New", "--currency", "Dollars"], "invalid", "three letters"),
        (["New", "--currency", "USD", "--country", "USA"], "invalid", "two letters"),
        (["x" * 101, "--currency", "USD"], "invalid", "Shorten"),
    ],
)
def test_a_company_that_cannot_be_made_is_refused(run, run_json, args, reason, said):
    run("company", "create", "Alder", "--currency", "USD")
    code, document = run_json("company", "create", *args)
    assert code == 1
    assert document["error"]["reason"] == reason
    assert said in f"{document['error']['message']} {document['error']['fix']}"
    assert Company.objects.count() == 1


@pytest.mark.parametrize("args", [["create"], ["create", "Alder"], ["create", " ", "--currency", "USD"], ["destroy"]])
def test_wrong_usage_of_company_ends_with_2(run, args):
    assert run("company", *args)[0] == 2


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "customers.csv"
    path.write_text("customerID,companyName,phone\nALFKI,Alfreds Futterkiste,030-0074321\nBAD,Too,many,values\n")
    return path


COLUMNS = "no=customerID, name=companyName,phone_no=phone"


def test_the_import_prints_its_numbers_and_why_rows_stayed_out(run, run_json, company, file):
    code, document = run_json(
        "masterdata", "import", "customer", str(file), "--company", company.name, "--columns", COLUMNS
    )
    assert code == 0
    assert document == {
        "table": "customer",
        "file": str(file),
        "total": 2,
        "inserted": 1,
        "modified": 0,
        "unchanged": 0,
        "failed": 1,
        "errors": [
            {
                "line": 3,
                "column": "",
                "cell": "",
                "cause": "The row has 4 values, the header names 3 columns.",
                "fix": "Put values that contain a comma in quotation marks.",
                "reason": "unreadable",
            }
        ],
        "decisions": {
            "encoding": "UTF-8",
            "separator": ",",
            "sheet": "",
            "columns": {"no": "customerID", "name": "companyName", "phone_no": "phone"},
            "decimal": {},
            "dates": {},
            "readings": {},
            "blank_clears": False,
            "blanks": {"name": "keep", "phone_no": "keep"},
            "blanks_kept": 0,
            "blanks_kept_of": {},
        },
    }
    code, out, _ = run("masterdata", "import", "customer", str(file), "--company", "alder-finch", "--columns", COLUMNS)
    assert "2 rows, 0 inserted, 0 modified, 1 unchanged, 1 failed" in out
    assert "line 3: The row has 4 values" in out
    assert Customer.objects.get().phone_no == "030-0074321"


@pytest.mark.parametrize(
    ("change", "reason", "said"),
    [
        ({"--company": "Elsewhere"}, "unknown_company", "The companies are: Alder & Finch."),
        ({"table": "customers"}, "unknown_table", "there are contact, currency, customer"),
        ({"file": "/nowhere/at/all.csv"}, "unreadable_file", "There is no file"),
        ({"--columns": "no=customerID,nom=companyName"}, "unknown_column", "The possible ones are: no, name"),
        ({"--columns": "no=customerID,name=company"}, "unknown_column", "Its columns are: customerID, companyName"),
        ({"--columns": None}, "unknown_column", "The possible ones are"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_a_sentence(run, company, file, change, reason, said):
    options = {
        "--company": company.name,
        "--columns": COLUMNS,
        **{k: v for k, v in change.items() if k.startswith("--")},
    }
    args = ["masterdata", "import", change.get("table", "customer"), change.get("file", str(file))]
    for name, value in options.items():
        args += [name, value] if value else []
    code, out, _ = run(*args, "--json")
    assert code == 1
    error = json.loads(out)["error"]
    assert error["reason"] == reason
    assert said in f"{error['message']} {error['fix']}"
    code, out, err = run(*args)
    assert (code, out) == (1, "")
    assert said in err


@pytest.mark.parametrize("columns", ["no", "no=", "=x", "no=a,no=b", ""])
def test_columns_that_are_no_pairs_are_wrong_usage(run, company, file, columns):
    assert run("masterdata", "import", "customer", str(file), "--company", company.name, "--columns", columns)[0] == 2


def test_a_preview_writes_nothing_and_tells_what_would_change(run, run_json, company, tmp_path):
    Customer.objects.create(company=company, no="1", name="Alder", city="Oslo")
    path = tmp_path / "customers.csv"
    path.write_text("no,name,city\n1,Alder,Bergen\n2,Birch,\n")
    arguments = ["masterdata", "import", "customer", str(path), "--company", company.name]
    code, document = run_json(*arguments, "--preview")
    assert (code, document["inserted"], document["modified"], document["preview"]) == (0, 1, 1, True)
    (change,) = document["changes"]
    assert change["fields"] == [{"local": "city", "caption": "City", "before": "Oslo", "local_value": "Bergen"}]
    (new,) = document["new"]
    assert (new["key"], [one["local_value"] for one in new["fields"]]) == ("2", ["2", "Birch"])
    _, out, _ = run(*arguments, "--preview")
    assert "  line 3, new: 2 Birch" in out
    assert "  line 2, changed: 1 Alder; City: Oslo -> Bergen" in out
    assert len(run(*arguments, "--preview", "--json")[1].splitlines()) == 1
    assert Customer.objects.values_list("no", "city").get() == ("1", "Oslo")
    rows = tmp_path / "rows.csv"
    assert run_json(*arguments, "--preview", "--rows", str(rows))[0] == 0
    assert rows.read_text(encoding="utf-8-sig").splitlines()[1:] == [
        "2,Changed,1,Alder,City,Oslo,Bergen,",
        "3,New,2,Birch,No.,,2,",
        "3,New,2,Birch,Name,,Birch,",
    ]
    assert run(*arguments, "--rows", str(rows))[0] == 2
    assert run(*arguments, "--preview", "--rows", str(tmp_path / "no" / "where.csv"))[0] == 2
    assert run_json(*arguments)[1]["modified"] == 1


def test_choices_are_given_for_all_columns_or_for_one(run, run_json, company, tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("no;unit_price;unit_cost;description\n1;1.234;1.234;Stool\n")
    arguments = ["masterdata", "import", "item", str(path), "--company", company.name]
    _, document = run_json(*arguments, "--decimal", ".", "--decimal", "unit_price=,")
    assert document["decisions"]["decimal"] == {"unit_price": ",", "unit_cost": "."}
    assert list(Item.objects.values_list("unit_price", "unit_cost")) == [(1234, Decimal("1.234"))]
    path.write_text("no;unit_price;unit_cost;description\n1;;;\n")
    _, document = run_json(*arguments, "--blank-clears=unit_cost")
    assert document["decisions"]["blanks"] == {"unit_price": "keep", "unit_cost": "clear", "description": "keep"}
    assert document["decisions"]["blanks_kept_of"] == {"unit_price": 1, "description": 1}
    assert list(Item.objects.values_list("unit_price", "unit_cost", "description")) == [(1234, 0, "Stool")]
    run_json(*arguments, "--blank-clears")
    assert list(Item.objects.values_list("unit_price", "unit_cost", "description")) == [(0, 0, "")]


@pytest.mark.parametrize(
    "choice", [["--decimal", ";"], ["--decimal", "=,"], ["--dates", "ymd=dmy=x"], ["--dates", "d"]]
)
def test_a_choice_that_is_none_is_wrong_usage(run, company, file, choice):
    assert run("masterdata", "import", "customer", str(file), "--company", company.name, *choice)[0] == 2


def test_an_import_is_a_job_with_an_outcome_for_each_row(run_json, company, tmp_path):
    Customer.objects.create(company=company, no="1", name="Alder")
    Customer.objects.create(company=company, no="2", name="Birch")
    path = tmp_path / "customers.csv"
    path.write_text(f"no,name,blocked\n1,Elm,\n2,Birch,\n3,Fir,\n4,{'x' * 101},\n5,Ash,never\n6,Oak,\n6,Oak,\n")
    run_json("masterdata", "import", "customer", str(path), "--company", company.name)
    (job,) = Job.objects.filter(company=company, type=Type.IMPORT)
    assert (job.state, job.processed, job.total) == (State.FINISHED, 7, 7)
    outcomes = list(JobOutcome.objects.filter(job=job).order_by("local_key", "pk"))
    assert [(one.local_key, one.outcome, one.reason) for one in outcomes] == [
        ("1", "modified", ""), ("2", "unchanged", ""), ("3", "inserted", ""), ("4", "failed", "value_too_long"),
        ("5", "failed", "unknown_choice"), ("6", "failed", "same_key"), ("6", "inserted", ""),
    ]  # fmt: skip
    assert outcomes[0].local_id == Customer.objects.get(no="1").system_id
    assert outcomes[2].local_id == Customer.objects.get(no="3").system_id
    assert outcomes[0].detail["fields"][0]["before"] == "Alder"
    assert outcomes[4].message.startswith("Line 6, column blocked: 'never' is no choice of Blocked.")
    assert run_json("jobs", "--company", company.name, "--type", "import")[1]["jobs"][0]["counters"]["failed"] == 3
    assert not list((Path(settings.STATE_DIR) / "imports").iterdir())


def test_a_file_refused_as_a_whole_ends_with_1_and_leaves_nothing_behind(run_json, company, tmp_path):
    path = tmp_path / "customers.csv"
    path.write_text("no,name\n")
    code, document = run_json("masterdata", "import", "customer", str(path), "--company", company.name)
    assert (code, document["error"]["reason"]) == (1, "unreadable_file")
    assert document["error"]["message"] == "The file has a header, and no row below it."
    assert not list((Path(settings.STATE_DIR) / "imports").iterdir())


def test_where_there_is_no_company_the_refusal_says_how_to_make_one(run, file):
    _, _, err = run("masterdata", "import", "customer", str(file), "--company", "Alder")
    assert "company create NAME" in err


def test_a_reader_that_has_seen_enough_gets_no_traceback(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "STATE_DIR": str(tmp_path), "DATABASE_URL": ""}
    command = [sys.executable, "manage.py", "company", "list", "--json"]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
