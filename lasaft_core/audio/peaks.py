"""Sample peak and true peak (ITU-R BS.1770-4, annex 2): the peak after oversampling to 192 kHz."""

import numpy as np
import soxr

from lasaft_core.audio.blocks import Block


def oversampling_factor(sample_rate: int) -> int:
    return 4 if sample_rate < 96_000 else 2 if sample_rate < 192_000 else 1


class PeakMeter:
    """Push float32 [samples, channels], contiguous."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        factor = oversampling_factor(sample_rate)
        self._empty = np.zeros((0, channels), np.float32)
        self._stream = None
        if factor > 1:
            self._stream = soxr.ResampleStream(sample_rate, factor * sample_rate, channels)
        self._true_peak = 0.0
        self.clipped_samples = 0

    def push(self, block: Block) -> None:
        peak = peak_of(block)
        if peak >= 1.0:
            self.clipped_samples += int(np.count_nonzero(np.abs(block) >= 1.0))
        self._true_peak = max(self._true_peak, peak)
        if self._stream is not None:
            oversampled = self._stream.resample_chunk(block)
            self._true_peak = max(self._true_peak, peak_of(oversampled))

    def true_peak(self) -> float:
        """Full scale 1.0; ends the measurement."""
        if self._stream is not None:
            rest = self._stream.resample_chunk(self._empty, last=True)
            self._true_peak = max(self._true_peak, peak_of(rest))
            self._stream = None
        return self._true_peak


def peak_of(block: Block) -> float:
    return max(float(block.max()), -float(block.min())) if block.size else 0.0
