"""YAML as a tree of nodes that know their lines, read strictly.

Only what a file of mappings needs: one document of lists, tables with each key once, and plain values. Anchors, aliases
and tags are refused, so that no text grows while it is read and none names a type of Python. Words are read as YAML 1.2
does: `no` is a word, and so is a date.
"""

import math
import re
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from coupling.mapping_files.types import MAX_BYTES, BadFile

MAX_DEPTH = 12
MAX_NODES = 100_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,30})")
_NUMBER = re.compile(r"[-+]?[0-9]{1,30}\.[0-9]{0,30}([eE][-+]?[0-9]{1,3})?")


@dataclass(slots=True)
class Node:
    """A value of the file. value: a scalar, a list of nodes, or a dict of nodes; text: a scalar as it is written."""

    value: Any
    line: int
    text: str = ""


def read_bytes(content: bytes) -> Node:
    """Return the tree of a file's content. Raises BadFile."""
    if len(content) > MAX_BYTES:
        raise BadFile(f"The file has {len(content):,} bytes; at most {MAX_BYTES:,} are read.")
    try:
        return read_text(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadFile("The file is no text in UTF-8.", "Save it in UTF-8.", line=line) from None


def read_text(text: str) -> Node:
    """Return the tree of a YAML text. Raises BadFile."""
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        told = ", ".join(filter(None, (error.problem, error.context)))
        raise BadFile(f"The file is no YAML: {told}.", line=mark.line + 1 if mark else None) from None
    except yaml.YAMLError as error:
        raise BadFile(f"The file is no YAML: {' '.join(str(error).split())[:200]}.") from None
    if builder.root is None:
        raise BadFile("The file is empty.")
    return builder.root


class _Builder:
    """Puts the events of the parser together, without recursion."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.open: list[Node] = []
        self.keys: list[Node | None] = []
        self.nodes = 0

    def take(self, event: Any) -> None:
        """Take one event. Raises BadFile."""
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise BadFile(f"Anchors and aliases are not read, but here is {event.anchor!r}.", line=line)
        if isinstance(event, yaml.NodeEvent):
            self._begin(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.open.pop()
            self.keys.pop()
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            raise BadFile("The file has a second document.", "Write one.", line=line)

    def _begin(self, event: Any, line: int) -> None:
        if event.tag is not None:
            raise BadFile(f"Tags are not read, but here is {str(event.tag)[:80]!r}.", line=line)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise BadFile(f"The file has more than {MAX_NODES:,} values.", line=line)
        if isinstance(event, yaml.ScalarEvent):
            self._put(_scalar_node(event.value, line, plain=event.implicit[0]))
            return
        if len(self.open) >= MAX_DEPTH:
            raise BadFile(f"The file nests deeper than {MAX_DEPTH} levels.", line=line)
        node = Node({} if isinstance(event, yaml.MappingStartEvent) else [], line)
        self._put(node)
        self.open.append(node)
        self.keys.append(None)

    def _put(self, node: Node) -> None:
        """Put a node where it belongs: the root, an item of a list, a key, or the value of the key before."""
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
            return
        key = self.keys[-1]
        if key is None:
            if isinstance(node.value, dict | list):
                _refuse_key(node)
            if node.text in parent.value:
                first = parent.value[node.text].line
                raise BadFile(f"The key {node.text[:80]!r} is in line {first} already.", line=node.line)
            self.keys[-1] = node
            return
        node.line = key.line
        parent.value[key.text] = node
        self.keys[-1] = None


def _refuse_key(node: Node) -> NoReturn:
    raise BadFile("A key of the file is a list or a table.", "Write a word.", line=node.line)


def _scalar_node(text: str, line: int, *, plain: bool) -> Node:
    """Return a scalar. Raises BadFile for what no database keeps: some characters, and numbers beyond all others."""
    if any(one == "\0" or "\ud800" <= one <= "\udfff" for one in text):
        raise BadFile(f"{text[:80]!r} has a character that no text has.", line=line)
    value = scalar(text, plain=plain)
    if isinstance(value, float) and not math.isfinite(value):
        raise BadFile(f"{text} is a number too large to be kept.", line=line)
    return Node(value, line, text)


def scalar(text: str, *, plain: bool) -> Any:
    """Return the value of a scalar. plain: it is not in quotes."""
    if not plain:
        return text
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
