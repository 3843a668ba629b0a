"""Every page that Tell Me knows, whichever room it is from."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from core.roles import Role, may
from masterdata.models import Company
from tests.ui.conftest import customers
from tests.ui.pages import check
from ui.context import entry_url
from ui.registry import Entry, registry

PAGES = [entry for entry in registry.all_entries() if entry.group != "Actions"]
ENTRIES = [pytest.param(entry, id=entry.title) for entry in PAGES]


@pytest.mark.parametrize("entry", ENTRIES)
def test_it_is_titled_as_it_is_found_and_keeps_to_the_basics(
    administrator: Client, cronus: Company, northwind: Company, entry: Entry
) -> None:
    customers(cronus, 3)
    url = entry_url(entry, cronus)
    assert url, f"{entry.title} leads nowhere"
    page = check(administrator.get(url))
    assert page.h1 == entry.title or page.h1 in entry.also


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.MAPPER])
def test_tell_me_offers_a_role_only_what_it_may_open(signed_in: Any, cronus: Company, role: Role) -> None:
    client = signed_in(role)
    offered = check(client.get(f"/c/{cronus.slug}/search/", {"q": "e"})).root.all("main")[0]
    titles = {link.text for link in offered.all("a")}
    user = User.objects.get(username=role.lower())
    for entry in PAGES:
        if not may(user, entry.needs):
            assert entry.title not in titles
            assert client.get(entry_url(entry, cronus)).status_code == 403
        else:
            assert client.get(entry_url(entry, cronus)).status_code in (200, 302), entry.title
