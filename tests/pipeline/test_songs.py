"""Songs that must come out whole, and songs that must cost one row and nothing else."""

import numpy as np
import pytest
import soundfile
from song_folder import FRAMES, noise

from lasaft_core.storage import local_path

STRANGE_NAME = 'it\'s "50%25 done" 🎧 ..wav/a..%2F#1?.wav'


@pytest.fixture
def healthy(songs) -> dict[str, tuple[int, int, int]]:
    """Frames, rate and channels by name."""
    songs.put("8k mono.wav", noise(1000, 1), rate_hz=8000)
    songs.put("192k.flac", noise(20_000), rate_hz=192_000, subtype="PCM_24")
    songs.put("short.wav", noise(3))
    songs.put(STRANGE_NAME, noise(seed=3))
    songs.put("loud.wav", noise(level=4.0), subtype="FLOAT")
    return {
        "8k mono.wav": (1000, 8000, 1),
        "192k.flac": (20_000, 192_000, 2),
        "short.wav": (3, 44100, 2),
        STRANGE_NAME: (FRAMES, 44100, 2),
        "loud.wav": (FRAMES, 44100, 2),
    }


def cut(path, *, keep: float):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])


@pytest.fixture
def broken(songs) -> dict[str, tuple[str, str]]:
    """Status and reason by name."""
    (songs.source / "empty.wav").touch()
    (songs.source / "text.wav").write_text("dear diary, today I became a song\n" * 100)
    for name, subtype in {"cut.flac": "PCM_16", "cut.wav": "PCM_16", "cut.ogg": "VORBIS"}.items():
        cut(songs.put(name, noise(20_000), subtype=subtype), keep=0.6)
    cut(songs.put("cut.mp3", noise(60_000), subtype="MPEG_LAYER_III"), keep=0.6)
    songs.put("nan.wav", np.where(noise() > 0.199, np.nan, noise()), subtype="FLOAT")
    songs.put("surround.wav", noise(channels=6))
    failed = dict.fromkeys(("cut.flac", "cut.wav", "cut.ogg", "cut.mp3"), ("failed", "truncated"))
    return failed | {
        "empty.wav": ("failed", "empty"),
        "text.wav": ("failed", "not_audio"),
        "nan.wav": ("failed", "non_finite"),
        "surround.wav": ("skipped", "unsupported_channels"),
    }


def test_healthy_songs_keep_their_length_rate_and_channels(songs, healthy):
    report = songs.run()

    assert (report.done, report.exit_code()) == (len(healthy), 0)
    rows = songs.rows()
    found = {name: (row.frames, row.sample_rate, row.channels) for name, row in rows.items()}
    assert found == healthy
    for name, row in rows.items():
        stem, rate_hz = soundfile.read(local_path(row.stems[0].uri), always_2d=True)
        assert (*stem.shape, rate_hz) == (healthy[name][0], healthy[name][2], healthy[name][1])
        assert np.abs(stem).max() <= 1.0


def test_broken_songs_cost_a_row_each_and_the_run_goes_on(songs, broken):
    songs.put("zz last.wav", noise(seed=9))

    report = songs.run()

    rows = songs.rows()
    assert rows.pop("zz last.wav").status == "done"
    assert {name: (row.status, row.reason) for name, row in rows.items()} == broken
    assert (report.done, report.skipped, report.failed) == (1, 1, 7)
    assert (report.exit_code(), report.exit_code(0.8)) == (1, 0)
    assert len(songs.stems()) == 2, "the one good song's stem and its track.json"


def test_what_is_wrong_is_said_in_one_line(songs, broken):
    report = songs.run()

    assert len(report.failures) == len(broken)
    for failure in report.failures:
        assert failure.message
        assert "\n" not in failure.message
        assert "lasaft-" not in failure.message, "a scratch file's name helps nobody"


def test_skipped_songs_are_left_alone_until_they_are_asked_for(songs):
    songs.put("surround.wav", noise(channels=6))
    songs.run()

    again = songs.run().planned
    assert (again["done"], again["left"]) == (0, 1)
    assert songs.run(force="failed").planned["retry"] == 1
