"""Files, views and functions past their size: prints those that are, fails on one that is not listed below.

    python .ci/sizes.py [FOLDER]

A file past 400 lines, a view past 20 statements and a function past 40 is a question: does it hold two things? What is
listed has been asked and stays; the lists only shrink.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

LONGEST_FILE, LONGEST_VIEW, LONGEST_FUNCTION = 400, 20, 40
LEFT_OUT = {"tests", "benchmarks", "mutants", ".venv", ".state"}
VIEW_DECORATORS = {"requires", "require_safe", "require_GET", "require_POST", "require_http_methods"}

LONG_FILES: frozenset[str] = frozenset()
LONG_FUNCTIONS: frozenset[str] = frozenset()


def oversized(root: Path) -> Iterator[tuple[str, int, int]]:
    """Yield (place, size, limit) of each file in lines, each function and view in statements, that is past its size."""
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root).as_posix()
        if place.partition("/")[0] in LEFT_OUT or "migrations" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        if (lines := text.count("\n")) > LONGEST_FILE:
            yield place, lines, LONGEST_FILE
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                limit = LONGEST_VIEW if _is_view(node) else LONGEST_FUNCTION
                if (size := _statements(node)) > limit:
                    yield f"{place}::{node.name}", size, limit


def _is_view(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    named = (part.func if isinstance(part, ast.Call) else part for part in function.decorator_list)
    return any(isinstance(part, ast.Name) and part.id in VIEW_DECORATORS for part in named)


def _statements(function: ast.AST) -> int:
    return sum(isinstance(node, ast.stmt) for node in ast.walk(function)) - 1


def main(root: Path) -> int:
    """Return 1 where something is past its size and not listed, or is listed and is not."""
    found = {place: (size, limit) for place, size, limit in oversized(root)}
    listed = LONG_FILES | LONG_FUNCTIONS
    for place in sorted(found.keys() - listed):
        size, limit = found[place]
        print(f"{place}: {size}, more than {limit}. Does it hold two things?")
    for place in sorted(listed - found.keys()):
        print(f"{place} is within its size now: take it off the list in .ci/sizes.py")
    return 1 if found.keys() ^ listed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
