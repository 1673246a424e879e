"""A folder for what a process needs for a while, which goes also when the process is killed.

A folder belongs to whoever holds a lock (flock(2)) on it, hence to nobody once its process is
dead; the next process on the disk removes it. systemd-tmpfiles leaves locked folders alone, too.
"""

import fcntl
import os
import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

_PREFIX: Final = "lasaft-worker-"


class Scratch:
    """A new folder below the system's place for such (`TMPDIR`), as long as this object lives.

    Those of dead processes are removed first.
    """

    def __init__(self) -> None:
        _remove_abandoned(Path(tempfile.gettempdir()))
        self.path, lock = _new_folder()
        weakref.finalize(self, _remove, self.path, lock)


def _new_folder() -> tuple[Path, int | None]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = _lock(path)
        if path.exists():  # nobody took it for abandoned before it was locked
            return path, lock
        if lock is not None:
            os.close(lock)


def _remove_abandoned(root: Path) -> None:
    for path in root.glob(f"{_PREFIX}*"):
        lock = _lock(path)
        if lock is not None:
            _remove(path, lock)


def _remove(path: Path, lock: int | None) -> None:
    shutil.rmtree(path, ignore_errors=True)
    if lock is not None:
        os.close(lock)


def _lock(path: Path) -> int | None:
    """A descriptor that holds it; None where another has it, or locks are not to be had."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
        else:
            return descriptor
    return None
