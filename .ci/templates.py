"""Check how templates are laid out: python .ci/templates.py [FOLDER], by default templates/ of the checkout.

One element and one flow tag per line, attributes of a long element one per line, no line over 140 characters, a mean
below 60, and at the top a {% comment %} that says what the template shows and takes. Prints file:line for each fault
and the mean; ends with 1 where there is a fault.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LONGEST = 140
LONGEST_TAG = 120
"""An element's start tag over this many characters has its attributes one per line."""
LONGEST_MEAN = 60

TOKEN = re.compile(
    r"(?P<comment>\{% comment %\}.*?\{% endcomment %\}|\{#.*?#\})"
    r"|\{%-?\s*(?P<tag>\w+).*?%\}"
    r"|(?P<variable>\{\{.*?\}\})"
    r"|(?P<open><[a-zA-Z][\w-]*)"
    r"|(?P<close>/?>)"
    r"|(?P<end></[a-zA-Z][\w-]*\s*>)"
    r"|(?P<quote>[\"'])"
    r"|(?P<attribute>(?<=\s)[a-zA-Z][\w:-]*|(?<=\})[a-zA-Z][\w:-]*(?=[=\s]))",
    re.DOTALL,
)
FLOW = {
    "if", "elif", "else", "endif", "for", "empty", "endfor", "with", "endwith", "block", "endblock", "include",
    "extends",
}  # fmt: skip
WHOLE = {("block", "endblock"), ("if", "endif"), ("if", "else", "endif")}
"""What may stand on one line with its own end: a short text where white space around it would show."""


@dataclass
class Lines:
    """What stands on each line, by its number."""

    elements: dict[int, int]
    flow: dict[int, list[str]]
    attributes: dict[int, int]
    long_tags: list[int]


def read(text: str) -> Lines:
    """Return what stands on each line of a template."""
    found = Lines({}, {}, {}, [])
    began, quote, seen = -1, "", []
    for token in TOKEN.finditer(text):
        line = text.count("\n", 0, token.start()) + 1
        kind = token.lastgroup
        if began >= 0 and kind == "quote":
            quote = "" if quote == token[0] else quote or token[0]
        elif began >= 0 and not quote and kind == "attribute":
            seen.append(line)
        elif began >= 0 and not quote and kind == "close":
            at = text.count("\n", 0, began) + 1
            if {at, *seen} != {at}:
                for one in seen:
                    found.attributes[one] = found.attributes.get(one, 0) + 1
            elif token.end() - began > LONGEST_TAG:
                found.long_tags.append(at)
            began = -1
        elif began < 0 and kind == "open":
            found.elements[line] = found.elements.get(line, 0) + 1
            began, quote, seen = token.start(), "", []
        elif began < 0 and kind == "tag" and token["tag"] in FLOW:
            found.flow.setdefault(line, []).append(token["tag"])
    return found


def faults(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, what is wrong with it) of a template."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LONGEST:
            yield number, f"{len(line)} characters, at most {LONGEST}"
        if line != line.rstrip() or "\t" in line:
            yield number, "white space at the end, or a tab"
        if (len(line) - len(line.lstrip(" "))) % 2:
            yield number, "is not indented by twos"
    found = read(text)
    for number, count in found.elements.items():
        if count > 1:
            yield number, f"{count} elements begin here, one per line"
    for number, tags in found.flow.items():
        if len(tags) > 1 and tuple(tags) not in WHOLE:
            yield number, f"{', '.join(tags)}: one flow tag per line, or one with its own end"
    for number, count in found.attributes.items():
        if count > 1:
            yield number, f"{count} attributes, one per line where an element takes several lines"
    for number in found.long_tags:
        yield number, f"a start tag over {LONGEST_TAG} characters has its attributes one per line"
    if not re.match(r"(\{% extends .*? %\}\n)?\{% comment %\}\n", text):
        yield 1, "no {% comment %} at the top that says what the template shows and takes"


def main(folder: str = "") -> int:
    """Print the faults of all templates in the folder and the mean length of a line; return 1 where there is one."""
    root = Path(folder or Path(__file__).parent.parent / "templates")
    wrong, lengths = 0, []
    for path in sorted(root.rglob("*.html")):
        text = path.read_text()
        lengths += [len(line) for line in text.splitlines()]
        for number, fault in sorted(faults(text)):
            sys.stdout.write(f"{path}:{number}: {fault}\n")
            wrong += 1
    mean, longest = sum(lengths) / max(1, len(lengths)), max(lengths, default=0)
    sys.stdout.write(f"Templates: {len(lengths)} lines, mean {mean:.1f}, longest {longest} characters\n")
    if mean >= LONGEST_MEAN:
        sys.stdout.write(f"The mean is not below {LONGEST_MEAN}.\n")
    return 1 if wrong or mean >= LONGEST_MEAN else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
