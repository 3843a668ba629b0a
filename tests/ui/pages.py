"""What every page must keep to, whoever builds it: use `check(response)` in any room's page tests.

response = client.get(url)
page = check(response)
assert page.h1 == "Customers"
"""

from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
SHAPES = {"path", "circle", "rect", "line", "polyline", "polygon", "use", "ellipse"}


@dataclass(eq=False)
class Element:
    """One element of a page. everything: the page's elements in their order, of which those inside follow this one."""

    tag: str
    attributes: dict[str, str]
    everything: list["Element"]
    parent: "Element | None" = None
    children: list["Element | str"] = field(default_factory=list)
    place: int = 0
    end: int | None = None
    """The place after the last one inside; None until the element is closed."""

    def __post_init__(self) -> None:
        self.everything.append(self)
        self.place = len(self.everything)

    @cached_property
    def text(self) -> str:
        """All text inside, white space made single."""
        parts = (child if isinstance(child, str) else child.text for child in self.children)
        return " ".join(" ".join(parts).split())

    def ancestors(self) -> "list[Element]":
        """From the parent up."""
        found, element = [], self.parent
        while element is not None:
            found.append(element)
            element = element.parent
        return found

    def all(self, *tags: str) -> "list[Element]":
        """Every element inside of these tags (any, without tags), in order."""
        inside = self.everything[self.place : self.end]
        return [element for element in inside if element.tag in tags] if tags else inside

    def get(self, name: str, default: str = "") -> str:
        """Return an attribute."""
        return self.attributes.get(name, default)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("#root", {}, [])
        self.at = self.root
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        self.wrong += [f"<{tag}> has {name} twice" for name in set(names) if names.count(name) > 1]
        element = Element(tag, {name: value or "" for name, value in attrs}, self.root.everything, self.at)
        self.at.children.append(element)
        if tag in VOID:
            element.end = element.place
        else:
            self.at = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._leave()

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if self.at.tag != tag:
            self.wrong.append(f"</{tag}> closes <{self.at.tag}> {self.at.attributes}")
            while self.at.parent is not None and self.at.tag != tag:
                self._leave()
        self._leave()

    def _leave(self) -> None:
        if self.at.parent is not None:
            self.at.end = len(self.root.everything)
            self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.children.append(data)


@dataclass
class Document:
    """A page as read."""

    root: Element
    wrong: list[str]

    @property
    def h1(self) -> str:
        """The text of the one main heading."""
        return self.root.all("h1")[0].text

    def labels(self) -> list[str]:
        """Return the texts of all labels."""
        return [label.text for label in self.root.all("label")]

    def links(self) -> dict[str, str]:
        """Where links lead, by their text."""
        return {link.text: link.get("href") for link in self.root.all("a")}

    def buttons(self) -> list[str]:
        """Return what the buttons are called, in order."""
        return [button.get("aria-label") or button.text for button in self.root.all("button")]

    def by_id(self, name: str) -> Element | None:
        """Return the element with that id."""
        return next((element for element in self.root.all() if element.get("id") == name), None)

    def rows(self) -> list[list[str]]:
        """Return the texts of the first table's body, row by row."""
        body = self.root.all("tbody")
        return [[cell.text for cell in row.all("td", "th")] for row in body[0].all("tr")] if body else []


def read(response: Any) -> Document:
    """Return the page as a tree."""
    reader = _Reader()
    reader.feed(response.content.decode())
    reader.close()
    return Document(reader.root, reader.wrong)


def check(response: Any, *, status: int = 200, fragment: bool = False) -> Document:
    """Assert the accessibility basics and the content security policy's rules; gives the page for further asserts."""
    assert response.status_code == status, (response.status_code, response.get("Location"))
    page = read(response)
    wrong = [*page.wrong, *_policy(page), *_names(page), *_references(page), *_structure(page)]
    if not fragment:
        wrong += _whole(page)
        policy = response.get("Content-Security-Policy", "")
        if "default-src 'none'" not in policy or "unsafe" in policy:
            wrong.append(f"the content security policy is {policy!r}")
    assert not wrong, "\n".join(wrong)
    return page


def _whole(page: Document) -> list[str]:
    root, wrong = page.root, []
    html = root.all("html")
    if not html or not html[0].get("lang"):
        wrong.append("the page names no language")
    if len(root.all("h1")) != 1 or not root.all("h1")[0].text:
        wrong.append(f"there are {len(root.all('h1'))} h1")
    if len(root.all("main")) != 1:
        wrong.append(f"there are {len(root.all('main'))} main")
    if not root.all("title") or not root.all("title")[0].text:
        wrong.append("the page has no title")
    levels = [int(element.tag[1]) for element in root.all("h1", "h2", "h3", "h4", "h5", "h6")]
    wrong += [f"h{before} is followed by h{level}" for before, level in pairwise(levels) if level > before + 1]
    return wrong


def _policy(page: Document) -> list[str]:
    wrong = []
    for element in page.root.all():
        wrong += [
            f"<{element.tag}> has {name}" for name in element.attributes if name == "style" or name.startswith("on")
        ]
        if element.tag == "style" or (element.tag == "script" and not element.get("src")):
            wrong.append(f"there is an inline <{element.tag}>")
        for name in ("href", "src", "action", "formaction"):
            if element.get(name).strip().lower().startswith("javascript:"):
                wrong.append(f"<{element.tag}> runs a script in {name}")
    return wrong


def _names(page: Document) -> list[str]:
    labelled = {label.get("for") for label in page.root.all("label") if label.text}
    wrong = []
    for element in page.root.all("input", "select", "textarea"):
        if element.get("type") in {"hidden", "submit", "button"}:
            continue
        wrapped = any(above.tag == "label" and above.text for above in element.ancestors())
        named = element.get("aria-label") or element.get("aria-labelledby")
        if not (named or wrapped or element.get("id") in labelled):
            wrong.append(f"<{element.tag}> {element.get('name') or element.get('id')} has no label")
    for element in page.root.all("button", "a"):
        if not (element.text or element.get("aria-label") or element.get("aria-labelledby")):
            wrong.append(f"<{element.tag}> {element.attributes} has no name")
    wrong += [f"<img> {image.get('src')} has no alt" for image in page.root.all("img") if "alt" not in image.attributes]
    wrong += [
        "an svg is neither hidden nor named"
        for drawing in page.root.all("svg")
        if drawing.get("aria-hidden") != "true" and not drawing.get("aria-label")
    ]
    for name in ("nav", "aside"):
        wrong += [
            f"a <{name}> has no name"
            for one in page.root.all(name)
            if not (one.get("aria-label") or one.get("aria-labelledby"))
        ]
    return wrong


def _references(page: Document) -> list[str]:
    ids = [element.get("id") for element in page.root.all() if element.get("id")]
    known = set(ids)
    wrong = [f"the id {name!r} occurs {ids.count(name)} times" for name in known if ids.count(name) > 1]
    for element in page.root.all():
        for name in ("for", "aria-labelledby", "aria-describedby", "aria-controls", "popovertarget", "form"):
            wrong += [
                f"<{element.tag}> {name} names {one!r}, which is not there"
                for one in element.get(name).split()
                if one not in known and not (name == "form" and element.get("formmethod") == "dialog")
            ]
        target = element.get("hx-target")
        if target.startswith("#") and target[1:] not in known:
            wrong.append(f"hx-target {target} is not there")
    return wrong


def _structure(page: Document) -> list[str]:
    wrong = []
    for element in page.root.all("form", "a", "button", "label"):
        if any(above.tag == element.tag for above in element.ancestors()):
            wrong.append(f"a <{element.tag}> stands in another")
    for form in page.root.all("form"):
        fields = {one.get("name") for one in form.all("input")}
        if form.get("method").lower() == "post" and "csrfmiddlewaretoken" not in fields:
            wrong.append(f"the form to {form.get('action')} carries no CSRF token")
    for table in page.root.all("table"):
        if not table.all("caption") and not any(
            above.get("class", "").startswith("panel prose") for above in table.ancestors()
        ):
            wrong.append("a table has no caption")
        for head in table.all("th"):
            if not head.get("scope") and not any(
                above.get("class", "").startswith("panel prose") for above in table.ancestors()
            ):
                wrong.append(f"the head {head.text!r} has no scope")
    for element in page.root.all("ul", "ol"):
        wrong += [
            f"a <{child.tag}> stands in a <{element.tag}>"
            for child in element.children
            if isinstance(child, Element) and child.tag not in {"li", "template"}
        ]
    return wrong
