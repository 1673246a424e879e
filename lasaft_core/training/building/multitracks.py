"""Recorded music as it is: songs whose tracks somebody gave away, summed to the four stems,
recordings of one source, and music without a voice."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import numpy as np

from lasaft_core.audio.reader import open_audio
from lasaft_core.audio.resampling import Resampler
from lasaft_core.errors import InvalidOption
from lasaft_core.musdb import TARGETS
from lasaft_core.training.building.effects import Audio
from lasaft_core.training.building.mixing import produced_dry
from lasaft_core.training.building.score import RATE
from lasaft_core.training.building.songs import BuiltSong
from lasaft_core.training.building.sources import Source

_PEAK = 0.9
LEFT_OUT: Final = "left out"  # of the song, where one track holds two sources


def recorded_song(source: Source, seed: int | None = None) -> BuiltSong:
    """The whole song; its mixture peaks at 0.9. A target without a track is silent. With a seed,
    dry tracks go through effects. Raises InvalidOption where all targets are silent."""
    tracks: dict[str, list[Audio]] = {target: [] for target in TARGETS}
    for file in source.files:
        target = _target(file, source)
        if target != LEFT_OUT:
            tracks[target].append(stereo(file))
    samples = max(len(track) for of_target in tracks.values() for track in of_target)
    stems = {target: np.zeros((samples, 2), np.float32) for target in TARGETS}
    for target, of_target in tracks.items():
        for track in of_target:
            stems[target][: len(track)] += track
    if seed is not None:
        rng = np.random.default_rng(seed)
        stems = {
            target: produced_dry(stem, target, rng) if tracks[target] else stem
            for target, stem in stems.items()
        }
    peak = np.abs(sum(stems.values())).max()
    if not peak > 0:
        raise InvalidOption(
            f"source {source.name}",
            expected="a recording that sounds",
            got="silence",
            remedy="remove it from the sources",
        )
    stems = {target: stem * np.float32(_PEAK / peak) for target, stem in stems.items()}
    return BuiltSong(stems, (source.name,), source.name)


def _target(file: Path, source: Source) -> str:
    for target, patterns in source.stems.items():
        if any(fnmatchcase(file.name, pattern) for pattern in patterns):
            return target
    return "other"


def stereo(file: Path) -> Audio:
    """A recording [samples, 2] at 44.1 kHz; `..._ch0.ogg` has its right channel in `..._ch1`."""
    right = file.with_name(file.name.replace("_ch0", "_ch1"))
    if right != file and right.exists():
        sides = [_decoded(side)[:, 0] for side in (file, right)]
        return np.stack([side[: min(map(len, sides))] for side in sides], axis=1)
    audio = _decoded(file)
    return np.broadcast_to(audio, (len(audio), 2)) if audio.shape[1] == 1 else audio[:, :2]


def _decoded(file: Path) -> Audio:
    """[samples, channels] at 44.1 kHz."""
    with open_audio(file) as reader:
        resampler = Resampler(reader.info.sample_rate, RATE, reader.info.channels)
        blocks = [resampler.push(block) for block in reader.blocks()]
        return np.concatenate((*blocks, resampler.finish()))
