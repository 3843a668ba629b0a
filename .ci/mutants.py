"""Write what a mutation run found (`make mutants`) as a page: the score of every file, and the changes nobody noticed.

    python .ci/mutants.py [PAGE]

Reads the folder mutants/ that mutmut left. The page is docs/mutation-testing.md unless another is named; what stands
above its first table is written by hand and kept.
"""

import ast
import difflib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "mutants"
KILLED, SURVIVED, UNTESTED, TIMEOUT = "killed", "survived", "no test", "timeout"
FOUND: dict[int | None, str] = {
    0: SURVIVED,
    5: UNTESTED,
    33: UNTESTED,
    24: TIMEOUT,
    -24: TIMEOUT,
    36: TIMEOUT,
    152: TIMEOUT,
}
"""mutmut's exit codes that are not "killed"."""
UNNOTICED = (SURVIVED, UNTESTED)
HEAD = "| File | changes | noticed | not noticed |"


def main(page: str = str(ROOT / "docs" / "mutation-testing.md")) -> int:
    """Write the page; the exit code."""
    path = Path(page)
    above = path.read_text().partition(HEAD)[0] if path.is_file() else ""
    table, lists = [HEAD, "|---|---|---|---|"], []
    total: Counter[str] = Counter()
    for meta in sorted(FOLDER.rglob("*.meta")):
        codes: dict[str, int | None] = json.loads(meta.read_text()).get("exit_code_by_key") or {}
        if not codes:
            continue
        if None in codes.values():
            sys.stderr.write(f"The run did not come to the end of {meta.stem}.\n")
            return 1
        name = str(meta.relative_to(FOLDER))[: -len(".meta")]
        results = Counter(FOUND.get(code, KILLED) for code in codes.values() if code is not None)
        total += results
        table.append(_row(f"`{name}`", results))
        unnoticed = [key.rpartition(".")[2] for key, code in codes.items() if FOUND.get(code) in UNNOTICED]
        if unnoticed:
            lists += ["", f"## {name}", "", *_lines(FOLDER / name, unnoticed)]
    table.append(_row("all", total))
    path.write_text("\n".join([above + table[0], *table[1:], *lists]) + "\n")
    return 0


def _row(name: str, results: Counter[str]) -> str:
    count = results.total()
    noticed = results[KILLED] + results[TIMEOUT]
    return f"| {name} | {count:,} | {noticed / count:.0%} | {count - noticed:,} |"


def _lines(file: Path, names: list[str]) -> Iterator[str]:
    """Yield a line for each change: the function, the text before and after it."""
    source = file.read_text()
    functions = {
        node.name: ast.get_source_segment(source, node) or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    for name in names:
        function = name.rpartition("__mutmut_")[0]
        changed = difflib.unified_diff(
            functions[f"{function}__mutmut_orig"].splitlines()[1:], functions[name].splitlines()[1:], lineterm="", n=0
        )
        lines = [line for line in changed if not line.startswith(("---", "+++", "@@"))]
        before, after = (" ".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
        shown = re.sub(r"^x_|^xǁ", "", function).replace("ǁ", ".")
        yield f"- {shown}: {_quote(before)} became {_quote(after)}"


def _quote(code: str) -> str:
    return f"`` {code} ``" if code else "nothing"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
