"""Which encoding a text file has. Sure, or refused with the choices; never guessed. No Django.

Bytes that are no UTF-8 are read in each code page that charset-normalizer finds possible of those that people's
programs write. A code page fits where every word with other than ASCII letters could stand in a language that uses it.
Where several fit and do not give the same text, the one that needs fewer languages is taken, of those that need as many
the one of Windows; else the file is refused, with each reading shown.

charset-normalizer does not choose: it was tried (3.5.2) on made files of 1 to 2,000 names in 22 languages, 549 in the
code pages of Windows and 636 in those of ISO 8859 and KOI8. By itself it read 219 and 215 of them rightly, told which
code pages there are 261 and 299, and nearly all others wrongly. Its candidates, ranked by the letters below, gave 476
and 553 right readings, 73 and 81 refusals, 0 and 2 wrong readings. The right reading was always among its candidates.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from charset_normalizer import from_bytes

from masterdata.files.types import Unreadable

_SAMPLE = 200_000
"""Bytes of lines beyond ASCII that are looked at."""

_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґђјљњћџѓќўѕ"
_GREEK = "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐ"
_WESTERN = (
    "äöüßé", "àâæçéèêëîïôœùûüÿ", "áéíñóúüçªº", "àçéèíïóòúü", "àáâãçéêíóôõú", "àèéìíîòóùú", "áéëïíóöüè",
    "æøåéèêóòâôüö", "åäöéüàè", "áðéíóúýþæö",
)  # fmt: skip
_CENTRAL = (
    "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíľňóôšťúýžĺŕ", "áéíóöőúüű", "ăâîşţ", "čćđšž", "äöüßé", "ëç",
)  # fmt: skip
_TURKISH = ("ğışçöüâîû",)
_BALTIC = ("ąčęėįšųūž", "āčēģīķļņšūž", "õäöüšž", "äöüßé")
"""The letters beyond ASCII of each language that such a code page serves."""
_WHOLE = (_CYRILLIC, _GREEK)
"""Alphabets that words are written in as a whole."""
_PAGES: dict[str, tuple[str, str | tuple[str, ...]]] = {
    "cp1250": ("Windows-1250 (Central European)", _CENTRAL),
    "cp1251": ("Windows-1251 (Cyrillic)", _CYRILLIC),
    "cp1252": ("Windows-1252 (Western European)", _WESTERN),
    "cp1253": ("Windows-1253 (Greek)", _GREEK),
    "cp1254": ("Windows-1254 (Turkish)", _TURKISH),
    "cp1257": ("Windows-1257 (Baltic)", _BALTIC),
    "iso8859-1": ("ISO-8859-1 (Western European)", _WESTERN),
    "iso8859-2": ("ISO-8859-2 (Central European)", _CENTRAL),
    "iso8859-4": ("ISO-8859-4 (Baltic)", _BALTIC),
    "iso8859-5": ("ISO-8859-5 (Cyrillic)", _CYRILLIC),
    "iso8859-7": ("ISO-8859-7 (Greek)", _GREEK),
    "iso8859-9": ("ISO-8859-9 (Turkish)", _TURKISH),
    "iso8859-13": ("ISO-8859-13 (Baltic)", _BALTIC),
    "iso8859-15": ("ISO-8859-15 (Western European)", _WESTERN),
    "koi8-r": ("KOI8-R (Cyrillic)", _CYRILLIC),
    "koi8-u": ("KOI8-U (Cyrillic)", _CYRILLIC),
    "cp850": ("DOS 850 (Western European)", _WESTERN),
    "cp852": ("DOS 852 (Central European)", _CENTRAL),
    "cp866": ("DOS 866 (Cyrillic)", _CYRILLIC),
}
"""Those that are looked for: codec -> name, letters; those of Windows come first."""
NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    **{codec: name for codec, (name, _) in _PAGES.items()},
}
"""Those a person is offered; any that Python knows may be given."""

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
    fits: list[tuple[int, bool, str, str]] = []
    order = [*_PAGES]
    for codec, text in _readings(sample):
        if languages := _languages_needed(text, _PAGES[codec][1]):
            fits.append((languages, not codec.startswith("cp125"), codec, text))
    if not fits:
        raise _unknown(sample)
    fewest = min(fits)[:2]
    best = sorted((order.index(codec), codec, text) for *rank, codec, text in fits if tuple(rank) == fewest)
    if len({text for *_, text in best}) > 1:
        raise _ambiguous([(codec, text) for _, codec, text in best])
    return Encoding(best[0][1], NAMES[best[0][1]])


def _readings(sample: bytes) -> Iterator[tuple[str, str]]:
    """Yield each code page that can be the sample's, with the text that it makes of it."""
    for found in from_bytes(sample, cp_isolation=[*_PAGES], threshold=1.0, enable_fallback=False):
        same = {codecs.lookup(name).name for name in (found.encoding, *found.could_be_from_charset)}
        yield from ((codec, str(found)) for codec in _PAGES if codec in same)


def _languages_needed(text: str, letters: str | tuple[str, ...]) -> int:
    """Return how many languages together can have written the text in a code page, and one for each word of an odd
    shape; 0 where none can. letters: see _PAGES.
    """
    if any(not (char.isascii() or char.isalpha() or char in _SYMBOLS) for char in text):
        return 0
    if re.search(r"[^\W\d_][€§°«»„“”¿¡£²³×№…][^\W\d_]|[©®½¼¾][^\W\d_]", text):
        return 0
    words = {word for word in _WORD.findall(text) if not word.isascii()}
    # No language puts a capital behind a small letter: БиЮнб is not what somebody wrote.
    misshapen = sum(not (word[1:].islower() or word.isupper() or len(word) == 1) for word in words)
    if letters in _WHOLE:
        return 1 + misshapen if all(set(word.lower()) <= set(letters) for word in words) else 0
    if any(word[0] in "ĺŕĹŔ" for word in words):
        return 0
    left = [{char for char in _lower(word) if not char.isascii()} for word in words if word not in _SYMBOLS]
    for needed in range(1, 4):
        best = max(map(set, letters), key=lambda alphabet: sum(used <= alphabet for used in left))
        left = [used for used in left if not used <= best]
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
