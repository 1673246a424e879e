"""What every table of the benches says of the machine that it was made on."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import torch

_UNITS = ("amx_bf16", "avx512_bf16", "avx512_f", "avx2")


def surroundings() -> str:
    """Processor and its matrix units, threads, versions, commit."""
    capabilities = torch.cpu.get_capabilities()
    units = [name for name in _UNITS if capabilities.get(name)]
    return (
        f"{_processor()} ({', '.join(units) or 'no vector units known'}), "
        f"{torch.get_num_threads()} threads, Python {platform.python_version()}, "
        f"torch {version('torch')}, commit {_commit()}"
    )


def _processor() -> str:
    """Its model where the system tells it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    git = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(
        git, cwd=Path(__file__).parent, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
