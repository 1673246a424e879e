"""MP3 files behind tags and junk, and with more or less in them than their header counts."""

import struct

import numpy as np
import pytest
from sound_files import (
    id3v2,
    noise,
    read_whole,
    with_xing_frames,
    write_av,
    write_soundfile,
)

from lasaft_core.errors import NotAudio, TruncatedAudio

FRAMES = 60_017
PADDING = 3 * 1152  # of encoder and decoder, where no header tells how much it is

APE_ITEMS = struct.pack("<II", 3, 0) + b"Title\0abc"
APE_ENDS = [
    struct.pack("<8sIIII8x", b"APETAGEX", 2000, len(APE_ITEMS) + 32, 1, flags)
    for flags in (0xA0000000, 0x80000000)
]
APE_IN_FRONT = APE_ENDS[0] + APE_ITEMS + APE_ENDS[1]
LEADS = {
    "APE": APE_IN_FRONT,
    "ID3 and APE": id3v2(500) + APE_IN_FRONT,
    "zeros": bytes(40),
    "ID3 and zeros": id3v2(1000) + bytes(700),
    "text": b"icy-name: some radio\r\n" * 3000,
}


def song(tmp_path, frames=FRAMES, seed=0, rate_hz=44_100):
    path = tmp_path / f"{seed}.mp3"
    write_soundfile(path, noise(frames, seed=seed), "MP3", "MPEG_LAYER_III", rate_hz)
    return path.read_bytes()


@pytest.mark.parametrize("lead", LEADS)
def test_what_stands_in_front_is_no_damage(tmp_path, lead):
    path = tmp_path / "song.mp3"
    mp3 = song(tmp_path)
    path.write_bytes(mp3)
    _, plain = read_whole(path)
    path.write_bytes(LEADS[lead] + mp3)
    np.testing.assert_array_equal(read_whole(path)[1], plain)


@pytest.mark.parametrize("lead", LEADS)
def test_what_stands_in_front_hides_no_damage(tmp_path, lead):
    path = tmp_path / "song.mp3"
    mp3 = song(tmp_path)
    path.write_bytes(LEADS[lead] + mp3[: len(mp3) // 2])
    with pytest.raises(TruncatedAudio):
        read_whole(path)


def test_joined_songs_are_read_to_the_end(tmp_path):
    path = tmp_path / "song.mp3"
    path.write_bytes(song(tmp_path) + id3v2(200_000) + song(tmp_path, 30_000, seed=1))
    _, samples = read_whole(path)
    assert 90_017 <= len(samples) <= 90_017 + 2 * PADDING
    assert np.abs(samples[-20_000:]).mean() > 0.01


def test_two_chance_frames_in_a_large_picture_are_no_audio(tmp_path):
    path = tmp_path / "song.mp3"
    header = b"\xff\xfb\x90\x44"  # of a frame of 417 bytes
    picture = bytes(100_000) + header + bytes(413) + header + bytes(100_000)
    path.write_bytes(song(tmp_path) + picture)
    assert len(read_whole(path)[1]) == FRAMES


def test_a_count_too_small_cuts_nothing_off(tmp_path):
    path = tmp_path / "song.mp3"
    path.write_bytes(with_xing_frames(song(tmp_path), -20))
    _, samples = read_whole(path)
    assert FRAMES <= len(samples) <= FRAMES + PADDING


def test_joined_songs_of_two_rates_are_refused(tmp_path):
    path = tmp_path / "song.mp3"
    path.write_bytes(song(tmp_path) + song(tmp_path, 30_000, seed=1, rate_hz=48_000))
    with pytest.raises(NotAudio, match="several kinds in a row"):
        read_whole(path)


def test_a_file_that_ends_in_the_count_is_truncated(tmp_path):
    path = write_av(tmp_path / "song.mp3", "libmp3lame", noise(FRAMES))
    data = path.read_bytes()
    mark = max(data.find(b"Xing"), data.find(b"Info"))
    for length in (mark + 4, mark + 6, mark + 11):
        path.write_bytes(data[:length])
        with pytest.raises(TruncatedAudio):
            read_whole(path)
