"""Here and in Dataverse: the fact box of a card that compares both sides, and never keeps the card waiting."""

import pytest
from django.core.cache import cache

from core.vocabulary import ConflictOption
from coupling import live
from coupling.models import Coupling
from sync.coupling_setup import services
from tests.sync.conftest import customer, make_unreachable, page_text, page_url, synchronize
from tests.sync.coupling_setup.conftest import CALGARY
from tests.sync.coupling_setup.test_pages import said
from tests.ui.pages import check


@pytest.fixture(autouse=True)
def _nothing_is_known_of_earlier_silence():
    cache.clear()


@pytest.fixture
def iris(company, customers, rows):
    record = customer(
        company, "10000", "Iris Bicycles Ltd.", city="Calgary", phone_no="(587) 555-0117", e_mail="i@x.org"
    )
    services.couple(mapping=customers, local_id=record.system_id, integration_id=CALGARY)
    return record


def box_url(company, record):
    return page_url(company, "beside", table="customer", system_id=record.system_id)


def test_the_box_compares_both_sides_as_they_are_now(company, rows, operator, iris):
    rows.control("DELETE", "requests")
    card = operator.get(f"/c/{company.slug}/records/customer/{iris.system_id}/")
    assert rows.control("GET", "requests")["total"] == 0  # the card asks Dataverse for nothing
    assert check(card).links()["Both sides field by field"] == box_url(company, iris)
    answer = operator.get(box_url(company, iris))
    check(answer)
    text = said(answer)
    for words in ("different.", "Read just now.", "equal Name Iris Bicycles Ltd.", "equal City Calgary",
                  "blank there E-Mail here i@x.org there blank", "equal as phone Phone No."):  # fmt: skip
        assert words in text, words
    assert rows.control("GET", "requests")["total"] <= 4


def test_where_dataverse_is_silent_the_box_shows_what_was_last_agreed_on(
    company, customers, rows, operator, iris, monkeypatch
):
    synchronize(customers, conflict=ConflictOption.SEND)
    iris.refresh_from_db()
    iris.city = "Edmonton"
    iris.save()
    make_unreachable(company)
    card = operator.get(f"/c/{company.slug}/records/customer/{iris.system_id}/")
    assert "Both sides field by field" in page_text(card)
    text = said(operator.get(box_url(company, iris)))
    for words in ("The row cannot be read now.", "agreed on at the last synchronization", "there Calgary",
                  "different City here Edmonton", "equal Name Iris Bicycles Ltd."):  # fmt: skip
        assert words in text, words

    def unexpected(*_, **__):
        raise AssertionError("Dataverse was asked again")

    monkeypatch.setattr(live, "client_for", unexpected)
    assert "The row cannot be read now." in said(operator.get(box_url(company, iris)))
    with pytest.raises(AssertionError, match="asked again"):
        operator.get(f"{box_url(company, iris)}?again=1")


def test_a_row_or_a_coupling_that_is_gone_is_said_to_be(company, rows, operator, iris):
    Coupling.objects.update(integration_id=company.system_id)
    assert "Dataverse has no such row any more." in said(operator.get(box_url(company, iris)))
    Coupling.objects.all().delete()
    assert "The record is not coupled any more." in said(operator.get(box_url(company, iris)))
    card = page_text(operator.get(f"/c/{company.slug}/records/customer/{iris.system_id}/"))
    assert "Here and in Dataverse" not in card
