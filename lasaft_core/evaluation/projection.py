"""BSSEval's least-squares filters: an estimate, projected on the delays of the references.

    G h = D,   G[(i, a), (k, b)] = sum_n x_i[n - a] x_k[n - b]
               D[(i, a), c] = sum_n x_i[n - a] y_c[n]

x_i are the references' channels, y_c an estimate's, a and b delays of 0 to 511 samples (Vincent et
al., "First stereo audio source separation evaluation campaign", 2007). The products are taken
through FFTs of the whole song, the same as those of the package `museval`, to the last bit: G of
real music is so badly conditioned that other roundings move its SIR by 0.1 dB, with equal channels
by more (and so does another number of threads, in `museval` as here). But `museval` keeps all
spectra at once, 5 GB for four minutes; here there are two at a time.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.linalg import toeplitz

Signals = NDArray[np.floating[Any]]  # [sources, samples, channels]
Filters = NDArray[np.float64]

FILTER_TAPS: Final = 512


class Projection:
    """What estimates of one song's sources are projected on. `references` may lie in a file."""

    def __init__(self, references: Signals) -> None:
        self._references = references
        self._sources, length, self._channels = references.shape
        self._fft_samples = int(2 ** np.ceil(np.log2(length + FILTER_TAPS - 1.0)))
        self._gram = self._correlate_references()  # source, channel, tap, source, channel, tap

    def filters(self, estimate: Signals, source: int) -> tuple[Filters, Filters]:
        """[samples, channels] of one source -> filters from all references, and from its own.

        [sources, channels, taps, channels] and [channels, taps, channels].
        """
        products = self._correlate(estimate)
        own = _solve(self._gram[source, :, :, source], products[source])
        return _solve(self._gram, products), own

    def _spectrum(self, channel: NDArray[Any]) -> NDArray[np.complex128]:
        return fft.fft(channel.astype(np.float64), self._fft_samples)

    def _reference_spectrum(self, row: int) -> NDArray[np.complex128]:
        source, channel = divmod(row, self._channels)
        return self._spectrum(self._references[source, :, channel])

    def _correlate_references(self) -> Filters:
        rows, taps = self._sources * self._channels, FILTER_TAPS
        gram = np.empty((rows, taps, rows, taps))
        for first in range(rows):
            spectrum = self._reference_spectrum(first)
            for second in range(first, rows):
                ahead, behind = _lags(self._reference_spectrum(second), spectrum)
                block = toeplitz(behind, ahead)
                gram[second, :, first] = block
                gram[first, :, second] = block.T
        flat = gram.reshape(rows * taps, rows * taps)
        flat[np.diag_indices_from(flat)] += np.finfo(np.float64).eps
        return gram.reshape(2 * (self._sources, self._channels, taps))

    def _correlate(self, estimate: Signals) -> Filters:
        """[samples, channels] -> D [sources, channels, taps, channels]."""
        rows = self._sources * self._channels
        products = np.empty((rows, FILTER_TAPS, self._channels))
        for channel in range(self._channels):
            spectrum = self._spectrum(estimate[:, channel])
            for row in range(rows):
                _, products[row, :, channel] = _lags(self._reference_spectrum(row), spectrum)
        return products.reshape(self._sources, self._channels, FILTER_TAPS, self._channels)


def _lags(late: NDArray[np.complex128], still: NDArray[np.complex128]) -> tuple[Filters, Filters]:
    """Products of two spectra's signals at lags 0, 1, ... 511 and 0, -1, ... -511.

    The product stands as in `museval`, the conjugate inside it: numpy rounds it otherwise than
    one with a conjugate that was taken before, or that is done in place.
    """
    products = fft.ifft(late * np.conj(still), overwrite_x=True).real
    ahead = products[:FILTER_TAPS].copy()
    return ahead, np.concatenate((ahead[:1], products[-1:-FILTER_TAPS:-1]))


def _solve(gram: Filters, products: Filters) -> Filters:
    """G [..., ...], its rows' and its columns' axes apart, and D -> filters in the form of D.

    Every estimate's equations are solved anew by `museval`'s own call: a kept factorisation comes
    from another BLAS, with other roundings, and saves little beside the transforms.
    """
    right = products.reshape(-1, products.shape[-1])
    square = gram.reshape(len(right), len(right))
    try:
        solved = np.linalg.solve(square, right)
    except np.linalg.LinAlgError:  # any of the solutions does
        solved = np.linalg.lstsq(square, right, rcond=None)[0]
    return np.asarray(solved.reshape(products.shape), np.float64)
