"""Quality columns of a stem that need no reference, measured block by block.

All meters keep state across blocks and a few bytes for each 50 ms, so that any duration fits.
"""

import math
from dataclasses import dataclass

import numpy as np

from lasaft_core.audio.activity import ActivityMeter
from lasaft_core.audio.bandwidth import BandwidthMeter
from lasaft_core.audio.blocks import Block
from lasaft_core.audio.loudness import LoudnessMeter
from lasaft_core.audio.peaks import PeakMeter


@dataclass(frozen=True, slots=True)
class StemQuality:
    """Decibels relative to full scale; None for digital silence (loudness: below -70, too).

    `clipped_samples` are those at or above full scale; nothing is clipped in float files.
    """

    integrated_lufs: float | None
    true_peak_db: float | None
    rms_db: float | None
    silence_ratio: float
    clipped_samples: int
    bandwidth_hz: float | None
    active_intervals: tuple[tuple[float, float], ...]


class QualityMeter:
    """Push float32 [samples, channels], mono or stereo, then take the result once."""

    def __init__(self, sample_rate: int, channels: int, *, is_float: bool = False) -> None:
        self._is_float = is_float
        self._peaks = PeakMeter(sample_rate, channels)
        self._loudness = LoudnessMeter(sample_rate, channels)
        self._activity = ActivityMeter(sample_rate, channels)
        self._bandwidth = BandwidthMeter(sample_rate, channels)

    def push(self, block: Block) -> None:
        self._peaks.push(np.ascontiguousarray(block))
        planes = np.ascontiguousarray(block.T)
        self._loudness.push(planes)
        self._activity.push(planes)
        self._bandwidth.push(planes)

    def result(self) -> StemQuality:
        return StemQuality(
            integrated_lufs=self._loudness.integrated_lufs(),
            true_peak_db=decibels(self._peaks.true_peak()),
            rms_db=decibels(self._activity.rms()),
            silence_ratio=self._activity.silence_ratio(),
            clipped_samples=0 if self._is_float else self._peaks.clipped_samples,
            bandwidth_hz=self._bandwidth.bandwidth_hz(),
            active_intervals=self._activity.active_intervals(),
        )


def decibels(amplitude: float) -> float | None:
    return 20 * math.log10(amplitude) if amplitude > 0 else None
