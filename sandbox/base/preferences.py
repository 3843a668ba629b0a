"""Preferences of the Prefer header."""

import fnmatch
import re
from dataclasses import dataclass, field

MAX_PAGE_ROWS = 5000
"""The service's largest page, and its largest count."""

_PART = re.compile(r"""\s*([\w.-]+)\s*(?:=\s*("[^"]*"|[^,;\s]*))?\s*(?:[,;]|$)""")


@dataclass(slots=True)
class Preferences:
    """What a client prefers; `applied` lists what the answer honours."""

    page_size: int | None = None
    annotations: tuple[str, ...] = ()
    track_changes: bool = False
    continue_on_error: bool = False
    representation: bool = False
    hidden: frozenset[tuple[str, str]] = frozenset()
    """Pairs of table and column whose values this reader does not get to see."""
    applied: list[str] = field(default_factory=list)

    def wants_annotation(self, annotation: str) -> bool:
        """Return whether an annotation is asked for; the last pattern that matches it decides, `-` refuses."""
        answer = False
        for pattern in self.annotations:
            if fnmatch.fnmatchcase(annotation, pattern.lstrip("-")):
                answer = not pattern.startswith("-")
        return answer


def parse(header: str) -> Preferences:
    """Return the preferences of a header; unknown ones are ignored, as RFC 7240 asks."""
    preferences = Preferences()
    at = 0
    while at < len(header):
        found = _PART.match(header, at)
        if found is None or found.end() == at:
            break
        at = found.end()
        name, value = found.group(1).lower(), (found.group(2) or "").strip('"')
        if name in {"odata.maxpagesize", "maxpagesize"} and value.isascii() and value.isdigit() and int(value) > 0:
            preferences.page_size = min(int(value), MAX_PAGE_ROWS)
            preferences.applied.append(f"odata.maxpagesize={value}")
        elif name in {"odata.include-annotations", "include-annotations"}:
            preferences.annotations = tuple(part.strip() for part in value.split(",") if part.strip())
            preferences.applied.append(f'odata.include-annotations="{value}"')
        elif name in {"odata.track-changes", "track-changes"}:
            preferences.track_changes = True
            preferences.applied.append("odata.track-changes")
        elif name in {"odata.continue-on-error", "continue-on-error"}:
            preferences.continue_on_error = value.lower() != "false"
            preferences.applied.append("odata.continue-on-error")
        elif name == "return":
            preferences.representation = value == "representation"
            if preferences.representation:
                preferences.applied.append("return=representation")
    return preferences
