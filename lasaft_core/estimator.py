"""The network on one device: batches of windows in, batches of estimates out.

Float32 at both ends; with `bfloat16` the network between them is of that type. Not the whole
track: see `overlap_add.py` and `separator.py`.
"""

import logging
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lasaft_core.allocator import keep_freed_memory
from lasaft_core.errors import InvalidOption
from lasaft_core.fast import CompiledLater, SpecialisedUNet
from lasaft_core.fast.packages import cpu_capabilities
from lasaft_core.models import UNet
from lasaft_core.spectral import ComplexAsChannels
from lasaft_core.transfers import transfers_of

logger = logging.getLogger(__name__)

Audio = NDArray[np.float32]
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "float32", "bfloat16")


def has_cuda() -> bool:
    """Whether this machine has a device that `cuda` names."""
    return torch.cuda.is_available()


def check_device_name(name: str) -> None:
    """Raises InvalidOption for what names no device anywhere."""
    kind, _, number = name.partition(":")
    if name not in DEVICES and not (kind == "cuda" and number.isdecimal()):
        raise InvalidOption("device", expected=" | ".join((*DEVICES, "cuda:N")), got=name)


def resolve_device(name: str) -> str:
    """`auto` is cuda where there is one. Raises InvalidOption for unknown or absent devices."""
    check_device_name(name)
    kind, _, number = name.partition(":")
    count = torch.cuda.device_count() if has_cuda() else 0
    if kind == "cuda" and int(number or 0) >= count:
        got = f"{count} of them" if count else "none"
        raise InvalidOption("device", expected="a CUDA device", got=got, remedy="use cpu")
    if name == "auto":
        return "cuda" if has_cuda() else "cpu"
    return name


def resolve_precision(name: str, device: str) -> str:
    """`auto` is bfloat16 where the processor or GPU computes it natively, else float32."""
    if name not in PRECISIONS:
        raise InvalidOption("precision", expected=" | ".join(PRECISIONS), got=name)
    if name != "auto":
        return name
    if device.startswith("cuda"):
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return "bfloat16" if native else "float32"
    return "bfloat16" if _cpu_has_bfloat16() else "float32"


def full_float32() -> AbstractContextManager[None]:
    """On a GPU convolutions of float32 are of TF32 by default, which has 10 bits of mantissa."""
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    return flags


def _cpu_has_bfloat16() -> bool:
    capabilities = cpu_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


class PlainEstimator:
    """The network as it is, in float32, target by target where it can be: the yardstick."""

    def __init__(self, network: UNet, *, device: str) -> None:
        self.config, self.device = network.config, device
        self.network = network.to(device)
        self.spectral = ComplexAsChannels.of(network.config).to(device)

    def __call__(self, windows: Audio, targets: Sequence[str]) -> dict[str, Audio]:
        """[batch, window_samples, 2] -> {target: the same shape}."""
        with torch.inference_mode(), full_float32():
            mix = _to_tensor(windows).to(self.device)
            spectrogram = self.spectral(mix)
            stems: dict[str, Audio] = {}
            for asked in dict.fromkeys(self.config.asked_for((target,)) for target in targets):
                stems |= self._estimates(spectrogram, asked, mix.shape[-1])
        return {target: stems[target] for target in targets}

    def _estimates(
        self, spectrogram: Tensor, targets: Sequence[str], samples: int
    ) -> dict[str, Audio]:
        indices = [self.config.targets.index(target) for target in targets]
        condition = torch.tensor(indices * len(spectrogram), device=self.device)
        waveforms = self.spectral.inverse(self.network(spectrogram, condition), samples)
        stems = waveforms.cpu().numpy().transpose(0, 2, 1)
        return {target: stems[n :: len(targets)] for n, target in enumerate(targets)}


class Estimator:
    """Runs the specialised network; halves the batch when a GPU's memory does not hold it.

    A GPU computes one half of a batch while the other is on its way. A processor's network is
    compiled after `compile_after_seconds` of work; None: never.
    """

    def __init__(
        self,
        network: UNet,
        *,
        device: str,
        precision: str,
        compile_after_seconds: float | None = None,
    ) -> None:
        self.config, self.device, self.precision = network.config, device, precision
        if device == "cpu":
            keep_freed_memory()
        self.network = network.to(device)
        self.spectral = ComplexAsChannels.of(network.config).to(device)
        self.window_samples = network.config.window_samples
        self.batch_limit: int | None = None
        self._transfers = transfers_of(device)
        self.windows_computed = 0
        self.compile_after_seconds = compile_after_seconds if device == "cpu" else None
        self._specialised: dict[tuple[str, ...], SpecialisedUNet | CompiledLater] = {}

    def __call__(self, windows: Audio, targets: Sequence[str]) -> dict[str, Audio]:
        """[batch, window_samples, 2] -> {target: the same shape}."""
        # In the network's order, whatever the caller's: each choice is one specialised network.
        ordered = tuple(target for target in self.config.targets if target in targets)
        parts = [self._halving(part, ordered) for part in self._split(_to_tensor(windows))]
        self._transfers.finish()
        stems = torch.cat(parts, dim=1).numpy().transpose(0, 1, 3, 2)
        self.windows_computed += len(windows) * len(self.config.asked_for(ordered))
        of_target = dict(zip(ordered, stems, strict=True))
        return {target: of_target[target] for target in targets}

    def specialised(self, targets: Sequence[str]) -> SpecialisedUNet | CompiledLater:
        """The network for these targets, made when first asked for."""
        key = tuple(targets)
        if key not in self._specialised:
            dtype = getattr(torch, self.precision)
            made = SpecialisedUNet(self.network, key).in_precision(dtype)
            after = self.compile_after_seconds
            self._specialised[key] = made if after is None else CompiledLater(made, after)
        return self._specialised[key]

    def _split(self, batch: Tensor) -> Sequence[Tensor]:
        part = math.ceil(len(batch) / self._transfers.parts)
        return batch.split(min(part, self.batch_limit or part))

    def _halving(self, batch: Tensor, targets: tuple[str, ...]) -> Tensor:
        try:
            return self._forward(batch, targets)
        except torch.cuda.OutOfMemoryError:
            if len(batch) == 1:
                raise
            self.batch_limit = len(batch) // 2
            torch.cuda.empty_cache()
            logger.warning("event=out_of_memory batch=%d next=%d", len(batch), self.batch_limit)
        parts = batch.split(self.batch_limit)
        stems = [self._halving(part, targets) for part in parts]
        self._transfers.finish()
        return torch.cat(stems, dim=1)

    def _forward(self, batch: Tensor, targets: tuple[str, ...]) -> Tensor:
        """[B, 2, window_samples] -> [targets, B, 2, window_samples], on the host once its transfer
        is finished."""
        with torch.inference_mode(), full_float32():
            mix = self._transfers.upload(batch)
            asked = self.config.asked_for(targets)
            estimates = self.specialised(asked)(self.spectral(mix))
            if asked != targets:
                estimates = estimates[[asked.index(target) for target in targets]]
            stems = self.spectral.inverse(estimates.flatten(0, 1), mix.shape[-1])
            return self._transfers.download(stems.unflatten(0, (len(targets), -1)))


def _to_tensor(windows: Audio) -> Tensor:
    """[batch, samples, 2] -> [batch, 2, samples]."""
    return torch.from_numpy(np.ascontiguousarray(windows.transpose(0, 2, 1)))
