import subprocess
import sys

import numpy as np
import pytest
from sound_files import noise, read_whole, write_av, write_caf

from lasaft_core.audio.channels import ChannelMap
from lasaft_core.audio.reader import open_audio
from lasaft_core.errors import UnsupportedChannels


def test_mono_becomes_two_equal_channels_and_one_again():
    mono = noise(100, 1)
    channel_map = ChannelMap(1, "skip")
    stereo = channel_map.to_stereo(mono)
    np.testing.assert_array_equal(stereo, np.hstack([mono, mono]))
    np.testing.assert_array_equal(channel_map.from_stereo(stereo), mono)


def test_stereo_passes():
    stereo = noise(100)
    channel_map = ChannelMap(2, "skip")
    np.testing.assert_array_equal(channel_map.from_stereo(channel_map.to_stereo(stereo)), stereo)


def test_more_channels_are_skipped_with_the_remedy():
    with pytest.raises(UnsupportedChannels, match=r"got 6 channels; --channels downmix"):
        ChannelMap(6, "skip")


def test_downmix_follows_bs775():
    surround = noise(100, 6)
    left, right, centre, _, back_left, back_right = surround.T
    stereo = ChannelMap(6, "downmix").to_stereo(surround)
    np.testing.assert_allclose(stereo[:, 0], left + 0.5**0.5 * (centre + back_left), atol=1e-6)
    np.testing.assert_allclose(stereo[:, 1], right + 0.5**0.5 * (centre + back_right), atol=1e-6)


def test_unknown_places_cannot_be_downmixed():
    with pytest.raises(UnsupportedChannels, match="unknown places"):
        ChannelMap(11, "downmix")


@pytest.mark.parametrize(("name", "codec"), [("a.wav", "pcm_s16le"), ("a.flac", "flac")])
def test_six_channel_files_name_their_channels(tmp_path, name, codec):
    path = write_av(tmp_path / name, codec, noise(5000, 6))
    with open_audio(path) as reader:
        assert reader.info.channels == 6
        assert reader.layout[:4] == ("FL", "FR", "FC", "LFE")
    assert read_whole(path)[1].shape == (5000, 6)


READ = """
import sys
import numpy as np
from pathlib import Path
from lasaft_core.audio.reader import open_audio
with open_audio(Path(sys.argv[1])) as reader:
    np.save(sys.argv[2], np.concatenate(list(reader.blocks(65536))))
"""


def read_apart(path):
    """In a process that may die: a decoder's fault there ends no test run."""
    out = path.with_suffix(".npy")
    subprocess.run([sys.executable, "-c", READ, path, out], check=True, timeout=120)
    return np.load(out)


@pytest.mark.parametrize("layout", [121, 122, 123, 124])
def test_channels_in_an_order_of_their_own_are_read_as_they_stand(tmp_path, layout):
    samples = noise(5000, 6)
    path = write_caf(tmp_path / "song.caf", samples, layout << 16 | 6)
    np.testing.assert_allclose(read_apart(path), samples, atol=2**-14)


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.wv", "wavpack")])
def test_eight_channels_in_planes_are_read(tmp_path, name, codec):
    samples = noise(50_000, 8)
    read = read_apart(write_av(tmp_path / name, codec, samples))
    assert (len(read) >= len(samples), read.shape[1]) == (True, 8)
    if codec == "wavpack":
        np.testing.assert_allclose(read, samples, atol=2**-7)  # PyAV's encoder takes 8 bits
