"""Random changes to one source: its gain, polarity, equaliser, drive and place between the
loudspeakers; and to a whole mixture.

All draws come from the generator that is handed in, so that an item is the same every time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d, uniform_filter1d
from scipy.signal import sosfilt

Audio = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Staging:
    """Another place between the loudspeakers: narrower or wider, to one side, or one side late
    (Haas's effect). Without it a network takes what is wide for "other" and what is in the middle
    for a voice."""

    width: tuple[float, float] = (0.0, 2.0)  # of the difference between the sides
    position: tuple[float, float] = (-0.9, 0.9)
    late_seconds: tuple[float, float] = (0.001, 0.035)

    def apply(self, audio: Audio, rng: np.random.Generator, sample_rate: int) -> Audio:
        """[2, samples] -> the same shape, by one of the three ways."""
        way = rng.integers(3)
        if way == 0:
            return widened(audio, rng.uniform(*self.width))
        if way == 1:
            return placed(audio, rng.uniform(*self.position))
        late = round(rng.uniform(*self.late_seconds) * sample_rate)
        return delayed(audio, late, side=int(rng.integers(2)))


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Ranges and probabilities; gains in dB. `drive` is that of `saturated`."""

    gain_db: tuple[float, float] = (-9.0, 4.0)
    polarity_share: float = 0.5
    swap_share: float = 0.5
    equaliser_share: float = 0.3
    equaliser_db: float = 8.0
    equaliser_bands: int = 3
    drive_share: float = 0.12
    drive: tuple[float, float] = (1.0, 10.0)
    staging_share: float = 0.2
    staging: Staging = Staging()

    def apply(self, audio: Audio, rng: np.random.Generator, sample_rate: int) -> Audio:
        """[2, samples] -> the same shape."""
        gain = 10 ** (rng.uniform(*self.gain_db) / 20)
        if rng.random() < self.polarity_share:
            gain = -gain
        if rng.random() < self.swap_share:
            audio = audio[::-1]
        if rng.random() < self.equaliser_share:
            audio = sosfilt(self._bands(rng, sample_rate), audio, axis=-1)
        if rng.random() < self.drive_share:
            audio = saturated(audio, rng.uniform(*self.drive))
        if rng.random() < self.staging_share:
            audio = self.staging.apply(audio, rng, sample_rate)
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


@dataclass(frozen=True, slots=True)
class Mastering:
    """A limiter and a gain for a mixture, the same ones for each of its sources, so that they
    still add up to it. `limiter_share` of the mixtures lose up to `reduction_db` of their peaks;
    the limiter looks ahead as long as it takes to let go."""

    gain_db: tuple[float, float] = (-4.0, 12.0)
    limiter_share: float = 0.5
    reduction_db: float = 10.0
    look_ahead_seconds: tuple[float, float] = (0.002, 0.05)

    def apply(self, sources: Audio, rng: np.random.Generator, sample_rate: int) -> Audio:
        """[sources, 2, samples] -> the same shape."""
        gain: NDArray[np.float32] | float = 10 ** (rng.uniform(*self.gain_db) / 20)
        if rng.random() < self.limiter_share:
            gain = gain * self._limiting(sources.sum(axis=0), rng, sample_rate)
        return (gain * sources).astype(np.float32)

    def _limiting(
        self, mixture: Audio, rng: np.random.Generator, sample_rate: int
    ) -> NDArray[np.float32]:
        """[samples]; under it no peak of the mixture exceeds the ceiling."""
        peaks = np.abs(mixture).max(axis=0)
        ceiling = peaks.max() * 10 ** (-rng.uniform(0, self.reduction_db) / 20)
        reach = 1 + 2 * round(rng.uniform(*self.look_ahead_seconds) * sample_rate)
        needed = np.minimum(1, ceiling / np.maximum(peaks, 1e-9))
        lowest = minimum_filter1d(needed, reach, mode="nearest")
        smooth: NDArray[np.float32] = uniform_filter1d(lowest, reach, mode="nearest")
        return smooth


def saturated(audio: Audio, drive: float) -> Audio:
    """A soft clipper at `drive` times the RMS level, of about the same loudness."""
    level = np.sqrt(np.mean(audio**2)) + 1e-9
    return (np.tanh(drive * audio / (4 * level)) * 4 * level / drive).astype(np.float32)


def widened(audio: Audio, width: float) -> Audio:
    """[2, samples]: the difference between the sides `width` times as large; 0 is mono."""
    middle = audio.mean(axis=0)
    return (middle + width * (audio - middle)).astype(np.float32)


def placed(audio: Audio, position: float) -> Audio:
    """[2, samples] from -1, left, to 1, right, at constant power: a mono source wholly, a wide one
    by its balance."""
    angle = (position + 1) * np.pi / 4
    gains = np.sqrt(2) * np.array([np.cos(angle), np.sin(angle)])
    return (audio * gains[:, None]).astype(np.float32)


def delayed(audio: Audio, samples: int, *, side: int) -> Audio:
    """[2, samples]: one side late; it begins with silence."""
    late = audio.copy()
    late[side] = np.pad(audio[side], (samples, 0))[: audio.shape[1]]
    return late


def peaking_filter(frequency: float, *, gain_db: float, quality: float) -> NDArray[np.float64]:
    """One second-order section that raises or lowers a band around `frequency` (cycles a sample).

    R. Bristow-Johnson, Cookbook formulae for audio equalizer biquad filter coefficients.
    """
    amplitude, angle = 10 ** (gain_db / 40), 2 * np.pi * frequency
    alpha, cosine = np.sin(angle) / (2 * quality), np.cos(angle)
    zeros = np.array([1 + alpha * amplitude, -2 * cosine, 1 - alpha * amplitude])
    poles = np.array([1 + alpha / amplitude, -2 * cosine, 1 - alpha / amplitude])
    return np.concatenate((zeros, poles)) / poles[0]
