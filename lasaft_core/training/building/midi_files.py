"""Standard MIDI files: songs read as scores, parts written for a player.

Channel 10 drums, programs 32 to 39 play bass, all others make "other". Choirs and synthetic
voices (52 to 54, 85, 91) are left out: a network would learn them as accompaniment.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import mido
import numpy as np

from lasaft_core.errors import InvalidOption
from lasaft_core.training.building.score import (
    BASS,
    DRUMS,
    OTHER,
    WHEEL_SEMITONES,
    Bend,
    Note,
    Part,
    Score,
)

VOICE_PROGRAMS: Final = frozenset((52, 53, 54, 85, 91))
_BASS_PROGRAMS: Final = range(32, 40)
_DRUM_CHANNEL: Final = 9
_TICKS_PER_SECOND: Final = 960  # 480 a beat at 120 beats a minute, MIDI's default
_DEFAULT_TEMPO: Final = 500_000
_BEATS_PER_BAR: Final = 4
_OFF, _WHEEL, _ON = "note_off", "pitchwheel", "note_on"
_ORDER: Final = {_OFF: 0, _WHEEL: 1, _ON: 2}  # of what happens at once
_WHEEL_TURN: Final = 8191
_RANGE_OF_WHEEL: Final = {101: 0, 100: 0}  # the registered parameter, by controllers
_DATA_ENTRY: Final = 6


def write_part(path: Path, part: Part, *, stretch: float = 1.0) -> None:
    """A part as a file of one track; times are multiplied by `stretch`. A note ends where the next
    of its pitch begins: the end of the earlier would end both."""
    channel = _DRUM_CHANNEL if part.role == DRUMS else 0
    events = [
        (bend.start, _WHEEL, {"pitch": round(bend.semitones / WHEEL_SEMITONES * _WHEEL_TURN)})
        for bend in part.bends
    ]
    next_start: dict[int, float] = {}
    for note in sorted(part.notes, key=lambda note: note.start, reverse=True):
        pitch = min(max(note.pitch, 0), 127)
        end = min(note.start + note.seconds, next_start.get(pitch, np.inf))
        next_start[pitch] = note.start
        events.append((note.start, _ON, {"note": pitch, "velocity": note.velocity}))
        events.append((end, _OFF, {"note": pitch}))
    track = mido.MidiTrack([mido.Message("program_change", program=part.program, channel=channel)])
    now = 0
    for seconds, kind, values in sorted(events, key=lambda event: (event[0], _ORDER[event[1]])):
        ticks = round(seconds * stretch * _TICKS_PER_SECOND)
        track.append(mido.Message(kind, **values, channel=channel, time=ticks - now))
        now = ticks
    mido.MidiFile(ticks_per_beat=_TICKS_PER_SECOND // 2, tracks=[track]).save(path)


def read_score(path: Path, start: float, seconds: float) -> Score | None:
    """An excerpt as a score; None where all rest. Raises InvalidOption where it is no MIDI."""
    notes, bends, tempo = _read(path)
    parts = []
    for (channel, program), played in sorted(notes.items()):
        excerpt = tuple(
            Note(n.start - start, min(n.seconds, start + seconds - n.start), n.pitch, n.velocity)
            for n in played
            if start <= n.start < start + seconds
        )
        role = _role(channel, program)
        if excerpt and role:
            parts.append(Part(role, program, excerpt, _excerpt(bends[channel], start, seconds)))
    if not parts:
        return None
    beat = tempo / 1e6
    return Score(path.stem, seconds, beat, *_harmony(parts, seconds, beat), tuple(parts))


def duration(path: Path) -> float:
    """Seconds until the last note begins; 0 of a file that can't be read."""
    try:
        notes, *_ = _read(path)
    except InvalidOption:
        return 0.0
    return max((note.start for played in notes.values() for note in played), default=0.0)


def _role(channel: int, program: int) -> str | None:
    if channel == _DRUM_CHANNEL:
        return DRUMS
    if program in VOICE_PROGRAMS:
        return None
    return BASS if program in _BASS_PROGRAMS else OTHER


def _excerpt(bends: Sequence[Bend], start: float, seconds: float) -> tuple[Bend, ...]:
    """Where the wheel stands at the start, and how it moves from there."""
    before = [bend.semitones for bend in bends if bend.start <= start]
    first = [Bend(0.0, before[-1])] if before and before[-1] else []
    inside = [bend for bend in bends if start < bend.start < start + seconds]
    return (*first, *(Bend(bend.start - start, bend.semitones) for bend in inside))


def _read(
    path: Path,
) -> tuple[dict[tuple[int, int], list[Note]], dict[int, list[Bend]], float]:
    """{(channel, program): notes}, {channel: bends}, the commonest tempo in microseconds a beat."""
    wheels: dict[int, _Wheel] = defaultdict(_Wheel)
    notes: dict[tuple[int, int], list[Note]] = defaultdict(list)
    programs: dict[int, int] = defaultdict(int)
    sounding: dict[tuple[int, int], tuple[float, int, int]] = {}
    tempos: Counter[float] = Counter()
    now, tempo = 0.0, float(_DEFAULT_TEMPO)
    for message in _messages(path):
        now += message.time
        tempos[tempo] += int(1000 * message.time)
        if message.type == "set_tempo":
            tempo = float(message.tempo)
        elif message.type == "program_change":
            programs[message.channel] = message.program
        elif message.type == "control_change":
            wheels[message.channel].control(message.control, message.value)
        elif message.type == _WHEEL:
            wheels[message.channel].turn(now, message.pitch)
        elif message.type in (_ON, _OFF):
            key = (message.channel, message.note)
            if key in sounding:
                start, velocity, program = sounding.pop(key)
                held = max(now - start, 0.02)
                notes[key[0], program].append(Note(start, held, key[1], velocity))
            if message.type == _ON and message.velocity:
                sounding[key] = (now, message.velocity, programs[message.channel])
    bends = defaultdict(list, {channel: wheel.bends for channel, wheel in wheels.items()})
    return notes, bends, tempos.most_common(1)[0][0] if tempos else tempo


@dataclass(slots=True)
class _Wheel:
    """A channel's pitch wheel; what turns further than a player's is cut."""

    bends: list[Bend] = field(default_factory=list)
    reach: float = WHEEL_SEMITONES
    chosen: dict[int, int] = field(default_factory=dict)

    def control(self, control: int, value: int) -> None:
        if control in _RANGE_OF_WHEEL:
            self.chosen[control] = value
        elif control == _DATA_ENTRY and self.chosen == _RANGE_OF_WHEEL:
            self.reach = float(value)

    def turn(self, now: float, position: int) -> None:
        semitones = position / _WHEEL_TURN * self.reach
        self.bends.append(Bend(now, float(np.clip(semitones, -WHEEL_SEMITONES, WHEEL_SEMITONES))))


def _messages(path: Path) -> list[Any]:
    try:
        return list(mido.MidiFile(path, clip=True))
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise InvalidOption(f"MIDI file {path}", expected="a MIDI song", got=str(error)) from error


def _harmony(parts: Sequence[Part], seconds: float, beat_seconds: float) -> tuple[Any, Any]:
    """The seven commonest pitch classes, and the three of each bar."""
    bar_seconds = _BEATS_PER_BAR * beat_seconds
    weights = np.zeros((int(np.ceil(seconds / bar_seconds)), 12))
    for part in parts:
        for note in part.notes if part.role != DRUMS else ():
            weights[int(note.start / bar_seconds), note.pitch % 12] += note.seconds + 0.05
    whole = weights.sum(axis=0)
    scale = frozenset(int(p) for p in np.argsort(-whole, kind="stable")[:7])
    bars = []
    for number, weight in enumerate(weights):
        order = np.argsort(-(weight + 1e-3 * whole), kind="stable")[:3]
        bars.append((number * bar_seconds, frozenset(int(p) for p in order)))
    return scale, tuple(bars)
