"""Chunk headers that end too soon, or that count more than a lenient decoder finds."""

import struct

import pytest
from sound_files import noise, read_whole, write_soundfile

from lasaft_core.audio.integrity import inspect_container
from lasaft_core.errors import TrackError, TruncatedAudio

FRAMES = 5000
KINDS = ["WAV", "RF64", "W64", "AIFF", "CAF", "AU", "FLAC", "OGG", "MP3"]


@pytest.mark.parametrize("container", KINDS)
def test_files_that_end_in_their_header_are_named(tmp_path, container):
    """Any other error than a TrackError would be a crash."""
    path = write_soundfile(tmp_path / "song", noise(FRAMES), container, None)
    data = path.read_bytes()
    for length in range(1, 130, 2):
        path.write_bytes(data[:length])
        try:
            inspect_container(path)
        except TrackError:
            continue
    path.write_bytes(data[:100])
    with pytest.raises(TrackError):
        read_whole(path)


@pytest.mark.parametrize("data", [b".snd", b"RF64\xff\xff\xff\xffWAVEds64\x04\0\0\0abcd"])
def test_headers_cut_short_are_truncated(tmp_path, data):
    path = tmp_path / "song"
    path.write_bytes(data)
    with pytest.raises(TruncatedAudio, match="ends inside its header"):
        read_whole(path)


def test_two_data_chunks_are_not_the_second_one_alone(tmp_path):
    """libsndfile refuses the file, and FFmpeg reads the last of them."""
    path = write_soundfile(tmp_path / "song.wav", noise(FRAMES), "WAV", "PCM_16")
    path.write_bytes(path.read_bytes() + b"data" + struct.pack("<I", 4) + b"abcd")
    with pytest.raises(TruncatedAudio, match=f"expected {FRAMES} frames, got 1 frames"):
        read_whole(path)


def aiff_parts(path):
    """All up to the common chunk, that chunk, and the rest."""
    aiff = write_soundfile(path, noise(FRAMES), "AIFF", "PCM_16").read_bytes()
    start = aiff.index(b"COMM")
    end = start + 8 + struct.unpack_from(">I", aiff, start + 4)[0]
    return aiff[:start], bytearray(aiff[start:end]), aiff[end:]


@pytest.mark.parametrize("is_last", [False, True])
def test_aiff_whose_count_promises_more(tmp_path, is_last):
    path = tmp_path / "song.aiff"
    front, common, rest = aiff_parts(path)
    for extra in (0, 1):
        struct.pack_into(">I", common, 10, FRAMES + extra)
        path.write_bytes(front + rest + common if is_last else front + common + rest)
        if not extra:
            assert len(read_whole(path)[1]) == FRAMES
    with pytest.raises(TruncatedAudio, match=f"{FRAMES + 1} frames"):
        read_whole(path)
