"""Query options of an address: those that are known, and those that the service or the sandbox refuses."""

from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from sandbox.base.errors import not_covered, query_error
from sandbox.odata.parser import parse_filter
from sandbox.odata.syntax import Expression

_KNOWN = frozenset(
    {"$select", "$filter", "$orderby", "$top", "$count", "$expand", "$skiptoken", "$deltatoken", "$id", "$apply"}
)
_NOT_COVERED = {
    "fetchxml": "FetchXML queries",
    "savedquery": "saved queries",
    "userquery": "user queries",
    "sql": "SQL queries",
    "$compute": "$compute",
}
_IGNORED = frozenset({"tag", "api-version"})
_MAX_TOP = 5000


@dataclass(slots=True)
class Expand:
    """One navigation property to expand, with the options given for it."""

    name: str
    options: "Options"


@dataclass(slots=True)
class Options:
    """The options of one request.

    `order_by` pairs a property with whether it is descending, `aliases` are the parameters that begin with @, `given`
    the names of the options that were there, and `raw` is the text that a next link repeats.
    """

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


def parse_pairs(query: str) -> list[tuple[str, str]]:
    """Return name and value of every parameter, decoded (`%24select` is `$select`, `+` a space)."""
    pairs = []
    for piece in query.split("&"):
        if piece:
            name, _, value = piece.partition("=")
            pairs.append((unquote_plus(name), unquote_plus(value)))
    return pairs


def _dollar(name: str) -> str:
    return name if name.startswith("$") else f"${name}"


def parse(query: str) -> Options:
    """Return the options of a query string. Raises ServiceError for what the service or the sandbox refuses."""
    options = Options()
    kept = [piece for piece in query.split("&") if piece and not unquote_plus(piece).startswith("$skiptoken=")]
    options.raw = "&".join(kept)
    given: dict[str, str] = {}
    for name, value in parse_pairs(query):
        if name.startswith("@"):
            options.aliases[name] = value
            continue
        lowered = name.lower()
        if lowered in _NOT_COVERED:
            raise not_covered(_NOT_COVERED[lowered])
        if lowered in _IGNORED:
            continue
        if name not in _KNOWN and (lowered in _KNOWN or "$" + lowered in _KNOWN):
            raise not_covered(f"the query option {name} written like this; write {_dollar(lowered)}")
        if name not in _KNOWN:
            raise query_error(f"The query parameter {name} is not supported.")
        key = name
        if key in given:
            raise query_error(
                f"Query option '{key}' was specified more than once, but it must be specified at most once."
            )
        given[key] = value
    _read_options(options, given)
    return options


def _read_options(options: Options, given: dict[str, str]) -> None:
    options.given = frozenset(given)
    options.skip_token = given.get("$skiptoken", "")
    options.delta_token = given.get("$deltatoken", "")
    options.id = given.get("$id", "")
    options.apply = given.get("$apply", "")
    if "$select" in given:
        options.select = tuple(dict.fromkeys(filter(None, (part.strip() for part in given["$select"].split(",")))))
    if "$filter" in given:
        options.filter_text = given["$filter"]
        options.filter = parse_filter(given["$filter"], options.aliases)
    if "$orderby" in given:
        options.order_by = _read_order_by(given["$orderby"])
    if "$top" in given:
        options.top = _read_integer("$top", given["$top"])
    if "$count" in given:
        if given["$count"] not in {"true", "false"}:
            raise query_error(f"Invalid value '{given['$count']}' for $count query option found.")
        options.count = given["$count"] == "true"
    if "$expand" in given:
        options.expand = tuple(_read_expand(given["$expand"], options.aliases))


def _read_integer(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise query_error(
            f"Invalid value '{text}' for {name} query option found. The {name} query option requires a "
            "non-negative integer value."
        )
    return min(int(text), 2**31 - 1)


def _read_order_by(text: str) -> tuple[tuple[str, bool], ...]:
    order = []
    for part in text.split(","):
        words = part.split()
        if len(words) not in {1, 2} or (len(words) == 2 and words[1] not in {"asc", "desc"}):
            raise query_error(f"Syntax error in $orderby '{text}'.")
        order.append((words[0], len(words) == 2 and words[1] == "desc"))
    return tuple(order)


def split_top_level(text: str, mark: str) -> list[str]:
    """Return the parts between marks that stand outside parentheses and quotes, stripped; empty ones are left out."""
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


def _read_expand(text: str, aliases: dict[str, str]) -> list[Expand]:
    expands = []
    for part in split_top_level(text, ","):
        name, bracket, inner = part.partition("(")
        options = Options(aliases=aliases)
        if bracket:
            if not inner.endswith(")"):
                raise query_error(f"Syntax error in $expand '{text}'.")
            given: dict[str, str] = {}
            for piece in split_top_level(inner[:-1], ";"):
                key, _, value = piece.partition("=")
                key = key.strip().lower()
                if key not in {"$select", "$filter", "$orderby", "$top", "$expand"}:
                    raise query_error(f"The query option '{key}' isn't supported within $expand.")
                given[key] = value.strip()
            _read_options(options, given)
        if name.strip() == "*" or "/$" in name:
            raise not_covered(f"'{name.strip()}' in $expand")
        expands.append(Expand(name.strip(), options))
    if len(expands) > 15:
        raise query_error("The number of $expand options exceeds 15.")
    return expands
