"""Memory that is used again: what the network frees stays in the process.

By default glibc gives every large block back to the system as soon as it is freed; the next tensor
then costs a page fault for each 4 kB of it, which was a third of the time of `lasaft-large`.
Process-wide, for glibc; elsewhere nothing is done.
"""

import ctypes
import logging
import platform

logger = logging.getLogger(__name__)

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # of glibc's malloc.h
_NEVER = -1


def keep_freed_memory() -> bool:
    """Large blocks come from the one heap of all threads, never trimmed. False without glibc."""
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    options = {_MMAP_MAX: 0, _TRIM_THRESHOLD: _NEVER, _ARENA_MAX: 1}
    is_set = all(mallopt(option, value) for option, value in options.items())
    logger.debug("event=memory_kept is_set=%s", is_set)
    return is_set
