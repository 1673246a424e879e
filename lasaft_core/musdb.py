"""Songs on disk with their stems, in the layout of MUSDB18-HQ.

    ROOT/{train,valid,test}/SONG/{mixture,vocals,drums,bass,other}.wav
    ROOT/{train,valid}/SONG/song.json  what is known of a song that was made; ours. Stems are true
                                       unless it names a network that estimated them
    ROOT/accompaniments/SONG.wav       music without a voice, not taken apart any further: ours

The data set as published has no `valid`: then it is the fourteen songs of `train` that the
package `musdb` and both papers set apart, and `train` is what is left.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from lasaft_core.errors import InvalidOption

Audio = NDArray[np.float32]
TARGETS: Final = ("vocals", "drums", "bass", "other")
SPLITS: Final = ("train", "valid", "test")
FACTS: Final = "song.json"
ESTIMATED_BY: Final = "estimated_by"
_BLOCK_SAMPLES: Final = 1 << 16
VALIDATION_SONGS: Final = (
    "ANiMAL - Rockshow",
    "Actions - One Minute Smile",
    "Alexander Ross - Goodbye Bolero",
    "Clara Berry And Wooldog - Waltz For My Victims",
    "Fergessen - Nos Palpitants",
    "James May - On The Line",
    "Johnny Lokke - Promises & Lies",
    "Leaf - Summerghost",
    "Meaxic - Take A Step",
    "Patrick Talbot - A Reason To Leave",
    "Skelpolu - Human Mistakes",
    "Traffic Experiment - Sirens",
    "Triviul - Angelsaint",
    "Young Griffo - Pennies",
)


@dataclass(frozen=True, slots=True)
class Song:
    """One song's folder; its stems have the same length, rate and two channels. `is_estimated`:
    they are not true, but what a network took them for."""

    folder: Path
    num_samples: int
    sample_rate: int
    is_estimated: bool = False

    @property
    def name(self) -> str:
        return self.folder.name

    def read(self, source: str, start: int = 0, num_samples: int = -1) -> Audio:
        """[num_samples, 2] of a stem or of `mixture`, from sample `start`; -1: to its end.

        Where there is no `mixture.wav` the mixture is the sum of the stems.
        """
        path = _path(self.folder, source)
        if source == "mixture" and not path.exists():
            return np.sum([self.read(t, start, num_samples) for t in TARGETS], axis=0)
        return _read(path, start, num_samples)

    def sounds(self, target: str) -> bool:
        """False where the stem is silent from begin to end."""
        blocks = soundfile.blocks(_path(self.folder, target), _BLOCK_SAMPLES, dtype="float32")
        return any(block.any() for block in blocks)

    def stems(self) -> dict[str, Audio]:
        """{target: [samples, 2]}."""
        return {target: self.read(target) for target in TARGETS}


@dataclass(frozen=True, slots=True)
class Accompaniment:
    """Music without a voice in one stereo file: the sum of drums, bass and other."""

    file: Path
    num_samples: int
    sample_rate: int

    @property
    def name(self) -> str:
        return self.file.stem

    def read(self, start: int = 0, num_samples: int = -1) -> Audio:
        """[num_samples, 2], from sample `start`; -1: to its end."""
        return _read(self.file, start, num_samples)


def find_songs(root: Path, split: str, *, estimated: bool = False) -> list[Song]:
    """The songs of one of `SPLITS`, by name; with `estimated` those as well whose stems are not
    true. Raises InvalidOption, which says what is missing."""
    if split not in SPLITS:
        raise InvalidOption("split", expected=" | ".join(SPLITS), got=split)
    held_out = () if (root / "valid").is_dir() else VALIDATION_SONGS
    folder = root / ("train" if held_out and split == "valid" else split)
    names = _folders(folder)
    if split != "test" and held_out:
        names = [name for name in names if (name in held_out) == (split == "valid")]
    found = [_song(folder / name) for name in names]
    songs = [song for song in found if estimated or not song.is_estimated]
    if not songs:
        got = "no such songs" if folder.is_dir() else f"no folder {split}"
        raise InvalidOption(
            f"data in {root}",
            expected=f"folders {split}/SONG with {', '.join(TARGETS)} as .wav",
            got=f"{len(found)} songs whose stems a network estimated" if found else got,
            remedy="lay songs with true stems out as MUSDB18-HQ does",
        )
    return songs


def find_accompaniments(root: Path) -> list[Accompaniment]:
    """By name; none where there is no such folder. Raises InvalidOption for other than stereo."""
    files = sorted((root / "accompaniments").glob("*.wav"))
    return [Accompaniment(file, *_shape(file)) for file in files]


def _shape(file: Path) -> tuple[int, int]:
    info = soundfile.info(file)
    if info.channels != 2:
        raise InvalidOption(f"accompaniment {file}", expected="two channels", got=info.channels)
    return info.frames, info.samplerate


def _folders(folder: Path) -> list[str]:
    """Names of folders; hidden ones are under way."""
    if not folder.is_dir():
        return []
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _song(folder: Path) -> Song:
    sources = [s for s in ("mixture", *TARGETS) if s != "mixture" or _path(folder, s).exists()]
    try:
        infos = {source: soundfile.info(_path(folder, source)) for source in sources}
    except (soundfile.LibsndfileError, OSError) as error:
        raise InvalidOption(
            f"song {folder}", expected=f"{', '.join(TARGETS)} as .wav", got=str(error)
        ) from error
    shapes = {s: (info.frames, info.channels, info.samplerate) for s, info in infos.items()}
    frames, channels, rate = shapes[TARGETS[0]]
    if channels != 2 or len(set(shapes.values())) > 1:
        raise InvalidOption(
            f"song {folder}", expected="stereo files of one length and rate", got=shapes
        )
    return Song(folder, frames, rate, is_estimated=ESTIMATED_BY in facts_of(folder))


def facts_of(folder: Path) -> dict[str, Any]:
    """What a song's `song.json` says; nothing where there is none. Raises InvalidOption for
    anything but a JSON object."""
    return read_object(folder / FACTS)


def read_object(file: Path) -> dict[str, Any]:
    """Of a JSON file; empty where there is none. Raises InvalidOption for anything else."""
    if not file.exists():
        return {}
    try:
        content = json.loads(file.read_text())
    except ValueError as error:
        content = str(error)
    if not isinstance(content, dict):
        raise InvalidOption(
            str(file),
            expected="a JSON object",
            got=content,
            remedy="remove it, and build anew what it is about",
        )
    return content


def _path(folder: Path, source: str) -> Path:
    return folder / f"{source}.wav"


def _read(path: Path, start: int, num_samples: int) -> Audio:
    return soundfile.read(path, frames=num_samples, start=start, dtype="float32", always_2d=True)[0]
