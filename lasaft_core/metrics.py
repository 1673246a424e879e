"""Metrics that need a reference."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def sdr_db(reference: NDArray[Any], estimate: NDArray[Any]) -> float:
    """Global signal-to-distortion ratio over all samples and channels, as MDX defines it:
    10 log10(sum ref^2 / sum (ref - est)^2). Infinite for an exact estimate."""
    meter = SdrMeter()
    meter.push(reference, estimate)
    return meter.sdr_db()


class SdrMeter:
    """The same over a stream of blocks."""

    def __init__(self) -> None:
        self.reference_energy = 0.0
        self.error_energy = 0.0

    def push(self, reference: NDArray[Any], estimate: NDArray[Any]) -> None:
        if reference.shape != estimate.shape:
            raise ValueError(f"shapes differ: {reference.shape} and {estimate.shape}")
        exact = reference.astype(np.float64)
        self.reference_energy += float(np.square(exact).sum())
        exact -= estimate
        self.error_energy += float(np.square(exact).sum())

    def sdr_db(self) -> float:
        if self.error_energy == 0:
            return math.inf
        if self.reference_energy == 0:
            return -math.inf
        return 10 * math.log10(self.reference_energy / self.error_energy)


def si_sdr_db(reference: NDArray[Any], estimate: NDArray[Any]) -> float:
    """Scale-invariant SDR: the reference is scaled to what the estimate holds of it.

    J. Le Roux et al., "SDR - half-baked or well done?", arXiv 1811.02508; all channels together,
    means left in. Infinite for a scaled reference, minus infinite where nothing of it is there.
    """
    exact = reference.astype(np.float64)
    energy = float(np.square(exact).sum())
    share = float((exact * estimate).sum()) / energy if energy else 0.0
    if share == 0:
        return -math.inf
    return sdr_db(share * exact, estimate.astype(np.float64))
