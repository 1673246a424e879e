"""Integrated loudness, ITU-R BS.1770-4: K-weighting, 400 ms blocks every 100 ms, two gates.

    |--100 ms--|--100 ms--|--100 ms--|--100 ms--|--100 ms--|
    |------------- block 0 ---------------------|
               |------------- block 1 ---------------------|

Streams by keeping one energy for each 100 ms: 8 bytes, 0.9 MB for three hours.
"""

from array import array
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lasaft_core.audio.blocks import Block

ABSOLUTE_GATE_LUFS: Final = -70.0
RELATIVE_GATE_LU: Final = -10.0
MIN_RATE_HZ: Final = 4000  # the shelf at 1.5 kHz must lie well below Nyquist


def k_weighting_sections(sample_rate: int) -> NDArray[np.float64]:
    """Float64 [2, 6]: high shelf and high pass as second-order sections."""
    from pyloudnorm.iirfilter import IIRfilter  # noqa: PLC0415  (brings scipy: a second)

    shelf = IIRfilter(4.0, 0.5**0.5, 1500.0, sample_rate, "high_shelf")
    high_pass = IIRfilter(0.0, 0.5, 38.0, sample_rate, "high_pass")
    return np.array([np.concatenate((stage.b, stage.a)) for stage in (shelf, high_pass)])


class LoudnessMeter:
    """Mono or stereo; push float32 [channels, samples]."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._rate = sample_rate
        self._measures = sample_rate >= MIN_RATE_HZ
        if self._measures:
            self._sections = k_weighting_sections(sample_rate)
        self._state = np.zeros((2, channels, 2))
        self._samples = 0
        self._energies = array("d", [0.0])  # one for each 100 ms begun

    def push(self, planes: Block) -> None:
        from scipy.signal import sosfilt  # noqa: PLC0415  (a second to import)

        count = planes.shape[1]
        if self._measures and count:
            weighted, self._state = sosfilt(
                self._sections, planes.astype(np.float64), zi=self._state
            )
            sums = np.zeros(count + 1)
            np.cumsum(np.einsum("cn,cn->n", weighted, weighted), out=sums[1:])
            begun, *rest = np.diff(sums[[0, *self._edges(count), count]])
            self._energies[-1] += begun
            self._energies.extend(rest)
        self._samples += count

    def integrated_lufs(self) -> float | None:
        """None if it is shorter than 0.4 s, or silent."""
        powers = self._block_powers()
        powers = powers[powers >= _power(ABSOLUTE_GATE_LUFS)]
        if not len(powers):
            return None
        threshold = _power(_lufs(float(powers.mean())) + RELATIVE_GATE_LU)
        return _lufs(float(powers[powers > threshold].mean()))

    def _edges(self, count: int) -> list[int]:
        """Where the next `count` samples begin new stretches of 100 ms."""
        edges = []
        edge = self._rate * len(self._energies) // 10 - self._samples
        while edge < count:
            edges.append(edge)
            edge = self._rate * (len(self._energies) + len(edges)) // 10 - self._samples
        return edges

    def _block_powers(self) -> NDArray[np.float64]:
        seconds = self._samples / self._rate
        if not self._measures or seconds < 0.4:
            return np.zeros(0)
        blocks = round((seconds - 0.4) / 0.1) + 1
        sums = np.concatenate(([0.0], np.cumsum(self._energies), [0.0]))
        sums[-1] = sums[-2]  # the last block may last a little longer than the song
        sums = np.pad(sums, (0, max(0, blocks + 4 - len(sums))), mode="edge")
        powers: NDArray[np.float64] = sums[4 : blocks + 4] - sums[:blocks]
        return powers / (0.4 * self._rate)


def _lufs(power: float) -> float:
    return float(-0.691 + 10 * np.log10(power))


def _power(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))
