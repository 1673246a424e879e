"""The ideal ratio mask: what a mask that knew the true sources would leave of the mixture.

mask_j = |S_j|^2 / sum_k |S_k|^2 in every bin of an STFT of 2048 samples, as SiSEC 2018's oracle
IRM2 (arXiv 1804.06267). An upper bound for masks on magnitudes, not for networks of complex ones.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import istft, stft

Audio = NDArray[np.float32]
_FRAME_SAMPLES = 2048


def ideal_ratio_masked(mixture: Audio, stems: Mapping[str, Audio]) -> dict[str, Audio]:
    """[samples, 2] of the mixture and of all its sources -> the masked mixtures, alike."""
    spectrum = _spectrum(mixture)
    powers = {target: np.abs(_spectrum(stem)) ** 2 for target, stem in stems.items()}
    total = np.sum(list(powers.values()), axis=0) + np.finfo(np.float32).tiny
    return {
        target: _waveform(spectrum * (power / total), len(mixture))
        for target, power in powers.items()
    }


def _spectrum(audio: Audio) -> NDArray[Any]:
    """[samples, 2] -> [2, bins, frames]; a song shorter than a frame is followed by silence."""
    padded = np.pad(audio, ((0, max(0, _FRAME_SAMPLES - len(audio))), (0, 0)))
    return stft(padded.T, nperseg=_FRAME_SAMPLES)[2]


def _waveform(spectrum: NDArray[Any], samples: int) -> Audio:
    return istft(spectrum, nperseg=_FRAME_SAMPLES)[1][:, :samples].T.astype(np.float32)
