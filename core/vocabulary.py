"""The words that models, pages, commands and pure modules share. No Django.

Models take `choices=Direction.choices`, pure modules compare members, pages show `label`. The values are stored in the
database and printed by commands, so they stay as they are.
"""

from collections.abc import Iterator
from enum import EnumType, StrEnum
from typing import Self, cast


class _WordType(EnumType):
    """The type of closed lists of words."""

    @property
    def choices(cls) -> list[tuple[str, str]]:
        """Return (value, label) of each member, as Django's model and form fields take them."""
        return [(word.value, word.label) for word in _members(cls)]

    @property
    def values(cls) -> list[str]:
        """Return the value of each member."""
        return [word.value for word in _members(cls)]


class Word(StrEnum, metaclass=_WordType):
    """A word of a closed list: a string with the label that pages show."""

    label: str

    def __new__(cls, value: str, label: str = "") -> Self:
        """Make a member of its stored value and its label."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member


def _members(words: EnumType) -> "Iterator[Word]":
    return iter(cast("type[Word]", words))


class Direction(Word):
    """Which way values flow; a table's direction bounds its fields'."""

    BIDIRECTIONAL = "bidirectional", "Bidirectional"
    TO = "to_integration_table", "To integration table"
    FROM = "from_integration_table", "From integration table"

    @classmethod
    def from_word(cls, word: str) -> "Direction":
        """Return the direction that commands and addresses call `both`, `to` or `from`, or by its value.

        Raises KeyError.
        """
        short = {"both": cls.BIDIRECTIONAL, "to": cls.TO, "from": cls.FROM}
        return {**short, **{one.value: one for one in short.values()}}[word]


class ConflictOption(Word):
    """What happens to a field changed on both sides; blank asks a person, for a field it is what the mapping says.

    PERSON: a person is asked about the field, whatever the mapping says.
    """

    ASK = "", ""
    SEND = "send", "Send data update to integration table"
    GET = "get", "Get data update from integration table"
    NEWEST = "newest", "Newer wins"
    PERSON = "ask", "Ask a person"

    @classmethod
    def of_a_mapping(cls) -> "tuple[ConflictOption, ...]":
        """Return the options of a mapping beside the blank one, which asks a person."""
        return (cls.SEND, cls.GET, cls.NEWEST)


class DeletionOption(Word):
    """What happens when one side of a pair was deleted; blank asks a person."""

    ASK = "", ""
    RESTORE = "restore", "Restore records"
    UNCOUPLE = "uncouple", "Delete coupling"


class BlankPolicy(Word):
    """What a blank does to a value on the other side; DEFAULT is what the mapping says, for a field."""

    DEFAULT = "", "As the mapping says"
    SEND = "send", "A blank blanks the other side"
    KEEP = "keep", "A blank never overwrites a value"


class CompareAs(Word):
    """How a criterion compares two values; TEXT is the reference's behaviour."""

    TEXT = "text", "Text"
    PHONE = "phone", "Phone number"
    EMAIL = "email", "E-mail address"
    COMPANY_NAME = "company_name", "Company name"
    NUMBER = "number", "Number"
    DATE = "date", "Date"


class Recommendation(Word):
    """What the full synchronization's review recommends for a mapping."""

    FULL = "full", "Full synchronization"
    NONE = "none", "No synchronization"
    DEPENDENCY = "dependency", "Dependency not satisfied"
    NO_RECORDS = "no_records", "No records to synchronize now"
