"""What a song plays: notes in seconds and MIDI pitches, and the harmony that they keep to."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 44100  # Hz, of everything that is built
DRUMS, BASS, OTHER = "drums", "bass", "other"
CYMBALS: Final = {"closed": 42, "pedal": 44, "open": 46, "crash": 49, "ride": 51}
KICK, SNARE, SIDE_STICK, CLAP = 36, 38, 37, 39
TOMS: Final = (41, 45, 48, 50)
GUITARS: Final = range(24, 32)  # General MIDI programs
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


@dataclass(frozen=True, slots=True)
class Part:
    """What one player plays; `program` is General MIDI's, from 0, of drums the kit's."""

    role: str
    program: int
    notes: tuple[Note, ...]
    bends: tuple[Bend, ...] = ()

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


def folded(pitch: int, lowest: int, highest: int) -> int:
    """By octaves, into a range of at least one."""
    while pitch < lowest:
        pitch += 12
    while pitch > highest:
        pitch -= 12
    return pitch
