"""All processes that a test has started, however they were started: they carry its mark in their
environment."""

import operator
import subprocess
import sys
from pathlib import Path

from lasaft_core.catalog.processes import identity
from tests.waiting import eventually

MARK = "LASAFT_TEST_MARK"


def processes_of(mark: str) -> dict[int, str]:
    """Command lines by process id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes():
                command = (folder / "cmdline").read_text().replace("\0", " ")
                found[int(folder.name)] = command
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # gone meanwhile, or somebody else's
    return found


def wait_for_the_end_of_all(mark: str, seconds: float = 45.0) -> None:
    """A killed process takes a moment to go; Ray's own, left alone, would go after a minute."""
    eventually(lambda: processes_of(mark), operator.not_, seconds=seconds)


def identity_of_the_dead() -> str:
    """Of a process that ran here."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        return identity(process.pid)
