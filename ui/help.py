"""Help pages: the project's own docs/*.md as HTML. Only these files are read; raw HTML in them is not passed."""

import re
from pathlib import Path

from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from markdown_it import MarkdownIt

_ANCHOR = re.compile(r"\s*\{#([\w-]+)\}\s*$")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")


def text(name: str) -> str | None:
    """Return the page's Markdown; None where there is no such page."""
    if not _NAME.fullmatch(name):
        return None
    path = Path(settings.BASE_DIR) / "docs" / f"{name}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def html(text: str, name: str) -> tuple[str, SafeString]:
    """Return the page's title (its first heading, taken out) and its body.

    Links to other pages of docs/ stay inside help.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    title = name.replace("-", " ").capitalize()
    if len(tokens) > 2 and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        title, tokens = tokens[1].content, tokens[3:]
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            token.tag = "h2" if token.tag == "h1" else token.tag
            token.attrSet("id", slugify(tokens[position + 1].content))
            words = tokens[position + 1]
            if found := _ANCHOR.search(words.content):
                token.attrSet("id", found[1])
                words.content = _ANCHOR.sub("", words.content)
                for child in words.children or ():
                    child.content = _ANCHOR.sub("", child.content)
        elif token.type == "heading_close" and token.tag == "h1":
            token.tag = "h2"
        for child in token.children or ():
            address = str(child.attrGet("href") or "")
            page, _, heading = address.partition("#")
            if child.type == "link_open" and page.endswith(".md") and "/" not in page:
                target = reverse("ui:help", kwargs={"name": page.removesuffix(".md").lower()})
                child.attrSet("href", f"{target}#{heading}" if heading else target)
    # The renderer escapes text and attributes and was told to leave raw HTML out.
    return title, mark_safe(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S308  # nosec B308 B703
