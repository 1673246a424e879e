"""The network on one device: batches of windows in, batches of estimates out.

Float32 at both ends; `bfloat16` runs the network's matrix work in that type. Not the whole
track: see `overlap_add.py` and `separator.py`.
"""

import contextlib
import logging
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lasaft_core.errors import InvalidOption
from lasaft_core.models import UNet
from lasaft_core.spectral import ComplexAsChannels

logger = logging.getLogger(__name__)

Audio = NDArray[np.float32]
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "float32", "bfloat16")


def resolve_device(name: str) -> str:
    """`auto` is cuda where there is one. Raises InvalidOption for unknown or absent devices."""
    kind = name.partition(":")[0]
    if kind not in DEVICES:
        raise InvalidOption("device", expected=" | ".join(DEVICES), got=name)
    if kind == "cuda" and not torch.cuda.is_available():
        raise InvalidOption("device", expected="a CUDA device", got="none", remedy="use cpu")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name


def resolve_precision(name: str, device: str) -> str:
    """`auto` is bfloat16 where the processor or GPU computes it natively, else float32."""
    if name not in PRECISIONS:
        raise InvalidOption("precision", expected=" | ".join(PRECISIONS), got=name)
    if name != "auto":
        return name
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    return "bfloat16" if _cpu_has_bfloat16() else "float32"


def _cpu_has_bfloat16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


class Estimator:
    """Runs the network; halves the batch when a GPU's memory does not hold it."""

    def __init__(self, network: UNet, *, device: str, precision: str) -> None:
        config = network.config
        self.config, self.device, self.precision = config, device, precision
        self.network = network.to(device)
        self.spectral = ComplexAsChannels.of(config).to(device)
        self.window_samples = config.window_samples
        self.batch_limit: int | None = None
        self.windows_computed = 0

    def __call__(self, windows: Audio, targets: Sequence[str]) -> dict[str, Audio]:
        """[batch, window_samples, 2] -> {target: the same shape}."""
        batch = torch.from_numpy(np.ascontiguousarray(windows.transpose(0, 2, 1)))
        estimates: dict[str, Audio] = {}
        for together in self._groups(targets):
            parts = [self._halving(part, together) for part in self._split(batch)]
            stems = torch.cat(parts).numpy().transpose(1, 0, 3, 2)
            estimates.update(zip(together, stems, strict=True))
        self.windows_computed += len(windows) * len(targets)
        return estimates

    def _groups(self, targets: Sequence[str]) -> Sequence[Sequence[str]]:
        """Targets of one pass: all of them where they share the encoder's work, else one."""
        if self.config.has_blind_encoder:
            return [targets]
        return [[target] for target in targets]

    def _split(self, batch: Tensor) -> Sequence[Tensor]:
        return batch.split(self.batch_limit or len(batch))

    def _halving(self, batch: Tensor, targets: Sequence[str]) -> Tensor:
        try:
            return self._forward(batch, targets)
        except torch.cuda.OutOfMemoryError:
            if len(batch) == 1:
                raise
            self.batch_limit = len(batch) // 2
            torch.cuda.empty_cache()
            logger.warning("event=out_of_memory batch=%d next=%d", len(batch), self.batch_limit)
        return torch.cat([self._halving(part, targets) for part in self._split(batch)])

    def _forward(self, batch: Tensor, targets: Sequence[str]) -> Tensor:
        """[B, 2, window_samples] on the host -> [B, targets, 2, window_samples], on the host."""
        indices = [self.config.targets.index(target) for target in targets]
        with torch.inference_mode():
            mix = batch.to(self.device)
            condition = torch.tensor(indices, device=self.device).repeat(len(mix))
            with self._arithmetic():
                spectrogram = self.network(self.spectral(mix), condition)
            stems = self.spectral.inverse(spectrogram.float(), mix.shape[-1])
            return stems.unflatten(0, (len(mix), -1)).cpu()

    @contextlib.contextmanager
    def _arithmetic(self) -> Iterator[None]:
        kind = self.device.partition(":")[0]
        with torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bfloat16"):
            yield
