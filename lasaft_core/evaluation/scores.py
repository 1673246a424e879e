"""One song's scores: of a network, of the mixture as estimate and of the ideal ratio mask.

A network of several targets is measured on them; one of a single target on it and on the
accompaniment, the mixture without it, as both papers and `museval` do. (For another target than
vocals it is what the other sources make; `museval` would keep the accompaniment of vocals.)
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lasaft_core.errors import EmptySource, NonFiniteAudio
from lasaft_core.evaluation.bsseval import METRICS, BssEval
from lasaft_core.evaluation.ideal_masks import ideal_ratio_masked
from lasaft_core.metrics import sdr_db, si_sdr_db
from lasaft_core.musdb import TARGETS, Song
from lasaft_core.song_stream import SongSeparator

Audio = NDArray[np.float32]
NETWORK, MIXTURE, IDEAL_MASK = "network", "mixture", "ideal ratio mask"
ACCOMPANIMENT: Final = "accompaniment"
_DECIMALS: Final = 5  # museval keeps as many
_BLOCK_SAMPLES: Final = 1 << 18

Scores = dict[str, dict[str, dict[str, Any]]]
"""estimator -> target -> {"frames": {metric: [dB or None]}, "sdr_db": dB, "si_sdr_db": dB}."""


def score_song(separator: SongSeparator, song: Song, *, overlap: float) -> Scores:
    """Reads and separates a song and measures all estimates; None stands for no number.

    Raises EmptySource or NonFiniteAudio.
    """
    mixture, stems = _read(song, ("mixture",))[0], _read(song, TARGETS)
    targets = separator.targets
    references = _selected(stems, targets)
    names = targets if len(targets) > 1 else (*targets, ACCOMPANIMENT)
    measure = BssEval(references, song.sample_rate)
    # Made one after the other, since each is as large as all references.
    estimators: dict[str, Callable[[], Audio]] = {
        NETWORK: lambda: _separated(separator, mixture, overlap),
        MIXTURE: lambda: np.broadcast_to(mixture, references.shape),
        IDEAL_MASK: lambda: _selected(ideal_ratio_masked(mixture, stems), targets),
    }
    return {
        name: _measured(measure, dict(zip(names, references, strict=True)), estimate())
        for name, estimate in estimators.items()
    }


def _read(song: Song, sources: Sequence[str]) -> Audio:
    """[sources, samples, 2]."""
    if not song.num_samples:
        raise EmptySource("no samples")
    audio = np.empty((len(sources), song.num_samples, 2), np.float32)
    for row, source in zip(audio, sources, strict=True):
        row[:] = song.read(source)
        if not np.isfinite(row).all():
            raise NonFiniteAudio(f"{source} is not finite")
    return audio


def _selected(stems: Audio, targets: Sequence[str]) -> Audio:
    """The targets' rows of [TARGETS, samples, 2]; a single one beside the sum of the others."""
    if tuple(targets) == TARGETS:
        return stems
    rows = [TARGETS.index(target) for target in targets]
    if len(rows) > 1:
        return stems[rows]
    return np.stack((stems[rows[0]], np.delete(stems, rows, axis=0).sum(axis=0)))


def _separated(separator: SongSeparator, mixture: Audio, overlap: float) -> Audio:
    """[samples, 2] -> [targets, samples, 2], beside a single target its accompaniment."""
    targets = separator.targets
    estimates = np.empty((max(2, len(targets)), *mixture.shape), np.float32)
    stream, done = separator.stream(targets, overlap=overlap), 0

    def keep(blocks: Any) -> int:
        end = done + len(blocks[targets[0]])
        for row, target in enumerate(targets):
            estimates[row, done:end] = blocks[target]
        return end

    for start in range(0, len(mixture), _BLOCK_SAMPLES):
        done = keep(stream.push(mixture[start : start + _BLOCK_SAMPLES]))
    keep(stream.finish())
    if len(targets) == 1:
        np.subtract(mixture, estimates[0], out=estimates[1])
    return estimates


def _measured(measure: BssEval, references: dict[str, Audio], estimates: Audio) -> dict[str, Any]:
    frames = measure(estimates)  # metrics, sources, frames
    return {
        target: {
            "frames": {
                metric: [_number(value) for value in frames[row, source]]
                for row, metric in enumerate(METRICS)
            },
            "sdr_db": _number(sdr_db(reference, estimates[source])),
            "si_sdr_db": _number(si_sdr_db(reference, estimates[source])),
        }
        for source, (target, reference) in enumerate(references.items())
    }


def _number(value: float) -> float | None:
    """Infinite and missing decibels are None, which `museval` keeps as NaN."""
    return round(float(value), _DECIMALS) if math.isfinite(value) else None
