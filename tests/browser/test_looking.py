"""What spares axe work hides nothing: what was faultless before is looked at again when something of it changes."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import Looks

pytestmark = pytest.mark.browser

ROWS = """(last) => {
    document.querySelector("main").innerHTML = `<h1>Rows</h1><table><thead><tr><th>Name</th></tr></thead><tbody>
        <tr><td><a href="/1/">Adatum</a></td></tr><tr><td><a href="/2/">Contoso</a></td></tr>
        <tr><td>${last}</td></tr></tbody></table>`;
    for (const cell of document.querySelectorAll("td")) cell.style.padding = "20px";
    for (const faint of document.querySelectorAll(".faint")) faint.style.cssText = "background: #777; color: #888";
}"""
FAULTS = {
    "link-name": '<a href="/3/"></a>',
    "image-alt": '<a href="/3/">Fabrikam<img src="/static/ui/icon.svg"></a>',
    "color-contrast": '<a href="/3/" class="faint">Fabrikam</a>',
    "aria-valid-attr-value": '<a href="/3/" aria-expanded="maybe">Fabrikam</a>',
}


def test_a_fault_in_the_last_of_many_rows_of_a_page_that_was_faultless_is_found(
    looks: Callable[..., Looks], transactional_db: None
) -> None:
    look = looks()
    look.open("no company", "/")
    look.page.evaluate(ROWS, '<a href="/3/">Fabrikam</a>')
    look.look("faultless")
    look.end()
    for rule, last in FAULTS.items():
        look.page.evaluate(ROWS, last)
        look.look(rule)
        for width in (1440, 390):
            assert any(told.startswith(f"{rule}, {width}, light") and f"{rule} (" in told for told in look.complaints)
