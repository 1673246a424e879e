"""The ideal ratio mask: what a mask that knew the true sources would leave of the mixture.

mask_j = |S_j|^2 / sum_k |S_k|^2 in every bin of an STFT of 2048 samples, as SiSEC 2018's oracle
IRM2 (arXiv 1804.06267). An upper bound for masks on magnitudes, not for networks of complex ones.

Songs are masked block by block: frames start at multiples of the hop, and one frame's length
around a block holds every frame that reaches into it, so that blocks do not show.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import istft, stft

Audio = NDArray[np.float32]
_FRAME_SAMPLES: Final = 2048
_HOP_SAMPLES: Final = _FRAME_SAMPLES // 2
_BLOCK_SAMPLES: Final = 256 * _HOP_SAMPLES


def ideal_ratio_masked(mixture: Audio, stems: Audio) -> Audio:
    """[samples, 2] and all its sources [sources, samples, 2] -> the masked mixtures, alike."""
    masked = np.empty_like(stems)
    for start in range(0, len(mixture), _BLOCK_SAMPLES):
        first = max(0, start - _FRAME_SAMPLES)
        stop = min(start + _BLOCK_SAMPLES, len(mixture))
        around = slice(first, stop + _FRAME_SAMPLES)
        block = _masked(mixture[around], stems[:, around])
        masked[:, start:stop] = block[:, start - first : stop - first]
    return masked


def _masked(mixture: Audio, stems: Audio) -> Audio:
    powers = np.abs(_spectrum(stems)) ** 2  # sources, channels, bins, frames
    masks = powers / (powers.sum(axis=0) + np.finfo(np.float32).tiny)
    waves = istft(_spectrum(mixture) * masks, nperseg=_FRAME_SAMPLES)[1][..., : len(mixture)]
    return waves.swapaxes(-1, -2)


def _spectrum(audio: Audio) -> NDArray[Any]:
    """[..., samples, 2] -> [..., 2, bins, frames]; less than a frame is followed by silence."""
    missing = max(0, _FRAME_SAMPLES - audio.shape[-2])
    padded = np.pad(audio.swapaxes(-1, -2), [(0, 0)] * (audio.ndim - 1) + [(0, missing)])
    return stft(padded, nperseg=_FRAME_SAMPLES)[2]
