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
_FAINT, _BLOCK = 1e-9, 4410


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
class Balance:
    """Loudness of sources that come from different songs, in dB: before it a lone instrument is
    as loud as a whole band, and how loud it is tells where it is from. Faint ones stay so."""

    vocals: float = -18.0
    drums: float = -20.0
    bass: float = -22.0
    other: float = -20.0
    accompaniment: float = -16.5
    deviation: float = 4.0
    most: float = 15.0

    def apply(self, audio: Audio, name: str, rng: np.random.Generator) -> Audio:
        """[2, samples] of the source of this name -> the same shape."""
        wanted = rng.normal(getattr(self, name), self.deviation)
        return at_loudness(audio, wanted, most_db=self.most)


@dataclass(frozen=True, slots=True)
class Mastering:
    """A limiter and a level for a mixture, the same gain for each of its sources, so that they
    still add up to it. `limiter_share` of the mixtures lose up to `reduction_db` of their peaks;
    the limiter looks ahead as long as it takes to let go. `level_db`: RMS of the mixture; a loss
    that grows with the amplitude hears all mixtures about alike then."""

    level_db: tuple[float, float] = (-20.0, -12.0)
    limiter_share: float = 0.5
    reduction_db: float = 10.0
    look_ahead_seconds: tuple[float, float] = (0.002, 0.05)

    def apply(self, sources: Audio, rng: np.random.Generator, sample_rate: int) -> Audio:
        """[sources, 2, samples] -> the same shape."""
        level = 10 ** (rng.uniform(*self.level_db) / 20)
        mixture = sources.sum(axis=0)
        if rng.random() < self.limiter_share:
            gain = self._limiting(mixture, rng, sample_rate)
            sources, mixture = gain * sources, gain * mixture
        return (level / (_rms(mixture) + _FAINT) * sources).astype(np.float32)

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
    """A soft clipper at `drive` times the RMS level, which stays the same."""
    level = _rms(audio)
    driven = np.tanh(drive * audio / (4 * level + _FAINT))
    return (driven * level / (_rms(driven) + _FAINT)).astype(np.float32)


def loudness_db(audio: Audio) -> float:
    """RMS of [2, samples] in the 100 ms blocks within 30 dB of the loudest; -inf of silence."""
    blocks = audio[:, : audio.shape[1] // _BLOCK * _BLOCK].reshape(2, -1, _BLOCK)
    power = (blocks.astype(np.float64) ** 2).mean(axis=(0, 2))
    loud = power[power > 1e-3 * power.max()] if power.size else power
    return float(10 * np.log10(loud.mean())) if loud.size and loud.mean() > 0 else -np.inf


def at_loudness(audio: Audio, wanted_db: float, *, most_db: float = np.inf) -> Audio:
    """[2, samples] with a gain of at most `most_db` either way; silence stays silent."""
    found_db = loudness_db(audio)
    gain_db = np.clip(wanted_db - found_db, -most_db, most_db) if np.isfinite(found_db) else 0.0
    return (audio * 10 ** (gain_db / 20)).astype(np.float32)


def _rms(audio: Audio) -> float:
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))


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
