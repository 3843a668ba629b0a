"""The commands' words, as people and programs write them."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import execute_from_command_line

from coupling.mappings import defaults
from masterdata.models import Company


@pytest.fixture
def company(db: None) -> Company:
    owner = Company.objects.create(name="CRONUS International", currency_code="USD")
    defaults.create_missing(owner)
    return owner


@pytest.fixture
def said(capsys: Any) -> Callable[..., tuple[int, Any, str]]:
    """Run a command as from a shell: exit code, the JSON it printed, stderr."""

    def run(*words: str) -> tuple[int, Any, str]:
        try:
            execute_from_command_line(["manage.py", *words, "--json"])
            code = 0
        except SystemExit as end:
            code = int(str(end.code))
        captured = capsys.readouterr()
        return code, json.loads(captured.out) if captured.out else None, captured.err

    return run


@pytest.mark.parametrize(
    "words",
    [
        ("mapping", "show", "--company", "CRONUS International", "CUSTOMER"),
        ("mapping", "show", "CUSTOMER", "--company", "CRONUS International"),
        ("mapping", "--company", "CRONUS International", "show", "CUSTOMER"),
        ("mapping", "reset", "--company", "cronus-international", "CUSTOMER"),
    ],
)
def test_a_mapping_may_be_named_before_or_behind_the_options(
    company: Company, said: Any, words: tuple[str, ...]
) -> None:
    code, document, _ = said(*words)
    assert (code, "CUSTOMER" in json.dumps(document)) == (0, True)


@pytest.mark.parametrize(
    "words",
    [
        ("fullsync", "--mapping", "CUSTOMER", "CURRENCY", "--full", "CUSTOMER", "CURRENCY"),
        ("synchronize", "CUSTOMER", "--select", "1", "2", "--select", "3"),
        ("uncouple", "CUSTOMER", "--select", "1", "--select", "2"),
    ],
)
def test_lists_of_names_may_be_given_at_once_or_one_by_one(company: Company, said: Any, words: tuple[str, ...]) -> None:
    code, document, _ = said(*words, "--company", company.name)
    assert code == 1
    assert set(document["error"]) == {"reason", "message", "fix"}


def test_every_number_after_select_is_looked_up(company: Company, said: Any) -> None:
    _, document, _ = said("uncouple", "CUSTOMER", "--select", "A1", "--select", "A2", "--company", company.name)
    assert "A1, A2" in document["error"]["message"]


def test_an_unknown_word_is_a_usage_error(company: Company, said: Any) -> None:
    code, document, stderr = said("mapping", "paint", "--company", company.name)
    assert (code, document) == (2, None)
    assert "paint" in stderr


def test_output_goes_where_programs_look(company: Company) -> None:
    from django.core.management import call_command

    out = StringIO()
    call_command("mapping", "list", "--company", company.name, "--json", stdout=out)
    assert [one["name"] for one in json.loads(out.getvalue())["mappings"]]
