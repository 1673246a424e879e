"""Compiled networks: PyTorch's ahead-of-time compiler, its packages kept on disk for all processes.

A package holds machine code and weights of one network for one batch, one number of threads and
one kind of processor; loading takes about a second, making it most of a minute. It is made in a
process of its own, so that neither the compiler's memory nor its failure is this one's.

    python -m lasaft_core.fast.compilation NETWORK PACKAGE     # what that process runs
"""

import hashlib
import json
import logging
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from lasaft_core.fast.network import SpecialisedUNet

logger = logging.getLogger(__name__)

COMPILE_AFTER_SECONDS = 300.0  # of work: what is made then repays the wait within a few times that

Forward = Callable[[Tensor], Tensor]
_FORMAT = 2  # raised when the parts of a network change
_LONGEST_SECONDS = 900


class CompiledLater:
    """A network that is compiled once it has worked for `after_seconds`, or was before.

    Nobody knows how much work is to come; waiting until about as much is done as compiling
    costs is never much worse than knowing it. Results differ by rounding.
    """

    def __init__(self, network: SpecialisedUNet, after_seconds: float) -> None:
        self.network, self._after_seconds = network, after_seconds
        self._worked_seconds = 0.0
        self._forward = load_compiled(network)

    def __call__(self, spectrogram: Tensor) -> Tensor:
        """As the network's: [B, 2 C, T, F] -> [N, B, 2 C, T, F]."""
        if self._forward is None and self._worked_seconds >= self._after_seconds:
            self._after_seconds = math.inf
            if compile_network(self.network):
                self._forward = load_compiled(self.network)
        if self._forward is not None:
            windows = [self._forward(window[None]) for window in spectrogram]
            return torch.cat(windows, dim=1)
        started = time.monotonic()
        estimates: Tensor = self.network(spectrogram)
        self._worked_seconds += time.monotonic() - started
        return estimates


def load_compiled(network: SpecialisedUNet) -> Forward | None:
    """What was compiled for this network on such a machine, for one window; None if nothing was."""
    path = package_path(network)
    if not path.is_file():
        return None
    from torch._inductor import aoti_load_package  # noqa: PLC0415  seconds of imports

    try:
        forward: Forward = aoti_load_package(str(path))
    except (RuntimeError, OSError) as error:
        logger.warning("event=compiled_unusable path=%s error=%r", path, error)
        return None
    logger.info("event=compiled_loaded path=%s", path)
    return forward


def compile_network(network: SpecialisedUNet) -> bool:
    """Makes what `load_compiled` finds; if that fails, one line in the log and False."""
    if _compiler() is None:
        logger.info("event=not_compiled reason='no C++ compiler; remedy: install g++'")
        return False
    started = time.monotonic()
    try:
        _compile(network, package_path(network))
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        logger.warning("event=not_compiled reason=%r", said.strip().splitlines()[-1:])
        return False
    logger.info("event=compiled seconds=%.0f", time.monotonic() - started)
    return True


def package_path(network: SpecialisedUNet) -> Path:
    """Below `LASAFT_COMPILED`, or the user's cache; its name tells all that the package is for."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = os.environ.get("LASAFT_COMPILED", default / "lasaft-stems" / "compiled")
    described = [
        _FORMAT, torch.__version__, sys.version, str(network.dtype), network.targets,
        network.config.to_dict(), torch.get_num_threads(), dict(torch.cpu.get_capabilities()),
    ]  # fmt: skip
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for name, tensor in network.state_dict().items():
        digest.update(name.encode() + tensor.flatten().view(torch.uint8).numpy().tobytes())
    return Path(folder) / f"{digest.hexdigest()[:32]}.pt2"


def _compiler() -> str | None:
    named = os.environ.get("CXX")
    return shutil.which(named) if named else shutil.which("g++") or shutil.which("clang++")


def _compile(network: SpecialisedUNet, path: Path) -> None:
    """Whole or not at all: another process may make or load the same package."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        source, package = Path(folder, "network.pt"), Path(folder, "network.pt2")
        torch.save(network, source)
        module = "lasaft_core.fast.compilation"
        command = [sys.executable, "-m", module, str(source), str(package)]
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(torch.get_num_threads()),
            "TORCHINDUCTOR_CACHE_DIR": folder,
            "TORCHINDUCTOR_COMPILE_THREADS": "1",
        }
        subprocess.run(
            command,
            check=True,
            env=environment,
            timeout=_LONGEST_SECONDS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        package.replace(path)


def _make_package(source: str, package: str) -> None:
    """The compiling process: `source` was written by the process that started this one."""
    from torch._inductor import aoti_compile_and_package  # noqa: PLC0415

    network = torch.load(source, weights_only=False)
    config = network.config
    example = torch.zeros(1, 2 * config.audio_channels, config.num_frames, config.n_fft // 2 + 1)
    with torch.no_grad():
        program = torch.export.export(network, (example,))
        aoti_compile_and_package(program, package_path=package, inductor_configs={"freezing": True})


if __name__ == "__main__":
    _make_package(*sys.argv[1:])
