"""A separation stream at the source's own sample rate and channels, with the mixture alongside.

source block -> stereo -> resample -> separator -> resample back -> fold -> stems
          \\-> queue, as long as the separator's delay -----------------> mixture
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lasaft_core.audio.blocks import BLOCK_FRAMES, Block, BlockQueue
from lasaft_core.audio.channels import ChannelMap
from lasaft_core.audio.resampling import Resampler


class SeparationStream(Protocol):
    """Takes stereo blocks [samples, 2]; total samples out equal total samples in."""

    def push(self, block: Block) -> Mapping[str, Block]: ...

    def finish(self) -> Mapping[str, Block]: ...


class SongSeparator(Protocol):
    """What a song needs of a separator."""

    @property
    def targets(self) -> tuple[str, ...]: ...

    @property
    def sample_rate(self) -> int: ...

    def select_targets(self, targets: tuple[str, ...] | None) -> tuple[str, ...]: ...

    def stream(self, targets: tuple[str, ...], *, overlap: float) -> SeparationStream: ...


@dataclass(frozen=True, slots=True)
class AlignedBlocks:
    """The mixture and its stems over the same samples, [samples, stem channels]."""

    mix: Block
    stems: Mapping[str, Block]


class SongStream:
    """Push source blocks, then `finish`; as many samples come out as went in."""

    def __init__(
        self, stream: SeparationStream, channel_map: ChannelMap, *, source_hz: int, model_hz: int
    ) -> None:
        self._stream, self._map = stream, channel_map
        self._source_hz, self._model_hz = source_hz, model_hz
        self._forward = Resampler(source_hz, model_hz, 2)
        self._backward: dict[str, Resampler] = {}
        self._mix = BlockQueue(channel_map.stem_channels)
        self._frames = 0

    @property
    def block_frames(self) -> int:
        """How much to push at once, so that blocks stay small at the model's rate, too."""
        return min(BLOCK_FRAMES, max(1, BLOCK_FRAMES * self._source_hz // self._model_hz))

    def push(self, block: Block) -> AlignedBlocks:
        stereo = self._map.to_stereo(block)
        self._mix.put(self._map.from_stereo(stereo))
        self._frames += len(block)
        return self._align(self._back(self._stream.push(self._forward.push(stereo))))

    def finish(self) -> AlignedBlocks:
        pushed = self._back(self._stream.push(self._forward.finish()))
        rest = self._back(self._stream.finish())
        stems = {}
        for target, block in rest.items():
            last = self._resampler(target).finish(self._frames)
            parts = (pushed[target], block, last) if target in pushed else (block, last)
            stems[target] = np.concatenate(parts)
        return self._align(stems)

    def _back(self, stems: Mapping[str, Block]) -> dict[str, Block]:
        return {
            target: self._resampler(target).push(self._map.from_stereo(block))
            for target, block in stems.items()
        }

    def _resampler(self, target: str) -> Resampler:
        if target not in self._backward:
            channels = self._map.stem_channels
            self._backward[target] = Resampler(self._model_hz, self._source_hz, channels)
        return self._backward[target]

    def _align(self, stems: Mapping[str, Block]) -> AlignedBlocks:
        frames = max((len(block) for block in stems.values()), default=0)
        return AlignedBlocks(self._mix.take(frames), stems)
