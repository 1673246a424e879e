"""Random changes to one source: gain, polarity, sides and an equaliser.

All draws come from the generator that is handed in, so that an item is the same every time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

Audio = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Ranges and probabilities; gains in dB."""

    gain_db: tuple[float, float] = (-9.0, 4.0)
    polarity_share: float = 0.5
    swap_share: float = 0.5
    equaliser_share: float = 0.3
    equaliser_db: float = 8.0
    equaliser_bands: int = 3

    def apply(self, audio: Audio, rng: np.random.Generator, sample_rate: int) -> Audio:
        """[2, samples] -> the same shape."""
        gain = 10 ** (rng.uniform(*self.gain_db) / 20)
        if rng.random() < self.polarity_share:
            gain = -gain
        if rng.random() < self.swap_share:
            audio = audio[::-1]
        if rng.random() < self.equaliser_share:
            audio = sosfilt(self._bands(rng, sample_rate), audio, axis=-1)
        return (gain * audio).astype(np.float32)

    def _bands(self, rng: np.random.Generator, sample_rate: int) -> NDArray[np.float64]:
        highest = min(12_000.0, 0.4 * sample_rate)
        return np.stack(
            [
                peaking_filter(
                    float(np.exp(rng.uniform(np.log(60.0), np.log(highest)))) / sample_rate,
                    gain_db=rng.uniform(-self.equaliser_db, self.equaliser_db),
                    quality=rng.uniform(0.4, 1.5),
                )
                for _ in range(self.equaliser_bands)
            ]
        )


def peaking_filter(frequency: float, *, gain_db: float, quality: float) -> NDArray[np.float64]:
    """One second-order section that raises or lowers a band around `frequency` (cycles a sample).

    R. Bristow-Johnson, Cookbook formulae for audio equalizer biquad filter coefficients.
    """
    amplitude, angle = 10 ** (gain_db / 40), 2 * np.pi * frequency
    alpha, cosine = np.sin(angle) / (2 * quality), np.cos(angle)
    zeros = np.array([1 + alpha * amplitude, -2 * cosine, 1 - alpha * amplitude])
    poles = np.array([1 + alpha / amplitude, -2 * cosine, 1 - alpha / amplitude])
    return np.concatenate((zeros, poles)) / poles[0]
