"""Who plays a part: SoundFonts through FluidSynth, SFZ instruments through sfizz, or synthesis."""

import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from lasaft_core.errors import UsageError
from lasaft_core.training.building.midi_files import write_part
from lasaft_core.training.building.score import (
    BASS,
    DRUMS,
    GUITARS,
    OTHER,
    RATE,
    Note,
    Part,
    folded,
)
from lasaft_core.training.building.sfz_files import repeatable
from lasaft_core.training.building.sources import Source
from lasaft_core.training.instruments import Bass, DrumKit, Keys

Audio = NDArray[np.float32]
SYNTHESIS: Final = "synthesis"
_PIANOS, _REEDS = range(6), range(64, 68)
_FLUIDSYNTH_GAIN = "0.3"  # 0.6 clips
_SECONDS_AT_MOST = 600
_LEAST_SAMPLES: Final = 400
_KICK_KEYS, _CLOSED_KEYS = (35, 36), (42, 44)
_CYMBAL_KEYS: Final = (42, 44, 46, 49, 51, 52, 53, 55, 57, 59)
_SYNTHESIS_SHARE: Final = {DRUMS: 0.2, BASS: 0.2, OTHER: 0.15}
_SAMPLED_SHARE: Final = {DRUMS: 0.5, BASS: 0.7, OTHER: 0.75}


class Orchestra:
    """The players among the given sources."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._of_kind = {
            kind: [source for source in sources if source.kind == kind]
            for kind in ("soundfonts", "kits", "basses", "guitars", "reeds", "keyboards")
        }

    def play(self, part: Part, num_samples: int, rng: np.random.Generator) -> tuple[Audio, str]:
        """A part's sound [num_samples, 2] at 44.1 kHz, and the name of the source that made it."""
        player = self._choose(part, rng)
        if player is None:
            return _synthesise(part, num_samples, rng), SYNTHESIS
        stretch = float(rng.uniform(0.88, 1.14)) if part.role == DRUMS else 1.0
        with tempfile.TemporaryDirectory() as scratch:
            audio = _render(player, part, Path(scratch), rng, stretch)
        if stretch != 1.0:  # played slower and wound forward: another tuning at the same tempo
            audio = soxr.resample(audio, RATE * stretch, RATE)
        return _fitted(audio, num_samples), player.name

    def _choose(self, part: Part, rng: np.random.Generator) -> Source | None:
        sampled = self._of_kind[_sampled_kind(part)] if _sampled_kind(part) else []
        fonts = self._of_kind["soundfonts"]
        drawn = rng.random()
        if drawn < _SYNTHESIS_SHARE[part.role] or not (sampled or fonts):
            return None
        take = sampled if sampled and rng.random() < _SAMPLED_SHARE[part.role] else fonts or sampled
        return take[int(rng.integers(len(take)))]


def _sampled_kind(part: Part) -> str:
    if part.role != OTHER:
        return "kits" if part.role == DRUMS else "basses"
    if part.program in GUITARS:
        return "guitars"
    if part.program in _PIANOS:
        return "keyboards"
    return "reeds" if part.program in _REEDS else ""


def _render(
    player: Source, part: Part, scratch: Path, rng: np.random.Generator, stretch: float
) -> Audio:
    midi, wave = scratch / "part.mid", scratch / "part.wav"
    file = player.files[int(rng.integers(len(player.files)))]
    if player.kind == "soundfonts":
        write_part(midi, part, stretch=stretch)
        command = [
            _program("fluidsynth", scratch),
            "-ni",
            "-q",
            "-R",
            "0",
            "-C",
            "0",
            "-O",
            "float",
        ]
        command += ["-g", _FLUIDSYNTH_GAIN, "-r", str(RATE), "-F", str(wave), str(file), str(midi)]
    else:
        write_part(midi, _folded(part, player), stretch=stretch)
        instrument = scratch / "instrument.sfz"
        instrument.write_text(repeatable(file))
        command = [_program("sfizz_render", scratch), "--sfz", str(instrument), "--midi", str(midi)]
        command += ["--wav", str(wave), "--samplerate", str(RATE)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=_SECONDS_AT_MOST)
    if done.returncode or not wave.exists():
        raise UsageError(
            f"{Path(command[0]).name} could not play {file}: {done.stderr.decode().strip()[-200:]}"
        )
    return soundfile.read(wave, dtype="float32", always_2d=True)[0]


def _program(name: str, scratch: Path) -> str:
    """A program on the path, or the one that pysfizz lays among the modules, not executable."""
    found = shutil.which(name)
    if found is not None:
        return found
    carried = Path(sysconfig.get_path("purelib")) / "bin" / name
    if not carried.exists():
        raise UsageError(
            f"the program {name} is not installed",
            remedy="apt install fluidsynth; pip install 'lasaft-stems[data]'",
        )
    copy = scratch / name
    shutil.copyfile(carried, copy)
    copy.chmod(0o755)
    return str(copy)


def _folded(part: Part, player: Source) -> Part:
    """Notes beyond the samples' range move by octaves."""
    if part.role == DRUMS:
        return part
    lowest, highest = player.lowest, player.highest
    notes = (replace(note, pitch=folded(note.pitch, lowest, highest)) for note in part.notes)
    return replace(part, notes=tuple(notes))


def _fitted(audio: Audio, num_samples: int) -> Audio:
    stereo = audio if audio.shape[1] == 2 else np.repeat(audio[:, :1], 2, axis=1)
    kept = stereo[:num_samples]
    return np.pad(kept, ((0, num_samples - len(kept)), (0, 0))).astype(np.float32)


def _synthesise(part: Part, num_samples: int, rng: np.random.Generator) -> Audio:
    if part.role == DRUMS:
        kit = DrumKit.random(rng, RATE)
        sounds = (_hit(kit, note.pitch, rng) for note in part.notes)
    else:
        player = (Bass if part.role == BASS else Keys).random(rng, RATE)
        sounds = (_sound(player, part, note) for note in part.notes)
    track = np.zeros(num_samples)
    for note, sound in zip(part.notes, sounds, strict=True):
        start = int(note.start * RATE)
        kept = sound[: max(0, num_samples - start)]
        track[start : start + kept.size] += note.velocity / 127 * kept
    return np.repeat(track[:, None], 2, axis=1).astype(np.float32)


def _sound(player: Bass | Keys, part: Part, note: Note) -> NDArray[np.float64]:
    samples = max(int(note.seconds * RATE), _LEAST_SAMPLES)
    if not part.bends:
        return player.note(note.pitch, samples)
    return player.note(note.pitch + part.bend_at(note.start + np.arange(samples) / RATE), samples)


def _hit(kit: DrumKit, key: int, rng: np.random.Generator) -> NDArray[np.float64]:
    if key in _KICK_KEYS:
        return kit.kick(rng)
    if key in _CYMBAL_KEYS:
        return kit.hat(rng, is_open=key not in _CLOSED_KEYS)
    return kit.snare(rng)
