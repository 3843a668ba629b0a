"""Every sentence shown to users names pages and actions that are there.

Sentences are the texts in the code of the rooms, in templates and in docs/. A name is two or more words with capitals;
it is there when a caption of the code says just that, or when it belongs to a product of somebody else.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

from ui.registry import registry

ROOT = Path(settings.BASE_DIR)
ROOMS = (
    "config", "sync", "coupling", "connection_setup", "jobs", "accounts", "masterdata", "ui", "core", "dataverse",
)  # fmt: skip

SOMEBODY_ELSES = {
    "Application (client) ID",
    "Azure Portal",
    "Business Central",
    "Common Data Service",
    "Dataverse Web API",
    "Dynamics 365",
    "Dynamics 365 Sales",
    "Microsoft 365",
    "Microsoft Dataverse",
    "Microsoft Entra ID",
    "Power Apps",
    "Power Platform",
    "Redirect URLs",
    "Secret ID",
    "System Administrator",
    "Financials.ReadWrite.All",
}
"""Names on pages and in products of others."""
NO_NAMES = {
    "OAuth 2",
    "ISO 4217",
    "ISO 3166",
    "BEGIN PRIVATE KEY",
    "BEGIN CERTIFICATE",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SECRET_KEY",
    "CSV",
    "UTF-8",
}
"""Words in capitals that name nothing of a page."""
NOT_YET = {"Alerts"}
"""A title of the contract that is a common word too: as such it stands in sentences about other things."""

LINKS = "of|to|and|for|the|with|in|by|if|on|a|from|or|at"
WORD = r"(?:(?:Synch|Int)\.|[A-Z][\w/.'\-]*\w)"
NAME = re.compile(rf"\b{WORD}(?:(?: (?:{LINKS}))* (?:{WORD}|\d+))+")
COMMENT = r"{#.*?#}|{% comment %}.*?{% endcomment %}"
SENTENCE_END = re.compile(r"(?<=[a-z)\]…][.?!:])(?<!Synch\.)(?<!Int\.) |(?<=…) ")


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of each text in a file but docstrings; "…" stands for what is put in."""
    nodes = list(ast.walk(tree))
    bare = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    inner = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in nodes:
        if id(node) in bare:
            continue
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.lineno, node.value


def is_sentence(text: str) -> bool:
    return bool(re.search(r"\w \w", text) and re.search(r"[a-z)\]…][.?!]( |$)", text))


@cache
def everything() -> tuple[list[tuple[str, str]], set[str]]:
    """Return the sentences, each with its place, and the captions."""
    sentences, captions = [], set(NO_NAMES) | SOMEBODY_ELSES
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" in path.parts:
                continue
            for line, text in texts(ast.parse(path.read_text(encoding="utf-8"))):
                if is_sentence(text):
                    sentences.append((f"{path.relative_to(ROOT)}:{line}", text))
                captions.add(text.strip())
    for path in sorted((ROOT / "templates").rglob("*.html")):
        text = re.sub(
            r"{#.*?#}|{% comment %}.*?{% endcomment %}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        for part in re.split(r"<[^>]*>|{%.*?%}|{{.*?}}", text):
            words = " ".join(part.split())
            (sentences.append((str(path.relative_to(ROOT)), words)) if is_sentence(words) else captions.add(words))
    return sentences, captions


def unknown_names(sentence: str, captions: set[str]) -> Iterator[str]:
    """Yield the names in a sentence that no caption has; a sentence's first word may have its capital from that."""
    for part in SENTENCE_END.split(sentence):
        for found in NAME.finditer(part):
            name = found[0].rstrip(".")
            if not known(name, captions) and not (found.start() == 0 and known(without_first(name), captions)):
                yield name


def without_first(name: str) -> str:
    return re.sub(rf"^\S+ (?:(?:{LINKS}) )*", "", name)


def known(name: str, captions: set[str]) -> bool:
    """Whether a name is a caption, or captions with small words between: "Retry on Coupled Data Sync Errors"."""
    if name in captions or f"{name}." in captions or " " not in name:
        return True
    cuts = [found.span() for found in re.finditer(rf" (?:(?:{LINKS}) )+", name)]
    return any(
        (name[:start] in captions or " " not in name[:start]) and known(name[end:], captions) for start, end in cuts
    )


def test_a_name_in_a_sentence_is_a_caption_somewhere() -> None:
    sentences, captions = everything()
    assert len(sentences) > 1000, "the walk finds the sentences"
    strangers = {
        f"{place}: {name!r} in {text!r}" for place, text in sentences for name in unknown_names(text, captions)
    }
    assert not strangers, "\n".join(sorted(strangers))


def test_a_name_that_is_nowhere_is_found_out() -> None:
    captions = {"Retry", "Coupled Data Synchronization Errors"}
    assert list(unknown_names("Choose Retry on Coupled Data Synchronization Errors.", captions)) == []
    stranger = ["Open Dataverse Option Mapping"]
    assert list(unknown_names("Open Dataverse Option Mapping first.", captions)) == stranger


# -- pages ------------------------------------------------------------------------------------------------------------

CONTRACT = [
    "Role Center",
    "Assisted Setup",
    "Dataverse Connection Setup",
    "Dynamics 365 Connection Setup",
    "Data Encryption Management",
    "Couple Dataverse Users with Salespeople",
    "Integration Table Mappings",
    "Integration Field Mapping List",
    "Select Coupling Criteria",
    "Dataverse Option Mapping",
    "Dataverse Full Synch. Review",
    "Resolve Update Conflicts",
    "Integration Synchronization Jobs",
    "Integration Coupling Jobs",
    "Integration Uncoupling Jobs",
    "Integration Synchronization Errors",
    "Coupled Data Synchronization Errors",
    "Job Queue Entries",
    "Customers",
    "Vendors",
    "Contacts",
    "Items",
    "Salespeople/Purchasers",
    "Currencies",
    "Payment Terms",
    "Shipment Methods",
    "Shipping Agents",
    "Units of Measure",
    "New Table Mapping",
    "Set Up Coupling",
    "Preview of Match-Based Coupling",
    "Environment Changed",
    "Synchronization History",
    "System Health",
    "Alerts",
    "Import",
    "Resources",
    "Customer Price Groups",
    "Opportunities",
]
"""Every page there is to be, by its title."""


def pages_there() -> set[str]:
    return {entry.title for entry in registry.all_entries()}


@pytest.mark.django_db
def test_a_page_that_is_named_is_there() -> None:
    """In the code's sentences, in templates, in docs/ and in the README."""
    sentences, _ = everything()
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    named = [*sentences, *((page.name, page.read_text(encoding="utf-8")) for page in pages)]
    missing = set(CONTRACT) - NOT_YET - pages_there()
    strangers = {title: [place for place, text in named if title in text] for title in missing}
    assert not any(strangers.values()), "they are not there yet, and named"
