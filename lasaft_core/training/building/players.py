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
    KICKS,
    OTHER,
    RATE,
    SHAKEN,
    Note,
    Part,
    folded,
)
from lasaft_core.training.building.sfz_files import repeatable
from lasaft_core.training.building.sources import Source
from lasaft_core.training.instruments import Bass, DrumKit, Keys, SynthBass

Audio = NDArray[np.float32]
Synthesiser = Bass | SynthBass | Keys
SYNTHESIS: Final = "synthesis"
_PIANOS, _REEDS = range(6), range(64, 68)
_FLUIDSYNTH_GAIN = "0.3"  # 0.6 clips
_SECONDS_AT_MOST = 600
_LEAST_SAMPLES: Final = 400
_CLOSED_KEYS = (42, 44)
_CYMBAL_KEYS: Final = (42, 44, 46, 49, 51, 52, 53, 55, 57, 59)
_SYNTHESIS_SHARE: Final = {DRUMS: 0.2, BASS: 0.2, OTHER: 0.15}
_LEAST_WITHIN: Final = 0.9  # of a part's notes
_SYNTH_BASS_SHARE: Final = 0.7  # of synthesised basses
_SAMPLED_SHARE: Final = {DRUMS: 0.5, BASS: 0.7, OTHER: 0.75}


class Orchestra:
    """The players among the given sources."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._of_kind = {
            kind: [source for source in sources if source.kind == kind]
            for kind in ("soundfonts", "kits", "basses", "guitars", "reeds", "keyboards")
        }

    def play(
        self, part: Part, player: Source | None, num_samples: int, rng: np.random.Generator
    ) -> Audio:
        """A part's sound [num_samples, 2] at 44.1 kHz; `player` as `choose` gives it."""
        if player is None:
            return _synthesise(part, num_samples, rng)
        stretch = float(rng.uniform(0.88, 1.14)) if part.role == DRUMS else 1.0
        with tempfile.TemporaryDirectory() as scratch:
            audio = _render(player, part, Path(scratch), stretch)
        if stretch != 1.0:  # played slower and wound forward: another tuning at the same tempo
            audio = soxr.resample(audio, RATE * stretch, RATE)
        return _fitted(audio, num_samples)

    def choose(self, part: Part, rng: np.random.Generator) -> Source | None:
        """Who plays a part, with one of its files; None: nobody, it is synthesised.

        Percussion is left to SoundFonts. Sampled instruments play parts of which most notes lie
        within their range, the few others an octave off. Without a SoundFont they play all.
        """
        fonts = self._of_kind["soundfonts"]
        sampled = self._of_kind[_sampled_kind(part)] if _sampled_kind(part) else []
        if fonts and part.is_percussion:
            return _one_of(fonts, rng)
        if fonts and part.role != DRUMS:
            sampled = [source for source in sampled if _reaches(source, part)]
        drawn = rng.random()
        if drawn < _SYNTHESIS_SHARE[part.role] or not (sampled or fonts):
            return None
        take = sampled if sampled and rng.random() < _SAMPLED_SHARE[part.role] else fonts or sampled
        return _one_of(take, rng)


def _one_of(players: Sequence[Source], rng: np.random.Generator) -> Source:
    """With one of its files."""
    player = players[int(rng.integers(len(players)))]
    return replace(player, files=(player.files[int(rng.integers(len(player.files)))],))


def _reaches(player: Source, part: Part) -> bool:
    within = [player.lowest <= note.pitch <= player.highest for note in part.notes]
    return bool(np.mean(within) >= _LEAST_WITHIN)


def _sampled_kind(part: Part) -> str:
    if part.is_percussion:
        return ""
    if part.role != OTHER:
        return "kits" if part.role == DRUMS else "basses"
    if part.program in GUITARS:
        return "guitars"
    if part.program in _PIANOS:
        return "keyboards"
    return "reeds" if part.program in _REEDS else ""


def _render(player: Source, part: Part, scratch: Path, stretch: float) -> Audio:
    midi, wave = scratch / "part.mid", scratch / "part.wav"
    (file,) = player.files
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
        player = _synthesiser(part, rng)
        sounds = (_sound(player, part, note) for note in part.notes)
    track = np.zeros(num_samples)
    for note, sound in zip(part.notes, sounds, strict=True):
        start = int(note.start * RATE)
        kept = sound[: max(0, num_samples - start)]
        track[start : start + kept.size] += note.velocity / 127 * kept
    return np.repeat(track[:, None], 2, axis=1).astype(np.float32)


def _synthesiser(part: Part, rng: np.random.Generator) -> Synthesiser:
    if part.role != BASS:
        return Keys.random(rng, RATE)
    return (SynthBass if rng.random() < _SYNTH_BASS_SHARE else Bass).random(rng, RATE)


def _sound(player: Synthesiser, part: Part, note: Note) -> NDArray[np.float64]:
    samples = max(int(note.seconds * RATE), _LEAST_SAMPLES)
    if not part.bends:
        return player.note(note.pitch, samples)
    return player.note(note.pitch + part.bend_at(note.start + np.arange(samples) / RATE), samples)


def _hit(kit: DrumKit, key: int, rng: np.random.Generator) -> NDArray[np.float64]:
    if key in KICKS:
        return kit.kick(rng)
    if key in _CYMBAL_KEYS or key in SHAKEN:
        return kit.hat(rng, is_open=key not in (*_CLOSED_KEYS, *SHAKEN))
    return kit.snare(rng)
