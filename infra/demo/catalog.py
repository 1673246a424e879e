"""The demo's catalog: what lies in the bucket, song by song, and where each came from.

Seven different contents, a duplicate and a broken file, more than three minutes in all:
formats, rates, channels, folders and names as a real catalog has them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infra.demo import origins
from infra.demo.containers import Audio, resample, to_peak, write_audio
from infra.demo.origins import Origin

Recording = tuple[Audio, int]  # [samples, channels] and its sample rate

KNOWN_KEY = "the easton ellises/falcon 69 (float).wav"
MENU_KEY = "frets on fire/menu.flac"
DUPLICATE_KEY = "archive/2009/copy of menu.flac"
BROKEN_KEY = "incoming/broken upload.flac"


@dataclass(frozen=True, slots=True)
class Song:
    """One object. `read` takes the directory of the wheels; bytes are stored as they are.

    `kind` and `rate` say how a recording is written, `share` how much of its file is kept.
    """

    key: str
    origin: Origin
    note: str
    read: Callable[[Path], Recording | bytes]
    kind: str = ""
    rate: int = 44_100
    share: float = 1.0

    def write(self, music: Path, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = self.read(music)
        if isinstance(content, bytes):
            path.write_bytes(content)
            return
        audio, rate = content
        audio = resample(audio, rate, self.rate) if rate != self.rate else audio
        tags = {"title": self.origin.title, "artist": self.origin.artist}
        fits = audio if self.kind == "wav-float" else to_peak(audio)
        write_audio(path, fits, self.rate, self.kind, tags)
        if self.share < 1:
            path.write_bytes(path.read_bytes()[: int(path.stat().st_size * self.share)])


def _falcon(_: Path) -> Recording:
    stems, rate = origins.read_falcon_stems()
    return np.sum(list(stems.values()), axis=0, dtype=np.float32), rate


def _lead(music: Path) -> Recording:
    return origins.read_tutorial(music, start_seconds=62, seconds=30)


def _mono(music: Path) -> Recording:
    audio, rate = origins.read_tutorial(music, start_seconds=112, seconds=25)
    return audio.mean(axis=1, keepdims=True), rate


def _day_song(_: Path) -> Recording:
    return origins.render_mix(seed=2026, seconds=20, rate=44_100), 44_100


def _night_song(_: Path) -> Recording:
    return origins.render_mix(seed=1961, seconds=15, rate=44_100), 44_100


def _menu(key: str, note: str, share: float = 1.0) -> Song:
    return Song(key, origins.MENU, note, origins.read_menu, "flac24", 48_000, share)


SONGS = (
    Song(KNOWN_KEY, origins.FALCON_69, "32-bit float, stems known", _falcon, "wav-float"),
    Song("solarwolf/h2.ogg", origins.H2, "80 s", origins.read_theme),
    _menu(MENU_KEY, "24-bit, 48 kHz"),
    Song("frets on fire/tutorial/lead.mp3", origins.TUTORIAL, "nested", _lead, "mp3"),
    Song("frets on fire/tutorial/mono.wav", origins.TUTORIAL, "mono", _mono, "wav16", 22_050),
    Song("generated/seed 2026.m4a", origins.RENDERED, "AAC", _day_song, "m4a", 48_000),
    Song(
        "generated/Ümläut – 夜の歌 🎶.flac",
        origins.RENDERED,
        "96 kHz, unicode name",
        _night_song,
        "flac16",
        96_000,
    ),
    _menu(DUPLICATE_KEY, "the same bytes as menu.flac"),
    _menu(BROKEN_KEY, "cut off at 40 %", share=0.4),
)

SHORT = tuple(s for s in SONGS if s.key in (KNOWN_KEY, MENU_KEY, DUPLICATE_KEY, BROKEN_KEY))


def write_catalog(music: Path, root: Path, songs: Sequence[Song] = SONGS) -> dict[str, Path]:
    """Write every song below `root`: {key: path}. `music` holds the downloaded wheels."""
    paths = {song.key: root / song.key for song in songs}
    for song in songs:
        song.write(music, paths[song.key])
    return paths
