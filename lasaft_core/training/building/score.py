"""What a song plays: notes in seconds and MIDI pitches, and the harmony that they keep to."""

from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

RATE: Final = 44100  # Hz, of everything that is built
DRUMS, BASS, OTHER = "drums", "bass", "other"
CYMBALS: Final = {"closed": 42, "pedal": 44, "open": 46, "crash": 49, "ride": 51}
KICK, SNARE, SIDE_STICK, CLAP = 36, 38, 37, 39
KICKS: Final = (35, KICK)
TOMS: Final = (41, 45, 48, 50)
SHAKEN: Final = (54, 69, 70, 82)  # tambourine, cabasa, maracas, shaker
STRUCK: Final = (  # instruments of one player: bongos, congas, cowbell, agogos, claves, woodblocks
    (60, 61), (62, 63, 64), (56,), (67, 68), (75,), (76, 77),
)  # fmt: skip
_BY_HAND: Final = {*SHAKEN, *(key for player in STRUCK for key in player)}
GUITARS: Final = range(24, 32)  # General MIDI programs
LOWEST_STRING: Final = 40  # of a guitar
_TAKE_SECONDS, _TAKE_VELOCITY = 0.012, 6.0  # deviations between two takes
WHEEL_SEMITONES: Final = 2.0  # how far MIDI's pitch wheel reaches unless told otherwise


@dataclass(frozen=True, slots=True)
class Note:
    """One note or hit: seconds, General MIDI pitch (percussion key), velocity 1 to 127."""

    start: float
    seconds: float
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Bend:
    """The pitch wheel from `start` (seconds) on, until the next one."""

    start: float
    semitones: float


_Event = TypeVar("_Event", Note, Bend)


@dataclass(frozen=True, slots=True)
class Part:
    """What one player plays; `program` is General MIDI's, from 0, of drums the kit's."""

    role: str
    program: int
    notes: tuple[Note, ...]
    bends: tuple[Bend, ...] = ()

    @property
    def is_percussion(self) -> bool:
        """Struck or shaken by hand, without any piece of a drum kit."""
        keys = {note.pitch for note in self.notes}
        return self.role == DRUMS and bool(keys) and keys <= _BY_HAND

    def bend_at(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Semitones at each of the times."""
        starts = [bend.start for bend in self.bends]
        semitones = np.array([0.0, *(bend.semitones for bend in self.bends)])
        return semitones[np.searchsorted(starts, seconds, side="right")]


@dataclass(frozen=True, slots=True)
class Score:
    """`bars`: of each bar its start in seconds and its chord's pitch classes."""

    name: str
    seconds: float
    beat_seconds: float
    scale: frozenset[int]
    bars: tuple[tuple[float, frozenset[int]], ...]
    parts: tuple[Part, ...]


def delayed(event: _Event, seconds: float) -> _Event:
    """The same note or bend, later or, below 0, earlier; never before the song."""
    return replace(event, start=max(0.0, float(event.start + seconds)))


def another_take(part: Part, rng: np.random.Generator) -> Part:
    """The same notes and their bends, as a player hits them a second time: a little early, late,
    softer or louder."""
    played = sorted(part.notes, key=lambda note: note.start)
    late = rng.normal(0, _TAKE_SECONDS, len(played))
    louder = rng.normal(0, _TAKE_VELOCITY, len(played))
    notes = [
        replace(delayed(note, delay), velocity=int(np.clip(note.velocity + change, 1, 127)))
        for note, delay, change in zip(played, late, louder, strict=True)
    ]
    starts = np.array([note.start for note in played])
    latest = [max(0, int(np.searchsorted(starts, b.start, "right")) - 1) for b in part.bends]
    bends = [delayed(bend, late[n]) for bend, n in zip(part.bends, latest, strict=True)]
    return replace(
        part,
        notes=tuple(sorted(notes, key=lambda note: note.start)),
        bends=tuple(sorted(bends, key=lambda bend: bend.start)),
    )


def folded(pitch: int, lowest: int, highest: int) -> int:
    """By octaves, into a range of at least one."""
    while pitch < lowest:
        pitch += 12
    while pitch > highest:
        pitch -= 12
    return pitch
