"""Training items: excerpts of songs, mixed as a recipe says.

Each step's batch is drawn from the seed and the step's number alone: whoever asks for step n gets
the same batch, in any process and after any interruption.

Legend: B batch, C channels.
"""

from collections.abc import Sequence

import numpy as np
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
        self.batch_size, self.samples = recipe.batch_size, excerpt_samples(config, recipe)
        self.seed = seed

    def __getitem__(self, step: int) -> Batch:
        """Mixtures [B, 2, samples], wanted sources alike, indices of their targets [B]."""
        rng = np.random.default_rng((self.seed, step))
        items = [self._sources(rng) for _ in range(self.batch_size)]
        targets = self._targets(rng)
        wanted = [
            item[TARGETS.index(self.targets[t])] for item, t in zip(items, targets, strict=True)
        ]
        mixtures = np.stack([item.sum(axis=0) for item in items])
        return (
            torch.from_numpy(mixtures),
            torch.from_numpy(np.stack(wanted)),
            torch.from_numpy(targets),
        )

    def _targets(self, rng: np.random.Generator) -> NDArray[np.int64]:
        if self.mixing.balances_targets:
            first = int(rng.integers(len(self.targets)))
            return (first + np.arange(self.batch_size)) % len(self.targets)
        return rng.integers(len(self.targets), size=self.batch_size)

    def _sources(self, rng: np.random.Generator) -> Audio:
        """[4, 2, samples]."""
        if rng.random() < self.mixing.coherent_share:
            places = [self._place(rng)] * len(TARGETS)
        else:
            places = [self._place(rng) for _ in TARGETS]
        sources = [
            self._source(song, target, start, rng)
            for target, (song, start) in zip(TARGETS, places, strict=True)
        ]
        return np.stack(sources)

    def _place(self, rng: np.random.Generator) -> tuple[Song, int]:
        song = self.songs[int(rng.integers(len(self.songs)))]
        return song, int(rng.integers(max(1, song.num_samples - self.samples)))

    def _source(self, song: Song, target: str, start: int, rng: np.random.Generator) -> Audio:
        """[2, samples]; a song that ends too soon is followed by silence."""
        if rng.random() < self.mixing.silent_share:
            return np.zeros((2, self.samples), np.float32)
        audio = song.read(target, start, self.samples).T
        if self.mixing.augmentation is not None:
            audio = self.mixing.augmentation.apply(audio, rng, song.sample_rate)
        return np.pad(audio, ((0, 0), (0, self.samples - audio.shape[1])))


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
