"""From songs' scores to one figure each: medians over frames, then over songs.

Frames without a number (silent references or estimates) do not count, nor do songs without any,
as `museval` aggregates them.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np

from lasaft_core.evaluation.bsseval import METRICS
from lasaft_core.evaluation.scores import Scores

WHOLE_SONG: Final = ("sdr_db", "si_sdr_db")
Summary = dict[str, dict[str, dict[str, float | None]]]
"""estimator -> target -> {"SDR", "ISR", "SIR", "SAR", "sdr_db", "si_sdr_db", "mean_sdr_db"}."""


def song_figures(scores: Mapping[str, Any]) -> dict[str, float | None]:
    """One target of one song: medians over its frames, and the whole song's figures."""
    frames = {metric: _median(scores["frames"][metric]) for metric in METRICS}
    return {**frames, **{name: scores[name] for name in WHOLE_SONG}}


def summarise(songs: Mapping[str, Scores]) -> Summary:
    """Medians over songs; `mean_sdr_db` is the mean of the whole-song SDR."""
    first = next(iter(songs.values()), {})
    return {
        estimator: {
            target: _over_songs([song_figures(s[estimator][target]) for s in songs.values()])
            for target in targets
        }
        for estimator, targets in first.items()
    }


def _over_songs(figures: list[dict[str, float | None]]) -> dict[str, float | None]:
    medians = {name: _median(song[name] for song in figures) for name in figures[0]}
    known = [song["sdr_db"] for song in figures if song["sdr_db"] is not None]
    return {**medians, "mean_sdr_db": float(np.mean(known)) if known else None}


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None
