"""The arguments of `manage.py mapping field` and `mapping table`, and what they ask for."""

from argparse import ArgumentParser
from typing import Any

from core.refusals import NotUsable
from core.vocabulary import BlankPolicy, ConflictOption, Direction
from coupling.mappings.field_edit import FieldChanges

ACTIONS = ("add", "set", "remove")
_CONFLICTS = {"mapping": ConflictOption.ASK, **{one.value: one for one in ConflictOption if one}}
_BLANKS = {"send": BlankPolicy.SEND, "keep": BlankPolicy.KEEP, "mapping": BlankPolicy.DEFAULT}
_YES_NO = {"yes": True, "no": False}
NO_RULES = "none"


def add_field_arguments(parser: ArgumentParser) -> None:
    """Add what can be said about one field mapping."""
    parser.add_argument("words", nargs="*", metavar="add|set|remove LOCAL=COLUMN")
    parser.add_argument("--direction", metavar="D", help="both, to or from; or the direction's whole word.")
    parser.add_argument(
        "--constant", metavar="VALUE", help="With =COLUMN, what the column gets; with LOCAL=, the field."
    )
    parser.add_argument(
        "--rule", nargs="+", action="extend", metavar="RULE", dest="rules",
        help="Transformation rules in their order, NAME or NAME=VALUE; none takes all away.",
    )  # fmt: skip
    parser.add_argument("--rules-direction", choices=("to", "from"), help="The way in which the rules rewrite values.")
    parser.add_argument(
        "--conflicts",
        choices=tuple(_CONFLICTS),
        help="Which side wins where both changed the field; mapping: as the mapping says.",
    )
    parser.add_argument("--blanks", choices=tuple(_BLANKS), help="Whether a blank blanks the other side.")
    parser.add_argument("--clear-on-failed", choices=tuple(_YES_NO), help="Blank what cannot be looked up.")
    parser.add_argument("--not-null", choices=tuple(_YES_NO), help="Never send a blank id.")
    parser.add_argument(
        "--validate-field", choices=tuple(_YES_NO), help="Whether the field's own rules refuse a value from Dataverse."
    )
    switch = parser.add_mutually_exclusive_group()
    switch.add_argument("--enable", action="store_const", const=True, dest="enabled")
    switch.add_argument("--disable", action="store_const", const=False, dest="enabled")
    parser.add_argument("--row", nargs="+", action="extend", metavar="FROM=TO", dest="rows", help="Rows of a table.")


_FIELD_OPTIONS = ("direction", "constant", "rules", "rules_direction", "conflicts", "blanks", "clear_on_failed",
                  "not_null", "validate_field", "enabled")  # fmt: skip


def given_for_field(options: dict[str, Any]) -> str:
    """Return the first option given that is about a field mapping, as people write it; "" where none was."""
    words = {"rules": "--rule", "enabled": "--enable or --disable"}
    given = [name for name in _FIELD_OPTIONS if options.get(name) is not None]
    return words.get(given[0], f"--{given[0].replace('_', '-')}") if given else ""


def field_changes(options: dict[str, Any]) -> FieldChanges:
    """Return what the options ask to be changed. Raises NotUsable for a direction that is none."""
    rules = options["rules"]
    return FieldChanges(
        direction=direction_of(options["direction"]),
        constant=options["constant"],
        rules=None if rules is None else () if rules == [NO_RULES] else tuple(rules),
        transformation_direction=direction_of(options["rules_direction"]),
        update_conflict=_CONFLICTS.get(options["conflicts"] or "-"),
        blanks=_BLANKS.get(options["blanks"] or "-"),
        clear_on_failed=_YES_NO.get(options["clear_on_failed"] or "-"),
        not_null=_YES_NO.get(options["not_null"] or "-"),
        validate_field=_YES_NO.get(options["validate_field"] or "-"),
        enabled=options["enabled"],
    )


def direction_of(word: str | None) -> Direction | None:
    """Return the direction that a word names, None where none is given. Raises NotUsable."""
    if not word:
        return None
    try:
        return Direction.from_word(word)
    except KeyError:
        raise NotUsable(
            f"{word!r} is no direction.", f"The directions are both, to and from, or {', '.join(Direction)}."
        ) from None


def table_rows(words: list[str] | None) -> dict[str, str] | None:
    """Return the rows of FROM=TO words, None where there are none. Raises NotUsable."""
    if words is None:
        return None
    rows = {}
    for word in words:
        value, equals, becomes = word.partition("=")
        if not equals:
            raise NotUsable(f"{word!r} is no row of a look-up table.", "Write FROM=TO; *=TO is for all other values.")
        rows[value] = becomes
    return rows
