"""A test that goes through many addresses fails where one fails, says which, and leaves nothing behind for the next."""

import pytest

from masterdata.models import Company
from tests.every_url.conftest import Place
from tests.every_url.urls import ENDPOINTS, Endpoint
from tests.every_url.walk import for_each

SOME = [endpoint for endpoint in ENDPOINTS if endpoint.name.startswith("ui:")][:3]


def test_each_that_fails_is_named_and_what_one_writes_the_next_does_not_find(here: Place) -> None:
    @for_each(SOME)
    def tried(here: Place, endpoint: Endpoint) -> None:
        assert Company.objects.count() == 2, "the one before left something"
        Company.objects.create(name="Fabrikam", currency_code="EUR")
        assert endpoint is SOME[1], "not this one"

    with pytest.raises(pytest.fail.Exception) as failed:
        tried(room=SOME, here=here)
    told = str(failed.value)
    assert told.startswith(f"2 failed: {SOME[0].name}, {SOME[2].name}\n")
    assert told.count("not this one") >= 2
    assert "the one before" not in told
    assert Company.objects.count() == 2
