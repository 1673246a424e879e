"""Memory that is used again: what the network frees stays in the process.

By default glibc gives every large block back to the system as soon as it is freed; the next tensor
then costs a page fault for each 4 kB of it, which was a third of the time of `lasaft-large`.
Both settings are process-wide, for glibc; elsewhere nothing is done. No torch here.
"""

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # of glibc's malloc.h
_NEVER = -1


def keep_freed_memory() -> bool:
    """Large blocks come from the heap, never trimmed. False where nothing was set."""
    return _set({_MMAP_MAX: 0, _TRIM_THRESHOLD: _NEVER})


def share_one_heap() -> bool:
    """All threads use the main heap; others could not hold large blocks.

    It must come before a second thread allocates; `MALLOC_ARENA_MAX=1` does the same for a process
    that is yet to start.
    """
    return _set({_ARENA_MAX: 1})


def _set(options: dict[int, int]) -> bool:
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(option, value) for option, value in options.items())
