"""Both sides of a separation stream: a song as the network takes it, stems as the song has them.

source block -> stereo -> resample -> separator -> resample back -> fold -> stems
          \\-> queue, as long as the separator's delay -----------------> mixture
|------------- SongInput ------------|         |------------ SongOutput ------------|
"""

from collections.abc import Iterable, Iterator, Mapping
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
class InputPiece:
    """The same audio twice: as the stems will have it, and [samples, 2] at the model's rate.

    Resampling holds some back, so that the two are not of one length.
    """

    mix: Block
    audio: Block


@dataclass(frozen=True, slots=True)
class AlignedBlocks:
    """The mixture and its stems over the same samples, [samples, stem channels]."""

    mix: Block
    stems: Mapping[str, Block]

    def projected(self) -> "AlignedBlocks":
        """What the stems leave of the mixture, shared out in equal parts.

        The nearest stems that add up to the mixture, where the true ones lie, too: the error of
        all together can but fall (mixture consistency, Wisdom et al., arXiv 1811.08521).
        """
        if not self.stems:
            return self
        share = (self.mix - np.sum(list(self.stems.values()), axis=0)) / len(self.stems)
        return AlignedBlocks(self.mix, {name: stem + share for name, stem in self.stems.items()})


class SongInput:
    """A song on its way into a separator."""

    def __init__(self, channel_map: ChannelMap, *, source_hz: int, model_hz: int) -> None:
        self._map = channel_map
        self._source_hz, self._model_hz = source_hz, model_hz

    @property
    def block_frames(self) -> int:
        """How much to read at once, so that blocks stay small at the model's rate, too."""
        return min(BLOCK_FRAMES, max(1, BLOCK_FRAMES * self._source_hz // self._model_hz))

    def pieces(self, blocks: Iterable[Block]) -> Iterator[InputPiece]:
        """One for each block, and one for what the resampler held back."""
        resampler = Resampler(self._source_hz, self._model_hz, 2)
        for block in blocks:
            stereo = self._map.to_stereo(block)
            yield InputPiece(self._map.from_stereo(stereo), resampler.push(stereo))
        rest = resampler.finish()
        yield InputPiece(self._map.from_stereo(rest[:0]), rest)


class SongOutput:
    """Push what goes into the separator with what comes out of it, then `finish`."""

    def __init__(self, channel_map: ChannelMap, *, source_hz: int, model_hz: int) -> None:
        self._map = channel_map
        self._source_hz, self._model_hz = source_hz, model_hz
        self._resamplers: dict[str, Resampler] = {}
        self._mix = BlockQueue(channel_map.stem_channels)
        self._frames = 0

    def push(self, mix: Block, stems: Mapping[str, Block]) -> AlignedBlocks:
        self._mix.put(mix)
        self._frames += len(mix)
        return self._align(self._back(stems))

    def finish(self, stems: Mapping[str, Block]) -> AlignedBlocks:
        """`stems`: the separator's last. As many samples come out in all as mixture was pushed."""
        back = self._back(stems)
        lasts = {target: self._resampler(target).finish(self._frames) for target in stems}
        return self._align({t: np.concatenate((block, lasts[t])) for t, block in back.items()})

    def _back(self, stems: Mapping[str, Block]) -> dict[str, Block]:
        return {
            target: self._resampler(target).push(self._map.from_stereo(block))
            for target, block in stems.items()
        }

    def _resampler(self, target: str) -> Resampler:
        if target not in self._resamplers:
            channels = self._map.stem_channels
            self._resamplers[target] = Resampler(self._model_hz, self._source_hz, channels)
        return self._resamplers[target]

    def _align(self, stems: Mapping[str, Block]) -> AlignedBlocks:
        frames = max((len(block) for block in stems.values()), default=0)
        return AlignedBlocks(self._mix.take(frames), stems)
