"""Saved views of record lists: their address, who sees them, who changes them."""

from typing import Any

import pytest
from django.test import Client

from core.roles import Role
from coupling.models import SavedView
from coupling.records import saved_views
from masterdata.models import Company
from tests.ui.conftest import customers
from tests.ui.pages import check


@pytest.fixture
def url(cronus: Company) -> str:
    customers(cronus, 4)
    return f"/c/{cronus.slug}/records/customer/"


def save(client: Client, url: str, name: str, query: str = "q=alder&sort=-name", **given: str) -> Any:
    return client.post(f"{url}views/save/", {"name": name, "query": query, **given}, follow=True)


def test_the_filters_in_force_are_saved_and_have_an_address(administrator: Client, signed_in: Any, url: str) -> None:
    narrowed = check(administrator.get(f"{url}?q=alder&sort=-name&coupled=nonsense"))
    form = check(administrator.get(narrowed.links()["Save as View"]))
    assert form.h1 == "Save as View"
    sent = {one.get("name"): one.get("value") for one in form.root.all("input") if one.get("name") == "query"}
    assert sent == {"query": "q=alder&sort=-name"}
    page = check(save(administrator, url, "Alder"))
    assert "The view Alder has been saved." in page.root.text
    view = SavedView.objects.get()
    assert (view.query, view.shared) == ("q=alder&sort=-name", False)
    opened = administrator.get(f"{url}?view={view.pk}")
    assert opened["Location"] == f"{url}?q=alder&sort=-name&of_view={view.pk}"
    shown = check(administrator.get(opened["Location"]))
    assert [row[1] for row in shown.rows()] == ["10003", "10001"]
    assert {"All customers", "Alder", "Rename or Share Alder", "Delete Alder"} <= set(shown.links())
    chip = next(one for one in shown.root.all("a") if one.get("aria-label") == "Remove the filter Search: alder")
    assert len(check(administrator.get(chip.get("href"))).rows()) == 4  # of a view, too, a filter is taken out


def test_a_view_is_seen_by_its_owner_and_shared_by_whom_the_role_allows(
    administrator: Client, signed_in: Any, cronus: Company, northwind: Company, url: str
) -> None:
    operator, viewer = signed_in(Role.OPERATOR), signed_in(Role.VIEWER)
    save(operator, url, "Mine")
    save(operator, url, "Ours", shared="on")
    refused = check(save(viewer, url, "Theirs", shared="on"))
    assert "Your role may save views, not share them." in refused.root.text
    save(viewer, url, "Theirs")
    seen = check(viewer.get(url)).links()
    assert "Ours (shared)" in seen and "Theirs" in seen and "Mine (shared)" not in seen
    mine, ours = SavedView.objects.get(name="Mine"), SavedView.objects.get(name="Ours")
    assert viewer.get(f"{url}?view={ours.pk}").status_code == 302
    for page in ("change", "delete"):
        for method in ("get", "post"):
            assert getattr(viewer, method)(f"{url}views/{page}/?view={ours.pk}").status_code == 404
    assert administrator.get(f"{url}?view={mine.pk}").status_code == 404
    assert administrator.get(f"/c/{northwind.slug}/records/customer/?view={ours.pk}").status_code == 404
    assert administrator.get(f"/c/{cronus.slug}/records/vendor/?view={ours.pk}").status_code == 404
    assert administrator.get(f"{url}views/change/?view={ours.pk}").status_code == 200
    for nonsense in ("", "x", "99999999999999999999"):
        assert viewer.get(f"{url}?view={nonsense}").status_code == 404


def test_a_view_is_renamed_shared_and_deleted(administrator: Client, url: str) -> None:
    save(administrator, url, "Old")
    save(administrator, url, "Other")
    view = SavedView.objects.get(name="Old")
    change = f"{url}views/change/?view={view.pk}"
    taken = check(administrator.post(change, {"name": "OTHER"}))
    assert "There is a view named OTHER already." in taken.root.text
    administrator.post(change, {"name": "New", "shared": "on"})
    view.refresh_from_db()
    assert (view.name, view.shared, view.query) == ("New", True, "q=alder&sort=-name")
    asked = check(administrator.get(f"{url}views/delete/?view={view.pk}"))
    assert "nobody in the company will see it any more" in asked.root.text
    administrator.post(f"{url}views/delete/?view={view.pk}")
    assert list(SavedView.objects.values_list("name", flat=True)) == ["Other"]


def test_what_cannot_be_saved_is_said_at_the_name(
    administrator: Client, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(administrator, url, "One")
    assert "There is a view named one already." in check(save(administrator, url, "one")).root.text
    assert "This field is required." in check(save(administrator, url, " ")).root.text
    monkeypatch.setattr(saved_views, "MOST", 1)
    assert "You have 1 views of this list already." in check(save(administrator, url, "Two")).root.text
    monkeypatch.setattr(saved_views, "MOST_OF_QUERY", 3)
    monkeypatch.setattr(saved_views, "MOST", 9)
    assert "The filters are too long to be saved." in check(save(administrator, url, "Three")).root.text
    assert SavedView.objects.count() == 1


def test_saving_keeps_the_address_s_own_filters_alone(administrator: Client, url: str) -> None:
    save(
        administrator, url, "x", query="city.begins=Lon&credit_limit.from=abc&page=3&next=//evil.example&sort=password"
    )
    assert SavedView.objects.get().query == "city.begins=Lon"
