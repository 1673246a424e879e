"""Healthy files of many encoders: whole, of the right length, without false alarms."""

import numpy as np
import pytest
from sound_files import (
    APE_TAG,
    ID3V1,
    LIST_CHUNK,
    RATE_HZ,
    id3v2,
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

from lasaft_core.audio.reader import open_audio

FRAMES = 60_017
EXACT_16, EXACT_24, LOSSY = 2**-15, 2**-22, None

SOUNDFILE_KINDS = {
    "pcm8.wav": ("WAV", "PCM_U8", 2**-6),
    "pcm16.wav": ("WAV", "PCM_16", EXACT_16),
    "pcm32.wav": ("WAV", "PCM_32", 2**-23),
    "float.wav": ("WAV", "FLOAT", 1e-9),
    "double.wav": ("WAV", "DOUBLE", 1e-9),
    "extensible.wav": ("WAVEX", "PCM_24", EXACT_24),
    "rf64.wav": ("RF64", "PCM_16", EXACT_16),
    "adpcm.wav": ("WAV", "IMA_ADPCM", LOSSY),
    "song.w64": ("W64", "PCM_16", EXACT_16),
    "song.flac": ("FLAC", "PCM_24", EXACT_24),
    "song.aiff": ("AIFF", "PCM_24", EXACT_24),
    "float.aifc": ("AIFF", "FLOAT", 1e-9),
    "song.caf": ("CAF", "PCM_16", EXACT_16),
    "song.au": ("AU", "PCM_16", EXACT_16),
    "song.ogg": ("OGG", "VORBIS", LOSSY),
    "song.mp3": ("MP3", "MPEG_LAYER_III", LOSSY),
}
AV_KINDS = {
    "song.wav": ("pcm_s16le", EXACT_16),
    "24.wav": ("pcm_s24le", EXACT_24),
    "song.flac": ("flac", EXACT_16),
    "song.oga": ("flac", EXACT_16),
    "song.aiff": ("pcm_s16be", EXACT_16),
    "song.caf": ("pcm_s16le", EXACT_16),
    "song.mp3": ("libmp3lame", LOSSY),
    "song.m4a": ("aac", LOSSY),
    "alac.m4a": ("alac", EXACT_16),
    "song.mov": ("pcm_s16le", EXACT_16),
    "song.mka": ("flac", EXACT_16),
    "song.wv": ("wavpack", 2**-6),
}


def assert_like(samples, expected, tolerance):
    assert samples.dtype == np.float32
    assert samples.shape == expected.shape
    if tolerance is LOSSY:
        correlation = np.vdot(samples, expected) / np.vdot(expected, expected)
        assert correlation > 0.2, "decoded sound is not aligned with the original"
    else:
        assert np.abs(samples - expected).max() <= tolerance


@pytest.mark.parametrize("name", SOUNDFILE_KINDS)
def test_files_of_libsndfile_are_read_whole(tmp_path, name):
    container, subtype, tolerance = SOUNDFILE_KINDS[name]
    frames = FRAMES if subtype != "IMA_ADPCM" else 2041 * 30  # whole ADPCM blocks
    path = write_soundfile(tmp_path / name, noise(frames), container, subtype)
    info, samples = read_whole(path)
    assert_like(samples, noise(frames), tolerance)
    assert (info.sample_rate, info.channels) == (RATE_HZ, 2)


@pytest.mark.parametrize("name", AV_KINDS)
def test_files_of_ffmpeg_are_read_whole(tmp_path, name):
    codec, tolerance = AV_KINDS[name]
    path = write_av(tmp_path / name, codec, noise(FRAMES))
    info, samples = read_whole(path)
    assert_like(samples, noise(FRAMES), tolerance)
    assert (info.sample_rate, info.channels) == (RATE_HZ, 2)


@pytest.mark.parametrize("name", ["song.opus", "song.webm", "song.mka"])
def test_opus_of_ffmpeg_is_read_whole(tmp_path, name):
    path = write_av(tmp_path / name, "libopus", noise(48_000), 48_000)
    info, samples = read_whole(path)
    assert_like(samples, noise(48_000), LOSSY)
    assert info.sample_rate == 48_000


@pytest.mark.parametrize("frames", [1024, 2048, 44_100, 44_101])
def test_aac_in_mpeg4_keeps_its_length(tmp_path, frames):
    path = write_av(tmp_path / "song.m4a", "aac", noise(frames))
    _, samples = read_whole(path)
    assert len(samples) == frames


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize(
    ("name", "container", "subtype"),
    [("a.wav", "WAV", "FLOAT"), ("a.flac", "FLAC", "PCM_24"), ("a.ogg", "OGG", "VORBIS")],
)
def test_the_shortest_songs_are_read(tmp_path, frames, name, container, subtype):
    path = write_soundfile(tmp_path / name, noise(frames), container, subtype)
    _, samples = read_whole(path)
    assert len(samples) == frames


def test_float_above_full_scale_is_kept(tmp_path):
    path = write_soundfile(tmp_path / "loud.wav", noise(1000) * 40, "WAV", "FLOAT")
    _, samples = read_whole(path)
    np.testing.assert_array_equal(samples, noise(1000) * np.float32(40))


@pytest.mark.parametrize(
    ("riff_size", "data_size"),
    [(0xFFFFFFFF, 0xFFFFFFFF), (0, 0), (0x7FFFF024, 0x7FFFF000), (None, 0xFFFFFFFF)],
)
def test_wav_from_a_pipe_has_placeholder_sizes(tmp_path, riff_size, data_size):
    path = write_soundfile(tmp_path / "song.wav", noise(FRAMES), "WAV", "PCM_16")
    path.write_bytes(with_riff_sizes(path.read_bytes(), riff_size, data_size))
    _, samples = read_whole(path)
    assert_like(samples, noise(FRAMES), EXACT_16)


def test_flac_from_a_pipe_has_no_total(tmp_path):
    path = write_soundfile(tmp_path / "song.flac", noise(FRAMES), "FLAC", "PCM_24")
    path.write_bytes(with_flac_total(path.read_bytes(), 0))
    _, samples = read_whole(path)
    assert_like(samples, noise(FRAMES), EXACT_24)


def test_wav_size_of_the_whole_file_is_a_known_slip(tmp_path):
    path = write_soundfile(tmp_path / "song.wav", noise(FRAMES), "WAV", "PCM_16")
    path.write_bytes(with_riff_sizes(path.read_bytes(), path.stat().st_size))
    assert len(read_whole(path)[1]) == FRAMES


def test_wav_of_odd_size_may_lack_its_padding(tmp_path):
    path = write_soundfile(tmp_path / "song.wav", noise(1001, 1), "WAV", "PCM_U8")
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"data") + 8 + 1001])
    assert len(read_whole(path)[1]) == 1001


TRAILERS = {"ID3v1": ID3V1, "APE": APE_TAG, "APE and ID3v1": APE_TAG + ID3V1, "junk": b"\0" * 777}


@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize(
    ("name", "container", "subtype"),
    [
        ("song.mp3", "MP3", "MPEG_LAYER_III"),
        ("song.flac", "FLAC", "PCM_24"),
        ("song.ogg", "OGG", "VORBIS"),
        ("song.wav", "WAV", "PCM_16"),
    ],
)
def test_trailing_tags_are_no_damage(tmp_path, trailer, name, container, subtype):
    path = write_soundfile(tmp_path / name, noise(FRAMES), container, subtype)
    path.write_bytes(path.read_bytes() + TRAILERS[trailer])
    assert len(read_whole(path)[1]) == FRAMES


@pytest.mark.parametrize("tag_bytes", [21, 300_000])
@pytest.mark.parametrize("kind", [("MP3", "MPEG_LAYER_III"), ("FLAC", "PCM_24")])
def test_leading_id3v2_is_no_damage(tmp_path, tag_bytes, kind):
    path = write_soundfile(tmp_path / "song", noise(FRAMES), *kind)
    path.write_bytes(id3v2(tag_bytes) + path.read_bytes())
    assert len(read_whole(path)[1]) == FRAMES


def test_chunks_around_the_wav_data_are_no_damage(tmp_path):
    path = write_soundfile(tmp_path / "song.wav", noise(FRAMES), "WAV", "PCM_16")
    wav = path.read_bytes()
    at = wav.index(b"data")
    path.write_bytes(wav[:at] + LIST_CHUNK + wav[at:] + LIST_CHUNK)
    info, samples = read_whole(path)
    assert len(samples) == FRAMES
    assert info.tags["title"] == "Title"


@pytest.mark.parametrize("trailer", ["ID3v1", "APE"])
def test_mp3_without_a_frame_count_is_read_whole(tmp_path, trailer):
    path = write_av(tmp_path / "song.mp3", "libmp3lame", noise(FRAMES), options={"write_xing": "0"})
    path.write_bytes(path.read_bytes() + TRAILERS[trailer])
    _, samples = read_whole(path)
    assert FRAMES <= len(samples) < FRAMES + 4 * 1152  # nothing says how much is padding


def test_mp3_of_variable_bit_rate_without_a_count_is_read_whole(tmp_path):
    """libsndfile guesses from the first frame's bit rate and would stop too early."""
    quiet_then_loud = np.concatenate((noise(RATE_HZ * 5) * 1e-4, noise(RATE_HZ * 5)))
    path = write_soundfile(tmp_path / "song.mp3", quiet_then_loud, "MP3", "MPEG_LAYER_III")
    mp3 = path.read_bytes()
    path.write_bytes(mp3[mp3.index(b"\xff\xfb", 4) :])
    _, samples = read_whole(path)
    assert len(samples) >= len(quiet_then_loud)


def test_mp3_count_may_include_the_header_frame(tmp_path):
    path = write_soundfile(tmp_path / "song.mp3", noise(FRAMES), "MP3", "MPEG_LAYER_III")
    counted = with_xing_frames(path.read_bytes(), 1).replace(b"LAME", b"GOGO")
    path.write_bytes(counted)
    assert len(read_whole(path)[1]) >= FRAMES


def test_ogg_beside_another_logical_stream(tmp_path):
    path = write_soundfile(tmp_path / "song.ogg", noise(FRAMES), "OGG", "VORBIS")
    skeleton = b"OggS\0\x02" + bytes(8) + b"\x07\0\0\0" + bytes(8) + b"\x01\x08" + b"fishead\0"
    first, *rest = ogg_pages(path.read_bytes())
    path.write_bytes(first + with_ogg_fields(skeleton) + b"".join(rest))
    assert len(read_whole(path)[1]) == FRAMES


@pytest.mark.parametrize("options", [{}, {"write_xing": "0"}])
def test_mp3_inside_wav_is_whole(tmp_path, options):
    samples = noise(60 * RATE_HZ, channels=1)
    path = write_av(tmp_path / "song.wav", "libmp3lame", samples, options=options)
    assert len(samples) <= len(read_whole(path)[1]) <= len(samples) + 3 * 1152


def test_the_name_does_not_decide_on_the_format(tmp_path):
    path = write_soundfile(tmp_path / "song.mp3", noise(FRAMES), "FLAC", "PCM_24")
    info, samples = read_whole(path)
    assert info.container == "FLAC"
    assert len(samples) == FRAMES


@pytest.mark.parametrize(("name", "codec"), [("a.flac", "flac"), ("a.mp3", "libmp3lame")])
def test_tags_come_under_common_names(tmp_path, name, codec):
    tags = {"title": "Señor", "artist": "東京", "album": "A", "TSRC": "GBAYE6800011"}
    path = write_av(tmp_path / name, codec, noise(5000), tags=tags)
    info, _ = read_whole(path)
    assert info.tags == {
        "title": "Señor", "artist": "東京", "album": "A", "isrc": "GBAYE6800011"
    }  # fmt: skip


def test_blocks_have_the_length_asked_for(tmp_path):
    sizes = []
    for name, codec in (("a.m4a", "aac"), ("a.wav", "pcm_s16le")):
        path = write_av(tmp_path / name, codec, noise(2500))
        with open_audio(path) as reader:
            sizes.append([len(block) for block in reader.blocks(1000)])
    assert sizes == [[1000, 1000, 500]] * 2
