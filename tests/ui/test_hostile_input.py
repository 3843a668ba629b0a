"""Whatever stands in an address or a form, the answer is a page or a refusal, never an internal error."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from coupling.mappings import defaults
from masterdata.models import Company
from tests.ui.conftest import customers
from ui import ids

PARAMETERS = (
    "id", "selected", "draft", "page", "after", "before", "sort", "q", "p", "key", "outcome", "reason", "type",
    "mapping", "state", "choose", "list", "column", "tab", "open", "name", "next", "enabled", "way", "choice", "use",
    "case", "settings", "full", "blocked", "no", "code", "username", "field", "to", "priority", "group", "compare",
    "environment_url", "tenant_id", "client_id", "cloud", "direction", "conflicts", "create_new", "synchronize",
    "modified_at", "all_matching", "list_filters",
)  # fmt: skip

HOSTILE = {
    "superscript": "²",
    "other digits": "٣",
    "huge": "9" * 40,
    "just past the integers": str(2**63),
    "negative": "-1",
    "nul": "a\x00b",
    "beyond the basic plane": "\U0001f600\ufeff\u202e",
    "quotes": "'\"<script>%s%00{0}",
    "long": "x" * 5000,
    "not a number": "nan",
    "no date": "0000-99-99T99:99:99",
    "blank": "",
}


def own_patterns(resolver: Any = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every named address of the application's own pages; the admin is Django's."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            if pattern.app_name != "admin":
                yield from own_patterns(pattern, f"{pattern.namespace}:" if pattern.namespace else prefix)
        elif pattern.name:
            yield f"{prefix}{pattern.name}", pattern


PATTERNS = dict(own_patterns())
OURS = [name for name in PATTERNS if name != "ui:sign-out"]


def addresses(name: str, company: Company, record: Any, hostile: str = "") -> Iterator[str]:
    """The page's address with ordinary parts, then with the hostile text in each part that takes it."""
    usual: dict[str, Any] = {
        "company": company.slug, "mapping": "CUSTOMER", "table": "customer", "pk": 1, "system_id": record.system_id,
        "what": "fields", "to": "off", "step": "before-you-start", "name": "index", "key": "x", "kind": "csv",
    }  # fmt: skip
    parts = {part: usual[part] for part in PATTERNS[name].pattern.converters}
    yield reverse(name, kwargs=parts)
    for part in parts:
        try:
            yield reverse(name, kwargs={**parts, part: hostile})
        except (NoReverseMatch, UnicodeEncodeError):
            continue


@pytest.fixture
def company(cronus: Company) -> Company:
    defaults.create_missing(cronus)
    return cronus


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_no_input_ends_in_an_internal_error(administrator: Client, company: Company, hostile: str) -> None:
    (record,) = customers(company, 1)
    data = dict.fromkeys(PARAMETERS, hostile)
    query, form = urlencode(data), encode_multipart(BOUNDARY, data)  # written once for all pages
    administrator.raise_request_exception = False
    wrong = []
    for name in OURS:
        for number, url in enumerate(addresses(name, company, record, hostile)):
            answers = [administrator.get(url, QUERY_STRING=query)]
            if not number:
                answers.append(administrator.generic("POST", url, form, MULTIPART_CONTENT))
            for answer in answers:
                if answer.status_code >= 500:
                    wrong.append(f"{answer.request['REQUEST_METHOD']} {url[:120]}: {answer.status_code}")
    assert not wrong


@pytest.mark.parametrize("name", OURS)
def test_a_page_takes_the_methods_it_knows_alone(administrator: Client, company: Company, name: str) -> None:
    (record,) = customers(company, 1)
    url = next(addresses(name, company, record))
    for method in ("PUT", "PATCH", "DELETE"):
        assert administrator.generic(method, url).status_code == 405, method


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        ("007", 7),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
        ("²", None),
        ("٣", None),
        ("-1", None),
        ("", None),
    ],
)
def test_an_id_is_a_row_s_number_or_nothing(text: str, number: int | None) -> None:
    assert ids.parse_id(text) == number
    assert ids.parse_ids([f"{text}, 5", "x,6"]) == [*([] if number is None else [number]), 5, 6]


@pytest.mark.parametrize("user", ["administrator", "client"])
def test_an_address_with_a_character_that_no_name_holds_leads_nowhere(request: Any, db: None, user: str) -> None:
    """PostgreSQL fails at being asked for it, so nothing is asked."""
    client = request.getfixturevalue(user)
    with CaptureQueriesContext(connection) as asked:
        answer = client.get("/c/cronus-international/mappings/of/a%00b/")
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()
    assert not any("integrationtablemapping" in query["sql"] for query in asked)
