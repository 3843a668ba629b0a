"""Countries by their ISO 3166 code or name, as address columns hold them. No Django here."""

from functools import cache
from pathlib import Path


def region_of(country: object) -> str:
    """Return the ISO 3166 code of a country given by its code or by its name; "" for an unknown one."""
    return _known().get(_plain(str(country)), "")


@cache
def _known() -> dict[str, str]:
    """Read countries.tsv (the time zone database's list, in the public domain, with names in other languages)."""
    found: dict[str, str] = {}
    for line in (Path(__file__).parent / "countries.tsv").read_text(encoding="utf-8").splitlines():
        code, _, names = line.partition("\t")
        found |= {_plain(name): code for name in (code, *names.split("|"))}
    return found


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace(".", "").replace("&", "and").split())
