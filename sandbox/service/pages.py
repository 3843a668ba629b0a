"""HTML pages at /_sandbox/: the tables, their rows, and the counts of requests."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from sandbox.base.formatting import format_value
from sandbox.base.values import from_json
from sandbox.data.store import Fragments
from sandbox.environment import Environment
from sandbox.metadata.model import LOOKUPS, Column, Table

PAGE_ROWS = 50
_MAX_COLUMNS = 12
_LONG_TEXT_CHARS = 60

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
STYLE = (Path(__file__).parent / "style.css").read_bytes()


def _render_page(title: str, body: str) -> bytes:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)} - Dataverse sandbox</title><link rel="stylesheet" href="/_sandbox/style.css"></head>'
        '<body><a class="skip" href="#content">Skip to content</a>'
        f'<main id="content"><h1>{escape(title)}</h1>{body}</main></body></html>'
    ).encode()


def _render_table(caption: str, heads: list[tuple[str, bool]], lines: list[list[str]]) -> str:
    head = "".join(f'<th scope="col"{" class=n" if number else ""}>{escape(name)}</th>' for name, number in heads)
    body = "".join(f"<tr>{''.join(line)}</tr>" for line in lines)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def render_start(
    sets: Mapping[str, Table], counts: Mapping[str, int], status: Mapping[str, Any], requests: Mapping[str, Any]
) -> bytes:
    """Return the page with all tables."""
    facts = "".join(
        f"<dt>{escape(name.replace('_', ' ').capitalize())}</dt><dd>{escape(_format_status(value))}</dd>"
        for name, value in status.items()
    )
    lines = [
        [
            f'<td><a href="/_sandbox/rows/{escape(name)}">{escape(sets[name].plural)}</a></td>',
            f"<td><code>{escape(name)}</code></td>",
            f'<td class="n">{count:,}</td>',
        ]
        for name, count in counts.items()
    ]
    request_lines = [
        [f"<td>{escape(name)}</td>", f'<td class="n">{count:,}</td>'] for name, count in requests["by"].items()
    ] or [["<td>Nothing yet</td>", '<td class="n">0</td>']]
    return _render_page(
        "Dataverse sandbox",
        f"<p>A stand-in for a Dataverse environment. Its data is made up; it answers on this machine only.</p>"
        f"<dl>{facts}</dl><h2>Tables</h2>"
        + _render_table(
            "Tables and how many rows each holds", [("Table", False), ("Entity set", False), ("Rows", True)], lines
        )
        + "<h2>Requests</h2>"
        + _render_table(
            "Requests to the Web API since the last reset", [("Request", False), ("Count", True)], request_lines
        ),
    )


def render_rows(environment: Environment, table: Table, page: int) -> bytes:
    """Return one page of a table's rows; columns without a value on it are left out."""
    known = environment.store.rows[table.name]
    total = len(known)
    last = max(1, -(-total // PAGE_ROWS))
    page = min(page, last)
    begin = (page - 1) * PAGE_ROWS
    positions: list[int] = []
    for number, position in enumerate(known.live_positions()):
        if number >= begin + PAGE_ROWS:
            break
        if number >= begin:
            positions.append(position)
    found = [known.fragments(position) for position in positions]
    used = [name for name in table.columns if name != table.primary_id and any(row.get(name) for row in found)]
    used.sort(key=lambda name: name != table.primary_name)
    shown = used[:_MAX_COLUMNS]
    heads = [(table.columns[name].label or name, False) for name in shown]
    lines = []
    for position, row in zip(positions, found, strict=True):
        cells = [_render_cell(environment, table.columns[name], row) for name in shown]
        cells.append(f"<td><code>{known.ids[position].decode()}</code></td>")
        lines.append(cells)
    caption = f"{total:,} rows" + (f", {begin + 1:,} to {begin + len(positions):,} shown" if positions else "")
    links = []
    if page > 1:
        links.append(f'<a rel="prev" href="?page={page - 1}">Previous</a>')
    links.append(f"<span>Page {page:,} of {last:,}</span>")
    if page < last:
        links.append(f'<a rel="next" href="?page={page + 1}">Next</a>')
    return _render_page(
        table.plural,
        '<p><a href="/_sandbox/">All tables</a></p>'
        + (_render_table(caption, [*heads, ("Id", False)], lines) if positions else "<p>This table is empty.</p>")
        + f'<nav class="pages" aria-label="Pages">{"".join(links)}</nav>',
    )


def _format_status(value: object) -> str:
    return ("Yes" if value else "No") if isinstance(value, bool) else str(value)


def _render_cell(environment: Environment, column: Column, row: Fragments) -> str:
    """Return a cell with a value as a person reads it: choices by label, lookups by the name of their row."""
    value = from_json(row.get(column.name, b""))
    if value is None:
        return "<td></td>"
    text = format_value(column, value)
    if column.type in LOOKUPS:
        target = from_json(row.get(f"{column.name}type", b"")) or column.targets[0]
        text = _find_row_name(environment, str(target), str(value))
    shown = str(value) if text is None else text
    return f"<td{' class=long' if len(shown) > _LONG_TEXT_CHARS else ''}>{escape(shown)}</td>"


def _find_row_name(environment: Environment, table: str, row_id: str) -> str | None:
    rows = environment.store.rows.get(table)
    position = rows.index.get(row_id.encode()) if rows is not None else None
    if rows is None or position is None:
        return None
    found: str | None = from_json(rows.fragment(position, rows.table.primary_name))
    return found
