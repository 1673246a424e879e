"""Damaged files: the right named error for each, and never a short result without one."""

import struct

import numpy as np
import pytest
from sound_files import (
    noise,
    ogg_pages,
    read_whole,
    with_flac_total,
    with_ogg_fields,
    with_riff_sizes,
    with_xing_frames,
    write_av,
    write_soundfile,
)

from lasaft_core.errors import EmptySource, NonFiniteAudio, NotAudio, TruncatedAudio

FRAMES = 60_017
KINDS = {
    "song.wav": ("WAV", "PCM_16"),
    "24.wav": ("WAVEX", "PCM_24"),
    "rf64.wav": ("RF64", "PCM_16"),
    "song.w64": ("W64", "PCM_16"),
    "song.flac": ("FLAC", "PCM_24"),
    "song.ogg": ("OGG", "VORBIS"),
    "song.mp3": ("MP3", "MPEG_LAYER_III"),
    "song.aiff": ("AIFF", "PCM_16"),
    "song.caf": ("CAF", "PCM_16"),
    "song.au": ("AU", "PCM_16"),
}
AV_KINDS = {
    "av.flac": "flac",
    "av.oga": "flac",
    "av.mp3": "libmp3lame",
    "av.m4a": "aac",
    "av.mka": "flac",
    "av.wv": "wavpack",
}


def whole_file(folder, name):
    if name in KINDS:
        return write_soundfile(folder / name, noise(FRAMES), *KINDS[name])
    return write_av(folder / name, AV_KINDS[name], noise(FRAMES))


def assert_truncated(path, data):
    path.write_bytes(data)
    with pytest.raises(TruncatedAudio) as caught:
        read_whole(path)
    assert "\n" not in str(caught.value)
    assert "expected" in str(caught.value) or "got" in str(caught.value)


@pytest.mark.parametrize("name", [*KINDS, *AV_KINDS])
@pytest.mark.parametrize("keep", ["40 %", "all but 1000 bytes", "all but 1 byte"])
def test_cut_files_are_truncated(tmp_path, name, keep):
    path = whole_file(tmp_path, name)
    data = path.read_bytes()
    length = {"40 %": len(data) * 2 // 5, "all but 1000 bytes": len(data) - 1000}
    assert_truncated(path, data[: length.get(keep, len(data) - 1)])


def test_mpeg4_with_its_index_in_front_is_truncated(tmp_path):
    path = tmp_path / "song.m4a"
    write_av(path, "aac", noise(FRAMES), options={"movflags": "faststart"})
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert_truncated(path, data[: len(data) // 2])


def test_wav_whose_sizes_promise_more(tmp_path):
    path = whole_file(tmp_path, "song.wav")
    wav = path.read_bytes()
    size = struct.unpack_from("<I", wav, 4)[0]
    assert_truncated(path, with_riff_sizes(wav, riff_size=size + 1000))
    assert_truncated(path, with_riff_sizes(wav, data_size=size + 1000))


@pytest.mark.parametrize("extra", [1, 1000, 10**10])
def test_flac_whose_total_promises_more(tmp_path, extra):
    path = whole_file(tmp_path, "song.flac")
    assert_truncated(path, with_flac_total(path.read_bytes(), FRAMES + extra))


def test_flac_with_a_damaged_middle(tmp_path):
    path = whole_file(tmp_path, "song.flac")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    assert_truncated(path, bytes(data))


@pytest.mark.parametrize("name", ["song.mp3", "av.mp3"])
@pytest.mark.parametrize("extra", [1, 100])
def test_mp3_whose_count_promises_more(tmp_path, name, extra):
    path = whole_file(tmp_path, name)
    assert_truncated(path, with_xing_frames(path.read_bytes(), extra))


def test_mp3_without_a_count_that_breaks_off_in_a_frame(tmp_path):
    path = write_av(tmp_path / "a.mp3", "libmp3lame", noise(FRAMES), options={"write_xing": "0"})
    data = path.read_bytes()
    assert_truncated(path, data[: len(data) // 2 + 5])


def test_ogg_without_an_end_mark(tmp_path):
    path = whole_file(tmp_path, "song.ogg")
    *pages, _ = ogg_pages(path.read_bytes())
    assert_truncated(path, b"".join(pages))


def test_ogg_whose_last_granule_promises_more(tmp_path):
    path = whole_file(tmp_path, "song.ogg")
    *pages, last = ogg_pages(path.read_bytes())
    granule = struct.unpack_from("<q", last, 6)[0] + 50_000
    assert_truncated(path, b"".join([*pages, with_ogg_fields(last, granule=granule)]))


@pytest.mark.parametrize("damage", ["a page lacks", "a page is damaged"])
def test_ogg_with_a_damaged_middle(tmp_path, damage):
    path = whole_file(tmp_path, "song.ogg")
    pages = ogg_pages(path.read_bytes())
    middle = len(pages) // 2
    pages[middle] = b"" if damage == "a page lacks" else pages[middle][:-50] + bytes(50)
    assert_truncated(path, b"".join(pages))


def test_ogg_of_several_songs_is_refused_not_shortened(tmp_path):
    path = whole_file(tmp_path, "song.ogg")
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(NotAudio, match="several songs"):
        read_whole(path)


def test_zero_bytes(tmp_path):
    path = tmp_path / "song.flac"
    path.touch()
    with pytest.raises(EmptySource, match="zero bytes"):
        read_whole(path)


@pytest.mark.parametrize("kind", [("WAV", "PCM_16"), ("FLAC", "PCM_24"), ("AIFF", "PCM_16")])
def test_zero_frames(tmp_path, kind):
    path = write_soundfile(tmp_path / "song", noise(0), *kind)
    with pytest.raises((EmptySource, NotAudio)):
        read_whole(path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "m4a", "aiff", "opus", "aac"])
@pytest.mark.parametrize(
    "content", [b"this is a text file\n" * 500, b"<!DOCTYPE html><html>404</html>", bytes(5000)]
)
def test_other_files_under_audio_names(tmp_path, capfd, suffix, content):
    path = tmp_path / f"song.{suffix}"
    path.write_bytes(content)
    with pytest.raises(NotAudio, match="not an audio file"):
        read_whole(path)
    assert capfd.readouterr() == ("", ""), "decoders must not chatter"


def test_a_song_too_short_for_its_codec_is_called_so(tmp_path):
    path = write_av(tmp_path / "song.m4a", "aac", noise(3))
    with pytest.raises(NotAudio, match="too short for its codec to decode"):
        read_whole(path)


def test_playlists_open_no_other_file(tmp_path):
    song = write_av(tmp_path / "song.aac", "aac", noise(FRAMES))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{song}\n#EXT-X-ENDLIST\n"
    (tmp_path / "list.m4a").write_text(playlist)
    with pytest.raises(NotAudio):
        read_whole(tmp_path / "list.m4a")


def test_random_bytes(tmp_path):
    path = tmp_path / "song.mp3"
    path.write_bytes(b"\xff\xfb\x90\x00" + np.random.default_rng(0).bytes(200_000))
    with pytest.raises((NotAudio, TruncatedAudio)):
        read_whole(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_samples(tmp_path, value):
    samples = noise(FRAMES)
    samples[44_100, 1] = value
    path = write_soundfile(tmp_path / "song.wav", samples, "WAV", "FLOAT")
    with pytest.raises(NonFiniteAudio, match=r"the first at 1\.000 s"):
        read_whole(path)


def test_double_beyond_float32_is_non_finite(tmp_path):
    samples = noise(100).astype(np.float64) * 1e300
    path = write_soundfile(tmp_path / "song.wav", samples, "WAV", "DOUBLE")
    with pytest.raises(NonFiniteAudio):
        read_whole(path)
