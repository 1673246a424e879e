"""Meters against pyloudnorm, against direct oversampling, and on sounds with known answers."""

import time

import numpy as np
import pyloudnorm
import pytest
import scipy.signal

from lasaft_core.quality import QualityMeter, decibels


def measure(samples, rate_hz=44_100, block_frames=65_536):
    meter = QualityMeter(rate_hz, samples.shape[1])
    for start in range(0, len(samples), block_frames):
        meter.push(samples[start : start + block_frames])
    return meter.result()


def noise(seconds, rate_hz=44_100, channels=2, level=0.1, seed=0):
    generator = np.random.default_rng(seed)
    shape = (round(seconds * rate_hz), channels)
    return (level * generator.standard_normal(shape)).astype(np.float32)


def tone(hz, seconds=1.0, rate_hz=44_100, amplitude=0.5):
    phase = 2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz
    return np.repeat(amplitude * np.sin(phase), 2).reshape(-1, 2).astype(np.float32)


def music(rate_hz, channels):
    """Loud and soft parts, rests and full spectrum, so that both gates matter."""
    levels = [0.2, 0.001, 0.0, 0.05, 0.3, 0.00001, 0.1]
    parts = [noise(1.37, rate_hz, channels, level, seed) for seed, level in enumerate(levels)]
    return np.concatenate(parts)


@pytest.mark.parametrize("rate_hz", [8000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_loudness_is_pyloudnorms(rate_hz, channels):
    samples = music(rate_hz, channels)
    expected = pyloudnorm.Meter(rate_hz).integrated_loudness(samples.astype(np.float64))
    measured = measure(samples, rate_hz).integrated_lufs
    assert measured == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("seconds", [0.4, 0.43, 0.46, 0.55, 1.04, 3.33])
def test_loudness_of_short_songs_is_pyloudnorms(seconds):
    samples = noise(seconds)
    expected = pyloudnorm.Meter(44_100).integrated_loudness(samples.astype(np.float64))
    assert measure(samples).integrated_lufs == pytest.approx(expected, abs=0.1)


def test_loudness_is_none_where_it_is_undefined():
    assert measure(noise(0.39)).integrated_lufs is None
    assert measure(noise(2) * 0).integrated_lufs is None
    assert measure(noise(2, level=1e-6)).integrated_lufs is None
    assert measure(noise(2, rate_hz=2000), 2000).integrated_lufs is None


@pytest.mark.parametrize("hz", [997, 5512.5, 11_025, 15_000])
def test_true_peak_is_that_of_direct_oversampling(hz):
    samples = tone(hz) * np.hanning(44_100)[:, None].astype(np.float32)
    expected = np.abs(scipy.signal.resample_poly(samples.astype(np.float64), 4, 1, axis=0)).max()
    assert measure(samples).true_peak_db == pytest.approx(decibels(expected), abs=0.1)


def test_true_peak_lies_between_the_samples():
    """A quarter of the sample rate, 45 degrees off: samples reach 0.707 of the peak."""
    phase = np.pi / 2 * np.arange(44_100) + np.pi / 4
    samples = np.sin(phase)[:, None].astype(np.float32) * np.hanning(44_100)[:, None]
    quality = measure(samples.astype(np.float32))
    assert np.abs(samples).max() == pytest.approx(0.707, abs=0.001)
    assert quality.true_peak_db == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_true_peak_is_found_wherever_it_lies(seed):
    """Sound up to 16 kHz whose loudest stretch comes first, last or between."""
    low_pass = scipy.signal.firwin(201, 16_000, fs=44_100)
    samples = scipy.signal.lfilter(low_pass, 1, noise(2, seed=seed), axis=0)
    place = np.random.default_rng(seed).uniform(0, 2)
    samples *= np.exp(-3 * np.abs(np.arange(len(samples)) / 44_100 - place))[:, None]
    expected = np.abs(scipy.signal.resample_poly(samples, 4, 1, axis=0, window=("kaiser", 8))).max()
    measured = measure(samples.astype(np.float32), block_frames=1000 + seed)
    assert measured.true_peak_db == pytest.approx(decibels(expected), abs=0.1)


def test_rms_of_a_full_scale_sine():
    assert measure(tone(1000, amplitude=1.0)).rms_db == pytest.approx(-3.01, abs=0.01)


def test_digital_silence_has_no_decibels():
    quality = measure(np.zeros((44_100, 2), np.float32))
    assert (quality.true_peak_db, quality.rms_db, quality.bandwidth_hz) == (None, None, None)
    assert (quality.silence_ratio, quality.active_intervals) == (1.0, ())


def test_nothing_at_all_has_no_decibels():
    quality = measure(np.zeros((0, 2), np.float32))
    assert (quality.true_peak_db, quality.rms_db, quality.bandwidth_hz) == (None, None, None)


def test_active_intervals_skip_short_rests():
    samples = noise(10.02)
    for start, end in ((0, 1), (3, 3.4), (5, 7)):
        samples[round(start * 44_100) : round(end * 44_100)] *= 1e-4
    quality = measure(samples)
    assert quality.active_intervals == ((1.0, 5.0), (7.0, 10.02))
    assert quality.silence_ratio == pytest.approx(3.4 / 10.02, abs=0.001)


def test_clipped_samples_are_counted():
    samples = noise(1, level=0.01)
    samples[[5, 70, 700], [0, 1, 1]] = (1.0, -1.0, 2.0)
    assert measure(samples).clipped_samples == 3


def test_nothing_is_clipped_in_a_float_file():
    meter = QualityMeter(44_100, 2, is_float=True)
    meter.push(noise(1, level=3.0))
    assert meter.result().clipped_samples == 0


@pytest.mark.parametrize(("cut_hz", "seconds"), [(4000, 5), (16_000, 5), (1000, 0.05)])
def test_bandwidth_ends_where_the_sound_ends(cut_hz, seconds):
    low_pass = scipy.signal.firwin(2001, cut_hz, fs=44_100, window=("kaiser", 12))
    full = noise(seconds + 0.1)
    samples = scipy.signal.lfilter(low_pass, 1, full, axis=0)[3000:].astype(np.float32)
    assert measure(samples).bandwidth_hz == pytest.approx(cut_hz, abs=400)


def test_full_noise_reaches_half_the_sample_rate():
    assert measure(noise(2, 8000), 8000).bandwidth_hz == 4000


@pytest.mark.parametrize("block_frames", [1, 977, 4410, 100_000])
def test_block_length_does_not_matter(block_frames):
    samples = music(8000, 2)[: 4000 if block_frames == 1 else None]
    whole, parts = measure(samples, 8000, 10**9), measure(samples, 8000, block_frames)
    for name in ("integrated_lufs", "true_peak_db", "rms_db", "silence_ratio", "bandwidth_hz"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name), abs=1e-3), name
    assert parts.active_intervals == whole.active_intervals


def test_all_meters_together_are_cheap():
    """At least 100 times real time on one core; CPU time, best of three, for busy machines."""
    samples = noise(20)
    measure(samples[:100])
    times = []
    for _ in range(3):
        start = time.thread_time()
        measure(samples)
        times.append(time.thread_time() - start)
    assert min(times) < 20 / 100
