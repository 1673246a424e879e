"""Compiled networks: PyTorch's ahead-of-time compiler, beside the work that the network does.

Making a package takes most of a minute. A process of its own makes it, one for each package on a
machine, while the network goes on as it is; its memory and its failures are its own, and it ends
with the process that wants the package.

    python -m lasaft_core.fast.compilation NETWORK PACKAGE PARENT     # what that process runs
"""

import ctypes
import fcntl
import logging
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import torch
from torch import Tensor

from lasaft_core.fast.network import SpecialisedUNet
from lasaft_core.fast.packages import load_compiled, package_path, remove_unused

logger = logging.getLogger(__name__)

COMPILE_AFTER_SECONDS: Final = 300.0  # of work: what is made repays itself within a few times that
_LONGEST_SECONDS: Final = 900
_BESIDE: Final = 10  # niceness: the network that works meanwhile goes first
_POLL_SECONDS: Final = 0.1
_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG of prctl(2)


class CompiledLater:
    """A network that is compiled once it has worked for `after_seconds`, or was before.

    Nobody knows how much work is to come; waiting until some is done is never much worse than
    knowing it. Results differ by rounding.
    """

    def __init__(self, network: SpecialisedUNet, after_seconds: float) -> None:
        self.network, self._after_seconds = network, after_seconds
        self._worked_seconds = 0.0
        self._making: Making | None = None
        self._forward = load_compiled(network)

    def __call__(self, spectrogram: Tensor) -> Tensor:
        """As the network's: [B, 2 C, T, F] -> [N, B, 2 C, T, F]."""
        if self._forward is None:
            self._make()
        if self._forward is not None:
            windows = [self._forward(window[None]) for window in spectrogram]
            return torch.cat(windows, dim=1)
        started = time.monotonic()
        estimates: Tensor = self.network(spectrogram)
        self._worked_seconds += time.monotonic() - started
        return estimates

    def _make(self) -> None:
        """Begins it when it is time, once, and takes what comes of it."""
        if self._making is not None and self._making.has_ended():
            self._making = None
            self._forward = load_compiled(self.network)
        elif self._worked_seconds >= self._after_seconds:
            self._after_seconds = math.inf
            self._forward = load_compiled(self.network)  # others may have made it meanwhile
            if self._forward is None:
                self._making = Making.begin(self.network)


@dataclass(frozen=True, slots=True)
class Making:
    """A package that is being made by `process`, or, if None, for somebody else."""

    path: Path
    process: subprocess.Popen[bytes] | None
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def begin(cls, network: SpecialisedUNet) -> Self | None:
        """None where it can't be made; the log says why."""
        if _compiler() is None:
            logger.info("event=not_compiled reason='no C++ compiler; remedy: install g++'")
            return None
        try:
            path = package_path(network)
            if path is None:
                return None
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_unused(path.parent)
            with _lock_file(path).open("w") as lock:
                mine = _locks(lock.fileno())
                process = _start(network, path, lock.fileno()) if mine else None
        except (OSError, RuntimeError) as error:  # torch.save has RuntimeError for a full disk
            logger.warning("event=not_compiled reason=%r", error)
            return None
        return cls(path, process)

    def has_ended(self) -> bool:
        """Whether it is made, or never will be, of which the log has one line."""
        if self.process is not None and self.process.poll() is None:
            return False
        try:
            with _lock_file(self.path).open("w") as lock:
                if not _locks(lock.fileno()):
                    return self.process is not None  # others have begun where this one failed
                if self.process is not None:
                    self._tell(self.process.returncode)
                    shutil.rmtree(_scratch(self.path), ignore_errors=True)
        except OSError as error:  # the folder has gone meanwhile, say
            logger.warning("event=not_compiled reason=%r", error)
        return True

    def _tell(self, exit_code: int) -> None:
        if exit_code == 0:
            logger.info("event=compiled seconds=%.0f", time.monotonic() - self.started)
            return
        said = (_scratch(self.path) / "said").read_text(errors="replace").strip()
        reason = said.splitlines()[-1:] or f"exit code {exit_code}"
        logger.warning("event=not_compiled reason=%r", reason)


def compile_network(network: SpecialisedUNet) -> bool:
    """Makes what `load_compiled` finds, and waits for it; False if that fails."""
    making = Making.begin(network)
    if making is None:
        return False
    while not making.has_ended():
        time.sleep(_POLL_SECONDS)
    return making.path.is_file()


def _compiler() -> str | None:
    named = os.environ.get("CXX")
    return shutil.which(named) if named else shutil.which("g++") or shutil.which("clang++")


def _scratch(path: Path) -> Path:
    """A fixed place, so that what a killed process leaves is found by the next one."""
    return path.with_suffix(".making")


def _lock_file(path: Path) -> Path:
    return path.with_suffix(".lock")


def _locks(descriptor: int) -> bool:
    """Whether this process has the lock now, which lasts until all copies are closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start(network: SpecialisedUNet, path: Path, lock: int) -> subprocess.Popen[bytes]:
    scratch = _scratch(path)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    torch.save(network, scratch / "network.pt")
    module = "lasaft_core.fast.compilation"
    command = [sys.executable, "-m", module, str(scratch / "network.pt"), str(path)]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
        "TORCHINDUCTOR_CACHE_DIR": str(scratch),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
    }
    with (scratch / "said").open("wb") as said:
        return subprocess.Popen(
            [*command, str(os.getpid())],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            pass_fds=(lock,),
        )


def _make_package(source: str, package: str, parent: str) -> None:
    """The compiling process: `source` was written by the process that started this one."""
    _end_with(int(parent))
    os.nice(_BESIDE)
    from torch._inductor import aoti_compile_and_package  # noqa: PLC0415

    network = torch.load(source, weights_only=False)
    config = network.config
    example = torch.zeros(1, 2 * config.audio_channels, config.num_frames, config.n_fft // 2 + 1)
    made = str(Path(source).with_suffix(".pt2"))
    with torch.no_grad():
        program = torch.export.export(network, (example,))
        aoti_compile_and_package(program, package_path=made, inductor_configs={"freezing": True})
    Path(made).replace(package)  # whole or not at all: others may look for it


def _end_with(parent: int) -> None:
    """At the latest after `_LONGEST_SECONDS`; on Linux also with the parent."""
    signal.alarm(_LONGEST_SECONDS)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("the process that wanted the package has ended")


if __name__ == "__main__":
    _make_package(*sys.argv[1:])
