"""Training material: excerpts of generated songs, remixed and augmented.

Songs are rendered once into a folder of float16 arrays [targets, samples, 2] and read by memory
map, so that a run of any length holds no more than its batch.
"""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lasaft_core.training.instruments import Audio
from lasaft_core.training.music import TARGETS, render_song

Songs = list[NDArray[np.float16]]


def render_songs(folder: Path, seeds: range, seconds: float) -> Songs:
    """Renders what is not there yet, then maps all of it: [targets, samples, 2] each."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"song-{seed:04}-{seconds:g}s.npy" for seed in seeds]
    missing = [(p, s, seconds) for p, s in zip(paths, seeds, strict=True) if not p.exists()]
    if missing:
        with ProcessPoolExecutor() as pool:
            list(pool.map(_render_to, missing))
    return [np.load(path, mmap_mode="r") for path in paths]


def _render_to(job: tuple[Path, int, float]) -> None:
    path, seed, seconds = job
    stems = render_song(seed, seconds)
    part = path.with_suffix(".part.npy")
    np.save(part, np.stack([stems[t] for t in TARGETS]).astype(np.float16))
    part.replace(path)


class Excerpts:
    """Draws batches: half of the items are coherent songs, half are remixed across songs."""

    def __init__(self, songs: Songs, samples: int, *, seed: int) -> None:
        self.songs, self.samples = songs, samples
        self.rng = np.random.default_rng(seed)

    def batch(self, size: int) -> tuple[Audio, Audio, NDArray[np.int64]]:
        """Mixtures [size, 2, samples], one target each [size, 2, samples], its index [size].

        Every batch holds all targets alike: batch norms see the conditions of the batch, and
        would otherwise tell the network another story in each.
        """
        stems = np.stack([self._item() for _ in range(size)])  # size, targets, 2, samples
        targets = np.arange(size) % len(TARGETS)
        return stems.sum(axis=1), stems[np.arange(size), targets], targets

    def _item(self) -> Audio:
        if self.rng.random() < 0.5:
            song, start = self._place()
            stems = [song[i, start : start + self.samples] for i in range(len(TARGETS))]
        else:
            places = [self._place() for _ in TARGETS]
            stems = [song[i, at : at + self.samples] for i, (song, at) in enumerate(places)]
        return np.stack([self._augmented(stem.astype(np.float32)) for stem in stems])

    def _place(self) -> tuple[NDArray[np.float16], int]:
        song = self.songs[int(self.rng.integers(len(self.songs)))]
        return song, int(self.rng.integers(0, song.shape[1] - self.samples))

    def _augmented(self, stem: Audio) -> Audio:
        """[samples, 2] -> [2, samples] with random gain, polarity and sides; or silence."""
        if self.rng.random() < 0.08:
            return np.zeros_like(stem.T)
        gain = 10 ** (self.rng.uniform(-7, 5) / 20) * self.rng.choice([-1.0, 1.0])
        sides = stem.T[:: self.rng.choice([-1, 1])]
        return (gain * sides).astype(np.float32)
