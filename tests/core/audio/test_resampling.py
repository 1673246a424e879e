import numpy as np
import pytest
import soxr
from sound_files import noise

from lasaft_core.audio.resampling import Resampler


def resample(samples, from_hz, to_hz, frames=None, block_frames=1000):
    resampler = Resampler(from_hz, to_hz, samples.shape[1])
    starts = range(0, len(samples), block_frames)
    blocks = [resampler.push(samples[a : a + block_frames]) for a in starts]
    return np.concatenate([*blocks, resampler.finish(frames)])


@pytest.mark.parametrize("rate_hz", [8000, 22_050, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("frames", [1, 3, 1000, 48_001])
def test_there_and_back_keeps_the_length(rate_hz, frames):
    there = resample(noise(frames), rate_hz, 44_100)
    back = resample(there, 44_100, rate_hz, frames)
    assert len(there) == -(-frames * 44_100 // rate_hz)
    assert len(back) == frames


def test_there_and_back_keeps_the_sound_in_place():
    seconds = np.arange(48_000) / 48_000
    tone = np.sin(2 * np.pi * 1000 * seconds)[:, None].astype(np.float32)
    back = resample(resample(tone, 48_000, 44_100), 44_100, 48_000, len(tone))
    assert np.abs(back - tone)[1000:-1000].max() < 1e-4


def test_streaming_equals_one_shot():
    whole = soxr.resample(noise(50_000), 48_000, 44_100)
    streamed = resample(noise(50_000), 48_000, 44_100)
    np.testing.assert_allclose(streamed[: len(whole)], whole, atol=1e-6)


def test_equal_rates_pass_untouched():
    np.testing.assert_array_equal(resample(noise(2500), 44_100, 44_100), noise(2500))
