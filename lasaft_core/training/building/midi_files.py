"""Standard MIDI files: songs read as scores, parts written for a player.

Channel 10 drums, programs 32 to 39 play bass, all others make "other". Choirs and synthetic
voices (52 to 54, 85, 91) are left out: a network would learn them as accompaniment.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import mido
import numpy as np

from lasaft_core.errors import InvalidOption
from lasaft_core.training.building.score import BASS, DRUMS, OTHER, Note, Part, Score

VOICE_PROGRAMS: Final = frozenset((52, 53, 54, 85, 91))
_BASS_PROGRAMS: Final = range(32, 40)
_DRUM_CHANNEL: Final = 9
_TICKS_PER_SECOND: Final = 960  # 480 a beat at 120 beats a minute, MIDI's default
_DEFAULT_TEMPO: Final = 500_000
_BEATS_PER_BAR: Final = 4


def write_part(path: Path, part: Part, *, stretch: float = 1.0) -> None:
    """A part as a file of one track; times are multiplied by `stretch`."""
    channel = _DRUM_CHANNEL if part.role == DRUMS else 0
    events: list[tuple[float, int, int, int]] = []
    for note in part.notes:
        pitch = min(max(note.pitch, 0), 127)
        events.append((note.start * stretch, 1, pitch, note.velocity))
        events.append(((note.start + note.seconds) * stretch, 0, pitch, 0))
    track = mido.MidiTrack([mido.Message("program_change", program=part.program, channel=channel)])
    now = 0
    for seconds, sounds, pitch, velocity in sorted(events):
        ticks = round(seconds * _TICKS_PER_SECOND)
        kind = "note_on" if sounds else "note_off"
        track.append(
            mido.Message(kind, note=pitch, velocity=velocity, channel=channel, time=ticks - now)
        )
        now = ticks
    mido.MidiFile(ticks_per_beat=_TICKS_PER_SECOND // 2, tracks=[track]).save(path)


def read_score(path: Path, start: float, seconds: float) -> Score:
    """An excerpt as a score. Raises InvalidOption of a file that is no MIDI or plays nothing."""
    notes, tempo = _read(path)
    parts = []
    for (channel, program), played in sorted(notes.items()):
        excerpt = tuple(
            Note(n.start - start, min(n.seconds, start + seconds - n.start), n.pitch, n.velocity)
            for n in played
            if start <= n.start < start + seconds
        )
        role = _role(channel, program)
        if excerpt and role:
            parts.append(Part(role, program, excerpt))
    if not parts:
        raise InvalidOption(f"MIDI file {path}", expected="notes", got=f"none after {start:g} s")
    beat = tempo / 1e6
    return Score(path.stem, seconds, beat, *_harmony(parts, seconds, beat), tuple(parts))


def duration(path: Path) -> float:
    """Seconds until the last note begins; 0 of a file that can't be read."""
    try:
        notes, _ = _read(path)
    except InvalidOption:
        return 0.0
    return max((note.start for played in notes.values() for note in played), default=0.0)


def _role(channel: int, program: int) -> str | None:
    if channel == _DRUM_CHANNEL:
        return DRUMS
    if program in VOICE_PROGRAMS:
        return None
    return BASS if program in _BASS_PROGRAMS else OTHER


def _read(path: Path) -> tuple[dict[tuple[int, int], list[Note]], float]:
    """{(channel, program): notes}, and the commonest tempo in microseconds a beat."""
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
        elif message.type in ("note_on", "note_off"):
            key = (message.channel, message.note)
            if key in sounding:
                start, velocity, program = sounding.pop(key)
                held = max(now - start, 0.02)
                notes[key[0], program].append(Note(start, held, key[1], velocity))
            if message.type == "note_on" and message.velocity:
                sounding[key] = (now, message.velocity, programs[message.channel])
    return notes, tempos.most_common(1)[0][0] if tempos else tempo


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
