"""The main path with the keyboard alone: no mouse is ever moved, and what has the focus shows it and can be seen."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from jobs.models import Job
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.browser.conftest import Site, watch
from tests.browser.test_main_path import MATCHED, PASSWORD, TWICE, UNKNOWN, company

__all__ = ["company"]

MOST = 150
"""Presses of Tab to anything on a page."""

_SHOWS = """() => {
    const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
    const marked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
    const inside = box.width > 0 && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
    const label = one.closest("label") || one;
    return {
        marked: marked || getComputedStyle(label).outlineStyle !== "none" || label.matches(":has(:focus-visible)"),
        inside: inside || getComputedStyle(one).opacity === "0",
        told: one.outerHTML.slice(0, 160),
    };
}"""


class Keys:
    """Somebody who has a keyboard."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.pressed = 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.pressed += 1

    def to(self, wanted: Any) -> None:
        """Tab until the control has the focus; each stop on the way shows that it has it."""
        wanted.wait_for(state="attached")
        for _ in range(MOST):
            if wanted.evaluate("one => one === document.activeElement"):
                return
            self.stop()
        raise AssertionError(f"not reached by {MOST} tabs: {wanted}")

    def stop(self) -> str:
        """Tab once; what has the focus now shows it and can be seen. Its markup, "" where the page has ended."""
        self.press("Tab")
        shown = self.page.evaluate(_SHOWS)
        if "<body" in shown["told"]:
            return ""
        assert shown["marked"], f"the focus cannot be seen on {shown['told']}"
        assert shown["inside"], f"the focus is out of sight on {shown['told']}"
        return str(shown["told"])

    def around(self) -> list[str]:
        """Tab through the page from its start to its end: every stop on the way."""
        stops = []
        while told := self.stop():
            stops.append(told)
            assert len(stops) < 2 * MOST, f"{self.page.url} has no end"
        return stops

    def type(self, wanted: Any, text: str) -> None:
        self.to(wanted)
        self.press("Control+a")
        self.page.keyboard.type(text)

    def tell_me(self, title: str) -> None:
        """Alt+Q, the page's name, down to the first result, Enter."""
        self.press("Alt+q")
        self.page.keyboard.type(title)
        first = self.page.locator("#tellme-found").get_by_role("link", name=title, exact=True).first
        first.wait_for()
        for _ in range(20):
            if first.evaluate("one => one === document.activeElement"):
                break
            self.press("ArrowDown")
        self.press("Enter")
        self.page.get_by_role("heading", level=1, name=title, exact=True).wait_for()

    def choose(self, *path: str) -> None:
        """Open the menus of the action bar down to an action."""
        bar = self.page.get_by_role("navigation", name="Actions")
        for label in path[:-1]:
            self.to(bar.get_by_role("button", name=label, exact=True))
            self.press("Enter")
        button = bar.get_by_role("button", name=path[-1], exact=True)
        self.to(button.or_(bar.get_by_role("link", name=path[-1], exact=True)).last)
        self.press("Enter")


@pytest.mark.timeout(240)
@pytest.mark.django_db(transaction=True)
def test_the_main_path_is_walked_with_the_keyboard_alone(
    contexts: Callable[..., Any], site: Site, worker: Any, sandbox: Sandbox, company: Company
) -> None:
    page = contexts(role=None).new_page()
    wrong, keys = watch(page), Keys(page)

    page.goto("/")
    keys.type(page.get_by_label("Username"), "ada")
    keys.type(page.get_by_label("Password"), PASSWORD)
    keys.press("Enter")
    page.get_by_role("heading", level=1, name="Role Center").wait_for()
    keys.press("Tab")
    assert "Skip" in page.evaluate("document.activeElement.textContent"), "the first stop leads past the head"

    keys.tell_me("Dataverse Connection Setup")
    for label, value in (
        ("Environment URL", sandbox.environment_url), ("Tenant ID", sandbox.tenant_id),
        ("Client ID", sandbox.client_id), ("Client Secret", sandbox.client_secret),
    ):  # fmt: skip
        keys.type(page.get_by_label(label, exact=True), value)
    keys.press("Enter")
    page.get_by_text("The settings are saved.").wait_for()
    keys.choose("Connection", "Test Connection")
    page.get_by_text("The application signs in with its client secret").wait_for()
    keys.to(page.get_by_role("switch", name="Enabled"))
    keys.press("Space")
    keys.to(page.get_by_label("I accept"))
    keys.press("Space")
    keys.to(page.get_by_role("button", name="Accept and enable").last)
    keys.press("Enter")
    page.locator("#page-state", has_text="Connected").wait_for()
    for question, answer in (
        ("Data encryption is not enabled. Enable it?", "No"), ("Use the default synchronization setup?", "Yes"),
    ):  # fmt: skip
        page.get_by_text(question).wait_for()
        keys.to(page.get_by_role("button", name=answer, exact=True))
        keys.press("Enter")
    page.get_by_text("default mappings are made").first.wait_for()

    keys.tell_me("Customers")
    for no in (MATCHED, TWICE, UNKNOWN):
        keys.to(page.get_by_role("row", name=no).get_by_role("checkbox"))
        keys.press("Space")
    page.locator("body").evaluate("() => scrollTo(0, 0)")
    keys.choose("Related", "Dataverse", "Coupling", "Match-Based Coupling")

    page.get_by_role("heading", level=1, name="Select Coupling Criteria").wait_for()
    keys.to(page.get_by_role("checkbox", name="Match on Phone No.", exact=True))
    keys.press("Space")
    keys.to(page.get_by_role("button", name=re.compile("^Couple")).first)
    keys.press("Enter")
    page.get_by_role("heading", level=1, name="CUSTOMER, match-based coupling").wait_for()
    page.locator("#page-state", has_text="Finished").wait_for(timeout=30_000)
    assert Job.objects.get(type="coupling").reasons == {"multiple_matches": 1, "no_match": 1}

    keys.tell_me("Integration Table Mappings")
    keys.to(page.get_by_role("checkbox", name="Select CUSTOMER"))
    keys.press("Space")
    keys.choose("Coupling", "Integration Coupling Job Log")
    page.get_by_role("heading", level=1, name="Integration Coupling Jobs").wait_for()
    keys.to(page.get_by_role("row", name="CUSTOMER").get_by_role("link", name="2", exact=True))
    keys.press("Enter")
    page.get_by_role("heading", level=1, name="Integration Synchronization Errors").wait_for()
    assert "Multiple matches" in page.get_by_role("row", name=TWICE).inner_text()
    assert "No match" in page.get_by_role("row", name=UNKNOWN).inner_text()

    keys.tell_me("Customers")
    keys.to(page.get_by_label("Coupled to Dataverse"))
    page.keyboard.type("Yes")
    page.get_by_role("row", name=UNKNOWN).wait_for(state="detached")
    assert "The Cannon Group PLC" in page.get_by_role("row", name=MATCHED).inner_text()
    assert not wrong, wrong
