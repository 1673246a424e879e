"""Packages of compiled networks: where each is kept, and how it is loaded.

A package holds machine code and weights of one network for one window, one number of threads and
one kind of processor. Loading takes about a second.
"""

import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from lasaft_core.fast.network import SpecialisedUNet

logger = logging.getLogger(__name__)

Forward = Callable[[Tensor], Tensor]
FOLDER_VARIABLE: Final = "LASAFT_COMPILED"
_QUESTIONS: Final = {
    "amx_bf16": "_is_amx_tile_supported",  # every processor with tiles multiplies bfloat16
    "avx512_bf16": "_is_avx512_bf16_supported",
}
_FORMAT: Final = 3  # raised when the parts of a network change
_UNUSED_SECONDS: Final = 182 * 86_400
_UNPACKED: Final = "aotinductor_"  # how PyTorch's loader begins the names of its folders


def cpu_capabilities() -> dict[str, object]:
    """By name, as far as this release of PyTorch tells; older ones tell what they have alone."""
    if hasattr(torch.cpu, "get_capabilities"):
        return dict(torch.cpu.get_capabilities())
    return {
        name: getattr(torch.cpu, question)()
        for name, question in _QUESTIONS.items()
        if hasattr(torch.cpu, question)
    }


def package_path(network: SpecialisedUNet) -> Path | None:
    """Below `LASAFT_COMPILED`, or the user's cache; its name tells all that the package is for.

    None where `LASAFT_COMPILED` is empty: nothing is compiled then.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder == "":
        return None
    described = [
        _FORMAT, torch.__version__, sys.version, str(network.dtype), network.targets,
        network.config.to_dict(), torch.get_num_threads(), cpu_capabilities(),
    ]  # fmt: skip
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for name, tensor in network.state_dict().items():
        digest.update(name.encode() + tensor.flatten().view(torch.uint8).numpy().tobytes())
    return (Path(folder) if folder else _cache()) / f"{digest.hexdigest()[:32]}.pt2"


def load_compiled(network: SpecialisedUNet) -> Forward | None:
    """What was compiled for this network on such a machine, for one window; None if nothing was,
    or nothing that can be used."""
    try:
        path = package_path(network)
        if path is None or not path.is_file():
            return None
        from torch._inductor import aoti_load_package  # noqa: PLC0415  seconds of imports

        forward: Forward = aoti_load_package(str(path))
    except (RuntimeError, OSError) as error:
        logger.warning("event=compiled_unusable error=%r", error)
        return None
    _remove_unpacked()
    with suppress(OSError):  # a folder that others share, say
        os.utime(path)
    logger.info("event=compiled_loaded path=%s", path)
    return forward


def remove_unused(folder: Path) -> None:
    """Packages that nobody has loaded for half a year: new weights or a new release have others."""
    for path in folder.glob("*.pt2"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _UNUSED_SECONDS:
                path.unlink()


def _cache() -> Path:
    """Raises RuntimeError for a user without a home."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "lasaft-stems" / "compiled"


def _remove_unpacked() -> None:
    """PyTorch removes what it unpacks at a process's regular end only, which a worker does not
    have. Files that are mapped outlive their names; on Linux, the only system that tells them."""
    maps, temporary = Path("/proc/self/maps"), Path(tempfile.gettempdir()).resolve()
    if not maps.exists():
        return
    for line in maps.read_text().splitlines():
        for folder in Path(line.partition("/")[2].join(("/", ""))).parents:
            if folder.parent == temporary and folder.name.startswith(_UNPACKED):
                shutil.rmtree(folder, ignore_errors=True)
