import numpy as np
import pytest
from scipy.signal import istft, stft

from lasaft_core.evaluation.ideal_masks import ideal_ratio_masked
from lasaft_core.metrics import sdr_db
from lasaft_core.musdb import TARGETS


def noise(samples):
    rng = np.random.default_rng(samples)
    return rng.uniform(-0.2, 0.2, (len(TARGETS), samples, 2)).astype(np.float32)


@pytest.mark.parametrize("samples", [300000, 44100, 30001, 1000])
def test_masked_mixtures_sum_to_the_mixture_at_every_length(samples):
    stems = noise(samples)
    mixture = stems.sum(axis=0)
    masked = ideal_ratio_masked(mixture, stems)
    assert masked.shape == stems.shape
    np.testing.assert_allclose(masked.sum(axis=0), mixture, atol=1e-6)


@pytest.mark.parametrize("samples", [2 * 262144, 600001])
def test_blocks_do_not_show(samples):
    """The same as one STFT of the whole song."""
    stems = noise(samples)
    mixture = stems.sum(axis=0)
    powers = np.abs(stft(stems[1].T, nperseg=2048)[2]) ** 2
    total = sum(np.abs(stft(stem.T, nperseg=2048)[2]) ** 2 for stem in stems)
    whole = istft(stft(mixture.T, nperseg=2048)[2] * powers / total, nperseg=2048)[1]
    found = ideal_ratio_masked(mixture, stems)[1]
    np.testing.assert_allclose(found, whole[:, :samples].T, atol=1e-6)


def test_sources_apart_in_frequency_are_nearly_restored():
    seconds = np.arange(44100)[:, None] / 44100
    tones = (80.0, 700.0, 3000.0, 9000.0)
    stems = np.stack([np.repeat(0.2 * np.sin(2 * np.pi * hz * seconds), 2, axis=1) for hz in tones])
    stems = stems.astype(np.float32)
    masked = ideal_ratio_masked(stems.sum(axis=0), stems)
    assert min(sdr_db(*pair) for pair in zip(stems, masked, strict=True)) > 25


def test_silence_stays_silence():
    stems = np.zeros((len(TARGETS), 5000, 2), np.float32)
    assert not ideal_ratio_masked(stems[0], stems).any()
