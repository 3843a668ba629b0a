"""Template tags of the page kit."""

from datetime import datetime
from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ui.cells import becomes as changed
from ui.cells import html_of, text_of, time_ago
from ui.icons import PATHS
from ui.kit import Cell, Field
from ui.links import help_url

register = template.Library()
register.filter(help_url)

_ICONS = {
    name: format_html(
        '<svg viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" stroke-width="1.4" '
        'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="{}"/></svg>',
        path,
    )
    for name, path in PATHS.items()
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return the icon of that name, drawn in the text's colour and hidden from screen readers; nothing for an unknown
    name.
    """
    return _ICONS.get(name, SafeString(""))


@register.filter
def cell(value: Cell) -> SafeString | str:
    """Return a cell's value as HTML."""
    return html_of(value)


@register.filter
def becomes(value: Any) -> SafeString:
    """Return what a changed field was and is, given as something with `before` and `after`."""
    return changed(value.before, value.after)


@register.filter
def from_now(moment: datetime | None) -> str:
    """Return how long ago a moment was, or until when it is."""
    return time_ago(moment)


@register.filter
def words(value: Cell) -> str:
    """Return a cell's value as plain text."""
    return text_of(value)


@register.filter
def blank(value: Cell) -> bool:
    """Return whether a cell shows nothing."""
    return value is None or value == ""


@register.simple_tag
def rows(bound: Any) -> SafeString:
    """Return the rows of a list's page. Built here: a template loop over cells costs several times as much."""
    return format_html_join("", "<tr>{}</tr>", ((_cells(bound, row),) for row in bound.rows))


def _cells(bound: Any, row: Any) -> SafeString:
    parts: list[SafeString] = []
    if bound.selectable and not row.key:  # it stands here without a row that an action could be on
        parts.append(SafeString('<td class="check"></td>'))  # nosec B703
    elif bound.selectable:
        parts.append(
            format_html(
                '<td class="check"><label><input type="checkbox" name="selected" value="{}" id="select-{}" '
                'aria-label="{}"{}></label></td>',
                row.key, row.key, row.box, SafeString(" checked") if row.ticked else "",
            )
        )  # fmt: skip
    for position, (column, value) in enumerate(row.cells):
        css = " ".join(filter(None, ("num" * column.numeric, "wrap" * column.wrap, column.narrow)))
        shown = html_of(value)
        if position == 0 and row.url:
            shown = format_html('<a href="{}">{}</a>', row.url, shown or row.label or "Open")
        if bound.listing.cards:
            css = f"{css} {'half' if position and not column.wrap else ''}{'title' * (position == 0)}".strip()
            parts.append(format_html('<td class="{}" data-label="{}">{}</td>', css, column.label, shown))
            continue
        parts.append(format_html('<td class="{}">{}</td>', css, shown) if css else format_html("<td>{}</td>", shown))
    return SafeString("".join(parts))  # nosec B703


@register.simple_tag
def widget(bound: BoundField, field: Field | None = None) -> SafeString:
    """Return a form field's control, tied to its hint and its errors."""
    attributes: dict[str, Any] = {}
    inner = bound.field.widget
    described = [f"{bound.auto_id}-hint"] if hint_of(bound, field) else []
    if bound.errors:
        described.append(f"{bound.auto_id}-error")
        attributes["aria-invalid"] = "true"
    if described:
        attributes["aria-describedby"] = " ".join(described)
    if isinstance(inner, CheckboxInput):
        attributes.update({"class": "switch", "role": "switch"})
    elif not is_group(bound):
        attributes["class"] = f"input {inner.attrs.get('class', '')}".strip()
    return bound.as_widget(attrs=attributes)


@register.filter
def is_group(bound: BoundField) -> bool:
    """Return whether the control is several boxes or buttons, which need a legend instead of a label."""
    return isinstance(bound.field.widget, CheckboxSelectMultiple | RadioSelect)


@register.filter
def is_checkbox(bound: BoundField) -> bool:
    """Return whether the control is one checkbox, shown as a switch."""
    return isinstance(bound.field.widget, CheckboxInput)


@register.simple_tag
def hint_of(bound: BoundField, field: Field | None = None) -> str:
    """Return the hint below a control: the page's, else the form's."""
    return (field.hint if field else "") or str(bound.help_text or "")


@register.filter
def states(status: str) -> str:
    """Return a message level's tag as a notice's state."""
    return {"success": "ok", "warning": "warn", "error": "bad"}.get(status.split()[-1] if status else "", "")
