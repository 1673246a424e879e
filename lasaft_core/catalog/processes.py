"""Is the process that wrote something still there? Answered for this machine alone.

A dead run's claims need not wait for their end where its death can be seen. An identity names the
boot, the namespace of process ids, the id and the start, so that a container or a later process
of the same id is never taken for the one that is meant.
"""

import os
from pathlib import Path

_PROC = Path("/proc")


def identity(pid: int | None = None) -> str:
    """Of a process here, of this one by default; empty where the system does not tell."""
    pid = os.getpid() if pid is None else pid
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        space = (_PROC / "self/ns/pid").readlink()
        state, start = _state_and_start(pid)
    except (OSError, ValueError, IndexError):
        return ""
    return "" if state in "ZX" else f"{boot}/{space}/{pid}/{start}"


def is_dead(other: str) -> bool:
    """True only for what ran here and is gone."""
    mine, parts = identity().split("/"), other.split("/")
    if len(parts) != 4 or mine[:2] != parts[:2] or not parts[2].isdecimal():
        return False
    return identity(int(parts[2])) != other


def _state_and_start(pid: int) -> tuple[str, str]:
    """Fields 3 and 22 of `/proc/PID/stat`; the name before them may hold anything."""
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return fields[0], fields[19]
