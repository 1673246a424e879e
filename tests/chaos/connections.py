"""Who is at the other end of a connection on this machine, as the kernel's /proc tells."""

import re
from contextlib import suppress
from pathlib import Path

_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)  # meanwhile, or somebody else's


def pid_at(local_port, remote_port):
    """Whose connection goes from one port to the other; None when it is gone."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    ports = re.compile(rf"[0-9A-F]{{8}}:{local_port:04X} [0-9A-F]{{8}}:{remote_port:04X} ")
    sockets = {f"socket:[{line.split()[9]}]" for line in lines if ports.search(line)}
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(*_GONE):
            if any(str(entry.readlink()) in sockets for entry in folder.iterdir()):
                return int(folder.parent.name)
    return None


def command_line(pid):
    """Empty for a process that is gone."""
    with suppress(*_GONE):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    return ""
