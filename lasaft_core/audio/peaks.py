"""Sample peak and true peak (ITU-R BS.1770-4, annex 2): the peak after oversampling to 192 kHz.

Points between samples are found by a windowed sinc of 24 samples, within 0.01 dB up to 0.8 of
half the rate. None of them exceeds the largest sample that it is made of by more than the sum of
the filter's magnitudes; where that stays below the peak known so far, none is computed. In music
that leaves a small part.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lasaft_core.audio.blocks import Block

TAPS: Final = 24
STRETCH: Final = 24  # frames that are looked at together; at least TAPS - 1
KAISER_BETA: Final = 5.0


def oversampling_factor(sample_rate: int) -> int:
    return 4 if sample_rate < 96_000 else 2 if sample_rate < 192_000 else 1


class PeakMeter:
    """Push float32 [samples, channels]."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._filter = interpolation(oversampling_factor(sample_rate))
        self._gain = float(np.abs(self._filter).sum(axis=0).max(initial=0.0))
        self._waiting = np.zeros((TAPS, channels), np.float32)
        self._true_peak = 0.0
        self.clipped_samples = 0

    def push(self, block: Block) -> None:
        peak = peak_of(block)
        if peak >= 1.0:
            self.clipped_samples += int(np.count_nonzero(np.abs(block) >= 1.0))
        self._true_peak = max(self._true_peak, peak)
        if self._gain:
            self._push_between(block)

    def true_peak(self) -> float:
        """Full scale 1.0; ends the measurement."""
        if self._gain:
            self._push_between(np.zeros((2 * STRETCH, self._waiting.shape[1]), np.float32))
        return self._true_peak

    def _push_between(self, block: Block) -> None:
        """The points between those samples that have all their neighbours by now."""
        samples = np.concatenate((self._waiting, block))
        count = len(samples) // STRETCH - 1
        if count < 1:
            self._waiting = samples
            return
        stretches = samples[: (count + 1) * STRETCH].reshape(count + 1, STRETCH, -1)
        highest = np.abs(stretches).max(axis=(1, 2))
        bounds = self._gain * np.maximum(highest[:-1], highest[1:])
        worth = np.flatnonzero(bounds > self._true_peak)
        around = np.concatenate((stretches[worth], stretches[worth + 1]), axis=1)
        between = np.matmul(around.swapaxes(1, 2), self._filter)  # stretch, channel, point
        self._true_peak = max(self._true_peak, peak_of(between))
        self._waiting = samples[count * STRETCH :]


@lru_cache(maxsize=4)
def interpolation(factor: int) -> NDArray[np.float32]:
    """[2 STRETCH, STRETCH (factor - 1)]: from samples to the points behind each of a stretch's."""
    columns = []
    for frame in range(STRETCH):
        for phase in range(1, factor):
            distance = np.arange(2 * STRETCH) - frame - (TAPS // 2 - 1) - phase / factor
            inside = np.maximum(0.0, 1 - (distance / (TAPS / 2)) ** 2)
            taps = np.sinc(distance) * np.i0(KAISER_BETA * np.sqrt(inside)) * (inside > 0)
            columns.append(taps / taps.sum())
    matrix = np.stack(columns, axis=1) if columns else np.zeros((2 * STRETCH, 0))
    return matrix.astype(np.float32)


def peak_of(block: Block) -> float:
    return max(float(block.max()), -float(block.min())) if block.size else 0.0
