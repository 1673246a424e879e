"""Files that are small and promise, or hold, more than a machine can take."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

READ = """
import json, sys, tempfile
from pathlib import Path
from lasaft_core import song
from lasaft_core.errors import LasaftError
from ray_actors.attempts import peak_memory_bytes
from tests.bench.memory import IdentitySeparator

source, hours = Path(sys.argv[1]), float(sys.argv[2])
song.MAX_SONG_SECONDS = 3600 * hours
options = song.SongOptions(targets=("vocals",), channels=sys.argv[3])
with tempfile.TemporaryDirectory() as folder:
    before = peak_memory_bytes()
    try:
        done = song.separate_song(IdentitySeparator(44_100), source, Path(folder), options)
        outcome = f"{done.frames} frames"
    except LasaftError as error:
        outcome = type(error).__name__
    grown = peak_memory_bytes() - before
print(json.dumps({"outcome": outcome, "grown_mb": grown / 2**20}))
"""


def read(path: Path, *, hours: float = 12.0, channels: str = "skip") -> str:
    """What becomes of it, within 150 MB above the program itself; scipy is some 40 of them."""
    command = [sys.executable, "-c", READ, str(path), str(hours), channels]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=150)
    facts = json.loads(done.stdout)
    assert facts["grown_mb"] < 150, facts
    return facts["outcome"]


def wav_header(rate_hz: int, channels: int, size: int) -> bytes:
    byte_rate = min(rate_hz * 2 * channels, 0xFFFFFFFF)
    form = struct.pack("<HHIIHH", 1, channels, rate_hz, byte_rate, 2 * channels, 16)
    head = struct.pack("<4sI4s4sI", b"RIFF", min(size + 36, 0xFFFFFFFF), b"WAVE", b"fmt ", 16)
    return head + form + struct.pack("<4sI", b"data", size)


@pytest.mark.parametrize(
    ("size", "outcome"), [(4_000_000_000, "TruncatedAudio"), (0xFFFFFFFF, "EmptySource")]
)
def test_a_wav_of_44_bytes_that_claims_4_gb(tmp_path: Path, size: int, outcome: str) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(wav_header(44_100, 2, size))
    assert path.stat().st_size == 44
    assert read(path) == outcome


def test_a_flac_at_the_format_s_limits(tmp_path: Path) -> None:
    path = tmp_path / "song.flac"
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (655_350, 8))
    soundfile.write(path, noise, 655_350, subtype="PCM_24")
    assert read(path) == "UnsupportedChannels"
    assert read(path, channels="downmix") == "655350 frames"


@pytest.mark.parametrize(("rate_hz", "outcome"), [(1, "TooLong"), (4_000_000_000, "NotAudio")])
def test_rates_that_nobody_records_at(tmp_path: Path, rate_hz: int, outcome: str) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(wav_header(rate_hz, 1, 200_000) + bytes(200_000))
    assert read(path) == outcome


def silence(path: Path, container: str, subtype: str) -> None:
    """Three minutes of it, mono, in place of hours."""
    minute = np.zeros(60 * 8000, np.float32)
    with soundfile.SoundFile(path, "w", 8000, 1, subtype, format=container) as file:
        for _ in range(3):
            file.write(minute)


def silent_m4a(path: Path) -> None:
    with av.open(str(path), "w", format="ipod") as output:
        stream = output.add_stream("aac", rate=8000, layout="mono")
        for _ in range(3):
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, 60 * 8000), np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate = 8000
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def forget_length(path: Path) -> None:
    """The 36 bits of a FLAC's length, 0 for "unknown"."""
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["flac", "flac of unknown length", "ogg", "m4a"])
def test_hours_of_silence_in_a_small_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "song"
    if kind == "m4a":
        silent_m4a(path)
    else:
        silence(path, *(("OGG", "VORBIS") if kind == "ogg" else ("FLAC", "PCM_16")))
    if "unknown" in kind:
        forget_length(path)
    assert path.stat().st_size < 200_000

    assert read(path, hours=0.04) == "TooLong"
    frames, _, unit = read(path, hours=0.06).partition(" ")
    assert unit == "frames"
    assert 0 <= int(frames) - 180 * 8000 <= 2048, "but for what an encoder adds"
