"""Training items: excerpts of songs, mixed as a recipe says.

Each step's batch is drawn from the seed and the step's number alone: whoever asks for step n gets
the same batch, in any process and after any interruption.

Legend: B mixtures of a batch, N targets asked of each.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from lasaft_core.errors import InvalidOption
from lasaft_core.models import NetworkConfig
from lasaft_core.musdb import TARGETS, Accompaniment, Song
from lasaft_core.training.recipes import Recipe

Audio = NDArray[np.float32]
Piece = TypeVar("Piece", Song, Accompaniment)
_VOCALS, _OTHER = TARGETS.index("vocals"), TARGETS.index("other")
_DRUMS, _BASS = TARGETS.index("drums"), TARGETS.index("bass")
_SILENT_TOGETHER = ([_DRUMS], [_BASS], [_DRUMS, _BASS])  # of sparse mixtures, one of these


class Batch(NamedTuple):
    """What a step learns from; N targets are asked of each mixture.

    Where a mixture is `joined`, its drums, bass and other are known as their sum alone, which is
    the wanted "other", beside silent drums and bass.
    """

    mixtures: Tensor  # B, 2, samples
    wanted: Tensor  # B * N, 2, samples
    targets: Tensor  # B * N, indices
    joined: Tensor  # B, bool


class Excerpts(Dataset[Batch]):
    """A map from a step's number to its batch. The mixture is the sum of all four sources, also
    where the network has fewer targets. `accompaniments` serve where all four are asked. Raises
    InvalidOption where no song's stems are true."""

    def __init__(
        self,
        songs: Sequence[Song],
        config: NetworkConfig,
        recipe: Recipe,
        *,
        seed: int,
        accompaniments: Sequence[Accompaniment] = (),
    ) -> None:
        self.songs, self.targets, self.mixing = songs, config.targets, recipe.mixing
        asked = len(config.targets) if recipe.mixing.asks_all_targets else 1
        self.num_mixtures = max(1, recipe.batch_size // asked)
        self.samples, self.sample_rate = excerpt_samples(config, recipe), config.sample_rate
        self.seed = seed
        asks_all = recipe.mixing.asks_all_targets and self.targets == TARGETS
        self.accompaniments = accompaniments if asks_all else ()
        are_true = _are_true(songs)
        sounding = np.ones((len(songs), len(TARGETS)), bool)
        if recipe.mixing.draws_sounding:
            sounding = np.array([[song.sounds(target) for target in TARGETS] for song in songs])
        self.chances = self._chances(songs, are_true & (sounding.sum(axis=1) > 1), are_true)
        can_sound = np.ones_like(sounding)
        can_sound[:, _VOCALS] = are_true  # what is estimated are instrumentals
        self.chances_of = {
            target: self._chances(songs, can_sound[:, n] & sounding[:, n], can_sound[:, n])
            for n, target in enumerate(TARGETS)
        }
        self.accompaniment_chances = self._chances(self.accompaniments)

    def _chances(
        self, pieces: Sequence[Song | Accompaniment], *asked: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Of each piece to be drawn; among those that the first of the masks asks for that asks
        for any, or among all."""
        weights = np.ones(len(pieces))
        if self.mixing.weighs_length:
            longest = self.mixing.longest_seconds or math.inf
            weights = np.array([min(p.num_samples / p.sample_rate, longest) for p in pieces])
        weights = weights * next((mask for mask in asked if mask.any()), 1)
        return np.asarray(weights / weights.sum(), np.float64)

    def __getitem__(self, step: int) -> Batch:
        rng = np.random.default_rng((self.seed, step))
        joined = np.zeros(self.num_mixtures, bool)
        if self.accompaniments:
            joined = rng.random(self.num_mixtures) < self.mixing.accompanied_share
        items = [self._item(join, rng) for join in joined]
        targets = self._targets(rng)
        wanted = [
            item[TARGETS.index(self.targets[t])]
            for item, asked in zip(items, targets, strict=True)
            for t in asked
        ]
        return Batch(
            torch.from_numpy(np.stack([item.sum(axis=0) for item in items])),
            torch.from_numpy(np.stack(wanted)),
            torch.from_numpy(targets.ravel()),
            torch.from_numpy(joined),
        )

    def _item(self, joined: bool, rng: np.random.Generator) -> Audio:
        """[4, 2, samples]."""
        sources = self._joined(rng) if joined else self._sources(rng)
        if self.mixing.duet_share and rng.random() < self.mixing.duet_share:
            sources[_VOCALS] += self._any("vocals", rng)
        if self.mixing.voiceless_share and rng.random() < self.mixing.voiceless_share:
            sources[_VOCALS] = 0
        if self.mixing.sparse_share and rng.random() < self.mixing.sparse_share:
            sources[_SILENT_TOGETHER[rng.integers(len(_SILENT_TOGETHER))]] = 0
        mastering = self.mixing.mastering
        if mastering is None:
            return sources
        return mastering.apply(sources, rng, self.sample_rate)

    def _targets(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """[B, N]."""
        if self.mixing.asks_all_targets:
            return np.tile(np.arange(len(self.targets)), (self.num_mixtures, 1))
        return rng.integers(len(self.targets), size=(self.num_mixtures, 1))

    def _sources(self, rng: np.random.Generator) -> Audio:
        """[4, 2, samples]."""
        if rng.random() < self.mixing.coherent_share:
            place = self._place(rng, self.chances)
            return np.stack([self._source(place, target, rng, None) for target in TARGETS])
        return np.stack([self._any(target, rng) for target in TARGETS])

    def _joined(self, rng: np.random.Generator) -> Audio:
        """[4, 2, samples]: any song's voice, and an accompaniment in the place of "other"."""
        sources = np.zeros((len(TARGETS), 2, self.samples), np.float32)
        sources[_VOCALS] = self._any("vocals", rng)
        number = int(rng.choice(len(self.accompaniments), p=self.accompaniment_chances))
        piece = self.accompaniments[number]
        place = _Place(piece, *self._span(piece, rng))
        sources[_OTHER] = self._excerpt(piece.read, place, rng, "accompaniment")
        return sources

    def _any(self, target: str, rng: np.random.Generator) -> Audio:
        """[2, samples] of any song's."""
        return self._source(self._place(rng, self.chances_of[target]), target, rng, target)

    def _place(self, rng: np.random.Generator, chances: NDArray[np.float64]) -> "_Place[Song]":
        song = self.songs[int(rng.choice(len(self.songs), p=chances))]
        return _Place(song, *self._span(song, rng))

    def _span(self, piece: Song | Accompaniment, rng: np.random.Generator) -> tuple[int, int]:
        """First sample and number of samples, at a speed of the recipe's range."""
        length = round(self.samples * rng.uniform(*self.mixing.speed_range))
        return int(rng.integers(max(1, piece.num_samples - length))), length

    def _source(
        self, place: "_Place[Song]", target: str, rng: np.random.Generator, balanced_as: str | None
    ) -> Audio:
        """[2, samples]; now and then silent."""
        if rng.random() < self.mixing.silent_share:
            return np.zeros((2, self.samples), np.float32)
        return self._excerpt(partial(place.piece.read, target), place, rng, balanced_as)

    def _excerpt(
        self,
        read: Callable[[int, int], Audio],
        place: "_Place[Song] | _Place[Accompaniment]",
        rng: np.random.Generator,
        balanced_as: str | None,
    ) -> Audio:
        """[2, samples]; a piece that ends too soon is followed by silence."""
        audio = read(place.start, place.length)
        if place.length != self.samples:
            audio = soxr.resample(audio, place.length, self.samples, quality="MQ")
        audio = audio.T[:, : self.samples]
        if self.mixing.balance is not None and balanced_as is not None:
            audio = self.mixing.balance.apply(audio, balanced_as, rng)
        if self.mixing.augmentation is not None:
            audio = self.mixing.augmentation.apply(audio, rng, self.sample_rate)
        return np.pad(audio, ((0, 0), (0, self.samples - audio.shape[1])))


@dataclass(frozen=True, slots=True)
class _Place(Generic[Piece]):
    """`length` samples of a piece, from `start` on, are played in the time of an item."""

    piece: Piece
    start: int
    length: int


def _are_true(songs: Sequence[Song]) -> NDArray[np.bool_]:
    """Of each song, whether its stems are. Raises InvalidOption where no song's are."""
    are_true = np.array([not song.is_estimated for song in songs], bool)
    if not are_true.any():
        raise InvalidOption(
            "songs to train on",
            expected="some whose stems are true",
            got=f"{len(songs)} whose stems a network estimated" if songs else "none",
            remedy="lay true ones beside them, as `lasaft-stems build-data` makes them",
        )
    return are_true


def as_wanted(estimates: Tensor, joined: Tensor) -> Tensor:
    """Estimates [B * N, ...] in the form of a batch's wanted sources: those of a joined mixture
    have the sum of drums, bass and other in the place of "other"."""
    if not joined.any():
        return estimates
    of_mixtures = estimates.unflatten(0, (len(joined), -1)).clone()  # B, N, ...
    of_mixtures[joined, _OTHER] = of_mixtures[joined, 1:].sum(dim=1)
    of_mixtures[joined, 1:_OTHER] = 0
    return of_mixtures.flatten(0, 1)


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
