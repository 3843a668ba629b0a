"""A cell or a field's value as HTML, and as plain text."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ui.kit import Cell, Changes, Compared, Coverage, Link, Long, RunMark, Status, Strip

_WORD = {True: "equal", False: "different"}


def text_of(value: Cell) -> str:
    """Return the value in words: what a screen reader or an export says."""
    match value:
        case None:
            return ""
        case Status() | Link():
            return value.text
        case Compared():
            return f"{value.text}, {_WORD[value.equal]}" if value.text else ""
        case Long():
            return value.text
        case Strip():
            return value.summary
        case Coverage():
            return ", ".join([f"{value.done:,} of {value.total:,}", *map(text_of, value.rest)])
        case Changes():
            return "; ".join(
                f"{caption}: {before or '(blank)'} becomes {after or '(blank)'}"
                for caption, before, after in value.fields
            )
        case bool():
            return "Yes" if value else "No"
        case int():
            return f"{value:,}"
        case float() | Decimal():
            return _number(value)
        case datetime():
            return _moment(value)
        case date():
            return f"{value.day} {value:%b %Y}"
        case _:
            return str(value)


def html_of(value: Cell) -> SafeString | str:
    """Return the value as HTML (escaped where it is text)."""
    match value:
        case Status():
            return format_html('<span class="status" data-state="{}">{}</span>', value.state, value.text)
        case Link() if not value.url:
            return value.text
        case Link() if value.state:
            return format_html('<a class="status" data-state="{}" href="{}">{}</a>', value.state, value.url, value.text)
        case Link():
            return format_html('<a href="{}">{}</a>', value.url, value.text)
        case Compared() if value.text:
            return format_html(
                '<span class="result" data-result="{}">{} <span class="visually-hidden">{}</span></span>',
                _WORD[value.equal], value.text, _WORD[value.equal],
            )  # fmt: skip
        case Long():
            return _long(value.text)
        case Changes():
            return _changes(value)
        case Strip():
            return _strip(value)
        case Coverage():
            return _coverage(value)
        case datetime():
            return format_html('<time datetime="{}">{}</time>', value.isoformat(timespec="seconds"), _moment(value))
        case False:
            return format_html('<span class="same">{}</span>', "No")
        case _:
            return text_of(value)


def _changes(value: Changes) -> SafeString | str:
    if not value.fields:
        return ""
    lines = format_html_join(
        "", "<dt>{}</dt><dd>{}</dd>", ((caption, becomes(before, after)) for caption, before, after in value.fields)
    )
    return format_html('<dl class="changes">{}</dl>', lines)


_MARKS = {
    "finished": '<rect class="s-ok" x="1" y="5" width="8" height="8" rx="1.5"/>',
    "idle": '<circle class="s-ok" cx="5" cy="9" r="2.2"/>',
    "errors": '<path class="s-warn" d="M5 3.2 10 9l-5 5.8L0 9Z"/>',
    "failed": '<rect class="s-bad" x="0.7" y="0" width="8.6" height="18" rx="1.5"/>'
    '<path class="s-cut" d="m2.7 6.7 4.6 4.6m0-4.6-4.6 4.6"/>',
    "run": '<circle class="s-run" cx="5" cy="9" r="3.4"/>',
    "stopped": '<path class="s-line" d="M3.4 5.5v7M6.6 5.5v7"/>',
}
"""A run's shape, ten units wide: told apart without its colour."""


def mark(look: str) -> SafeString:
    """Return the shape of one kind of run."""
    return SafeString(_MARKS[look])  # nosec B703


def _strip(strip: Strip) -> SafeString | str:
    if not strip.marks:
        return format_html('<span class="same">{}</span>', strip.summary)
    width = 10 * len(strip.marks)
    drawn = format_html_join("", "{}", ((_placed(at, one),) for at, one in enumerate(strip.marks)))
    return format_html(
        '<a class="runs" href="{}"><svg viewBox="0 0 {} 18" width="{}" height="18" role="img" aria-label="{}">{}</svg>'
        "</a>",
        strip.url, width, width, strip.summary, drawn,
    )  # fmt: skip


def _placed(at: int, one: RunMark) -> SafeString:
    return format_html('<g transform="translate({})"><title>{}</title>{}</g>', 10 * at, one.title, mark(one.look))


_GAP = 0.35
"""Of a bar's 100 units, between two of its parts."""


def bar_parts(*parts: tuple[str, int]) -> list[tuple[str, float, float]]:
    """Return where each part of a bar begins and how wide it is, of 100 units; those of nothing are left out.

    parts: (class, number). A part that is small beside the others is seen all the same.
    """
    shown = [(look, number) for look, number in parts if number > 0]
    whole = sum(number for _, number in shown)
    room = 100 - _GAP * max(len(shown) - 1, 0)
    widths = [max(number / whole * room, 1.0) for _, number in shown]
    shrunk = room / sum(widths) if widths else 1.0
    found, at = [], 0.0
    for (look, _), width in zip(shown, widths, strict=True):
        found.append((look, round(at, 2), round(width * shrunk, 2)))
        at += width * shrunk + _GAP
    return found


def _coverage(value: Coverage) -> SafeString:
    others = max(value.total - value.done - value.failed, 0)
    parts = bar_parts(("s-ok", value.done), ("s-rest", others), ("s-bad", value.failed))
    drawn = format_html_join("", '<rect class="{}" x="{}" width="{}" height="8"/>', parts)
    rest = format_html_join(", ", "{}", ((html_of(one),) for one in value.rest))
    return format_html(
        '<div class="coverage"><span class="of"><b>{}</b> of {}</span><span class="rest">{}</span>'
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">{}</svg></div>',
        f"{value.done:,}", f"{value.total:,}", rest, drawn,
    )  # fmt: skip


def becomes(before: str, after: str) -> SafeString:
    """Return a value that was replaced and what it is since, as HTML."""
    return format_html(
        '{} <span class="visually-hidden">becomes</span><span class="arrow" aria-hidden="true">&rarr;</span> {}',
        format_html("<del>{}</del>", _long(before)) if before else _BLANK,
        format_html("<ins>{}</ins>", _long(after)) if after else _BLANK,
    )


_BLANK = SafeString('<span class="nothing">blank</span>')  # nosec B703
_SHOWN = 160
"""Letters of a long text that show at once."""


def _long(text: str) -> SafeString | str:
    if len(text) <= _SHOWN:
        return text
    return format_html(
        '<details class="long"><summary>{}... <span class="note">{} characters</span></summary>'
        "<span>{}</span></details>",
        text[: _SHOWN // 2], f"{len(text):,}", text,
    )  # fmt: skip


def time_ago(moment: datetime | None, *, now: datetime | None = None) -> str:
    """Return "4 min ago", "in 26 min", or the date where it is more than a day away; "" for None."""
    if moment is None:
        return ""
    seconds = ((now or timezone.now()) - moment).total_seconds()
    size = abs(seconds)
    if size < 45:
        return "just now" if seconds >= 0 else "in a moment"
    if size >= 86_400:
        return _moment(moment)
    amount = f"{round(size / 60)} min" if size < 5_400 else f"{round(size / 3600)} h"
    return f"{amount} ago" if seconds > 0 else f"in {amount}"


def _number(value: float | Decimal) -> str:
    """Return the number with two decimals, or as many as it has."""
    whole, _, rest = f"{value:,f}".partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')}"


def _moment(value: datetime) -> str:
    local: Any = timezone.localtime(value) if timezone.is_aware(value) else value
    return f"{local.day} {local:%b %Y %H:%M}"


def in_sentence(caption: str) -> str:
    """Return a caption inside a sentence: "New payment terms"; abbreviations stay as they are."""
    return re.sub(r"\w+", lambda word: word[0] if word[0][1:] != word[0][1:].lower() else word[0].lower(), caption)
