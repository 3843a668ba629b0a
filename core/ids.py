"""Ids for rows and records that are new, in the order of time."""

import os
import time
from uuid import UUID


def new_id() -> UUID:
    """Return a new id whose first 48 bits are the time in milliseconds (RFC 9562, version 7), the other 74 random.

    Databases keep ids in order: those made together then stand together in their indexes, here and in Dataverse,
    where random ones would each be written somewhere else.
    """
    random = int.from_bytes(os.urandom(10))
    return UUID(int=(time.time_ns() // 1_000_000) << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & _LOW)


_LOW = (1 << 62) - 1
