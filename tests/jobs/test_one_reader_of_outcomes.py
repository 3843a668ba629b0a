"""What became of records is kept in several forms, and one module reads them: whoever else did would miss some."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("config", "sync", "coupling", "connection_setup", "jobs", "accounts", "masterdata", "ui", "core")
MODELS = {"JobOutcome", "OutcomePart", "OutcomeWording"}
RELATED = {"outcomes", "outcome_parts", "wording"}
"""Their names on a job."""
NAMED = re.compile("|".join({*MODELS, *RELATED}))
QUERIES = {
    "all", "filter", "exclude", "exists", "count", "order_by", "values", "values_list", "aggregate", "annotate",
    "first", "last", "get", "iterator", "in_bulk", "distinct", "only", "defer",
}  # fmt: skip
READER = "jobs/outcomes.py"
WRITERS = {"jobs/running/outcome_rows.py", "jobs/running/context.py"}
"""They insert what a checkpoint found; the sentences of a job are read to go on from them."""
OTHERS = {"jobs/models.py", "jobs/admin.py"}
"""The models themselves, and the admin's list of what has rows, which Django's own page reads."""


def sources() -> list[Path]:
    files = [file for room in ROOMS for file in (ROOT / room).rglob("*.py")]
    return sorted(file for file in files if "migrations" not in file.parts)


def names(file: Path) -> bool:
    """Return whether a file has the name of one of them anywhere: only then is it worth the time to take it apart."""
    return NAMED.search(file.read_text()) is not None


def reads(tree: ast.AST) -> Iterator[str]:
    """Yield what asks the database for outcomes: JobOutcome.objects, job.outcomes.filter, outcomes__..."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in MODELS:
            if node.attr in ("objects", "_default_manager", "_base_manager"):
                yield ast.unparse(node)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
            if node.value.attr in RELATED and node.attr in QUERIES:
                yield ast.unparse(node)
        elif (
            isinstance(node, ast.keyword) and node.arg and node.arg.partition("__")[0] in {"outcomes", "outcome_parts"}
        ):
            yield f"{node.arg}="


def test_nobody_but_one_module_asks_for_outcomes() -> None:
    found = {str(file.relative_to(ROOT)): list(reads(ast.parse(file.read_text()))) for file in sources() if names(file)}
    assert len(found[READER]) > 10
    others = {name: its for name, its in found.items() if its and name not in {READER} | WRITERS | OTHERS}
    assert not others, "ask jobs.outcomes, which knows all forms"


@pytest.mark.parametrize(
    "source",
    [
        "JobOutcome.objects.filter(job=job)", "OutcomePart.objects.all()", "self.context.job.outcomes.filter(x=1)",
        "job.outcome_parts.exists()", "Job.objects.filter(outcomes__reason='x')",
    ],
)  # fmt: skip
def test_every_way_to_ask_is_known(source: str) -> None:
    assert list(reads(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    ["outcomes.failed(job)", "changes.outcomes.append(row)", "JobOutcome(message='x')", "point.outcomes += rows"],
)
def test_what_asks_for_nothing_is_no_reading(source: str) -> None:
    assert not list(reads(ast.parse(source)))
