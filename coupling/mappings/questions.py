"""What a person is asked before a mapping's settings are stored, or is told where nobody can be asked. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Protocol
from zlib import crc32

from core.vocabulary import DeletionOption, Direction

YES, NO = "yes", "no"
CREATED_ANEW = (
    "When one side of a pair is deleted, its coupling is deleted too, and the next run creates that side anew, since "
    "Synch. Only Coupled Records is off."
)
CHANGES_OTHERS = "Rows of every company take part, so what is changed here also changes rows that other companies use."
COMES_FROM_OTHERS = "Rows of every company take part, so what other companies have in Dataverse comes in here too."


class Settings(Protocol):
    """What questions are about, of a mapping as it is stored or as a file has it."""

    @property
    def direction(self) -> str: ...  # noqa: D102
    @property
    def synch_only_coupled(self) -> bool: ...  # noqa: D102
    @property
    def multi_company(self) -> bool: ...  # noqa: D102
    @property
    def deletion_conflict(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Wanted:
    """The settings that questions are about as they are to be."""

    direction: str
    synch_only_coupled: bool
    multi_company: bool
    deletion_conflict: str


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody is asked before changes are stored.

    fields: the settings whose change it is about, the first of which it is shown by; sentences: what the changes mean.
    """

    fields: tuple[str, ...]
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """The question as it is put."""
        return f"{' '.join(self.sentences)} Is that what you want?"

    @property
    def answers(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """What yes and no come back as, with what they say. They name the question: another one is asked anew."""
        named = f"{','.join(self.fields)}:{crc32(self.text.encode())}"
        return (f"{YES}:{named}", "Yes, save"), (f"{NO}:{named}", "No, leave it as it was")

    def is_agreed(self, answer: str) -> bool:
        """Return whether an answer is the yes to this question."""
        return answer == self.answers[0][0]


def refused_fields(answer: str) -> list[str] | None:
    """Return the settings that a no is about; None where the answer is no no."""
    word, _, rest = answer.partition(":")
    known = {one.name for one in fields(Wanted)}
    return [name for name in rest.partition(":")[0].split(",") if name in known] if word == NO else None


def question(before: Settings, wanted: Settings) -> Question | None:
    """Return what to ask before settings become others: one question for all; None where there is nothing to ask."""
    asked = list(_asked(before, wanted))
    if not asked:
        return None
    return Question(
        tuple(dict.fromkeys(name for names, _ in asked for name in names)), tuple(text for _, text in asked)
    )


def _asked(before: Settings, wanted: Settings) -> Iterator[tuple[list[str], str]]:
    """Yield what each change means that is asked about, with the settings that change."""
    anew = ("synch_only_coupled", "deletion_conflict")
    changed = [name for name in anew if getattr(wanted, name) != getattr(before, name)]
    if changed and creates_anew(wanted):
        yield changed, CREATED_ANEW
    shared = ("multi_company", "direction")
    if wanted.multi_company and not (before.multi_company and shares_rows(before) == shares_rows(wanted)):
        yield [name for name in shared if getattr(wanted, name) != getattr(before, name)], shares_rows(wanted)


def creates_anew(settings: Settings) -> bool:
    """Return whether what was deleted on one side is created there again by the next run."""
    return not settings.synch_only_coupled and settings.deletion_conflict == DeletionOption.UNCOUPLE


def shares_rows(settings: Settings) -> str:
    """Return what it means that rows of every company take part."""
    return COMES_FROM_OTHERS if settings.direction == Direction.FROM else CHANGES_OTHERS
