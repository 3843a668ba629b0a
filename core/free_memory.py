"""Memory that a process no longer needs, given back to the machine.

Python frees it to the C library, which keeps it for later where something still in use lies behind it: after matching
1,000,000 pairs twice as much as what is still needed. A worker lives for days, so that would be kept for days.
"""

import ctypes
from collections.abc import Callable


def _find_trim() -> Callable[[int], int] | None:
    """Return the GNU C library's malloc_trim; None on systems whose C library has none."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return trim


_trim = _find_trim()


def give_back_memory() -> bool:
    """Give unused memory back to the machine; return whether this system can. Takes milliseconds."""
    if _trim is None:
        return False
    _trim(0)
    return True
