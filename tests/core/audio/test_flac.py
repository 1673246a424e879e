"""FLAC files with more in them than their header counts."""

import pytest
from sound_files import noise, read_whole, with_flac_total, write_soundfile

from lasaft_core.errors import NotAudio

FRAMES = 20_017


@pytest.fixture
def flac(tmp_path):
    return write_soundfile(tmp_path / "song.flac", noise(FRAMES), "FLAC", "PCM_24")


@pytest.mark.parametrize("missing", [1, 10_000])
def test_a_total_too_small_is_refused_not_shortened(flac, missing):
    flac.write_bytes(with_flac_total(flac.read_bytes(), FRAMES - missing))
    with pytest.raises(NotAudio, match=f"expected {FRAMES - missing} frames, got {FRAMES}"):
        read_whole(flac)


def test_joined_songs_are_refused_not_shortened(flac):
    size = flac.stat().st_size
    flac.write_bytes(flac.read_bytes() * 2)
    with pytest.raises(NotAudio, match=f"several songs .* from byte {size}"):
        read_whole(flac)
