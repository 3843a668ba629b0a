"""When a run takes up by itself what earlier runs had to leave undone. No Django."""

from datetime import timedelta

FIRST = timedelta(hours=1)
LONGEST = timedelta(hours=24)


def pause_after(attempts: int) -> timedelta:
    """Return how long nothing is tried after so many runs in a row that met the same condition.

    The run after the first one tries again at once. Then causes that show nothing here (a privilege that was given, a
    rule in Dataverse that was lifted) are looked for after an hour, after two, and so on up to once a day.
    """
    if attempts < 2:
        return timedelta(0)
    doubled: int = 2 ** min(attempts - 2, 10)
    return min(LONGEST, FIRST * doubled)
