"""What is sung: melodies that keep to a score's chords and scale and breathe between, choirs.

Each syllable is a `score.Note`. A motif recurs, as in songs; strong beats prefer chord tones.
"""

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np

from lasaft_core.training.building.score import Note, Score, delayed

_RESTING_BARS = 0.25  # of all phrases
_SHORTEST_SECONDS = 0.1  # of a song's last syllable
_TAKE_SECONDS = 0.015  # deviation between two takes
_STROKES = (1, 1, 1, 2, 4)  # of a choir in a bar
_VOICE_STEP = 4.5  # semitones between a choir's voices


def melody(score: Score, rng: np.random.Generator, *, centre: int) -> list[Note]:
    """Syllables around the pitch `centre`, in order of time, none over another."""
    bar_seconds = _bar_seconds(score)
    motifs = [_rhythm(rng) for _ in range(3)]
    notes: list[Note] = []
    pitch = float(centre)
    for number, (start, chord) in enumerate(score.bars):
        if number % 2 == 0:
            resting = rng.random() < _RESTING_BARS
        if resting:
            continue
        motif = motifs[int(rng.choice([number % 2, number % 2, 2]))]
        for step, length in motif:
            wished = centre + 0.75 * (pitch - centre) + rng.normal(0, 2.8)
            allowed = chord if step % 4 == 0 and rng.random() < 0.7 else score.scale
            pitch = _nearest(wished, allowed)
            begin = start + bar_seconds * step / 16 + rng.normal(0, 0.01)
            seconds = bar_seconds * length / 16 * rng.uniform(0.85, 1.0)
            notes.append(Note(max(0.0, float(begin)), seconds, round(pitch), 100))
    return _apart([note for note in notes if note.start + _SHORTEST_SECONDS < score.seconds])


def second_take(notes: Sequence[Note], rng: np.random.Generator) -> list[Note]:
    """The same syllables as they come a second time: a little early or late."""
    late = rng.normal(0, _TAKE_SECONDS, len(notes))
    return [delayed(note, delay) for note, delay in zip(notes, late, strict=True)]


def choir(score: Score, rng: np.random.Generator, *, centre: int, voices: int) -> list[list[Note]]:
    """Each voice's syllables, the lowest voice first: the chord's tones around `centre`, held for a
    bar or sung again on its beats. All rest together, perhaps for the whole song."""
    strokes = int(rng.choice(_STROKES))
    bar_seconds = _bar_seconds(score)
    heights = centre + _VOICE_STEP * (np.arange(voices) - (voices - 1) / 2)
    lines: list[list[Note]] = [[] for _ in heights]
    for start, chord in score.bars:
        if rng.random() < _RESTING_BARS:
            continue
        begins = [start + stroke * bar_seconds / strokes for stroke in range(strokes)]
        for line, height in zip(lines, heights, strict=True):
            pitch = round(_nearest(height, chord))
            for begin in begins:
                seconds = min(0.97 * bar_seconds / strokes, score.seconds - begin)
                if seconds > _SHORTEST_SECONDS:
                    line.append(Note(begin, seconds, pitch, 90))
    return lines


def _bar_seconds(score: Score) -> float:
    return score.bars[1][0] if len(score.bars) > 1 else score.seconds


def harmony(notes: Sequence[Note], score: Score, *, steps: int) -> list[Note]:
    """The same rhythm, `steps` scale tones away."""
    scale = sorted(score.scale) or list(range(12))
    ladder = [12 * octave + tone for octave in range(11) for tone in scale]
    moved = []
    for note in notes:
        index = int(np.argmin([abs(tone - note.pitch) for tone in ladder])) + steps
        pitch = ladder[min(max(index, 0), len(ladder) - 1)]
        moved.append(Note(note.start, note.seconds, pitch, note.velocity - 20))
    return moved


def _rhythm(rng: np.random.Generator) -> list[tuple[int, int]]:
    """Sixteenths and lengths of one bar's syllables."""
    steps, now = [], int(rng.choice([0, 0, 2, 4]))
    pace = [1, 2, 2, 2, 3, 4] if rng.random() < 0.6 else [2, 4, 4, 6, 8]
    while now < 15:
        length = int(rng.choice(pace))
        steps.append((now, min(length, 16 - now)))
        now += length + int(rng.choice([0, 0, 0, 2]))
    return steps


def _nearest(wished: float, classes: frozenset[int]) -> float:
    candidates = [12 * octave + tone for octave in range(11) for tone in classes or range(12)]
    return float(min(candidates, key=lambda pitch: abs(pitch - wished)))


def _apart(notes: list[Note]) -> list[Note]:
    ordered = sorted(notes, key=lambda note: note.start)
    kept = []
    for note, after in zip_longest(ordered, ordered[1:]):
        end = note.start + note.seconds
        seconds = min(end, after.start) - note.start if after else note.seconds
        if seconds > 0.05:
            kept.append(Note(note.start, seconds, note.pitch, note.velocity))
    return kept
