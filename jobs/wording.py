"""Outcomes kept narrow: what those of a job have in common is kept once, and with each what is its own. Pure.

    wording = Wording()
    arguments = wording.narrow(message, detail, names)
    message, detail = wording.tell(arguments, names)

A message is kept as the number of its sentence, which has gaps ('The closest Name in Dataverse is "" ( % alike).'),
and what stands in these; a detail as the number of its shape (its keys, and the names and captions under them) and
the values. Both are told exactly as they were given, whatever later versions would say.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.core.serializers.json import DjangoJSONEncoder

MOST_ENTRIES = 1000
"""Sentences and shapes of a job at most; outcomes that would need more keep their own."""
_LONGEST = 2000
_COMMON = frozenset({"local", "caption", "integration", "written", "side", "priority", "fields", "result", "found"})
"""The keys of a detail whose values are the same in many outcomes: names, captions, priorities."""
_SENTENCES = frozenset({"cause", "fix", "support"})
"""The keys of a detail under which there are sentences."""
_GAP = "\0"
_VARYING = re.compile(r'[0-9a-f]{8}-[0-9a-f-]{27}|"[^"]*"|\d+', re.IGNORECASE | re.ASCII)
"""What varies from one outcome to the next in a sentence: ids, what stands in quotation marks, numbers."""
_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""An id as it is written everywhere: it takes 16 bytes instead of 36."""
_SHORTEST_NAME, _MOST_NAMES = 3, 40
"""Of those that a sentence may repeat."""
_LONGEST_NAME = 200
"""Of a value that is taken to be the same in many outcomes."""
_REMEMBERED = 1000
_LIST, _SENTENCE = -1, -2
"""What a list in arguments begins with that is one in the detail, and one that is a sentence; else: its shape."""

_Shape = tuple[tuple[Any, ...], ...]


class Wording:
    """The sentences and shapes that outcomes of a job have in common. Numbers that were given stay what they are.

    stored: what `dump` returned before; blank for none.
    """

    def __init__(self, stored: bytes | memoryview = b"") -> None:
        self.entries: list[Any] = msgspec.msgpack.decode(stored) if stored else []
        self.grew = False
        self._numbers = {_hashable(entry): number for number, entry in enumerate(self.entries)}
        self._remembered: dict[str, list[Any]] = {}
        self._lists: dict[bytes, list[Any]] = {}

    def dump(self) -> bytes:
        """Return it as bytes."""
        return msgspec.msgpack.encode(self.entries)

    # -- keeping ------------------------------------------------------------------------------------------------------

    def narrow(self, message: str, detail: Any, names: Sequence[str]) -> bytes | None:
        """Return what is kept of an outcome; None where its message and detail are better kept as they are.

        names: what the outcome's other columns hold, which its sentence may repeat; given again to `tell`.
        """
        if not message and detail is None:
            return None
        try:
            plain = _plain(detail)
            if not isinstance(plain, dict | list | None):
                return None
            sentence = self._sentence(message, lambda: [*names, *_names_in(plain)]) if message else []
            return msgspec.msgpack.encode(sentence if plain is None else [self._kept(plain), *sentence])
        except (TypeError, ValueError, OverflowError, RecursionError):
            return None

    def _sentence(self, message: str, names: Callable[[], Sequence[str]]) -> list[Any]:
        """Return a message as its sentence's number and what stands in the gaps: [3, "Adatum", 92]; else [itself]."""
        if (known := self._remembered.get(message)) is not None:
            return known
        if _GAP in message:
            return [message]
        template, gaps = _with_gaps(message, names())
        number = self._number(template) if len(template) <= _LONGEST else None
        if number is None:
            return [message]
        kept = [number, *gaps]
        if not any(isinstance(gap, list) for gap in gaps):  # others are about this outcome's own names
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[message] = kept
        return kept

    def _kept(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return self._kept_dict(value)
        if isinstance(value, list):
            return self._kept_list(value)
        if key in _SENTENCES and isinstance(value, str) and value:
            return [_SENTENCE, *self._sentence(value, lambda: ())]
        is_id = isinstance(value, str) and len(value) == 36 and _ID.fullmatch(value)
        return UUID(value).bytes if is_id else value

    def _kept_list(self, value: list[Any]) -> list[Any]:
        """Return what is kept of a list; of most records the priorities tried, say, gave the same."""
        raw = msgspec.msgpack.encode(value)
        kept = self._lists.get(raw)
        if kept is None:
            kept = [_LIST, *map(self._kept, value)]
            if len(self._lists) >= _REMEMBERED:
                self._lists.clear()
            self._lists[raw] = kept
        return kept

    def _kept_dict(self, value: dict[str, Any]) -> Any:
        shape: list[tuple[Any, ...]] = []
        values = []
        for key, item in value.items():
            if _is_common(key, item):
                shape.append((key, tuple(item) if isinstance(item, list) else item))
            else:
                shape.append((key,))
                values.append(self._kept(item, key))
        number = self._number(tuple(shape))
        return [number, *values] if number is not None else {key: self._kept(item, key) for key, item in value.items()}

    def _number(self, entry: "str | _Shape") -> int | None:
        """Return the number of a sentence or a shape, a new one where there is room; None where there is none."""
        number = self._numbers.get(entry)
        if number is None and len(self.entries) < MOST_ENTRIES:
            msgspec.msgpack.encode(entry)  # what cannot be stored is not taken up: see narrow
            number = self._numbers[entry] = len(self.entries)
            self.entries.append(entry)
            self.grew = True
        return number

    # -- telling ------------------------------------------------------------------------------------------------------

    def tell(self, arguments: bytes | memoryview, names: Sequence[str]) -> tuple[str, Any]:
        """Return the message and the detail that were given to `narrow`."""
        kept = msgspec.msgpack.decode(arguments)
        if not isinstance(kept[0], list | dict):
            return self._in_words(kept, names), None
        detail = self._told(kept[0])
        return self._in_words(kept[1:], names, detail), detail

    def _in_words(self, sentence: list[Any], names: Sequence[str], detail: Any = None) -> str:
        if not sentence or isinstance(sentence[0], str):
            return "".join(sentence)
        number, *gaps = sentence
        if any(isinstance(gap, list) for gap in gaps):
            known = [*names, *_names_in(detail)]
            gaps = [known[gap[0]] if isinstance(gap, list) else gap for gap in gaps]
        first, *rest = str(self.entries[number]).split(_GAP)
        return first + "".join(f"{gap}{part}" for gap, part in zip(gaps, rest, strict=True))

    def _told(self, kept: Any) -> Any:
        if isinstance(kept, dict):
            return {key: self._told(item) for key, item in kept.items()}
        if not isinstance(kept, list):
            return str(UUID(bytes=kept)) if isinstance(kept, bytes) else kept
        first, *rest = kept
        if first == _LIST:
            return [*map(self._told, rest)]
        if first == _SENTENCE:
            return self._in_words(rest, ())
        values = iter(rest)
        return {
            key: (list(common[0]) if isinstance(common[0], list | tuple) else common[0])
            if common
            else self._told(next(values))
            for key, *common in self.entries[first]
        }


def names_of(
    local_key: str, local_name: str, integration_name: str, integration_id: UUID | None, local_id: UUID | None
) -> list[str]:
    """Return what an outcome's columns hold, as Wording takes it."""
    ids = [str(one) if isinstance(one, UUID) else "" for one in (integration_id, local_id)]
    return [local_key, local_name, integration_name, *ids]


def _hashable(entry: Any) -> "str | _Shape":
    """Return a sentence or a shape as it was before it was stored, where tuples became lists."""
    if isinstance(entry, str):
        return entry
    return tuple(tuple(tuple(one) if isinstance(one, list) else one for one in part) for part in entry)


def _is_common(key: str, value: Any) -> bool:
    """Return whether a value of a detail belongs to its shape: a name, names, a priority; or an empty list."""
    if isinstance(value, list):
        return not value or (key in _COMMON and all(isinstance(one, str) for one in value))
    if key not in _COMMON:
        return False
    return len(value) <= _LONGEST_NAME if isinstance(value, str) else value is None or type(value) is int


def _plain(value: Any) -> Any:
    """Return a detail as JSON would give it back, by the encoders that wrote it until now (core.bulk)."""
    if value is None:
        return None
    try:
        return msgspec.json.decode(msgspec.json.encode(value))
    except (TypeError, ValueError, OverflowError):
        return json.loads(json.dumps(value, cls=DjangoJSONEncoder))


def _names_in(detail: Any) -> list[str]:
    """Return the texts in a detail that a sentence about it may repeat, the first ones, in their order."""
    found: list[str] = []
    if detail is not None:
        _collect_texts(detail, "", found)
    return found[:_MOST_NAMES]


def _collect_texts(value: Any, key: str, found: list[str]) -> None:
    if isinstance(value, str):
        if key not in _COMMON:
            found.append(value)
    elif isinstance(value, dict):
        for name, item in value.items():
            _collect_texts(item, name, found)
    elif isinstance(value, list):
        for item in value:
            _collect_texts(item, key, found)


def _with_gaps(message: str, names: Sequence[str]) -> tuple[str, list[Any]]:
    """Return the sentence of a message, and what stands in its gaps: numbers, texts, or [place in names]."""
    found: list[tuple[int, int, Any]] = []
    repeated = [at for at, name in enumerate(names) if len(name) >= _SHORTEST_NAME and name in message]
    for at in sorted(repeated, key=lambda at: -len(names[at])):
        name = names[at]
        start = message.find(name)
        while start >= 0:
            end = start + len(name)
            if _stands_alone(message, start, end) and _is_free(found, start, end):
                found.append((start, end, [at]))
            start = message.find(name, end)
    for one in _VARYING.finditer(message):
        start, end = one.span()
        if message[start] == '"':
            start, end = start + 1, end - 1
        if not repeated or _is_free(found, start, end):
            found.append((start, end, _number_or_text(message[start:end])))
    if repeated:
        found.sort(key=lambda one: one[:2])
    parts, last = [], 0
    for start, end, _ in found:
        parts.append(message[last:start])
        last = end
    return _GAP.join([*parts, message[last:]]), [gap for _, _, gap in found]


def _is_free(found: Sequence[tuple[int, int, Any]], start: int, end: int) -> bool:
    return all(end <= one or start >= other for one, other, _ in found)


def _stands_alone(message: str, start: int, end: int) -> bool:
    before, after = message[start - 1 : start], message[end : end + 1]
    return not (before.isalnum() and message[start].isalnum()) and not (after.isalnum() and message[end - 1].isalnum())


def _number_or_text(found: str) -> int | str:
    short = found.isascii() and found.isdigit() and len(found) < 18
    return int(found) if short and str(int(found)) == found else found
