"""What receivers read: the JSON of a webhook, subject and text of a mail. No I/O."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

LONGEST_SUBJECT = 150
MOST = 200
"""Alerts that one message describes; of more it says how many."""


@dataclass(frozen=True, slots=True)
class Told:
    """An alert as a message tells it. since, over: with their zone; url: with the site's address."""

    id: int
    kind: str
    label: str
    mapping: str
    since: datetime
    over: datetime | None
    message: str
    fix: str
    url: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A message before it is sent. test: whether somebody tries the receiver out."""

    id: str
    company: str
    product: str
    page: str
    """Where the company's alerts are listed."""
    alerts: Sequence[Told]
    test: bool = False


def alert_json(one: Told) -> dict[str, Any]:
    """Return an alert as webhooks and the command have it."""
    return {
        "kind": one.kind, "mapping": one.mapping or None, "since": one.since.isoformat(), "message": one.message,
        "fix": one.fix, "link": one.url, "over": one.over.isoformat() if one.over else None,
    }  # fmt: skip


def webhook_body(letter: Letter, sent_at: datetime) -> bytes:
    """Return the JSON of a webhook."""
    content = {
        "id": letter.id, "product": letter.product, "company": letter.company, "sent_at": sent_at.isoformat(),
        "test": letter.test, "page": letter.page, "total": len(letter.alerts),
        "alerts": [{"id": one.id, **alert_json(one)} for one in letter.alerts[:MOST]],
    }  # fmt: skip
    return json.dumps(content, ensure_ascii=False).encode()


def mail_subject(letter: Letter) -> str:
    """Return the subject of a mail, on one line."""
    if letter.test:
        said = "this is a test"
    elif len(letter.alerts) == 1:
        one = letter.alerts[0]
        said = f"{one.label}{f' ({one.mapping})' if one.mapping else ''}{' is over' if one.over else ''}"
    else:
        over = sum(one.over is not None for one in letter.alerts)
        begun = len(letter.alerts) - over
        parts = [f"{begun} alert{'' if begun == 1 else 's'}"] if begun else []
        parts += [f"{over} {'is' if over == 1 else 'are'} over"] if over else []
        said = ", ".join(parts)
    return _on_one_line(f"{letter.product}, {letter.company}: {said}")[:LONGEST_SUBJECT]


def mail_text(letter: Letter) -> str:
    """Return the text of a mail."""
    if letter.test:
        first = f"This is a test. Alerts of {_on_one_line(letter.company)} arrive at this address."
        return f"{first}\n\nAll alerts: {letter.page}\n"
    parts = [_paragraph(one) for one in letter.alerts[:MOST]]
    if len(letter.alerts) > MOST:
        parts.append(f"And {len(letter.alerts) - MOST:,} more.")
    return "\n\n".join([*parts, f"All alerts of {_on_one_line(letter.company)}: {letter.page}"]) + "\n"


def _paragraph(one: Told) -> str:
    head = f"{one.label}{f', {one.mapping}' if one.mapping else ''}"
    when = f"since {one.since:%-d %B %Y %H:%M %Z}"
    if one.over:
        when = f"is over since {one.over:%-d %B %Y %H:%M %Z}, began {one.since:%-d %B %Y %H:%M %Z}"
    lines = [f"{_on_one_line(head)}: {when}", _on_one_line(one.message)]
    lines += [_on_one_line(one.fix)] if one.fix and not one.over else []
    return "\n".join([*lines, one.url])


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
