"""Recorded voices, sung anew: the WORLD vocoder moves recorded syllables onto a melody.

Speech or song is taken apart into pitch, spectral envelope and aperiodicity every 5 ms (Morise,
Yokomori and Ozawa 2016); voiced stretches become syllables, with the consonant before them. Each
note of a melody takes the next syllable, stretches its vowel, and gets a pitch of its own:
portamento, drift, delayed vibrato. Formants are moved for every singer. Recordings that stop below
20 kHz get the breath above as noise. Speech may also stay speech.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise
from typing import Any, Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lasaft_core.errors import InvalidOption
from lasaft_core.training.building.score import RATE, Note
from lasaft_core.training.building.sources import Source
from lasaft_core.training.instruments import hertz

Frames = NDArray[np.float64]
_FRAME_MS: Final = 5.0
_FRAMES_PER_SECOND: Final = 200
_SHORTEST, _LONGEST_CONSONANT = 14, 26  # frames
_CLIP_SECONDS = 8.0
_SILENCE = 1e-12
_FULL_BAND_HZ, _AIR_SLOPE = 40_000, 5  # of rates; power falls with the fifth power of frequency
_BREATH_SECONDS = 0.4  # between phrases


@dataclass(frozen=True, slots=True)
class Syllable:
    """WORLD's power and aperiodicity [frames, bins]; `consonant` frames keep their pace."""

    envelope: Frames
    aperiodicity: Frames
    consonant: int


@dataclass(frozen=True, slots=True)
class Singer:
    """How one voice sings."""

    source: Source
    formants: float
    vibrato_hz: float
    vibrato_cents: float
    portamento_seconds: float
    breath: float
    drift_cents: float

    @classmethod
    def random(cls, rng: np.random.Generator, source: Source) -> "Singer":
        """From straight to operatic, from a large to a small vocal tract."""
        return cls(
            source=source,
            formants=float(rng.uniform(0.82, 1.2)),
            vibrato_hz=float(rng.uniform(4.5, 6.8)),
            vibrato_cents=float(rng.choice([0, 15, 30, 50, 80])),
            portamento_seconds=float(rng.uniform(0.02, 0.12)),
            breath=float(rng.uniform(0.0, 0.35)),
            drift_cents=float(rng.uniform(5, 25)),
        )

    def sing(
        self,
        notes: Sequence[Note],
        words: Sequence[Syllable],
        num_samples: int,
        rng: np.random.Generator,
    ) -> NDArray[np.float32]:
        """The words in their order, then again; mono [num_samples] at 44.1 kHz."""
        import pyworld  # noqa: PLC0415  an extra

        count = num_samples // (RATE // _FRAMES_PER_SECOND) + 1
        envelope = np.full((count, words[0].envelope.shape[1]), _SILENCE)
        aperiodicity = np.ones_like(envelope)
        for note, syllable in zip(notes, cycle(words), strict=False):
            self._place(syllable, note, envelope, aperiodicity, rng)
        aperiodicity += self.breath * (1 - aperiodicity)
        pitch = self._pitch(notes, count, rng)
        wave = pyworld.synthesize(pitch, envelope, aperiodicity, RATE, _FRAME_MS)[:num_samples]
        sung = np.pad(wave, (0, num_samples - wave.size))
        return (sung / (np.abs(sung).max() + 1e-9)).astype(np.float32)

    def speak(
        self, notes: Sequence[Note], num_samples: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The recordings as they are, over the phrases of `notes`; mono [num_samples]."""
        spoken = np.zeros(num_samples)
        for begin, end in _phrases(notes):
            first, last = round(begin * RATE), min(round(end * RATE), num_samples)
            words = _clip(self.source, rng)[0][: max(0, last - first)]
            ramp = np.minimum(1.0, np.arange(words.size) / 441)
            spoken[first : first + words.size] += words * ramp * ramp[::-1]
        return (spoken / (np.abs(spoken).max() + 1e-9)).astype(np.float32)

    def _place(
        self,
        syllable: Syllable,
        note: Note,
        envelope: Frames,
        aperiodicity: Frames,
        rng: np.random.Generator,
    ) -> None:
        """Lays a syllable over its note's frames, its vowel on the beat."""
        length = max(int(note.seconds * _FRAMES_PER_SECOND), 6)
        vowel = len(syllable.envelope) - syllable.consonant
        stretched = syllable.consonant + np.linspace(0, vowel - 1, length).astype(int)
        rows = np.concatenate((np.arange(syllable.consonant), stretched))
        start = int(note.start * _FRAMES_PER_SECOND) - syllable.consonant
        rows = rows[max(0, -start) :]
        start = max(0, start)
        rows = rows[: max(0, len(envelope) - start)]
        fade = np.minimum(1.0, (np.arange(rows.size)[::-1] + 1) / 8)[:, None] ** 2
        bins = np.arange(envelope.shape[1]) / self.formants
        low = np.minimum(bins.astype(int), envelope.shape[1] - 2)
        share = np.clip(bins - low, 0, 1)
        moved = syllable.envelope[rows]
        moved = (1 - share) * moved[:, low] + share * moved[:, low + 1]
        loudness = 10 ** (rng.normal(0, 2) / 10) * note.velocity / 100
        envelope[start : start + rows.size] = np.maximum(moved * fade * loudness, _SILENCE)
        aperiodicity[start : start + rows.size] = syllable.aperiodicity[rows]

    def _pitch(self, notes: Sequence[Note], count: int, rng: np.random.Generator) -> Frames:
        """Hertz a frame: the notes, smoothed, with drift and late vibrato."""
        pitches = np.full(count, float(notes[0].pitch))
        swell = np.zeros(count)
        for note in notes:
            begin = int(note.start * _FRAMES_PER_SECOND)
            pitches[begin:] = note.pitch
            age = np.arange(count - begin) / _FRAMES_PER_SECOND
            swell[begin:] = np.clip((age - 0.2) / 0.3, 0, 1)
        pitches = gaussian_filter1d(pitches, self.portamento_seconds * _FRAMES_PER_SECOND / 2)
        drift = gaussian_filter1d(rng.standard_normal(count), 25) * 5 * self.drift_cents
        time = np.arange(count) / _FRAMES_PER_SECOND
        vibrato = self.vibrato_cents * swell * np.sin(2 * np.pi * self.vibrato_hz * time)
        return np.asarray(hertz(pitches + (drift + vibrato) / 100), np.float64)


def words_of(source: Source, rng: np.random.Generator, seconds: float) -> list[Syllable]:
    """The syllables of enough recordings for `seconds`, in their order; one at least. Raises
    InvalidOption where the recordings hold no voice."""
    kept: list[Syllable] = []
    analysed, tries = 0.0, 0
    while (analysed < seconds and tries < 40) or not kept:
        clip, rate = _clip(source, rng)
        kept += [_aired(syllable, rate) for syllable in syllables_of(clip)]
        analysed += clip.size / RATE
        tries += 1
        if tries > 200:
            raise InvalidOption(
                f"source {source.name}",
                expected="recordings of a voice",
                got="no voiced sound in 200 clips",
            )
    return kept


def _phrases(notes: Sequence[Note]) -> Iterator[tuple[float, float]]:
    """Begin and end in seconds of the runs of notes without a breath."""
    begin = end = notes[0].start
    for note in notes:
        if note.start - end > _BREATH_SECONDS:
            yield begin, end
            begin = note.start
        end = note.start + note.seconds
    yield begin, end


def _clip(source: Source, rng: np.random.Generator) -> tuple[Frames, int]:
    """Some seconds at 44.1 kHz, and the rate that they were recorded with."""
    file = source.files[int(rng.integers(len(source.files)))]
    audio, rate = soundfile.read(file, dtype="float64", always_2d=True)
    mono = soxr.resample(audio.mean(axis=1), rate, RATE)
    length = int(_CLIP_SECONDS * RATE)
    start = int(rng.integers(0, max(1, mono.size - length)))
    return np.ascontiguousarray(mono[start : start + length]), rate


def _aired(syllable: Syllable, rate: int) -> Syllable:
    """With noise above what a recording at `rate` holds."""
    if rate >= _FULL_BAND_HZ:
        return syllable
    bins = np.linspace(0, RATE / 2, syllable.envelope.shape[1])
    edge = 0.45 * rate
    above = bins > edge
    level = syllable.envelope[:, (bins > 0.8 * edge) & ~above].mean(axis=1, keepdims=True)
    envelope, aperiodicity = syllable.envelope.copy(), syllable.aperiodicity.copy()
    envelope[:, above] = level * (edge / bins[above]) ** _AIR_SLOPE
    aperiodicity[:, above] = 1.0
    return Syllable(envelope, aperiodicity, syllable.consonant)


def syllables_of(audio: Frames) -> list[Syllable]:
    """The syllables of a recording, mono at 44.1 kHz; none of silence or noise."""
    import pyworld  # noqa: PLC0415  an extra

    coarse, times = pyworld.dio(audio, RATE, frame_period=_FRAME_MS)
    pitch = pyworld.stonemask(audio, coarse, times, RATE)
    spans = list(_voiced(pitch))
    if not spans:
        return []
    envelope: Any = pyworld.cheaptrick(audio, pitch, times, RATE)
    aperiodicity: Any = pyworld.d4c(audio, pitch, times, RATE)
    found, last = [], 0
    for begin, end in spans:
        consonant = min(begin - last, _LONGEST_CONSONANT)
        rows = slice(begin - consonant, end)
        power = envelope[begin:end].sum(axis=1).mean()
        found.append(Syllable(envelope[rows] / power, aperiodicity[rows], consonant))
        last = end
    return found


def _voiced(pitch: Frames) -> Iterator[tuple[int, int]]:
    """Runs of voiced frames, long ones halved where speech runs on."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], pitch > 0, [0]))))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        pieces = max(1, int((end - begin) / 60))
        bounds = np.linspace(begin, end, pieces + 1).astype(int)
        for low, high in pairwise(bounds):
            if high - low >= _SHORTEST:
                yield int(low), int(high)
