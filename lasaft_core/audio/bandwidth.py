"""Up to which frequency there is sound: a mean spectrum of windows spread over the song.

Lossy or upsampled sources show as a bandwidth below half the sample rate.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lasaft_core.audio.blocks import Block

WINDOW_SAMPLES: Final = 4096
WINDOWS_PER_SECOND: Final = 4
FLOOR: Final = 10 ** (-80 / 10)  # power, relative to the strongest bin
BLACKMAN_HARRIS: Final = (0.35875, -0.48829, 0.14128, -0.01168)  # side lobes below -92 dB


class BandwidthMeter:
    """Push float32 [channels, samples]."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._rate = sample_rate
        self._hop = max(WINDOW_SAMPLES, sample_rate // WINDOWS_PER_SECOND)
        self._power: NDArray[np.float64] = np.zeros(WINDOW_SAMPLES // 2 + 1)
        self._waiting = np.zeros((channels, 0), np.float32)
        self._skip = 0  # samples up to the next window
        self._windows = 0

    def push(self, planes: Block) -> None:
        skipped = min(self._skip, planes.shape[1])
        self._skip -= skipped
        samples = np.concatenate((self._waiting, planes[:, skipped:]), axis=1)
        start = 0
        while start + WINDOW_SAMPLES <= samples.shape[1]:
            self._measure(samples[:, start : start + WINDOW_SAMPLES])
            start += self._hop
        self._skip += max(0, start - samples.shape[1])
        self._waiting = samples[:, start:].copy()

    def bandwidth_hz(self) -> float | None:
        """None for digital silence."""
        if not self._windows:
            self._measure(self._waiting)
        strongest = self._power.max()
        if strongest <= 0:
            return None
        highest = np.flatnonzero(self._power > FLOOR * strongest)[-1]
        return float(highest * self._rate / WINDOW_SAMPLES)

    def _measure(self, planes: Block) -> None:
        """One window, or a whole song that is shorter."""
        window = blackman_harris(planes.shape[1])
        spectrum = np.fft.rfft(planes * window, WINDOW_SAMPLES, axis=1)
        self._power += np.square(np.abs(spectrum)).sum(axis=0)
        self._windows += 1


@lru_cache(maxsize=4)
def blackman_harris(samples: int) -> NDArray[np.float64]:
    phases = 2 * np.pi * (np.arange(samples) + 0.5) / max(1, samples)
    terms = [weight * np.cos(k * phases) for k, weight in enumerate(BLACKMAN_HARRIS)]
    return np.asarray(np.sum(terms, axis=0))
