"""People, Role Changes and passwords in Chromium: with scripts and without, by keyboard, wide and narrow; axe."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts import roles
from core.roles import Held, Role
from masterdata.models import Company
from tests.browser.conftest import Looks

PEOPLE = "/c/alder/people/"

pytestmark = pytest.mark.browser


@pytest.fixture
def ada(transactional_db: Any) -> User:
    """Somebody with a role in one of four companies, among others with and without one."""
    for name in ("Alder", "Birch", "Adventure Works Cycles Netherlands", "Northwind"):
        Company.objects.create(name=name, currency_code="EUR")
    for number in range(3):
        User.objects.create_user(f"person-{number}", first_name="Person", last_name=f"Number {number}")
    User.objects.filter(username="person-2").update(is_active=False)
    ada = User.objects.create_user("ada", first_name="Ada", last_name="Moss")
    roles.set_roles(person=ada, company=Company.objects.get(slug="alder"), roles=[Role.MAPPER, Role.OPERATOR])
    return ada


def test_axe_finds_nothing_on_them_and_nothing_overflows(looks: Callable[..., Looks], ada: User) -> None:
    look = looks()
    look.open("people", PEOPLE)
    look.page.get_by_label("Role of ada in Birch", exact=True).select_option("Viewer")
    roles.set_roles(person=ada, company=Company.objects.get(slug="birch"), roles=[Role.MAPPER])
    look.page.get_by_role("button", name="Save", exact=True).last.click()
    look.page.get_by_text("Meanwhile it was changed to Mapper").wait_for()
    look.look("people, a role that somebody else changed")
    look.open("people, nobody found", f"{PEOPLE}?q=zzz")
    look.open("role changes", f"{PEOPLE}changes/")
    look.open("password", "/password/")
    for name in ("forgotten", "forgotten/sent", "new/MQ/not-a-token", "new/done"):
        look.open(f"password {name}", f"/password/{name}/")
    look.end()


@pytest.mark.parametrize("java_script", [True, False], ids=["with scripts", "without scripts"])
def test_a_role_is_given_by_keyboard(contexts: Callable[..., Any], ada: User, java_script: bool) -> None:
    page = contexts(java_script=java_script, width=390).new_page()
    page.goto(PEOPLE)
    page.get_by_label("Role of ada in Birch", exact=True).focus()
    page.keyboard.type("Op")
    page.get_by_role("button", name="Save", exact=True).last.focus()
    page.keyboard.press("Enter")
    page.get_by_text("1 role is changed, from now on.").wait_for()
    assert Held("birch", "Operator") in roles.stored_roles(ada)
    page.get_by_role("button", name="Deactivate ada").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Deactivate ada?").wait_for()
    assert User.objects.get(pk=ada.pk).is_active
    page.get_by_role("button", name="Deactivate").focus()
    page.keyboard.press("Enter")
    page.get_by_text("ada is signed out and inactive.").wait_for()
    assert not User.objects.get(pk=ada.pk).is_active
