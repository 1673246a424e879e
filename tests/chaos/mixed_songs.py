"""Short songs as a catalog has them: of several formats, some twice, one in five broken."""

from pathlib import Path

import numpy as np
import soundfile

from tests.pipeline.song_folder import noise

_GOOD = (  # suffix, subtype, rate, channels
    (".wav", "PCM_16", 44100, 2),
    (".flac", "PCM_24", 44100, 2),
    (".wav", "FLOAT", 44100, 1),
    (".ogg", "VORBIS", 44100, 2),
    (".flac", "PCM_16", 22050, 2),
)
_CLAIMS_4_GB = b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes.fromhex(
    "100000000100020044ac000010b102000400100064617461d0ffffff"
)


def _write(path, number, *, keep=1.0, channels=2, subtype="PCM_16", level=0.2):
    soundfile.write(path, noise(6000, channels, seed=number, level=level), 44100, subtype)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])


def _not_a_number(path, number):
    samples = noise(6000, seed=number)
    samples[3000] = np.nan
    soundfile.write(path, samples, 44100, "FLOAT")


_BROKEN = {  # by the end of the name: how it is made, its status and reason
    "empty.wav": (lambda path, _: path.touch(), ("failed", "empty")),
    "text.mp3": (lambda path, _: path.write_text("dear diary\n" * 99), ("failed", "not_audio")),
    "cut.wav": (lambda path, n: _write(path, n, keep=0.6), ("failed", "truncated")),
    "cut.flac": (lambda path, n: _write(path, n, keep=0.6), ("failed", "truncated")),
    "nan.wav": (_not_a_number, ("failed", "non_finite")),
    "surround.wav": (
        lambda path, n: _write(path, n, channels=6),
        ("skipped", "unsupported_channels"),
    ),
    "4gb.wav": (lambda path, _: path.write_bytes(_CLAIMS_4_GB), ("failed", "empty")),
}
DONE = ("done", None)


def write_songs(folder: Path, tracks: int, seed: int) -> dict[str, tuple[str, str | None]]:
    """{name: the status and reason that its row must have}"""
    folder.mkdir()
    outcomes, kinds = {}, list(_BROKEN.items())
    for number in range(tracks):
        if number % 5 == 4:
            name, (make, outcome) = kinds[number // 5 % len(kinds)]
            name = f"{number:04d} {name}"
            make(folder / name, seed + number)
        else:
            suffix, subtype, rate_hz, channels = _GOOD[number % len(_GOOD)]
            name, outcome = f"{number:04d} gut ü{suffix}", DONE
            of = seed + number - 5 * (number % 10 == 5)  # the same bytes as five before
            frames = int(np.random.default_rng(of).integers(500, 15_000))
            soundfile.write(folder / name, noise(frames, channels, seed=of), rate_hz, subtype)
        outcomes[name] = outcome
    return outcomes
