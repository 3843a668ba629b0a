"""The garbage collector beside jobs."""

import gc

_frozen = False


def freeze_loaded_objects() -> None:
    """Take what this process has loaded out of the collector's sight; once, later calls do nothing.

    A job makes rows by the hundred thousand, so the collector runs often; every full run would walk through all of
    Django again, which takes a fifth of a coupling's time.
    """
    global _frozen
    if not _frozen:
        _frozen = True
        gc.collect()
        gc.freeze()
