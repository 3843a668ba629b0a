"""What an export for spreadsheets has to look after. No Django."""

import csv
from collections.abc import Iterable, Iterator, Sequence


def escape_formula(text: str) -> str:
    """Return the text, so marked that a spreadsheet does not take it for a formula."""
    return f"'{text}" if text[:1] in ("\t", "\r", "\n") or text.lstrip()[:1] in ("=", "+", "-", "@") else text


class _Echo:
    """A file whose writes are handed back, so that rows stream."""

    def write(self, text: str) -> str:
        return text


def csv_lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table as the lines of a CSV file that spreadsheets read as UTF-8, without what they take for formulas."""
    writer = csv.writer(_Echo())
    yield "\ufeff"
    yield str(writer.writerow(head))
    for row in rows:
        yield str(writer.writerow([escape_formula(text) for text in row]))
