"""Parser of $filter by recursive descent.

expression = conjunction ("or" conjunction)*      conjunction = negation ("and" negation)*
negation = "not" negation | primary               primary = "(" expression ")" | function | comparison
What is valid OData but unknown to the service (arithmetic, other functions, `in`) is refused as the service does.
"""

from collections.abc import Mapping

import msgspec

from sandbox.base.errors import ServiceError, not_covered, query_error
from sandbox.base.values import parse_decimal
from sandbox.odata.lexer import Token, tokenize
from sandbox.odata.syntax import (
    And,
    Compare,
    Expression,
    Literal,
    Not,
    Or,
    Path,
    Quantified,
    QueryFunction,
    TextFunction,
)

_COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
_TEXT_FUNCTIONS = frozenset({"contains", "startswith", "endswith"})
_ARITHMETIC = frozenset({"add", "sub", "mul", "div", "mod", "in", "has"})
_OTHER_FUNCTIONS = frozenset(
    {
        "tolower",
        "toupper",
        "length",
        "indexof",
        "substring",
        "substringof",
        "trim",
        "concat",
        "year",
        "month",
        "day",
        "hour",
        "minute",
        "second",
        "date",
        "time",
        "now",
        "round",
        "floor",
        "ceiling",
        "cast",
        "isof",
        "fractionalseconds",
        "totaloffsetminutes",
        "mindatetime",
        "maxdatetime",
        "matchesPattern",
        "hassubset",
        "hassubsequence",
        "totalseconds",
        "divby",
        "geo.distance",
        "geo.intersects",
        "geo.length",
    }
)
_PREFIX = "Microsoft.Dynamics.CRM."
_PARAMETERS = frozenset({"PropertyName", "PropertyValue", "PropertyValues", "PropertyValue1", "PropertyValue2"})
_MAX_DEPTH = 100


class _Parser:
    def __init__(self, text: str, aliases: Mapping[str, str]) -> None:
        self.text = text
        self.aliases = aliases
        self.tokens = tokenize(text)
        self.index = 0
        self.depth = 0

    # -- tokens -------------------------------------------------------------------------------------------------------

    @property
    def current(self) -> Token:
        return self.tokens[self.index]

    def advance(self) -> Token:
        token = self.tokens[self.index]
        self.index += token.kind != "end"
        return token

    def accept_name(self, text: str) -> bool:
        if self.current.kind == "name" and self.current.text == text:
            self.index += 1
            return True
        return False

    def accept_mark(self, text: str) -> bool:
        if self.current.kind == "mark" and self.current.text == text:
            self.index += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept_mark(text):
            raise self.syntax_error(f"'{text}' expected")

    def syntax_error(self, why: str = "") -> ServiceError:
        detail = why or f"unexpected '{self.current.text}'"
        return query_error(f"Syntax error at position {self.current.position} in '{self.text}': {detail}.")

    # -- grammar ------------------------------------------------------------------------------------------------------

    def parse(self) -> Expression:
        expression = self.expression()
        if self.current.kind != "end":
            if self.current.text in _ARITHMETIC:
                raise query_error(f"The '{self.current.text}' operator isn't supported.")
            raise self.syntax_error()
        return expression

    def expression(self) -> Expression:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise query_error("The recursion limit of the expression has been exceeded.")
        parts = [self.conjunction()]
        while self.accept_name("or"):
            parts.append(self.conjunction())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def conjunction(self) -> Expression:
        parts = [self.negation()]
        while self.accept_name("and"):
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def negation(self) -> Expression:
        if self.accept_name("not"):
            self.depth += 1
            if self.depth > _MAX_DEPTH:
                raise query_error("The recursion limit of the expression has been exceeded.")
            negated = Not(self.negation())
            self.depth -= 1
            return negated
        return self.primary()

    def primary(self) -> Expression:
        if self.accept_mark("("):
            inner = self.expression()
            self.expect(")")
            return inner
        token = self.current
        if token.kind == "name" and self.tokens[self.index + 1].text == "(":
            if token.text in _TEXT_FUNCTIONS:
                return self.text_function()
            if token.text.startswith(_PREFIX):
                return self.query_function()
            if token.text in _OTHER_FUNCTIONS or token.text.startswith("geo."):
                raise query_error(f"The '{token.text}' function isn't supported.")
            raise query_error(f"An unknown function with name '{token.text}' was found.")
        return self.comparison()

    def text_function(self) -> Expression:
        name = self.advance().text
        self.expect("(")
        path = self.path()
        if isinstance(path, Quantified):
            raise self.syntax_error("a property expected")
        self.expect(",")
        value = self.operand()
        self.expect(")")
        if not isinstance(value, Literal) or value.kind != "string":
            raise query_error(f"The second argument of '{name}' must be a string.")
        function = TextFunction(name, path, value)
        # `contains(...) eq true` means the same as `contains(...)`.
        if self.current.text in {"eq", "ne"}:
            operator = self.advance().text
            truth = self.operand()
            if not isinstance(truth, Literal) or truth.kind != "bool":
                raise query_error(f"The result of '{name}' is a Boolean.")
            return function if (operator == "eq") == truth.value else Not(function)
        return function

    def comparison(self) -> Expression:
        left = self.operand()
        if isinstance(left, Quantified):
            return left
        operator = self.current.text if self.current.kind == "name" else ""
        if operator in _ARITHMETIC:
            raise query_error(f"The '{operator}' operator isn't supported.")
        if operator not in _COMPARISONS:
            if isinstance(left, Path) and self.current.kind in {"end", "mark"}:
                # A Boolean property stands for itself.
                return Compare("eq", left, Literal("bool", value=True))
            raise self.syntax_error("a comparison operator expected")
        self.advance()
        right = self.operand()
        if isinstance(right, Quantified):
            raise self.syntax_error()
        if isinstance(left, Literal):
            if isinstance(right, Literal):
                raise query_error("A comparison of two constants isn't supported.")
            flipped = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
            return Compare(flipped.get(operator, operator), right, left)
        return Compare(operator, left, right)

    def operand(self) -> Literal | Path | Quantified:
        token = self.current
        if token.kind == "name":
            if token.text in {"null", "true", "false"}:
                self.advance()
                if token.text == "null":
                    return Literal("null", None)
                return Literal("bool", value=token.text == "true", text=token.text)
            if token.text.startswith("@"):
                self.advance()
                return self.alias(token.text)
            if token.text in _OTHER_FUNCTIONS and self.tokens[self.index + 1].text == "(":
                raise query_error(f"The '{token.text}' function isn't supported.")
            if token.text.startswith(_PREFIX) and self.tokens[self.index + 1].kind == "string":
                self.advance()
                return Literal("string", self.unquote(self.advance()), "enum")
            return self.path()
        self.advance()
        if token.kind == "string":
            return Literal("string", self.unquote(token), token.text)
        if token.kind == "number":
            return Literal("number", parse_decimal(token.text), token.text)
        if token.kind in {"guid", "date"}:
            return Literal(token.kind, token.text.lower() if token.kind == "guid" else token.text, token.text)
        self.index -= token.kind != "end"
        raise self.syntax_error("an expression expected")

    @staticmethod
    def unquote(token: Token) -> str:
        return token.text[1:-1].replace("''", "'")

    def alias(self, name: str) -> Literal:
        if name not in self.aliases:
            return Literal("null", None)
        inner = _Parser(self.aliases[name], {})
        value = inner.operand()
        if not isinstance(value, Literal) or inner.current.kind != "end":
            raise query_error(f"The parameter alias '{name}' must be a constant.")
        return value

    def path(self) -> Path | Quantified:
        steps = [self.name()]
        while self.accept_mark("/"):
            step = self.name()
            if step in {"any", "all"} and self.current.text == "(":
                return self.quantifier(steps, step)
            steps.append(step)
        return Path(tuple(steps))

    def name(self) -> str:
        token = self.advance()
        if token.kind != "name":
            self.index -= token.kind != "end"
            raise self.syntax_error("a property expected")
        if token.text == "$it" or token.text.startswith("$"):
            raise not_covered(f"'{token.text}' in $filter")
        return token.text

    def quantifier(self, steps: list[str], function: str) -> Quantified:
        if len(steps) > 1:
            raise not_covered("a lambda on a collection behind a lookup")
        self.expect("(")
        if function == "any" and self.accept_mark(")"):
            return Quantified("any", steps[0], "", None)
        variable = self.name()
        self.expect(":")
        condition = self.expression()
        self.expect(")")
        return Quantified(function, steps[0], variable, condition)

    # -- query functions ----------------------------------------------------------------------------------------------

    def query_function(self) -> QueryFunction:
        name = self.advance().text[len(_PREFIX) :]
        self.expect("(")
        arguments: dict[str, tuple[str, ...]] = {}
        while not self.accept_mark(")"):
            key = self.name()
            self.expect("=")
            arguments[key] = self.argument()
            if not self.accept_mark(","):
                self.expect(")")
                break
        if len(arguments.get("PropertyName", ())) != 1:
            raise query_error(f"The function '{name}' needs one PropertyName.")
        values = arguments.get("PropertyValues", arguments.get("PropertyValue", ()))
        values += tuple(one for key in ("PropertyValue1", "PropertyValue2") for one in arguments.get(key, ()))
        unknown = set(arguments) - _PARAMETERS
        if unknown:
            raise query_error(f"The function '{name}' has no parameter '{sorted(unknown)[0]}'.")
        return QueryFunction(name, Path(tuple(arguments["PropertyName"][0].split("/"))), values)

    def argument(self) -> tuple[str, ...]:
        token = self.advance()
        if token.kind == "name" and token.text.startswith("@"):
            text = self.aliases.get(token.text)
            if text is None:
                raise query_error(f"The parameter alias '{token.text}' has no value.")
            inner = _Parser(text, {})
            found = inner.argument()
            if inner.current.kind != "end":
                raise inner.syntax_error()
            return found
        if token.kind == "string":
            return (self.unquote(token),)
        if token.kind in {"number", "guid", "date"}:
            return (token.text,)
        if token.kind == "mark" and token.text == "[":
            values: list[str] = []
            while not self.accept_mark("]"):
                values.append(self.list_item())
                if not self.accept_mark(","):
                    self.expect("]")
                    break
            return tuple(values)
        raise self.syntax_error("a quoted value or a list expected")

    def list_item(self) -> str:
        token = self.advance()
        if token.kind == "json":
            try:
                return str(msgspec.json.decode(token.text.encode(), type=str))
            except (msgspec.DecodeError, UnicodeEncodeError):
                raise query_error(f"{token.text} is no JSON string.") from None
        if token.kind == "string":
            return self.unquote(token)
        if token.kind in {"number", "guid", "date"}:
            return token.text
        raise self.syntax_error("a quoted value expected")


def parse_filter(text: str, aliases: Mapping[str, str] | None = None) -> Expression:
    """Return the expression of a $filter; `aliases` are the address's @parameters. Raises ServiceError."""
    if not text.strip():
        raise query_error("The query parameter '$filter' is empty.")
    return _Parser(text, aliases or {}).parse()
