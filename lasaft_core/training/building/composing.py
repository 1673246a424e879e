"""Scores composed from a seed: a style's drums, bass lines and harmony over a chord progression.

Verses and choruses differ in who plays and how densely; nothing here means to please.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lasaft_core.training.building.gestures import gestures
from lasaft_core.training.building.melodies import melody
from lasaft_core.training.building.score import (
    BASS,
    CLAP,
    CYMBALS,
    DRUMS,
    GUITARS,
    KICK,
    LOWEST_STRING,
    OTHER,
    SHAKEN,
    SIDE_STICK,
    SNARE,
    STRUCK,
    TOMS,
    Note,
    Part,
    Score,
    folded,
)
from lasaft_core.training.music import PROGRESSIONS, SCALES

STEPS: Final = 16  # sixteenths of a bar
_PROGRESSIONS: Final = (
    *PROGRESSIONS,
    (0, 3, 0, 4), (3, 4, 2, 5), (0, 0, 3, 4), (5, 4, 3, 4), (0, 2, 3, 4), (0, 6, 3, 0),
)  # fmt: skip
_BARS_PER_SECTION = 4


@dataclass(frozen=True, slots=True)
class Style:
    """Sixteenths on which kick and snare fall, the cymbals' spacing, beats a minute."""

    kick: str
    snare: str
    every: tuple[int, ...]
    beats_per_minute: tuple[float, float]
    swing: float = 0.0


_STYLES: Final = (
    Style("x.......x.x.....", "....x.......x...", (2,), (90, 150)),  # rock
    Style("x..x....x.x.....", "....x.......x...", (2, 1), (84, 124)),  # pop
    Style("x...x...x...x...", "....x.......x...", (4, 2), (112, 132)),  # disco, house
    Style("x.....x...x.....", "....x..x.x..x...", (1, 2), (88, 112)),  # funk
    Style("x.......x.......", "........x.......", (2, 4), (120, 160)),  # half time
    Style("x..x..x...x..x..", "....x.......x..x", (2, 1), (70, 100), 0.2),  # hip hop
    Style("x.........x.....", "....x.......x...", (2, 4), (60, 84)),  # ballad
    Style("x.x...x.x.x...x.", "....x.......x...", (1, 2), (150, 190)),  # metal, punk
    Style("x.....x.x.....x.", "...x..x...x.x...", (2,), (86, 110)),  # latin
    Style("x.......x.......", "....x.......x...", (4,), (96, 140), 0.33),  # shuffle
)
_BASS_PROGRAMS: Final = (32, 33, 33, 34, 34, 35, 36, 37, 38, 39)
_CHORD_PROGRAMS: Final = (0, 1, 2, 4, 5, 7, 16, 17, 18, 21, 24, 25, 26, 27, 28, 29, 30, 48, 50, 61)
_PAD_PROGRAMS: Final = (48, 49, 50, 51, 88, 89, 90, 92, 93, 94, 95, 16, 19)
_LEAD_PROGRAMS: Final = (
    11, 12, 22, 25, 26, 27, 29, 30, 40, 41, 42, 56, 57, 59, 61, 64, 65, 66, 68, 71, 73, 75,
    80, 81, 82, 84, 87, 104, 105,
)  # fmt: skip

# From a bass guitar's lowest string to its upper frets, each span wide enough for an octave above
# any root. Where basses stop below the lowest chord a network tells them by their pitch alone, and
# hears a high bass as a voice or as "other".
_BASS_SPANS: Final = ((28, 51), (28, 51), (28, 51), (33, 56), (37, 60))
_LEFT_HAND_SHARE: Final = 0.3  # of songs
_PERCUSSION_SHARE: Final = 0.4  # of songs
_SOLO_SHARE: Final = 0.4  # of songs
_SOLO_CENTRES: Final = (55, 77)  # MIDI pitches
_SHAKEN_SHARE: Final = 0.5  # of percussion
_LEFT_HANDS: Final = {  # programs of low lines that are no bass, and their lowest pitch
    0: 31, 1: 31, 2: 31, 4: 31, 5: 31, 6: 36, 16: 36, 19: 36,
    26: 40, 27: 40, 42: 36, 48: 36, 57: 40,
}  # fmt: skip
_LOW_LEADS: Final = (25, 26, 27, 29, 30, 42, 57)  # that reach down to a guitar's lowest string
_LOW_KINDS: Final = ("whole", "eighths", "kick", "octaves", "walk", "syncopated", "melodic")
_POWER_CHORD: Final = (0, 4, 7)  # degrees: root, fifth, octave
_FIFTH: Final = 7  # semitones; the diminished one is left out
_POWER_OF_GUITARS, _POWER_OF_OTHERS = 0.5, 0.15  # shares of the parts
_UNBENDING: Final = (*range(22), 23)  # programs of keyboards, mallets and bells
_MOST_GESTURES: Final = {BASS: 0.3, OTHER: 0.9}  # shares of the notes
_STREAM: Final = 1  # the studio draws from the seed itself


def compose(seed: int, seconds: float) -> Score:
    """A score of the given length, drawn from `seed`."""
    return _Composer(np.random.default_rng((seed, _STREAM)), seconds).score(f"composed-{seed}")


class _Composer:
    def __init__(self, rng: np.random.Generator, seconds: float) -> None:
        self.rng, self.seconds = rng, seconds
        self.style = _STYLES[int(rng.integers(len(_STYLES)))]
        self.step = 60 / rng.uniform(*self.style.beats_per_minute) / 4
        self.tonic, mode = int(rng.integers(12)), "major" if rng.random() < 0.5 else "minor"
        self.degrees = [self.tonic + step for step in SCALES[mode]]
        count = int(np.ceil(seconds / (STEPS * self.step)))
        drawn = rng.choice(len(_PROGRESSIONS), 2, replace=False)
        progressions = [_PROGRESSIONS[int(i)] for i in drawn]
        self.sections = [(bar // _BARS_PER_SECTION) % 2 for bar in range(count)]
        self.roots = [progressions[s][bar % 4] for bar, s in enumerate(self.sections)]
        self.jitter, self.loudness = rng.uniform(0.0, 0.012), int(rng.integers(70, 105))
        self.ghosts = rng.uniform(0, 0.15)

    def score(self, name: str) -> Score:
        """All parts, and the harmony for who sings over it."""
        players: list[Callable[[], Part]] = [self._bass, self._chords]
        if self.rng.random() < 0.92:
            players.append(self._drums)
        players += [self._percussion] * int(self.rng.random() < _PERCUSSION_SHARE)
        players += [self._pad] * int(self.rng.random() < 0.5)
        players += [self._chords] * int(self.rng.random() < 0.4)
        players += [self._riff] * int(self.rng.integers(0, 3))
        players += [self._left_hand] * int(self.rng.random() < _LEFT_HAND_SHARE)
        bars = tuple(
            (bar * STEPS * self.step, frozenset(self._pitch(root + k, 0) % 12 for k in (0, 2, 4)))
            for bar, root in enumerate(self.roots)
        )
        scale = frozenset(degree % 12 for degree in self.degrees)
        parts = tuple(part for part in (player() for player in players) if part.notes)
        score = Score(name, self.seconds, 4 * self.step, scale, bars, parts)
        return self._with_solo(score) if self.rng.random() < _SOLO_SHARE else score

    def _with_solo(self, score: Score) -> Score:
        """With an instrument that plays what could be sung. Where melodies are sung and never
        played, a network tells a voice by its tune."""
        notes = [
            replace(note, velocity=int(np.clip(self.loudness + self.rng.normal(0, 8), 20, 127)))
            for note in melody(score, self.rng, centre=int(self.rng.integers(*_SOLO_CENTRES)))
        ]
        solo = self._line(OTHER, int(self.rng.choice(_LEAD_PROGRAMS)), notes)
        return replace(score, parts=(*score.parts, solo)) if notes else score

    def _pitch(self, degree: int, octave: int) -> int:
        return 12 * octave + self.degrees[degree % 7] + 12 * (degree // 7)

    def _octaves_up(self, root: int, lowest: int) -> int:
        """Semitones from a chord's root in octave 0 to the one in the octave above `lowest`."""
        pitch = self._pitch(root, 0)
        return folded(pitch, lowest, lowest + 11) - pitch

    def _note(self, bar: int, step: float, length: float, pitch: int, accent: int = 0) -> Note:
        swung = step + (self.style.swing if round(step) % 4 == 2 else 0.0)
        start = (bar * STEPS + swung) * self.step + self.rng.normal(0, self.jitter)
        velocity = int(np.clip(self.loudness + accent + self.rng.normal(0, 8), 20, 127))
        return Note(max(0.0, float(start)), length * self.step, pitch, velocity)

    def _part(self, role: str, program: int, notes: list[Note]) -> Part:
        kept = [note for note in notes if note.start < self.seconds]
        return Part(role, program, tuple(sorted(kept, key=lambda note: note.start)))

    def _line(self, role: str, program: int, notes: list[Note]) -> Part:
        """A part of one note at a time, played with more or fewer gestures where they can be."""
        part = self._part(role, program, notes)
        if program in _UNBENDING:
            return part
        slides, vibrato = self.rng.uniform(0, _MOST_GESTURES[role], 2)
        bends = gestures(part.notes, self.rng, slide_share=slides, vibrato_share=vibrato)
        return replace(part, bends=bends)

    def _drums(self) -> Part:
        rng, notes = self.rng, list[Note]()
        sticks = int(rng.choice([SNARE, SNARE, SNARE, SIDE_STICK, CLAP]))
        cymbals = [int(rng.choice([42, 42, 44, 51, 46])) for _ in range(2)]
        every = [int(rng.choice(self.style.every)) for _ in range(2)]
        for bar, section in enumerate(self.sections):
            last = STEPS
            if bar % _BARS_PER_SECTION == _BARS_PER_SECTION - 1 and rng.random() < 0.7:
                last -= int(rng.choice([4, 8]))
            if bar % _BARS_PER_SECTION == 0 and rng.random() < 0.6:
                notes.append(self._note(bar, 0, 8, CYMBALS["crash"]))
            notes += self._groove(bar, last, sticks, cymbals[section], every[section])
            notes += self._fill(bar, last)
        return self._part(DRUMS, int(rng.choice([0, 0, 0, 8, 16, 24, 25, 32, 40])), notes)

    def _groove(self, bar: int, last: int, sticks: int, cymbal: int, every: int) -> list[Note]:
        """Kick, snare with ghost notes, and a cymbal every so many steps."""
        rng, notes = self.rng, list[Note]()
        for step in range(last):
            if self.style.kick[step] == "x" or rng.random() < 0.03:
                notes.append(self._note(bar, step, 1, KICK, 12))
            if self.style.snare[step] == "x":
                notes.append(self._note(bar, step, 1, sticks, 15))
            elif rng.random() < self.ghosts:
                notes.append(self._note(bar, step, 1, SNARE, -45))
            if step % every == 0:
                is_open = cymbal == CYMBALS["closed"] and rng.random() < 0.07
                key = CYMBALS["open"] if is_open else cymbal
                notes.append(self._note(bar, step, 1, key, 0 if step % 4 == 0 else -15))
        return notes

    def _fill(self, bar: int, first: int) -> list[Note]:
        """Snare and toms, from high to low, to the bar's end."""
        notes = []
        for step in range(first, STEPS):
            tom = TOMS[::-1][(step - first) * len(TOMS) // (STEPS - first)]
            if self.rng.random() < 0.75:
                key = tom if self.rng.random() < 0.5 else SNARE
                notes.append(self._note(bar, step, 1, key, 8))
        return notes

    def _percussion(self) -> Part:
        """Something shaken all the time, or a pattern of strokes, in one section or both."""
        rng, notes = self.rng, list[Note]()
        if rng.random() < _SHAKEN_SHARE:
            keys, every = [int(rng.choice(SHAKEN))], int(rng.choice([1, 2, 2, 4]))
            hits = list(range(int(rng.integers(every)), STEPS, every))
        else:
            keys = list(STRUCK[int(rng.integers(len(STRUCK)))])
            hits = list(np.flatnonzero(rng.random(STEPS) < rng.uniform(0.15, 0.5)))
        strokes = [(int(hit), int(rng.choice(keys)), 12 * int(rng.random() < 0.3)) for hit in hits]
        silent = int(rng.integers(-2, 2))
        for bar, section in enumerate(self.sections):
            if section != silent:
                notes += [self._note(bar, hit, 1, key, accent) for hit, key, accent in strokes]
        return self._part(DRUMS, 0, notes)

    def _bass(self) -> Part:
        span = _BASS_SPANS[int(self.rng.integers(len(_BASS_SPANS)))]
        return self._line(BASS, int(self.rng.choice(_BASS_PROGRAMS)), self._low_notes(*span))

    def _left_hand(self) -> Part:
        """A second low line that is no bass, as of a pianist, a cello or a trombone."""
        program = int(self.rng.choice(list(_LEFT_HANDS)))
        notes = self._low_notes(_LEFT_HANDS[program], _LEFT_HANDS[program] + 23)
        return self._line(OTHER, program, notes)

    def _low_notes(self, lowest: int, highest: int) -> list[Note]:
        """Roots in the span's lower half, their fifths, octaves and passing notes."""
        notes = list[Note]()
        pattern = [self._low_pattern(), self._low_pattern()]
        for bar, (section, root) in enumerate(zip(self.sections, self.roots, strict=True)):
            up = self._octaves_up(root, lowest)
            for step, length, above in pattern[section]:
                pitch = folded(self._pitch(root + above, 0) + up, lowest, highest)
                notes.append(self._note(bar, step, length, pitch, 5))
        return notes

    def _low_pattern(self) -> list[tuple[int, float, int]]:
        """Steps, lengths in steps, and degrees of the scale above the chord's root."""
        rng = self.rng
        kind = str(rng.choice(_LOW_KINDS))
        if kind == "whole":
            return [(0, 15.5, 0)]
        if kind == "eighths":
            return [(step, 1.8, 0) for step in range(0, STEPS, 2)]
        if kind == "octaves":
            return [(step, 1.5, 7 * (step // 2 % 2)) for step in range(0, STEPS, 2)]
        if kind == "walk":
            return [(0, 3.8, 0), (4, 3.8, 4), (8, 3.8, 7), (12, 3.8, 4)]
        if kind == "melodic":
            above = rng.choice([-3, -1, 0, 2, 3, 4, 6, 7], STEPS // 2)
            return [(2 * n, 1.9, int(a)) for n, a in enumerate(above) if rng.random() < 0.8]
        falls = [step == "x" or (kind != "kick" and rng.random() < 0.3) for step in self.style.kick]
        hits = [step for step in range(STEPS) if falls[step]]
        ends = [*hits[1:], STEPS]
        share, above = rng.uniform(0.5, 0.98), rng.choice([0, 0, 0, 4, 7, 3], len(hits))
        return [
            (hit, (end - hit) * share, int(a))
            for hit, end, a in zip(hits, ends, above, strict=True)
        ]

    def _chords(self) -> Part:
        rng, notes = self.rng, list[Note]()
        octave, program = int(rng.integers(4, 6)), int(rng.choice(_CHORD_PROGRAMS))
        power_share = _POWER_OF_GUITARS if program in GUITARS else _POWER_OF_OTHERS
        is_power, is_seventh = rng.random() < power_share, rng.random() < 0.25
        hits = [
            sorted({0, *np.flatnonzero(rng.random(STEPS) < rng.uniform(0, 0.5))}) for _ in range(2)
        ]
        arpeggio, gate = rng.random() < 0.35, rng.uniform(0.4, 1.0)
        silent = int(rng.integers(-3, 2))
        for bar, (section, root) in enumerate(zip(self.sections, self.roots, strict=True)):
            if section == silent:
                continue
            chord = self._power_chord(root) if is_power else self._chord(root, octave, is_seventh)
            if arpeggio:
                order = (chord + chord[1:-1])[:: 1 if bar % 2 else -1]
                notes += [
                    self._note(bar, s, 2 * gate, order[s // 2 % len(order)])
                    for s in range(0, STEPS, 2)
                ]
                continue
            for hit, end in zip(hits[section], [*hits[section][1:], STEPS], strict=True):
                notes += [self._note(bar, hit, (end - hit) * gate, pitch) for pitch in chord]
        return self._part(OTHER, program, notes)

    def _chord(self, root: int, octave: int, is_seventh: bool) -> list[int]:
        """A triad or a seventh chord, its upper notes below those that would stand out."""
        pitches = [self._pitch(root + k, octave) for k in (0, 2, 4, 6)[: 4 if is_seventh else 3]]
        return [pitch - 12 if pitch > 12 * octave + 19 else pitch for pitch in pitches]

    def _power_chord(self, root: int) -> list[int]:
        """In a guitar's lowest octave."""
        pitches = [self._pitch(root + k, 0) for k in _POWER_CHORD]
        up = self._octaves_up(root, LOWEST_STRING)
        return [p + up for p in pitches if (p - pitches[0]) % 12 in (0, _FIFTH)]

    def _pad(self) -> Part:
        notes, octave = list[Note](), int(self.rng.integers(4, 6))
        for bar, root in enumerate(self.roots):
            chord = [self._pitch(root + k, octave) for k in (0, 2, 4)]
            notes += [self._note(bar, 0, 15.9, pitch, -20) for pitch in chord]
        return self._part(OTHER, int(self.rng.choice(_PAD_PROGRAMS)), notes)

    def _riff(self) -> Part:
        """A motif of one or two bars, moved with the chords, in some sections only."""
        rng, notes = self.rng, list[Note]()
        program = int(rng.choice(_LEAD_PROGRAMS))
        octave = int(rng.integers(3 if program in _LOW_LEADS else 4, 7))
        plays = int(rng.integers(0, 3))
        steps = np.flatnonzero(rng.random(2 * STEPS) < rng.uniform(0.12, 0.4))
        degrees = np.clip(np.cumsum(rng.integers(-2, 3, steps.size)), -4, 8)
        for bar, (section, root) in enumerate(zip(self.sections, self.roots, strict=True)):
            if section == plays:
                continue
            for i in np.flatnonzero(steps // STEPS == bar % 2):
                length = (steps[i + 1] if i + 1 < steps.size else 2 * STEPS) - steps[i]
                pitch = folded(self._pitch(root + int(degrees[i]), octave), LOWEST_STRING, 127)
                notes.append(self._note(bar, int(steps[i]) % STEPS, 0.95 * int(length), pitch))
        return self._line(OTHER, program, notes)
