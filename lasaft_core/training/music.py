"""Generated songs with known stems: chords, drums, bass, keys and a sung melody.

They share tempo and key, as songs do. All is drawn from one seed, so that a song is the same
everywhere. Not meant to please: meant as material with clean rights for training and tests.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from lasaft_core.musdb import TARGETS
from lasaft_core.training.instruments import VOWELS, Audio, Bass, DrumKit, Keys, Voice

# Semitones above the tonic; degrees of the scale, from 0, that four bars' chords stand on.
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
PROGRESSIONS = ((0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4), (0, 3, 4, 3), (1, 4, 0, 5), (0, 6, 5, 4))
_STEPS_PER_BAR = 16


class Song:
    """One song's tempo, key, chords and players, drawn from a seed."""

    def __init__(self, seed: int, seconds: float, sample_rate: int) -> None:
        self.rng = rng = np.random.default_rng(seed)
        self.rate, self.samples = sample_rate, round(seconds * sample_rate)
        self.step = int(sample_rate * 60 / rng.uniform(76, 150) / 4)  # a sixteenth, in samples
        self.tonic = int(rng.integers(0, 12))
        self.scale = SCALES[str(rng.choice(list(SCALES)))]
        self.chords = PROGRESSIONS[int(rng.integers(len(PROGRESSIONS)))]
        self.num_bars = self.samples // (self.step * _STEPS_PER_BAR) + 1

    def note(self, degree: int, octave: int) -> int:
        """MIDI note of a scale degree; degrees past the scale go up an octave."""
        return 12 * octave + self.tonic + self.scale[degree % 7] + 12 * (degree // 7)

    def bars(self) -> Iterator[tuple[int, int, int]]:
        """Bar number, its first sample, its chord's scale degree."""
        for bar in range(self.num_bars):
            yield bar, bar * self.step * _STEPS_PER_BAR, self.chords[bar % len(self.chords)]

    def add(self, track: NDArray[np.float64], start: int, sound: NDArray[np.float64]) -> None:
        """Adds a mono sound where it still fits into the song."""
        end = min(start + sound.size, self.samples)
        if start < end:
            track[start:end] += sound[: end - start]

    def stereo(self, track: NDArray[np.float64], *, width: float) -> NDArray[np.float64]:
        """Pans at random within `width` (0 to 1) and adds a short room to each side."""
        rng, pan = self.rng, self.rng.uniform(-width, width)
        angle = (pan + 1) * np.pi / 4
        tail = np.exp(-np.arange(int(0.4 * self.rate)) / (self.rate * rng.uniform(0.03, 0.12)))
        wet = rng.uniform(0.02, 0.2) * (0.3 + width)
        sides = []
        for gain in (np.cos(angle), np.sin(angle)):
            room = rng.standard_normal(tail.size) * tail / np.sqrt(np.sum(tail**2))
            sides.append(gain * track + wet * fftconvolve(track, room)[: track.size])
        return np.stack(sides, axis=1)


def render_song(seed: int, seconds: float, sample_rate: int = 44100) -> dict[str, Audio]:
    """Stems of one song: {target: float32 [samples, 2]}; their sum peaks at 0.9."""
    song = Song(seed, seconds, sample_rate)
    tracks = {
        "vocals": song.stereo(_sing(song), width=0.1),
        "drums": _drums(song),
        "bass": song.stereo(_bass_line(song), width=0.05),
        "other": song.stereo(_keys(song), width=0.7) + song.stereo(_arpeggio(song), width=0.7),
    }
    levels_db = dict(zip(TARGETS, song.rng.uniform(-4, 4, len(TARGETS)), strict=True))
    for target, level_db in levels_db.items():
        loudness = np.sqrt(np.mean(tracks[target] ** 2)) + 1e-9
        tracks[target] *= 10 ** (level_db / 20) / loudness
    peak = np.abs(sum(tracks.values())).max() + 1e-9
    return {target: (0.9 / peak * track).astype(np.float32) for target, track in tracks.items()}


def write_song(folder: Path, seed: int, seconds: float) -> None:
    """One song's stems and mixture as 16-bit WAV; the folder appears whole, or is there already."""
    if folder.exists():
        return
    part = folder.with_name(f".{folder.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    stems = render_song(seed, seconds)
    for name, audio in {**stems, "mixture": mixture(stems)}.items():
        soundfile.write(part / f"{name}.wav", audio, 44100, subtype="PCM_16")
    part.replace(folder)


def mixture(stems: dict[str, Audio]) -> Audio:
    """The sum of the stems, float32 [samples, 2]."""
    return np.sum(list(stems.values()), axis=0, dtype=np.float32)


def _drums(song: Song) -> NDArray[np.float64]:
    rng, kit = song.rng, DrumKit.random(song.rng, song.rate)
    kicks = rng.random(_STEPS_PER_BAR) < 0.14
    kicks[[0, 8]] = True
    hat_every = int(rng.choice([1, 2, 2, 4]))
    kick, snare, hat = (np.zeros(song.samples) for _ in range(3))
    for bar, start, _ in song.bars():
        is_fill = bar % 4 == 3
        for step in range(_STEPS_PER_BAR):
            at, velocity = start + step * song.step, rng.uniform(0.6, 1.0)
            if kicks[step]:
                song.add(kick, at, velocity * kit.kick(rng))
            if step in (4, 12) or (is_fill and step > 11 and rng.random() < 0.6):
                song.add(snare, at, velocity * kit.snare(rng))
            if step % hat_every == 0:
                song.add(hat, at, velocity * kit.hat(rng, is_open=rng.random() < 0.08))
    sides = song.stereo(kick, width=0.02) + song.stereo(snare, width=0.15)
    return sides + song.stereo(hat, width=0.5)


def _bass_line(song: Song) -> NDArray[np.float64]:
    rng, bass = song.rng, Bass.random(song.rng, song.rate)
    track = np.zeros(song.samples)
    length = int(rng.choice([2, 2, 4, 8]))
    for _, start, chord in song.bars():
        for step in range(0, _STEPS_PER_BAR, length):
            if rng.random() < 0.12:
                continue
            degree = chord + int(rng.choice([0, 0, 0, 0, 2, 4, 7]))
            sound = bass.note(song.note(degree, 2), int(song.step * length * 0.95))
            song.add(track, start + step * song.step, rng.uniform(0.7, 1.0) * sound)
    return track


def _keys(song: Song) -> NDArray[np.float64]:
    rng, keys = song.rng, Keys.random(song.rng, song.rate)
    track = np.zeros(song.samples)
    length = int(rng.choice([4, 8, 16]))
    for _, start, chord in song.bars():
        for step in range(0, _STEPS_PER_BAR, length):
            for degree in (chord, chord + 2, chord + 4):
                sound = keys.note(song.note(degree, 4), int(song.step * length * 0.98))
                song.add(track, start + step * song.step, sound)
    return track


def _arpeggio(song: Song) -> NDArray[np.float64]:
    rng, keys = song.rng, Keys.random(song.rng, song.rate)
    track = np.zeros(song.samples)
    octave, density = int(rng.integers(5, 7)), rng.uniform(0.2, 0.8)
    for _, start, chord in song.bars():
        for step in range(0, _STEPS_PER_BAR, 2):
            if rng.random() < density:
                degree = chord + 2 * int(rng.integers(0, 4))
                sound = keys.note(song.note(degree, octave), song.step * 2)
                song.add(track, start + step * song.step, 0.7 * sound)
    return track


def _sing(song: Song) -> NDArray[np.float64]:
    rng, voice = song.rng, Voice.random(song.rng, song.rate)
    track = np.zeros(song.samples)
    octave, degree = int(rng.choice([4, 5])), int(rng.integers(0, 7))
    for bar, start, _ in song.bars():
        if bar % 8 in (3, 7) or rng.random() < 0.1:  # phrases breathe
            continue
        step = int(rng.integers(0, 3))
        while step < _STEPS_PER_BAR - 1:
            length = int(rng.choice([1, 2, 2, 3, 4, 6]))
            previous, degree = degree, int(np.clip(degree + rng.integers(-2, 3), -2, 9))
            notes = (song.note(previous, octave), song.note(degree, octave))
            vowel = str(rng.choice(list(VOWELS)))
            sound = voice.note(notes, int(song.step * length * 0.97), vowel, rng)
            song.add(track, start + step * song.step, rng.uniform(0.7, 1.0) * sound)
            step += length + int(rng.random() < 0.2)
    return track
