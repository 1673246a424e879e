"""One song from one seed: a score, its players and singers, the mix, and whom to credit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lasaft_core.musdb import TARGETS
from lasaft_core.training.building import mixing
from lasaft_core.training.building.composing import compose
from lasaft_core.training.building.effects import Audio, chopped, ducking, panned
from lasaft_core.training.building.melodies import choir, harmony, melody, second_take
from lasaft_core.training.building.midi_files import duration, read_score
from lasaft_core.training.building.noises import crackle, transitions
from lasaft_core.training.building.players import SYNTHESIS, Orchestra
from lasaft_core.training.building.score import (
    BASS,
    DRUMS,
    GUITARS,
    KICKS,
    OTHER,
    RATE,
    Note,
    Part,
    Score,
    another_take,
)
from lasaft_core.training.building.singing import Singer, Syllable, words_of
from lasaft_core.training.building.sources import MIDI, Source
from lasaft_core.training.instruments import hertz

_FROM_MIDI, _INSTRUMENTAL, _PUMPING = 0.3, 0.08, 0.12  # of all songs
_TRANSITIONS, _CRACKLING = 0.1, 0.02  # of composed songs, of all
_TRANSITIONS_DB, _CRACKLE_PEAK_DB = (-24, 4), (-20, 4)  # mean, deviation; a part's loudness is -20
_TWO_TAKES = 0.35  # of guitars' parts
_PERCUSSION_DB = (-28, 4)  # mean and deviation of its loudness; a kit's is -20
_DOUBLE_SPREAD = 0.1  # deviation of their place between the loudspeakers
_SPOKEN, _AS_RECORDED = 0.12, 0.6  # of voices that speak, of those that sing
_DOUBLED, _HARMONISED = 0.35, 0.35  # of all that are sung anew
_WITH_ONESELF = 0.8  # of harmonies; other singers have other words
_CHOIR, _CHOPPED = 0.1, 0.03  # of composed songs that have a voice
_CHOIR_CENTRES: Final = (52, 66)  # MIDI pitches
_CHOIR_WORDS_SECONDS = 4.0
_CHOP_BEATS: Final = (0.25, 0.25, 0.5)
_HEARD_SAMPLES = 441
_VOICE_CENTRES: Final = (50, 70)  # MIDI pitches, from a bass to a soprano


@dataclass(frozen=True, slots=True)
class BuiltSong:
    """Stems [samples, 2] at 44.1 kHz whose sum is the mixture; `credits` names their sources."""

    stems: dict[str, Audio]
    credits: tuple[str, ...]
    score: str


def build_song(sources: Sequence[Source], seed: int, seconds: float) -> BuiltSong:
    """The same song for the same sources and seed."""
    return _Studio(sources, seed, seconds).song()


class _Studio:
    def __init__(self, sources: Sequence[Source], seed: int, seconds: float) -> None:
        self.rng = np.random.default_rng(seed)
        self.seed, self.seconds, self.samples = seed, seconds, round(seconds * RATE)
        self.orchestra = Orchestra(sources)
        self.midi = [source for source in sources if source.kind == MIDI]
        self.voices = [source for source in sources if source.kind == "voices"]
        self.credits: set[str] = set()
        self.is_composed = True  # or an excerpt of a MIDI file, whose bars and chords are guessed

    def song(self) -> BuiltSong:
        score = self._score()
        stems = {target: np.zeros((self.samples, 2), np.float32) for target in TARGETS}
        for part in score.parts:
            audio, is_double = self._played(part)
            if not audio.any():
                continue
            audio = mixing.at_loudness(audio, -20)
            if part.role == DRUMS:
                audio = mixing.produced_drums(audio, self.rng)
                if part.is_percussion:
                    audio = mixing.at_loudness(audio, self.rng.normal(*_PERCUSSION_DB))
                stems["drums"] += audio
            elif part.role == BASS:
                stems["bass"] += mixing.produced_bass(audio, self.rng)
            else:
                audio = mixing.produced_part(
                    audio,
                    part.program,
                    score.beat_seconds,
                    self.rng,
                    lowest_hertz=float(hertz(min(note.pitch for note in part.notes))),
                    spread=_DOUBLE_SPREAD if is_double else mixing.SPREAD,
                )
                stems["other"] += mixing.at_loudness(audio, self.rng.normal(-20, 4))
        if stems["other"].any():  # noise alone would be made as loud as music
            stems["other"] += self._noises(score)
        if self.rng.random() < _PUMPING:
            self._pump(stems, score)
        if self.voices and self.rng.random() >= _INSTRUMENTAL:
            stems["vocals"] = self._vocals(score)
        stems = mixing.mastered(mixing.balanced(stems, self.rng), self.rng)
        return BuiltSong(stems, tuple(sorted(self.credits)), score.name)

    def _played(self, part: Part) -> tuple[Audio, bool]:
        """Its sound, and whether it is a guitar's two takes on either side."""
        player = self.orchestra.choose(part, self.rng)
        self.credits.add(SYNTHESIS if player is None else player.name)
        audio = self.orchestra.play(part, player, self.samples, self.rng)
        is_guitar = player is not None and part.role == OTHER and part.program in GUITARS
        if not is_guitar or self.rng.random() >= _TWO_TAKES:
            return audio, False
        again = another_take(part, self.rng)
        second = self.orchestra.play(again, player, self.samples, self.rng)
        return mixing.on_both_sides(audio, second, self.rng), True

    def _noises(self, score: Score) -> Audio:
        """Those of the production; silent in most songs."""
        rng, noises = self.rng, np.zeros((self.samples, 2), np.float32)
        if self.is_composed and rng.random() < _TRANSITIONS:
            rises = transitions([start for start, _ in score.bars], self.samples, rng)
            noises += mixing.at_loudness(rises, rng.normal(*_TRANSITIONS_DB))
        if rng.random() < _CRACKLING:
            noises += 10 ** (rng.normal(*_CRACKLE_PEAK_DB) / 20) * crackle(self.samples, rng)
        return noises

    def _pump(self, stems: dict[str, Audio], score: Score) -> None:
        """Basses and others give way to each kick."""
        drums = (part for part in score.parts if part.role == DRUMS)
        kicks = [note.start for part in drums for note in part.notes if note.pitch in KICKS]
        gain = ducking(
            kicks,
            self.samples,
            depth=self.rng.uniform(0.3, 0.9),
            release_seconds=score.beat_seconds * self.rng.uniform(0.15, 0.5),
        )
        for target in (BASS, OTHER):
            stems[target] = stems[target] * gain

    def _score(self) -> Score:
        excerpt = self._excerpt() if self.midi and self.rng.random() < _FROM_MIDI else None
        self.is_composed = excerpt is None
        return compose(self.seed, self.seconds) if excerpt is None else excerpt

    def _excerpt(self) -> Score | None:
        """Of a MIDI file; None of one that is too short, and where all rest."""
        source = self.midi[int(self.rng.integers(len(self.midi)))]
        file = source.files[int(self.rng.integers(len(source.files)))]
        room = duration(file) - self.seconds
        if room <= 0:
            return None
        excerpt = read_score(file, float(self.rng.uniform(0, room)), self.seconds)
        if excerpt is not None:
            self.credits.add(source.name)
        return excerpt

    def _vocals(self, score: Score) -> Audio:
        """A voice that sings anew, or is heard as it was recorded."""
        rng = self.rng
        notes = melody(score, rng, centre=int(rng.integers(*_VOICE_CENTRES)))
        if not notes:
            return np.zeros((self.samples, 2), np.float32)
        singer = self._singer()
        if rng.random() < (_AS_RECORDED if singer.source.sung else _SPOKEN):
            vocals = _stereo(singer.speak(notes, self.samples, rng))
        else:
            vocals = self._sung(singer, notes, score)
        if self.is_composed and rng.random() < _CHOIR:
            vocals += self._choir(score)
        if self.is_composed and rng.random() < _CHOPPED:
            step_seconds = score.beat_seconds * rng.choice(_CHOP_BEATS)
            starts = [n.start for n in notes if _is_heard(vocals, n.start, step_seconds)]
            vocals = chopped(vocals, starts, step_seconds, rng) if starts else vocals
        return mixing.produced_voice(vocals, score.beat_seconds, rng)

    def _sung(self, singer: Singer, notes: Sequence[Note], score: Score) -> Audio:
        """A lead, sometimes doubled on both sides, sometimes with harmonies, its own or others'."""
        rng = self.rng
        words = words_of(singer.source, rng, _seconds_of(notes))
        vocals = self._take(singer, notes, words, position=float(rng.normal(0, 0.08)), gain=1.0)
        if rng.random() < _DOUBLED:
            gain = float(rng.uniform(0.3, 0.8))
            for side in (-1, 1):
                again, aside = second_take(notes, rng), side * rng.uniform(0.4, 1)
                vocals += self._take(singer, again, words, position=aside, gain=gain)
        if rng.random() < _HARMONISED:
            for steps in rng.choice([-3, 2, 4, 7], int(rng.integers(1, 3)), replace=False):
                above = second_take(harmony(notes, score, steps=int(steps)), rng)
                place = float(rng.uniform(-0.8, 0.8))
                if rng.random() < _WITH_ONESELF:
                    vocals += self._take(singer, above, words, position=place, gain=0.5)
                else:
                    other = self._singer()
                    theirs = words_of(other.source, rng, _seconds_of(above))
                    vocals += self._take(other, above, theirs, position=place, gain=0.5)
        return vocals

    def _choir(self, score: Score) -> Audio:
        """Several throats with few words in common, all around; silent where all its bars rest."""
        rng = self.rng
        source = self._singer().source
        voices, centre = int(rng.integers(3, 7)), int(rng.integers(*_CHOIR_CENTRES))
        lines = choir(score, rng, centre=centre, voices=voices)
        heard = np.zeros((self.samples, 2), np.float32)
        if not lines[0]:
            return heard
        words = words_of(source, rng, _CHOIR_WORDS_SECONDS)
        begin = int(rng.integers(len(words)))
        words = words[begin : begin + int(rng.integers(1, 4))]
        gain = rng.uniform(0.4, 1.2) / np.sqrt(voices)
        for line in lines:
            place = float(rng.uniform(-1, 1))
            singer = Singer.random(rng, source)
            heard += self._take(singer, second_take(line, rng), words, position=place, gain=gain)
        return heard

    def _singer(self) -> Singer:
        voice = self.voices[int(self.rng.integers(len(self.voices)))]
        self.credits.add(voice.name)
        return Singer.random(self.rng, voice)

    def _take(
        self,
        singer: Singer,
        notes: Sequence[Note],
        words: Sequence[Syllable],
        *,
        position: float,
        gain: float,
    ) -> Audio:
        sung = singer.sing(notes, words, self.samples, self.rng)
        return panned(_stereo(gain * sung), float(np.clip(position, -1, 1)))


def _is_heard(audio: Audio, start: float, seconds: float) -> bool:
    """At least in the middle of that time."""
    middle = round((start + seconds / 2) * RATE)
    return bool(audio[middle : middle + _HEARD_SAMPLES].any())


def _seconds_of(notes: Sequence[Note]) -> float:
    return sum(note.seconds for note in notes)


def _stereo(mono: NDArray[np.floating]) -> Audio:
    return np.repeat(mono[:, None], 2, axis=1).astype(np.float32)
