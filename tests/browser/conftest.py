"""What browser tests share: Chromium, a served site, somebody signed in, axe, screenshots.

    @pytest.mark.browser
    def test_something(page, site, axe):
        page.goto(site.url(f"/c/{company.slug}/"))
        axe(page)

Tests are left out, with the reason, where no Chromium is found (CHROMIUM, or on the path).
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from core.roles import Role

SIDE_BY_SIDE = 2
"""Browsers at once, however many processes there are: one keeps a core busy, with the site that it shows."""
WIDTHS = (1440, 390)
SCHEMES = ("light", "dark")
COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of axe that look at colours: all that a scheme can break where it shows what the other one shows."""


def chromium() -> str:
    """Return the browser's path, "" where there is none."""
    named = os.environ.get("CHROMIUM", "")
    if named:
        return named if Path(named).is_file() else ""
    return next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives Chromium; without one it is left out, and says so."""
    here = Path(__file__).parent
    found = chromium()
    for number, item in enumerate(item for item in items if here in Path(item.path).parents):
        item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.xdist_group(f"browser {number % SIDE_BY_SIDE}"))
        if not found:
            item.add_marker(pytest.mark.skip(reason="no Chromium: set CHROMIUM, or put chromium on the path"))


@dataclass(frozen=True)
class Site:
    """The served site."""

    origin: str

    def url(self, path: str) -> str:
        """Return a full address."""
        return self.origin + path


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for all tests."""
    # Playwright's own loop runs in the test's thread; the site's threads and the fixtures use the database as always.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-background-networking"]
        )
        yield running
        running.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def site(live_server: Any) -> Site:
    """Provide the application, served on a free port."""
    return Site(live_server.url)


@pytest.fixture
def contexts(browser: Any, site: Site) -> Iterator[Callable[..., Any]]:
    """Make browser contexts: contexts(role=Role.VIEWER, width=390, scheme="dark", java_script=False)."""
    made: list[Any] = []

    def make(
        *,
        role: Role | None = Role.ADMINISTRATOR,
        width: int = 1440,
        scheme: str = "light",
        java_script: bool = True,
        **more: Any,
    ) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=java_script,
            base_url=site.origin,
            **more,
        )
        context.set_default_timeout(10_000)
        made.append(context)
        if role is not None:
            user, _ = User.objects.get_or_create(username=role.lower())
            user.groups.add(Group.objects.get_or_create(name=role)[0])
            client = Client()
            client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
            context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site.origin}])
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def page(contexts: Callable[..., Any]) -> Iterator[Any]:
    """Provide a page of an administrator; the test fails on any script error or refused resource."""
    opened = contexts().new_page()
    wrong = watch(opened)
    yield opened
    assert not wrong, wrong


def watch(page: Any) -> list[str]:
    """Collect what the page complains about: script errors, refusals of the content security policy."""
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda message: (
            wrong.append(f"{page.url}: {message.text}")
            if message.type == "error" and "status of 4" not in message.text
            else None
        ),
    )
    return wrong


RUN_AXE = """([scope, but, runOnly]) => {
    const exclude = [...but.flatMap((part) => [...document.querySelectorAll(part)])];
    return axe.run({include: [scope || document], exclude}, {
        runOnly,
        resultTypes: ["violations"],
        preload: false,  // style sheets are fetched once more for rules that are not among these
    });
}"""
"""Run axe on the page, or on what `scope` names, without what `but` names."""


@pytest.fixture
def axe() -> Callable[..., None]:
    """Assert that axe finds nothing against WCAG 2.2 AA on the page: axe(page), axe(page, "#main").

    What `but` names, by selectors, is left out.
    """
    import axe_playwright_python.base as axe_core

    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

    def run(page: Any, scope: str = "", rules: Sequence[str] = (), but: Sequence[str] = ()) -> None:
        # evaluate() speaks to the page from outside, so the page's content security policy stays as strict as it is.
        if not page.evaluate("'axe' in window"):
            page.evaluate(axe_core.AXE_SCRIPT)
        found = page.evaluate(
            RUN_AXE,
            [scope, list(but), {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": tags}],
        )
        said = [
            f"{one['id']} ({one['impact']}): {one['help']}\n"
            + "\n".join(f"    {node['html'][:200]}" for node in one["nodes"][:5])
            for one in found["violations"]
        ]
        assert not said, f"{page.url}\n" + "\n".join(said)

    return run


@pytest.fixture
def screenshot(request: pytest.FixtureRequest) -> Callable[[Any, str], None]:
    """Keep a picture where SCREENSHOTS names a folder: screenshot(page, "customers")."""
    folder = os.environ.get("SCREENSHOTS", "")

    def take(page: Any, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            width = page.viewport_size["width"]
            dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
            page.screenshot(
                caret="initial",  # hiding it is an inline style, which the pages' policy refuses
                path=str(
                    Path(folder)
                    / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}-{width}-{'dark' if dark else 'light'}.png"
                ),
            )

    return take


SHOWN = """(parts) => {
    const shown = (root) => [root, ...root.querySelectorAll(":not(.theme-toggle *)")].map((one) => {
        const box = one.getBoundingClientRect();
        const visible = one.checkVisibility() && !one.matches(".theme-toggle");
        return visible ? [one.tagName, ...[box.x, box.y, box.width, box.height].map(Math.round)] : "";
    }).join();
    const around = (one) => one ? around(one.parentElement) + one.cloneNode().outerHTML : "";
    const styles = [...document.styleSheets].map((one) => one.href) + document.querySelectorAll(":modal").length;
    const seen = (root) => [styles, around(root), root.innerHTML, shown(root)].join("\\n");
    return {
        boxes: shown(document.documentElement),
        all: seen(document.documentElement),
        parts: parts.filter((one) => document.querySelector(one))
            .map((one) => [one, seen(document.querySelector(one))]),
    };
}"""
"""What the page shows, element by element, and where; with its markup: of all of it, and of parts that pages share."""
TOGGLE = ".theme-toggle"
"""What says in words which scheme the administration is shown in, and so differs between the schemes."""
SHARED = (".topbar", ".mainnav", "#header", "#nav-sidebar")
"""What stands around the pages, of the application and of the administration."""
UNSEEN = re.compile(r"""<input type="hidden"[^>]*>|(?<=X-CSRFToken&quot;: &quot;)\w+""")
"""Markup that shows nothing to anybody, and differs by page or session."""
FAULTLESS: set[tuple[Any, ...]] = set()
"""What axe has looked at in this run and found nothing wrong with."""


class Looks:
    """Looks at pages at every width and in light and dark, and keeps what is wrong with them."""

    def __init__(self, page: Any, axe: Callable[..., None], screenshot: Callable[[Any, str], None]) -> None:
        self.page, self.axe, self.screenshot = page, axe, screenshot
        self.complaints: list[str] = []
        self.seen: set[str] = set()
        self.errors = watch(page)

    def open(self, name: str, url: str, *statuses: int) -> None:
        """Open a page and look at it; one that leads to another is not looked at twice."""
        answer = self.page.goto(url)
        assert answer is not None
        if answer.status not in (statuses or (200,)):
            self.complaints.append(f"{name}: {answer.status}")
        if self.page.url not in self.seen:
            self.seen.add(self.page.url)
            self.look(name)

    def look(self, name: str) -> None:
        """Look at what is shown now."""
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            examined = ""
            for scheme in SCHEMES:
                self.wear(width, scheme)
                self.screenshot(self.page, name)
                try:
                    examined = self.examine(width, scheme, examined)
                except AssertionError as error:
                    self.complaints.append(f"{name}, {width}, {scheme}: {error}")
            if self.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                self.complaints.append(f"{name} is wider than a screen of {width}")

    def examine(self, width: int, scheme: str, examined: str) -> str:
        """Let axe look at what it has not found faultless before; return what is shown where.

        What axe finds depends on markup, styles and places: where they are the same, it is not asked again.
        """
        shown = self.page.evaluate(SHOWN, [*SHARED, TOGGLE])
        rules = COLOURS if shown["boxes"] == examined else ()

        def key(markup: str, rules: Sequence[str] = rules) -> tuple[Any, ...]:
            return rules, width, scheme, UNSEEN.sub("", markup)

        parts = dict(shown["parts"])
        toggle = key(parts.pop(TOGGLE), ()) if TOGGLE in parts else None
        if rules and toggle and toggle not in FAULTLESS:
            self.axe(self.page, TOGGLE)
            FAULTLESS.add(toggle)
        if key(shown["all"]) not in FAULTLESS:
            self.axe(self.page, rules=rules, but=[part for part in parts if key(parts[part]) in FAULTLESS])
            FAULTLESS.update(key(markup) for markup in (shown["all"], *parts.values()))
        return str(shown["boxes"])

    def wear(self, width: int, scheme: str) -> None:
        """Show the page in light or dark."""
        self.page.emulate_media(color_scheme=scheme)

    def end(self) -> None:
        """Nothing may be wrong."""
        assert not self.complaints, "\n".join(self.complaints)
        assert not self.errors, self.errors


@pytest.fixture
def looks(contexts: Callable[..., Any], axe: Any, screenshot: Any) -> Callable[..., Looks]:
    return lambda **asked: Looks(contexts(**asked).new_page(), axe, screenshot)
