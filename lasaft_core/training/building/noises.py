"""Sounds of a production that no score writes: noise that rises to a bar or falls from it, and the
crackle of a record. They are of "other"."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from lasaft_core.training.building.effects import Audio, equalised, following, high_pass, low_pass
from lasaft_core.training.building.score import RATE

_EVERY_BARS: Final = (2, 4, 8)
_LENGTHS_BARS: Final = (1, 1, 2, 4)
_RISES, _FALLS = 0.7, 0.5  # of the bars that have a transition
_LARGEST_CLICK = 4.0  # of the middle one
_ENDS_HERTZ: Final = ((150, 800), (3000, 12000))  # of a noise's path, low and high
_CRACKLES_A_SECOND: Final = (4.0, 40.0)


def transitions(bars: Sequence[float], num_samples: int, rng: np.random.Generator) -> Audio:
    """Noise up to some of the bars and down from some, [num_samples, 2]; `bars` are their starts
    in seconds. Silent by chance, too, and where there are fewer than three."""
    heard = np.zeros((num_samples, 2), np.float32)
    starts = [round(start * RATE) for start in bars if start * RATE < num_samples]
    possible = [every for every in _EVERY_BARS if every < len(starts)]
    if not possible:
        return heard
    every = int(rng.choice(possible))
    length = min(int(rng.choice(_LENGTHS_BARS)), every // 2)  # a rise leaves room for a fall
    is_wide, quality = rng.random() < 0.5, rng.uniform(0.5, 4)
    for number in range(every, len(starts), every):
        here, before = starts[number], starts[number - length]
        if rng.random() < _RISES:
            heard[before:here] += _rising(here - before, quality, is_wide, rng)
        if rng.random() < _FALLS:
            room = heard[here : here + (here - before)]
            room += _rising(len(room), quality, is_wide, rng)[::-1]
    return heard


def crackle(num_samples: int, rng: np.random.Generator) -> Audio:
    """Clicks of all sizes over a little hiss, on each side its own, [num_samples, 2]; peak 1."""
    share = rng.uniform(*_CRACKLES_A_SECOND) / RATE
    clicks = rng.random((num_samples, 2)) < share
    sizes = np.minimum(rng.lognormal(0.0, 1.0, clicks.shape), _LARGEST_CLICK)
    signs = rng.choice([-1, 1], clicks.shape)
    noise = clicks * sizes * signs + 0.003 * rng.standard_normal(clicks.shape)
    band = high_pass(rng.uniform(300, 1500)), low_pass(rng.uniform(4000, 12000))
    heard = equalised(noise.astype(np.float32), *band)
    return heard / np.abs(heard).max()


def _rising(num_samples: int, quality: float, is_wide: bool, rng: np.random.Generator) -> Audio:
    """Louder and higher to its end."""
    sides = rng.standard_normal((num_samples, 2 if is_wide else 1))
    noise = np.broadcast_to(sides, (num_samples, 2)).astype(np.float32)
    low, high = (rng.uniform(*ends) for ends in _ENDS_HERTZ)
    along = np.linspace(0, 1, num_samples)
    swelling = following(noise, low * (high / low) ** along, quality) * along[:, None] ** 2
    return swelling.astype(np.float32)
