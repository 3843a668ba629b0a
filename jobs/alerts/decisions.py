"""What follows from what stands: which alerts begin, go on and are over, who is told, and when. No Django, no I/O."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

PAUSES_S = (60, 300, 900, *[3_600] * 23)
"""Seconds before the second try of a message, the third, and so on; after the last one it is given up."""
BETWEEN = {"at_once": timedelta(0), "hourly": timedelta(hours=1), "daily": timedelta(days=1)}
"""How long after a receiver's last message the next one is made at the earliest."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that stands now and that people should know.

    subject: what it is about, the same from look to look while it stands; url: from the site's root.
    """

    company: int
    subject: str
    message: str
    url: str
    mapping: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """An alert that is not over yet, as it is stored."""

    id: int
    kind: str
    company: int
    subject: str
    message: str
    fix: str
    url: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What a look changes: what begins (kind and fact), what goes on with other words, what is over (ids)."""

    begins: tuple[tuple[str, Fact], ...] = ()
    changes: tuple[tuple[int, Fact], ...] = ()
    over: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is to be told. kinds: none for every kind; mapping: "" for the whole company."""

    id: int
    company: int
    kinds: frozenset[str] = frozenset()
    mapping: str = ""


def decide(standing: Sequence[Standing], facts: Iterable[tuple[str, Fact]], looked_at: Collection[str]) -> Turn:
    """Return what follows from the facts (kind and fact) of the kinds that could be looked at.

    Of other kinds nothing is known, so nothing of theirs is over. Of two facts about the same subject the first counts.
    """
    now: dict[tuple[str, int, str], Fact] = {}
    for kind, fact in facts:
        if kind in looked_at:
            now.setdefault((kind, fact.company, fact.subject), fact)
    known = {(one.kind, one.company, one.subject): one for one in standing}
    begins = tuple((key[0], fact) for key, fact in now.items() if key not in known)
    changes = tuple(
        (one.id, now[key])
        for key, one in known.items()
        if key in now and (one.message, one.fix, one.url) != (now[key].message, now[key].fix, now[key].url)
    )
    over = tuple(one.id for key, one in known.items() if one.kind in looked_at and key not in now)
    return Turn(begins, changes, over)


def wants(receiver: Receiver, kind: str, company: int, mapping: str) -> bool:
    """Return whether a receiver is told of an alert."""
    return (
        receiver.company == company
        and (not receiver.kinds or kind in receiver.kinds)
        and receiver.mapping in ("", mapping)
    )


def is_due(digest: str, last_message_at: datetime | None, now: datetime) -> bool:
    """Return whether what waits for a receiver becomes a message now.

    The first after a quiet time goes at once; what comes up within the hour, or the day, waits for the next message.
    """
    return last_message_at is None or now - last_message_at >= BETWEEN.get(digest, timedelta(0))


def next_try(attempts: int, now: datetime) -> datetime | None:
    """Return when a message that failed so often is tried again; None to give it up."""
    return now + timedelta(seconds=PAUSES_S[attempts - 1]) if attempts <= len(PAUSES_S) else None
