"""The whole administration in Chromium, whatever is registered: axe in light and dark, nothing wider than the screen.

The pages come from the registry of the admin's site, and their records from the models' fields: a model that is
registered later is looked at without being named here.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from auditlog.models import LogEntry as ChangeLogEntry
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import models
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone

from masterdata.models import Company, Customer
from tests.admin_records import PASSWORD, made, registered
from tests.browser.conftest import WIDTHS, Looks
from tests.browser.test_keyboard import Keys
from tests.ui.conftest import customers

pytestmark = pytest.mark.browser

MOST = 3
"""Records of each model, except for customers, who fill more than a page."""


@pytest.fixture
def administrator(transactional_db: None) -> User:
    return User.objects.create_superuser("administrator", "administrator@example.com", PASSWORD)


@pytest.fixture
def records(administrator: User) -> dict[type[models.Model], models.Model]:
    """Provide a record of each model that the admin shows, with others beside it, and with a history."""
    company = Company.objects.create(name="CRONUS International", currency_code="EUR", country_code="DE")
    customers(company, 120)
    for model in registered():
        if model is not Customer:
            for number in range(1, MOST + 1):
                made(model, number)
    changes = ChangeLogEntry.objects.order_by("-pk").values_list("pk", flat=True)
    ChangeLogEntry.objects.exclude(pk__in=list(changes[:20])).delete()  # each record above left one
    found = {model: model._default_manager.order_by("pk").first() for model in registered()}
    for record in found.values():
        LogEntry.objects.log_actions(administrator.pk, [record], CHANGE, [{"changed": {"fields": ["Name"]}}])
    return {model: record for model, record in found.items() if record}


def changelist(model: type[models.Model]) -> str:
    """Return the address of the model's list."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def addresses(model: type[models.Model], pk: Any) -> dict[str, str]:
    """Every address that the model's admin has, by its name."""
    named = [pattern for pattern in registered()[model].get_urls() if pattern.name]
    return {
        pattern.name: reverse(f"admin:{pattern.name}", kwargs=dict.fromkeys(pattern.pattern.regex.groupindex, pk))
        for pattern in named
    }


def refusals(model: type[models.Model], user: User) -> dict[str, int]:
    """Return what the model's admin refuses to an administrator, by the end of the address's name."""
    request = RequestFactory().get("/")
    request.user = user
    shown = registered()[model]
    record = model._default_manager.order_by("pk").first()
    allowed = {"add": shown.has_add_permission(request), "delete": shown.has_delete_permission(request, record)}
    return {name: 403 for name, may in allowed.items() if not may}


class Rounds(Looks):
    """Looks at the admin's pages: on a wide screen as the system is, on a narrow one as the person chose against it."""

    def wear(self, width: int, scheme: str) -> None:
        against = {"light": "dark", "dark": "light"}[scheme]
        self.page.emulate_media(color_scheme=scheme if width > 1000 else against, reduced_motion="reduce")
        self.page.evaluate(
            "theme => document.documentElement.dataset.theme = theme", "auto" if width > 1000 else scheme
        )

    def look(self, name: str) -> None:
        super().look(name)
        self.page.set_viewport_size({"width": 1440, "height": 900})

    def press(self, name: str) -> None:
        """Press a button that leads to another page."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).click()


@pytest.fixture
def rounds(contexts: Callable[..., Any], administrator: User, axe: Any, screenshot: Any) -> Iterator[Rounds]:
    """Provide an administrator who looks at every page and finds nothing wrong."""
    going = Rounds(contexts().new_page(), axe, screenshot)
    User.objects.filter(username="administrator").update(is_staff=True, is_superuser=True)
    yield going
    going.end()


@pytest.mark.timeout(600)
def test_axe_finds_nothing_on_any_page_of_any_model(
    rounds: Rounds, administrator: User, records: dict[type[models.Model], models.Model]
) -> None:
    assert set(records) == set(registered())
    for model, record in records.items():
        refused = refusals(model, administrator)
        for name, url in addresses(model, record.pk).items():
            status = next((status for end, status in refused.items() if name.endswith(f"_{end}")), 200)
            if status == 200:
                rounds.open(name, url)
            else:
                assert rounds.page.goto(url).status == status, name


@pytest.mark.timeout(300)
def test_axe_finds_nothing_in_empty_lists(rounds: Rounds) -> None:
    for model in registered():
        rounds.open(f"empty {model._meta.label}", changelist(model))


@pytest.mark.timeout(300)
def test_axe_finds_nothing_after_what_people_do_in_lists_and_forms(
    rounds: Rounds, administrator: User, records: dict[type[models.Model], models.Model]
) -> None:
    """For each kind of admin: a list searched, sorted, counted and drilled into; each action; a form with errors."""
    kinds = {type(shown): model for model, shown in registered().items()}
    for kind, model in kinds.items():
        page, name, shown = rounds.page, kind.__name__, registered()[model]
        drilled = f"&{shown.date_hierarchy}__year={timezone.now().year}" if shown.date_hierarchy else ""
        rounds.open(f"{name} searched", f"{changelist(model)}?q=1&o=1.-2&_facets=True{drilled}")
        page.goto(changelist(model))
        for action in page.locator("select[name=action] option:not([value=''])").evaluate_all(
            "all => all.map(o => o.value)"
        ):
            page.goto(changelist(model))
            page.locator("input[name=_selected_action]").first.check()
            page.locator("select[name=action]").select_option(action)
            rounds.press("Go")
            rounds.look(f"{name} {action}")
        if "add" not in refusals(model, administrator):
            page.goto(addresses(model, 0)[f"{model._meta.app_label}_{model._meta.model_name}_add"])
            rounds.press("Save")
            assert page.locator(".errornote").count(), name
            rounds.look(f"{name} with errors")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_stop_of_the_keyboard_can_be_seen(
    contexts: Callable[..., Any], records: dict[type[models.Model], models.Model], width: int
) -> None:
    """On a list, a form and a question of each kind of admin, and on the first page."""
    keys = Keys(contexts(width=width).new_page())
    keys.page.goto(reverse("admin:index"))
    assert len(keys.around()) > 40
    for model in {type(shown): model for model, shown in registered().items()}.values():
        for end in ("changelist", "change", "delete"):
            address = addresses(model, records[model].pk)[f"{model._meta.app_label}_{model._meta.model_name}_{end}"]
            if keys.page.goto(address).status == 200:
                keys.page.locator("main").focus()  # where the link that skips the head and the sidebar leads
                assert keys.around()


@pytest.mark.timeout(200)
def test_axe_finds_nothing_on_the_pages_of_the_site_itself(
    rounds: Rounds, contexts: Callable[..., Any], records: dict[type[models.Model], models.Model], administrator: User
) -> None:
    page = rounds.page
    rounds.open("index", reverse("admin:index"))
    for app in {model._meta.app_label for model in registered()}:
        rounds.open(f"app {app}", reverse("admin:app_list", kwargs={"app_label": app}))
    rounds.open("popup form", reverse("admin:masterdata_company_add") + "?_popup=1")
    rounds.open("popup list", changelist(Company) + "?_popup=1")
    page.goto(reverse("admin:masterdata_company_change", args=[9999]))
    rounds.look("gone")
    rounds.press("Log out")
    rounds.look("logged out")
    rounds.open("log in", reverse("admin:login"))
    page.get_by_label("Username").fill("administrator")
    page.get_by_label("Password").fill("not the password")
    rounds.press("Log in")
    page.get_by_text("Please enter the correct username").wait_for()
    rounds.look("log in wrong")
    page.goto("/sign-in/")
    page.get_by_label("Username").fill("person1")
    page.get_by_label("Password").fill(PASSWORD)
    rounds.press("Sign in")
    page.goto(reverse("admin:login"))
    page.get_by_text("You are authenticated as person1").wait_for()
    rounds.look("log in as somebody else")
