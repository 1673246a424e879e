"""Separator, the API ladder: window -> waveform -> stream; the file rung is `song.py`.

All audio is float32 [samples, channels], full scale 1.0, at `sample_rate`.
"""

import copy
from collections.abc import Sequence
from functools import partial
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from lasaft_core.checkpoints import Checkpoint, load_checkpoint
from lasaft_core.errors import InvalidOption, UnknownTarget
from lasaft_core.estimator import (
    Estimator,
    PlainEstimator,
    resolve_device,
    resolve_precision,
)
from lasaft_core.overlap_add import OverlapAdd, WindowPlan, checked

Audio = NDArray[np.float32]
_CPU_BATCH, _GPU_BATCH = 2, 16


class Separator:
    """A loaded network that separates audio of any length.

    `windows_computed` counts passes through the network: windows times the targets that it is asked
    for, of a mixture-consistent network all.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: str,
        precision: str,
        compile_after_seconds: float | None = None,
    ) -> None:
        config = checkpoint.config
        self.targets, self.sample_rate = config.targets, config.sample_rate
        self.model_name, self.weights_sha256 = checkpoint.name, checkpoint.sha256
        self.weights_licence = checkpoint.licence
        self.network_config = config.to_dict()
        self.device = resolve_device(device)
        self.precision = resolve_precision(precision, self.device)
        network = checkpoint.build()
        self._estimator = Estimator(
            network,
            device=self.device,
            precision=self.precision,
            compile_after_seconds=compile_after_seconds,
        )
        self._exact = PlainEstimator(network, device=self.device)
        self._batch_windows = _CPU_BATCH if self.device == "cpu" else _GPU_BATCH

    @classmethod
    def load(
        cls,
        checkpoint: str = "default",
        *,
        device: str = "auto",
        precision: str = "float32",
        threads: int | None = None,
        compile_after_seconds: float | None = None,
    ) -> "Separator":
        """`checkpoint` is a registered name, a path or a URL that fsspec reaches; the network is
        compiled once it has worked for `compile_after_seconds`, or loaded as compiled before. On a
        CPU the process keeps what it frees from then on (see `allocator.py`): a third of the time.

        Raises CheckpointError, or InvalidOption for a device or precision that is not there.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        return cls(
            load_checkpoint(checkpoint),
            device=device,
            precision=precision,
            compile_after_seconds=compile_after_seconds,
        )

    @property
    def windows_computed(self) -> int:
        """Passes through the network so far."""
        return self._estimator.windows_computed

    def one_window_at_a_time(self) -> Self:
        """The same network with the smallest batch, for a song that takes too much memory."""
        frugal = copy.copy(self)
        frugal._batch_windows = 1
        return frugal

    @property
    def window_samples(self) -> int:
        """Length of the one window that `separate_window` takes."""
        return self._estimator.window_samples

    def select_targets(self, targets: Sequence[str] | None) -> tuple[str, ...]:
        """All targets for None. Raises UnknownTarget, which lists the choices."""
        if targets is None:
            return self.targets
        targets = (targets,) if isinstance(targets, str) else targets
        for target in targets:
            if target not in self.targets:
                raise UnknownTarget("target", expected=" | ".join(self.targets), got=target)
        if not targets:
            raise UnknownTarget("target", expected=" | ".join(self.targets), got="none")
        return tuple(dict.fromkeys(targets))

    def separate_window(self, window: Audio, target: str) -> Audio:
        """The bare network on one window, float32 [window_samples, 2] -> the same shape."""
        targets, window = self.select_targets([target]), checked(window, "window")
        if window.shape != (self.window_samples, 2):
            raise InvalidOption("window", expected=(self.window_samples, 2), got=window.shape)
        return self._exact(window[None], targets)[target][0]

    def separate(
        self, mix: Audio, targets: Sequence[str] | None = None, overlap: float = 0.25
    ) -> dict[str, Audio]:
        """Stems of a whole waveform, [samples, 1 or 2] -> {target: the same shape}.

        Mono goes in as two equal channels and is folded back. Raises UnknownTarget and
        InvalidOption.
        """
        mix = checked(mix, "mix")
        if mix.ndim != 2 or mix.shape[1] not in (1, 2):
            raise InvalidOption("mix", expected="[samples, 1 or 2]", got=mix.shape)
        stereo = np.broadcast_to(mix, (len(mix), 2))
        stream = self.stream(self.select_targets(targets), overlap=overlap)
        first, rest = stream.push(stereo), stream.finish()
        stems = {t: np.concatenate((first[t], rest[t])) for t in first}
        if mix.shape[1] == 1:
            return {t: stem.mean(axis=1, keepdims=True) for t, stem in stems.items()}
        return stems

    def stream(self, targets: Sequence[str], *, overlap: float = 0.25) -> OverlapAdd:
        """A stream for stereo blocks: `push` [n, 2] as they come, `finish` once."""
        selected = self.select_targets(targets)
        estimate = partial(self._estimator, targets=selected)
        plan = WindowPlan(self.window_samples, self._estimator.config.context_samples, overlap)
        return OverlapAdd(plan, estimate, selected, batch_size=self._batch_windows)
