"""The time zone that a mapping takes dates in: which there are, and the check of one that was written."""

from difflib import get_close_matches
from zoneinfo import available_timezones

from core.refusals import NotUsable


def check_zone(name: str) -> None:
    """Raise NotUsable where there is no time zone of that name."""
    known = available_timezones()
    if name in known:
        return
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    raise NotUsable(
        f"There is no time zone {name!r}.",
        f"Is {' or '.join(near)} meant?" if near else "Write it like Europe/Berlin, or leave it blank for the site's.",
        field="day_zone",
    )
