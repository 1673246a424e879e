"""Levels of a sound over time and frequency in decibels, on any frequency scale. Pure numpy.

A sine of full scale reads 0 dB; channels are averaged by their power.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lasaft_core.audio.blocks import Block

FLOOR_DB: Final = -140.0  # stands for silence
SCALES: Final = ("log", "linear")
_WINDOW_SECONDS: Final = 0.093
_LOWEST_HZ: Final = 40.0
_MOST_COLUMNS: Final = 1500
_CHUNK: Final = 256  # frames in memory at once

Levels = NDArray[np.float32]
Power = NDArray[np.float32]


def frequency_edges(top_hz: float, rows: int, scale: str) -> NDArray[np.float64]:
    """Of `rows` bands up to `top_hz`, ascending: from 0 if linear, from 40 Hz if logarithmic."""
    if scale == "linear":
        return np.linspace(0.0, top_hz, rows + 1)
    return np.geomspace(min(_LOWEST_HZ, top_hz / 16), top_hz, rows + 1)


def band_levels(audio: Block, sample_rate: int, edges_hz: NDArray[np.float64]) -> Levels:
    """[samples, channels] -> dB, float32 [bands, columns]; columns spread evenly over time."""
    power = np.concatenate(
        [_by_band(part, sample_rate, edges_hz) for part in _spectra(audio, sample_rate)]
    )  # frames, bands
    groups = np.linspace(0, len(power), min(len(power), _MOST_COLUMNS), endpoint=False).astype(int)
    sizes = np.diff(groups, append=len(power))
    means = np.add.reduceat(power, groups, axis=0) / sizes[:, None]
    return 10 * np.log10(np.maximum(means.T, 10 ** (FLOOR_DB / 10)))


def _spectra(audio: Block, sample_rate: int) -> Iterator[Power]:
    """Power of frames that are centred on evenly spaced samples, [frames, bins]."""
    size = 2 ** max(4, round(np.log2(_WINDOW_SECONDS * sample_rate)))
    hop = int(np.clip(len(audio) // _MOST_COLUMNS, max(1, size // 64), size // 4))
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    padded = np.pad(audio, ((size // 2, size), (0, 0)), mode="symmetric")  # no edge is heard
    starts = np.arange(0, max(1, len(audio)), hop)
    for chunk in np.array_split(starts, -(-len(starts) // _CHUNK)):
        frames = padded[chunk[:, None] + np.arange(size)] * window[:, None]
        spectrum = np.fft.rfft(frames, axis=1) * (2 / window.sum())
        yield (np.abs(spectrum) ** 2).mean(axis=2).astype(np.float32)


def _by_band(power: Power, sample_rate: int, edges_hz: NDArray[np.float64]) -> Power:
    """The loudest bin of each band, or what lies between two bins; [frames, bands]."""
    last = power.shape[1] - 1
    edges = edges_hz / (sample_rate / 2 / last)
    bands = np.zeros((len(power), len(edges) - 1), np.float32)
    for band, (low, high) in enumerate(pairwise(edges)):
        first, behind = math.ceil(low), min(math.ceil(high), last + 1)
        if first < behind:
            bands[:, band] = power[:, first:behind].max(axis=1)
        elif (middle := (low + high) / 2) < last:
            left, share = int(middle), middle % 1
            bands[:, band] = (1 - share) * power[:, left] + share * power[:, left + 1]
    return bands
