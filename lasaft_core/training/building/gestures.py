"""What players do with the pitch of a note: slides into it, vibrato on it.

Voices do both all the time. Instruments that never did would teach a network that whatever
glides is a voice.
"""

from itertools import zip_longest
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lasaft_core.training.building.score import WHEEL_SEMITONES, Bend, Note

POINT_SECONDS: Final = 0.01
_LEAST_VIBRATO_SECONDS: Final = 0.35  # shorter notes have none
_VIBRATO_DELAY_SECONDS: Final = (0.1, 0.3)
_VIBRATO_HZ: Final = (4.0, 7.0)
_VIBRATO_SEMITONES: Final = (0.08, 0.5)
_SLIDE_SECONDS: Final = (0.03, 0.15)
_SLIDES: Final = (-2.0, -1.0, -1.0, -0.5, 1.0)  # semitones that a note begins away from its own


def gestures(
    notes: tuple[Note, ...], rng: np.random.Generator, *, slide_share: float, vibrato_share: float
) -> tuple[Bend, ...]:
    """Bends for a line of notes; the wheel rests between them."""
    hz = rng.uniform(*_VIBRATO_HZ)
    semitones = rng.uniform(*_VIBRATO_SEMITONES)
    bends: list[Bend] = []
    for note, ahead in zip_longest(notes, notes[1:]):
        end = note.start + note.seconds
        seconds = (min(end, ahead.start) if ahead else end) - note.start
        times = np.arange(0.0, max(seconds, POINT_SECONDS), POINT_SECONDS)
        curve = np.zeros(len(times))
        if rng.random() < slide_share:
            curve += _slide(times, rng)
        if rng.random() < vibrato_share and seconds >= _LEAST_VIBRATO_SECONDS:
            curve += _vibrato(times, hz, semitones, rng)
        curve = np.clip(curve, -WHEEL_SEMITONES, WHEEL_SEMITONES)
        bends += _points(note.start + times, curve, at_rest=not bends or not bends[-1].semitones)
    return tuple(bends)


def _slide(times: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    left = 1 - times / rng.uniform(*_SLIDE_SECONDS)
    slide: NDArray[np.float64] = float(rng.choice(_SLIDES)) * np.maximum(0.0, left)
    return slide


def _vibrato(
    times: NDArray[np.float64], hz: float, semitones: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    after = times - rng.uniform(*_VIBRATO_DELAY_SECONDS)
    swell = np.clip(after / 0.2, 0.0, 1.0)
    vibrato: NDArray[np.float64] = semitones * swell * np.sin(2 * np.pi * hz * after)
    return vibrato


def _points(times: NDArray[np.float64], curve: NDArray[np.float64], *, at_rest: bool) -> list[Bend]:
    """Only where something changes."""
    before = np.concatenate(([0.0 if at_rest else np.nan], curve[:-1]))
    changes = np.flatnonzero(curve != before)
    return [Bend(float(times[i]), float(curve[i])) for i in changes]
