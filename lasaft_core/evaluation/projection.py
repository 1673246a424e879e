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

import contextlib
import math
import warnings
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.linalg import LinAlgError, LinAlgWarning, lu_factor, lu_solve, toeplitz

Signals = NDArray[np.floating[Any]]  # [sources, samples, channels]
Filters = NDArray[np.float64]

FILTER_TAPS: Final = 512


class Projection:
    """What estimates of one song's sources are projected on. `references` may lie in a file."""

    def __init__(self, references: Signals) -> None:
        self._references = references
        self._sources, length, self._channels = references.shape
        self._fft_samples = int(2 ** np.ceil(np.log2(length + FILTER_TAPS - 1.0)))
        gram = self._correlate_references()  # source, channel, tap, source, channel, tap
        self._equations = _Equations(gram)
        self._equations_of_one = [_Equations(gram[i, :, :, i]) for i in range(self._sources)]

    def filters(self, estimate: Signals, source: int) -> tuple[Filters, Filters]:
        """[samples, channels] of one source -> filters from all references, and from its own.

        [sources, channels, taps, channels] and [channels, taps, channels].
        """
        products = self._correlate(estimate)
        every = self._equations.solve(products)
        own = self._equations_of_one[source].solve(products[source])
        return every, own

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


class _Equations:
    """G, taken apart once for all right sides; its rows' axes may be apart, as its columns'."""

    def __init__(self, gram: Filters) -> None:
        size = math.isqrt(gram.size)
        self._gram = gram.reshape(size, size)
        self._factors: tuple[Any, Any] | None = None
        with warnings.catch_warnings():
            warnings.simplefilter("error", LinAlgWarning)
            with contextlib.suppress(LinAlgWarning, LinAlgError):
                self._factors = lu_factor(self._gram, check_finite=False)

    def solve(self, products: Filters) -> Filters:
        """D -> filters in the same form."""
        right = products.reshape(-1, products.shape[-1])
        if self._factors is None:  # equal channels: any of the solutions does
            solved = np.linalg.lstsq(self._gram, right, rcond=None)[0]
        else:
            solved = lu_solve(self._factors, right, check_finite=False)
        return np.asarray(solved.reshape(products.shape), np.float64)
