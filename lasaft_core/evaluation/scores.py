"""One song's scores: of a network, of the mixture as estimate and of the ideal ratio mask.

A network of several targets is measured on them; one of a single target on it and on the
accompaniment, the mixture without it, as both papers and `museval` do.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lasaft_core.evaluation.bsseval import METRICS, BssEval
from lasaft_core.evaluation.ideal_masks import ideal_ratio_masked
from lasaft_core.metrics import sdr_db, si_sdr_db
from lasaft_core.musdb import Song
from lasaft_core.separator import Separator

Audio = NDArray[np.float32]
NETWORK, MIXTURE, IDEAL_MASK = "network", "mixture", "ideal ratio mask"
ACCOMPANIMENT: Final = "accompaniment"
_DECIMALS: Final = 5  # museval keeps as many

Scores = dict[str, dict[str, dict[str, Any]]]
"""estimator -> target -> {"frames": {metric: [dB or None]}, "sdr_db": dB, "si_sdr_db": dB}."""


def score_song(separator: Separator, song: Song, *, overlap: float) -> Scores:
    """Reads and separates a song and measures all estimates; None stands for no number."""
    mixture, stems = song.read("mixture"), song.stems()
    targets = separator.targets
    references = _completed(stems, targets, np.sum(list(stems.values()), axis=0))
    measure = BssEval(np.stack(list(references.values())), song.sample_rate)
    separated = separator.separate(mixture, overlap=overlap)
    scores = {NETWORK: _measured(measure, references, _completed(separated, targets, mixture))}
    scores[MIXTURE] = _measured(measure, references, dict.fromkeys(references, mixture))
    masked = ideal_ratio_masked(mixture, stems)
    scores[IDEAL_MASK] = _measured(measure, references, _completed(masked, targets, mixture))
    return scores


def _completed(
    sources: Mapping[str, Audio], targets: Sequence[str], mixture: Audio
) -> dict[str, Audio]:
    """The targets' sources; a single one gets its accompaniment, the mixture without it."""
    selected = {target: sources[target] for target in targets}
    if len(selected) == 1:
        selected[ACCOMPANIMENT] = mixture - sources[targets[0]]
    return selected


def _measured(
    measure: BssEval, references: dict[str, Audio], estimates: dict[str, Audio]
) -> dict[str, dict[str, Any]]:
    frames = measure(np.stack(list(estimates.values())))  # metrics, sources, frames
    return {
        target: {
            "frames": {
                metric: [_number(value) for value in frames[row, source]]
                for row, metric in enumerate(METRICS)
            },
            "sdr_db": _number(sdr_db(references[target], estimates[target])),
            "si_sdr_db": _number(si_sdr_db(references[target], estimates[target])),
        }
        for source, target in enumerate(references)
    }


def _number(value: float) -> float | None:
    """Infinite and missing decibels are None, which `museval` keeps as NaN."""
    return round(float(value), _DECIMALS) if math.isfinite(value) else None
