"""The query options of an address: which there are, and which the service refuses."""

from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from sandbox.base.errors import not_covered, query_error
from sandbox.odata.parser import parse_filter
from sandbox.odata.syntax import Expression

_KNOWN = frozenset(
    {"$select", "$filter", "$orderby", "$top", "$count", "$expand", "$skiptoken", "$deltatoken", "$id", "$apply"}
)
_UNCOVERED = {
    "fetchxml": "FetchXML queries",
    "savedquery": "saved queries",
    "userquery": "user queries",
    "sql": "SQL queries",
    "$compute": "$compute",
}
_IGNORED = frozenset({"tag", "api-version"})
_MOST_TOP = 5000


@dataclass(slots=True)
class Expand:
    """One navigation property to include, with its own columns."""

    name: str
    options: "Options"


@dataclass(slots=True)
class Options:
    """The options of one request. `raw` keeps what a next link must repeat."""

    select: tuple[str, ...] = ()
    filter: Expression | None = None
    filter_text: str = ""
    order_by: tuple[tuple[str, bool], ...] = ()
    top: int | None = None
    count: bool = False
    expand: tuple[Expand, ...] = ()
    skip_token: str = ""
    delta_token: str = ""
    id: str = ""
    apply: str = ""
    raw: str = ""
    aliases: dict[str, str] = field(default_factory=dict)
    given: frozenset[str] = frozenset()


def pairs(query: str) -> list[tuple[str, str]]:
    """Name and value of every parameter, decoded (`%24select` is `$select`, `+` a space)."""
    made = []
    for piece in query.split("&"):
        if piece:
            name, _, value = piece.partition("=")
            made.append((unquote_plus(name), unquote_plus(value)))
    return made


def parse(query: str) -> Options:
    """The options of a query string. Raises ServiceError for what the service or the stand-in does not take."""
    made = Options()
    kept = [piece for piece in query.split("&") if piece and not unquote_plus(piece).startswith("$skiptoken=")]
    made.raw = "&".join(kept)
    given: dict[str, str] = {}
    for name, value in pairs(query):
        if name.startswith("@"):
            made.aliases[name] = value
            continue
        lowered = name.lower()
        if lowered in _UNCOVERED:
            raise not_covered(_UNCOVERED[lowered])
        if lowered in _IGNORED:
            continue
        if lowered not in _KNOWN and "$" + lowered not in _KNOWN:
            raise query_error(f"The query parameter {name} is not supported.")
        key = lowered if lowered.startswith("$") else "$" + lowered
        if key in given:
            raise query_error(
                f"Query option '{key}' was specified more than once, but it must be specified at most once."
            )
        given[key] = value
    _fill(made, given)
    return made


def _fill(made: Options, given: dict[str, str]) -> None:
    made.given = frozenset(given)
    made.skip_token = given.get("$skiptoken", "")
    made.delta_token = given.get("$deltatoken", "")
    made.id = given.get("$id", "")
    made.apply = given.get("$apply", "")
    if "$select" in given:
        made.select = tuple(dict.fromkeys(filter(None, (part.strip() for part in given["$select"].split(",")))))
    if "$filter" in given:
        made.filter_text = given["$filter"]
        made.filter = parse_filter(given["$filter"], made.aliases)
    if "$orderby" in given:
        made.order_by = _order_by(given["$orderby"])
    if "$top" in given:
        made.top = _whole("$top", given["$top"])
    if "$count" in given:
        if given["$count"] not in {"true", "false"}:
            raise query_error(f"Invalid value '{given['$count']}' for $count query option found.")
        made.count = given["$count"] == "true"
    if "$expand" in given:
        made.expand = tuple(_expands(given["$expand"], made.aliases))


def _whole(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise query_error(
            f"Invalid value '{text}' for {name} query option found. The {name} query option requires a "
            "non-negative integer value."
        )
    return min(int(text), 2**31 - 1)


def _order_by(text: str) -> tuple[tuple[str, bool], ...]:
    made = []
    for part in text.split(","):
        words = part.split()
        if len(words) not in {1, 2} or (len(words) == 2 and words[1] not in {"asc", "desc"}):
            raise query_error(f"Syntax error in $orderby '{text}'.")
        made.append((words[0], len(words) == 2 and words[1] == "desc"))
    return tuple(made)


def split(text: str, mark: str) -> list[str]:
    """Cut at a mark outside parentheses and quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    for at, letter in enumerate(text):
        if letter == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
        elif letter == mark and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def _expands(text: str, aliases: dict[str, str]) -> list[Expand]:
    made = []
    for part in split(text, ","):
        name, bracket, inner = part.partition("(")
        options = Options(aliases=aliases)
        if bracket:
            if not inner.endswith(")"):
                raise query_error(f"Syntax error in $expand '{text}'.")
            given: dict[str, str] = {}
            for piece in split(inner[:-1], ";"):
                key, _, value = piece.partition("=")
                key = key.strip().lower()
                if key not in {"$select", "$filter", "$orderby", "$top", "$expand"}:
                    raise query_error(f"The query option '{key}' isn't supported within $expand.")
                given[key] = value.strip()
            _fill(options, given)
        made.append(Expand(name.strip(), options))
    if len(made) > 15:
        raise query_error("The number of $expand options exceeds 15.")
    return made
