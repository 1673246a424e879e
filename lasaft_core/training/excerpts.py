"""Training items: excerpts of songs, mixed as a recipe says.

Each step's batch is drawn from the seed and the step's number alone: whoever asks for step n gets
the same batch, in any process and after any interruption.

Legend: B mixtures of a batch, N targets asked of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from lasaft_core.models import NetworkConfig
from lasaft_core.musdb import TARGETS, Song
from lasaft_core.training.recipes import Recipe

Audio = NDArray[np.float32]
Batch = tuple[Tensor, Tensor, Tensor]


class Excerpts(Dataset[Batch]):
    """A map from a step's number to its batch. The mixture is the sum of all four sources, also
    where the network has fewer targets."""

    def __init__(
        self, songs: Sequence[Song], config: NetworkConfig, recipe: Recipe, *, seed: int
    ) -> None:
        self.songs, self.targets, self.mixing = songs, config.targets, recipe.mixing
        asked = len(config.targets) if recipe.mixing.asks_all_targets else 1
        self.num_mixtures = max(1, recipe.batch_size // asked)
        self.samples = excerpt_samples(config, recipe)
        self.seed = seed
        lengths = np.array([song.num_samples for song in songs], np.float64)
        self.chances = lengths / lengths.sum() if recipe.mixing.weighs_length else None

    def __getitem__(self, step: int) -> Batch:
        """Mixtures [B, 2, samples], wanted sources [B * N, 2, samples] and the indices of their
        targets [B * N]; N are asked of each mixture."""
        rng = np.random.default_rng((self.seed, step))
        items = [self._sources(rng) for _ in range(self.num_mixtures)]
        targets = self._targets(rng)
        wanted = [
            item[TARGETS.index(self.targets[t])]
            for item, asked in zip(items, targets, strict=True)
            for t in asked
        ]
        return (
            torch.from_numpy(np.stack([item.sum(axis=0) for item in items])),
            torch.from_numpy(np.stack(wanted)),
            torch.from_numpy(targets.ravel()),
        )

    def _targets(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """[B, N]."""
        if self.mixing.asks_all_targets:
            return np.tile(np.arange(len(self.targets)), (self.num_mixtures, 1))
        return rng.integers(len(self.targets), size=(self.num_mixtures, 1))

    def _sources(self, rng: np.random.Generator) -> Audio:
        """[4, 2, samples]."""
        if rng.random() < self.mixing.coherent_share:
            places = [self._place(rng)] * len(TARGETS)
        else:
            places = [self._place(rng) for _ in TARGETS]
        sources = [
            self._source(place, target, rng) for target, place in zip(TARGETS, places, strict=True)
        ]
        return np.stack(sources)

    def _place(self, rng: np.random.Generator) -> "_Place":
        song = self.songs[int(rng.choice(len(self.songs), p=self.chances))]
        speed = rng.uniform(*self.mixing.speed_range)
        length = round(self.samples * speed)
        return _Place(song, int(rng.integers(max(1, song.num_samples - length))), length)

    def _source(self, place: "_Place", target: str, rng: np.random.Generator) -> Audio:
        """[2, samples]; a song that ends too soon is followed by silence."""
        if rng.random() < self.mixing.silent_share:
            return np.zeros((2, self.samples), np.float32)
        audio = place.song.read(target, place.start, place.length)
        if place.length != self.samples:
            audio = soxr.resample(audio, place.length, self.samples, quality="MQ")
        audio = audio.T[:, : self.samples]
        if self.mixing.augmentation is not None:
            audio = self.mixing.augmentation.apply(audio, rng, place.song.sample_rate)
        return np.pad(audio, ((0, 0), (0, self.samples - audio.shape[1])))


@dataclass(frozen=True, slots=True)
class _Place:
    """`length` samples of a song, from `start` on, are played in the time of an item."""

    song: Song
    start: int
    length: int


def excerpt_samples(config: NetworkConfig, recipe: Recipe) -> int:
    """Length of an item: the recipe's frames, or a window of the network."""
    frames = recipe.excerpt_frames or config.num_frames
    return config.window_samples + config.hop_samples * (frames - config.num_frames)


def steps_of_epoch(songs: Sequence[Song], config: NetworkConfig, recipe: Recipe) -> int:
    """The recipe's, or as published: as many items as the songs have windows, times the targets."""
    if recipe.epoch_steps is not None:
        return recipe.epoch_steps
    samples = excerpt_samples(config, recipe)
    windows = sum(song.num_samples // samples for song in songs)
    return max(1, windows * len(config.targets) // recipe.batch_size)
