"""Help: every link into docs/ leads somewhere."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tests.ui.pages import check
from ui import help as help_pages

DOCS = sorted(path.stem for path in (Path(settings.BASE_DIR) / "docs").glob("*.md"))
ROOMS = ("config", "sync", "coupling", "connection_setup", "jobs", "masterdata", "ui")
NAMED = sorted(
    {
        name
        for room in ROOMS
        for path in (Path(settings.BASE_DIR) / room).rglob("*.py")
        if "management" not in path.parts
        for name in re.findall(r'\bhelp="([a-z#.-]+)"', path.read_text())
    }
)


@pytest.mark.parametrize("name", DOCS)
def test_every_page_of_docs_is_a_readable_help_page(administrator: Client, name: str) -> None:
    page = check(administrator.get(f"/help/{name}/"))
    main = page.root.all("main")[0]
    for link in main.all("a"):
        if link.get("href").startswith("/help/"):
            assert administrator.get(link.get("href").partition("#")[0]).status_code == 200, link.get("href")


@pytest.mark.parametrize("name", NAMED)
def test_every_help_link_of_a_page_leads_to_a_page_and_a_heading(name: str) -> None:
    page, _, heading = name.partition("#")
    text = help_pages.text(page.removesuffix(".md"))
    assert text is not None, f"docs/{page} is missing"
    if heading:
        assert f'id="{heading}"' in help_pages.html(text, page)[1]


def test_raw_html_and_scripts_in_a_page_are_shown_as_text() -> None:
    title, body = help_pages.html(
        "# T\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1))\n\n## Part one {#one}\n", "t"
    )
    assert title == "T"
    assert "<script" not in body
    assert 'href="javascript' not in body
    assert '<h2 id="one">Part one</h2>' in body
