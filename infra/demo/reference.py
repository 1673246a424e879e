"""How well the song with known stems came apart: SDR of each stem beside the mixture's.

The mixture as estimate is what one has without any separation; an estimate of a target is only
worth its network when it does better.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from infra.demo.origins import read_falcon_stems
from lasaft_core import storage
from lasaft_core.metrics import sdr_db

Audio = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Score:
    """Signal-to-distortion ratios of one target, in dB."""

    target: str
    mixture_db: float
    stem_db: float


def score_known_song(row: Mapping[str, Any]) -> list[Score]:
    """`row` is the table's row of the song; its stems are read back from the store."""
    references, _ = read_falcon_stems()
    mixture: Audio = np.stack(list(references.values())).sum(axis=0, dtype=np.float32)
    gain = 10 ** (-row["common_gain_db"] / 20)
    estimates = {stem["target"]: np.multiply(read_stem(stem["uri"]), gain) for stem in row["stems"]}
    return [
        Score(target, sdr_db(references[target], mixture), sdr_db(references[target], estimate))
        for target, estimate in estimates.items()
        if target in references
    ]


def mean_gain_db(scores: Sequence[Score]) -> float:
    """What separation brought over the mixture, the mean over the targets."""
    return float(np.mean([score.stem_db - score.mixture_db for score in scores]))


def read_stem(uri: str) -> Audio:
    """A stem as the store holds it, [samples, channels]."""
    audio, _ = soundfile.read(io.BytesIO(storage.read_bytes(uri)), dtype="float32", always_2d=True)
    return np.asarray(audio, dtype=np.float32)
