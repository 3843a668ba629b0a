"""A page asks the database a fixed number of times, however much there is to show."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.page_filling import fill
from benchmarks.pages import numbered
from core.roles import Role

MOST = 12


@pytest.mark.django_db
def test_no_page_and_no_list_asks_more_than_twelve_queries(signed_in: Any) -> None:
    filled = fill(3_000)
    client = signed_in(Role.ADMINISTRATOR)
    asked = {}
    late = {f"{name}, page 3": numbered(url, 3) for name, url in filled.lists.items()}
    for name, url in {**filled.lists, **late, **filled.pages}.items():
        answer = client.get(url)
        url = answer["Location"] if answer.status_code == 302 else url
        assert "sign-in" not in url
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200, url
        asked[name] = len(queries)
    assert len(asked) > 30
    assert {name: number for name, number in asked.items() if number > MOST} == {}
