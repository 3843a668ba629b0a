"""What an export for spreadsheets has to look after. No Django."""


def escape_formula(text: str) -> str:
    """Return the text, so marked that a spreadsheet does not take it for a formula."""
    return f"'{text}" if text[:1] in ("\t", "\r", "\n") or text.lstrip()[:1] in ("=", "+", "-", "@") else text
