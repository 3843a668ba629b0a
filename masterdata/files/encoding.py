"""Which encoding a text file has. Sure, or refused with the choices; never guessed. No Django.

Bytes that are no UTF-8 are tried as each code page that people's programs write. A code page fits where every word with
other than ASCII letters could stand in a language that uses it. Where several fit and do not give the same text, the
one that needs fewer languages is taken; else the file is refused, with each reading shown.
"""

import codecs
import re
from dataclasses import dataclass

from charset_normalizer import from_bytes

from masterdata.files.types import Unreadable

_SAMPLE = 200_000
"""Bytes of lines beyond ASCII that are looked at."""

NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "cp1250": "Windows-1250 (Central European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1252": "Windows-1252 (Western European)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1257": "Windows-1257 (Baltic)",
}
"""Those a person is offered; any that Python knows may be given."""

_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґђјљњћџѓќўѕ"
_GREEK = "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐ"
_LATIN: dict[str, tuple[str, ...]] = {
    "cp1252": (
        "äöüßé", "àâæçéèêëîïôœùûüÿ", "áéíñóúüçªº", "àçéèíïóòúü", "àáâãçéêíóôõú", "àèéìíîòóùú", "áéëïíóöüè",
        "æøåéèêóòâôüö", "åäöéüàè", "áðéíóúýþæö",
    ),
    "cp1250": (
        "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíľňóôšťúýžĺŕ", "áéíóöőúüű", "ăâîşţ", "čćđšž", "äöüßé", "ëç",
    ),
    "cp1254": ("ğışçöüâîû",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "õäöüšž", "äöüßé"),
}  # fmt: skip
"""The letters beyond ASCII of each language that a code page serves."""
_WHOLE: dict[str, str] = {"cp1251": _CYRILLIC, "cp1253": _GREEK}
"""Alphabets that words are written in as a whole."""
_SYMBOLS = set("€§°©®«»„“”‚‘’–—…·´¨™№ºª¿¡£²³½¼¾×\xa0\xad&")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding as Python and as people name it."""

    codec: str
    name: str


def find_encoding(content: bytes, chosen: str = "") -> Encoding:
    """Return the encoding of a file, or the chosen one. Raises Unreadable, also where more than one is as likely.

    In UTF-8 single lines may still not be decodable; they are refused row by row.
    """
    if chosen:
        return _chosen(chosen)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Encoding("utf-16", NAMES["utf-16"])
    if b"\0" in content:
        raise not_text()
    try:
        content.decode("utf-8")
        return Encoding("utf-8-sig", NAMES["utf-8"])
    except UnicodeDecodeError:
        pass
    foreign = _foreign_lines(content)
    if content.startswith(codecs.BOM_UTF8) or any(_is_utf8(line) for line in foreign):
        # Some lines say that the file is UTF-8: the others are damaged, and told one by one.
        return Encoding("utf-8-sig", NAMES["utf-8"])
    return _legacy(foreign)


def not_text() -> Unreadable:
    """Return the refusal of a file that is no text."""
    return Unreadable(
        "The file is not text.", "Save it as CSV in UTF-8, or as an Excel workbook (.xlsx), and try again."
    )


def _chosen(name: str) -> Encoding:
    try:
        found = codecs.lookup(name.strip())
    except LookupError:
        known = ", ".join(sorted({*NAMES} - {"utf-8-sig"}))
        raise Unreadable(
            f"There is no encoding {name!r}.", f"Choose another with --encoding, such as {known}."
        ) from None
    if not found._is_text_encoding:  # as codecs itself asks
        raise Unreadable(f"{name!r} is no encoding of text.", "Choose another with --encoding, such as utf-8.")
    codec = "utf-8-sig" if found.name == "utf-8" else found.name
    return Encoding(codec, NAMES.get(codec, name.strip()))


def _foreign_lines(content: bytes) -> list[bytes]:
    """Return lines that hold more than ASCII, up to _SAMPLE bytes of them; no UTF-8 line is left out for that."""
    found, size = [], 0
    for line in content.splitlines():
        if not line.isascii() and (size < _SAMPLE or _is_utf8(line)):
            found.append(line)
            size += len(line)
    return found


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _legacy(lines: list[bytes]) -> Encoding:
    sample = b"\n".join(lines)
    fits: list[tuple[int, str, str]] = []
    for codec in (*_LATIN, *_WHOLE):
        try:
            text = sample.decode(codec)
        except UnicodeDecodeError:
            continue
        languages = _languages_needed(text, codec)
        if languages:
            fits.append((languages, codec, text))
    if not fits:
        raise _unknown(sample)
    fewest = min(languages for languages, _, _ in fits)
    best = [(codec, text) for languages, codec, text in fits if languages == fewest]
    if len({text for _, text in best}) > 1:
        raise _ambiguous(best)
    return Encoding(best[0][0], NAMES[best[0][0]])


def _languages_needed(text: str, codec: str) -> int:
    """Return how many languages together can have written the text in a code page, and one for each word of an odd
    shape; 0 where none can.
    """
    if any(not (char.isascii() or char.isalpha() or char in _SYMBOLS) for char in text):
        return 0
    if re.search(r"[^\W\d_][€§°©®«»„“”¿¡£²³½¼¾×№…][^\W\d_]", text):
        return 0
    words = {word for word in _WORD.findall(text) if not word.isascii()}
    # No language puts a capital behind a small letter: БиЮнб is not what somebody wrote.
    misshapen = sum(not (word[1:].islower() or word.isupper() or len(word) == 1) for word in words)
    if codec in _WHOLE:
        alphabet = set(_WHOLE[codec])
        return 1 + misshapen if all(set(word.lower()) <= alphabet for word in words) else 0
    beyond = [{char for char in _lower(word) if not char.isascii()} for word in words if word not in _SYMBOLS]
    if any(word[0] in "ĺŕĹŔ" for word in words):
        return 0
    alphabets = [set(letters) for letters in _LATIN[codec]]
    left = beyond
    for needed in range(1, 4):
        best = max(alphabets, key=lambda alphabet: sum(letters <= alphabet for letters in left))
        left = [letters for letters in left if not letters <= best]
        if not left:
            return needed + misshapen
    return 0


def _lower(word: str) -> str:
    return word.replace("İ", "i").lower()


def _unknown(sample: bytes) -> Unreadable:
    guess = from_bytes(sample).best()
    name = guess.encoding if guess is not None and guess.coherence > 0.2 else ""
    maybe = f" It may be {name}, which --encoding {name} would read." if name and name != "ascii" else ""
    return Unreadable(
        f"The file is not in UTF-8, and its encoding cannot be told from its letters.{maybe}",
        "Save it as UTF-8 (in Excel: CSV UTF-8), or choose its encoding (--encoding).",
    )


def _ambiguous(readings: list[tuple[str, str]]) -> Unreadable:
    by_text = {text: codec for codec, text in reversed(readings)}
    lines = zip(*(text.split("\n") for text in by_text), strict=False)
    at = next(n for n, line in enumerate(lines) if len(set(line)) > 1)
    shown = " or ".join(f'"{_differing(text.split(chr(10))[at])}" in {codec}' for text, codec in by_text.items())
    return Unreadable(
        f"The file is not in UTF-8, and its letters can be read in more than one way: {shown}.",
        "Save it as UTF-8 (in Excel: CSV UTF-8), or choose its encoding (--encoding).",
    )


def _differing(line: str) -> str:
    """Return the first word beyond ASCII of a line."""
    return next((word for word in _WORD.findall(line) if not word.isascii()), line[:40])
