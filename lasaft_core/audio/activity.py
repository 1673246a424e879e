"""Where a stem plays: RMS over stretches of 50 ms against -60 dBFS."""

from array import array
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lasaft_core.audio.blocks import Block

STRETCHES_PER_SECOND: Final = 20
SILENCE_POWER: Final = 10 ** (-60 / 10)
MAX_GAP_SECONDS: Final = 0.5  # shorter rests do not end an interval


class ActivityMeter:
    """Push float32 [channels, samples]; keeps 8 bytes for each 50 ms."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._rate, self._channels = sample_rate, channels
        self._length = max(1, sample_rate // STRETCHES_PER_SECOND)
        self._energies = array("d")
        self._rest = np.zeros(0)  # energies per sample of the unfinished stretch
        self._samples = 0

    def push(self, planes: Block) -> None:
        energy = np.einsum("cn,cn->n", planes, planes, dtype=np.float64)
        energy = np.concatenate((self._rest, energy))
        whole = len(energy) - len(energy) % self._length
        self._energies.extend(energy[:whole].reshape(-1, self._length).sum(axis=1))
        self._rest = energy[whole:]
        self._samples += planes.shape[1]

    def rms(self) -> float:
        energy = sum(self._energies) + float(self._rest.sum())
        return float(np.sqrt(energy / max(1, self._samples * self._channels)))

    def silence_ratio(self) -> float:
        """The silent share of the duration, 0 to 1."""
        lengths = np.diff(self._edges())
        silent = lengths[~self._is_active()].sum()
        return float(silent / self._samples) if self._samples else 1.0

    def active_intervals(self) -> tuple[tuple[float, float], ...]:
        """Start and end in seconds."""
        padded = np.concatenate(([False], self._is_active(), [False])).astype(np.int8)
        changes = np.diff(padded)
        if not (changes == 1).any():
            return ()
        edges = self._edges() / self._rate
        starts, ends = edges[changes == 1], edges[changes == -1]
        parts = starts[1:] - ends[:-1] >= MAX_GAP_SECONDS
        starts, ends = starts[np.r_[True, parts]], ends[np.r_[parts, True]]
        pairs = zip(starts.tolist(), ends.tolist(), strict=True)
        return tuple((round(start, 3), round(end, 3)) for start, end in pairs)

    def _edges(self) -> NDArray[np.int64]:
        count = len(self._energies) + (1 if len(self._rest) else 0)
        return np.minimum(np.arange(count + 1) * self._length, self._samples)

    def _is_active(self) -> NDArray[np.bool_]:
        energies = np.array(self._energies)
        if len(self._rest):
            energies = np.append(energies, self._rest.sum())
        return energies >= SILENCE_POWER * self._channels * np.diff(self._edges())
