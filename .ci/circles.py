"""Circles of imports between files, folders and rooms: prints each with the names that tie it, exits 1 where one is.

    python .ci/circles.py [FOLDER]

A tie is a name that a definition takes from another file, wherever the import stands: at the top of the file, inside a
function, or under TYPE_CHECKING. import-linter, whose contracts say which way imports may point, leaves out the last.
Migrations, tests and benchmarks are left out. Only the standard library is used.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

LEFT_OUT = {"tests", "benchmarks"}
Ties = dict[str, dict[str, set[str]]]
"""File -> the file it takes names from -> those names."""


def files_of(root: Path) -> dict[str, ast.Module]:
    """Return every file of the rooms, parsed, by its path below root."""
    rooms = sorted(path.parent for path in root.glob("*/__init__.py") if path.parent.name not in LEFT_OUT)
    paths = (path for room in rooms for path in sorted(room.rglob("*.py")) if "migrations" not in path.parts)
    return {path.relative_to(root).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def module_of(path: str) -> str:
    """Return the dotted name of a file."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def ties_of(files: dict[str, ast.Module]) -> Ties:
    """Return what each file takes from the others."""
    modules = {module_of(path): path for path in files}
    ties: Ties = {path: defaultdict(set) for path in files}
    for path, tree in files.items():
        for target, name in _imported(path, tree, modules):
            if target != path:
                ties[path][target].add(name)
    return ties


def _imported(path: str, tree: ast.Module, modules: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (file, name) for each import of ours, quoted annotations not counted: their import is counted itself."""
    package = module_of(path).split(".")
    if not path.endswith("__init__.py"):
        package = package[:-1]
    ready = {id(node) for node in _ready_bodies(path, tree)}
    for node in ast.walk(tree):
        if id(node) in ready:
            continue
        if isinstance(node, ast.Import):
            yield from ((modules[alias.name], "*") for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                if f"{base}.{alias.name}" in modules:
                    yield modules[f"{base}.{alias.name}"], "*"
                elif base in modules:
                    yield modules[base], alias.name


def _ready_bodies(path: str, tree: ast.Module) -> Iterator[ast.AST]:
    """Yield what stands in AppConfig.ready: Django calls it once everything is imported."""
    if path.endswith("/apps.py"):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name == "ready":
                yield from ast.walk(node)


def local_imports(files: dict[str, ast.Module]) -> list[str]:
    """Return where a function imports from our own rooms, outside AppConfig.ready and commands' start."""
    modules = {module_of(path): path for path in files}
    found = []
    for path, tree in files.items():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and not (
                path.endswith("/apps.py") and function.name == "ready"
            ):
                inner = ast.Module(body=function.body, type_ignores=[])
                with suppress(StopIteration):
                    next(iter(_imported(path, inner, modules)))
                    found.append(f"{path}:{function.lineno} {function.name}")
    return found


def circles(ties: Ties) -> list[list[str]]:
    """Return the groups of more than one that reach each other, by Tarjan's algorithm."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(at: str) -> None:
        order[at] = low[at] = len(order)
        stack.append(at)
        for to in ties.get(at, {}):
            if to not in order:
                visit(to)
                low[at] = min(low[at], low[to])
            elif to in stack:
                low[at] = min(low[at], order[to])
        if low[at] == order[at]:
            group = stack[stack.index(at) :]
            del stack[stack.index(at) :]
            if len(group) > 1:
                found.append(sorted(group))

    for at in list(ties):
        if at not in order:
            visit(at)
    return found


def between_folders(ties: Ties, depth: int) -> Ties:
    """Return the ties between folders; depth 1: rooms, 2: topics. A file straight in a room stands for itself."""

    def folder(path: str) -> str:
        parts = path.split("/")
        return "/".join(parts[:depth]) + ("/" if len(parts) > depth else "")

    found: Ties = defaultdict(lambda: defaultdict(set))
    for source, targets in ties.items():
        for target in targets:
            if folder(source) != folder(target):
                found[folder(source)][folder(target)].add(f"{source} -> {target}")
    return found


def report(title: str, ties: Ties) -> int:
    """Print the circles with what ties them. Return how many there are."""
    groups = circles(ties)
    print(f"{title}: {len(groups)} circle(s)")
    for group in groups:
        print(f"  {', '.join(group)}")
        for source, target, names in _within(ties, group):
            print(f"    {source} -> {target}: {', '.join(sorted(names)[:8])}")
    return len(groups)


def _within(ties: Ties, group: Iterable[str]) -> Iterator[tuple[str, str, set[str]]]:
    members = list(group)
    return ((one, other, ties[one][other]) for one in members for other in members if ties.get(one, {}).get(other))


def main(root: Path) -> int:
    """Return 1 where a circle is left, or a function hides an import of ours."""
    sys.setrecursionlimit(10_000)
    files = files_of(root)
    ties = ties_of(files)
    count = report("files", ties)
    count += report("folders", between_folders(ties, 2)) + report("rooms", between_folders(ties, 1))
    hidden = local_imports(files)
    print(f"imports of our own inside functions: {len(hidden)}")
    for place in hidden:
        print(f"  {place}")
    return 1 if count or hidden else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
