"""Numbers in sentences."""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, which takes an s for several: "1 job", "1,200 jobs"."""
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"
