from functools import partial

import numpy as np
import pytest
import soundfile
from sound_files import noise

from lasaft_core.audio.formats import OutputFormat
from lasaft_core.audio.libav import read_tags
from lasaft_core.audio.writer import StemLayout, StemWriter
from lasaft_core.errors import InvalidOption, UnsupportedRate


def write(path, samples, codec, bit_depth, **layout):
    layout = {"sample_rate": 44_100, "frames": len(samples), "tags": {}, **layout}
    output = OutputFormat(codec, bit_depth)
    with StemWriter(path, StemLayout(output, channels=samples.shape[1], **layout)) as writer:
        for start in range(0, len(samples), 1000):
            writer.write(samples[start : start + 1000])
    return soundfile.read(path, dtype="float64", always_2d=True)[0]


@pytest.mark.parametrize("codec", ["flac", "wav"])
@pytest.mark.parametrize("bit_depth", [16, 24])
def test_integer_samples_are_the_nearest_step(tmp_path, codec, bit_depth):
    samples = noise(5000) * 2
    decoded = write(tmp_path / "stem", samples, codec, bit_depth)
    half_step = 2.0**-bit_depth
    assert np.abs(decoded - samples).max() <= half_step


def test_float_samples_are_exact_above_full_scale_too(tmp_path):
    samples = noise(5000) * 30
    np.testing.assert_array_equal(write(tmp_path / "stem", samples, "wav", 32), samples)


@pytest.mark.parametrize("bit_depth", [16, 24])
def test_integer_formats_clip_instead_of_wrapping(tmp_path, bit_depth):
    loud = np.array([[1.5], [-1.5], [1.0], [-1.0]], np.float32)
    decoded = write(tmp_path / "stem", loud, "flac", bit_depth)
    top = 1 - 2.0 ** (1 - bit_depth)
    np.testing.assert_array_equal(decoded[:, 0], [top, -1, top, -1])


@pytest.mark.parametrize(("codec", "bit_depth"), [("flac", 24), ("wav", 16), ("wav", 32)])
def test_tags_are_carried(tmp_path, codec, bit_depth):
    tags = {"title": "Señor 東京", "artist": "A", "album": "B", "comment": "long " * 700}
    more = {"copyright": "endless " * 10_000, "isrc": "X"}
    write(tmp_path / "stem", noise(100), codec, bit_depth, tags=tags | more)
    written = read_tags(tmp_path / "stem")
    assert written.pop("copyright").startswith("endless")
    isrc = {"isrc": "X"} if codec == "flac" else {}  # WAV has no place for it
    assert written == {**tags, "comment": tags["comment"].strip(), **isrc}


def test_wav_beyond_four_gibibytes_is_rf64(tmp_path):
    assert StemLayout(OutputFormat("wav", 24), 44_100, 2, 10**9).container == "RF64"
    assert StemLayout(OutputFormat("wav", 24), 44_100, 2, 7 * 10**8).container == "WAV"
    write(tmp_path / "stem.wav", noise(100), "wav", 24, frames=10**9)
    assert soundfile.info(tmp_path / "stem.wav").format == "RF64"
    assert soundfile.info(tmp_path / "stem.wav").frames == 100


def test_flac_has_a_highest_sample_rate():
    with pytest.raises(UnsupportedRate, match=r"at most 655350.*got 768000; use --codec wav"):
        StemLayout(OutputFormat("flac", 24), 768_000, 2, 1)
    StemLayout(OutputFormat("wav", 24), 768_000, 2, 1)


@pytest.mark.parametrize("rate_hz", [44_099, 65_535, 88_110, 88_112, 96_096, 192_000, 192_192])
def test_flac_has_high_sample_rates_in_tens_only(tmp_path, rate_hz):
    layout = partial(StemLayout, sample_rate=rate_hz, channels=2, frames=100)
    try:
        with StemWriter(tmp_path / "stem.flac", layout(OutputFormat("flac", 24))) as writer:
            writer.write(noise(100))
    except UnsupportedRate:
        assert rate_hz in (88_112, 96_096, 192_192)
    else:
        assert soundfile.info(tmp_path / "stem.flac").samplerate == rate_hz
    layout(OutputFormat("wav", 24))


@pytest.mark.parametrize(("codec", "bit_depth"), [("mp3", 16), ("flac", 32), ("wav", 8)])
def test_other_formats_are_refused(codec, bit_depth):
    with pytest.raises(InvalidOption, match="expected"):
        OutputFormat(codec, bit_depth)
