"""The garbage collector beside jobs."""

import gc

_spared = False


def spare() -> None:
    """Take what this process has loaded out of the collector's sight; once, later calls do nothing.

    A job makes rows by the hundred thousand, so the collector runs often; every full run would walk through all of
    Django again, which takes a fifth of a coupling's time.
    """
    global _spared
    if not _spared:
        _spared = True
        gc.collect()
        gc.freeze()
