"""How well a network under training separates the validation songs, whole and in order."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lasaft_core.metrics import sdr_db
from lasaft_core.musdb import Song
from lasaft_core.separator import Separator


@dataclass(frozen=True, slots=True)
class Validation:
    """Per target: mean L1 distance of the waveforms, median over songs of the global SDR in dB."""

    l1: dict[str, float]
    sdr_db: dict[str, float]

    @property
    def mean_l1(self) -> float:
        return float(np.mean(list(self.l1.values())))

    @property
    def mean_sdr_db(self) -> float:
        values = list(self.sdr_db.values())
        return float(np.mean(values)) if values else -math.inf


def validate(separator: Separator, songs: Sequence[Song], seconds: float | None) -> Validation:
    """Separates the middle `seconds` of every song (all of it for None), without overlap.

    A source that is silent there has no SDR and does not count in its median.
    """
    distances: dict[str, list[float]] = {target: [] for target in separator.targets}
    ratios: dict[str, list[float]] = {target: [] for target in separator.targets}
    for song in songs:
        place = _middle(song, seconds)
        estimates = separator.separate(song.read("mixture", *place), overlap=0.0)
        for target, estimate in estimates.items():
            reference = song.read(target, *place)
            distances[target].append(float(np.abs(estimate - reference).mean()))
            if reference.any():
                ratios[target].append(sdr_db(reference, estimate))
    return Validation(
        {target: float(np.mean(values)) for target, values in distances.items()},
        {target: float(np.median(values)) for target, values in ratios.items() if values},
    )


def _middle(song: Song, seconds: float | None) -> tuple[int, int]:
    """First sample and number of samples."""
    length = song.num_samples
    if seconds is not None:
        length = min(length, round(seconds * song.sample_rate))
    return (song.num_samples - length) // 2, length
