import numpy as np
import pytest

from lasaft_core.evaluation.ideal_masks import ideal_ratio_masked
from lasaft_core.metrics import sdr_db
from lasaft_core.musdb import TARGETS


@pytest.mark.parametrize("samples", [44100, 30001, 1000])
def test_masked_mixtures_sum_to_the_mixture_at_every_length(samples):
    rng = np.random.default_rng(samples)
    stems = {t: rng.uniform(-0.2, 0.2, (samples, 2)).astype(np.float32) for t in TARGETS}
    mixture = np.sum(list(stems.values()), axis=0)
    masked = ideal_ratio_masked(mixture, stems)
    assert all(audio.shape == (samples, 2) for audio in masked.values())
    np.testing.assert_allclose(sum(masked.values()), mixture, atol=1e-6)


def test_sources_apart_in_frequency_are_nearly_restored():
    seconds = np.arange(44100)[:, None] / 44100
    tones = (80.0, 700.0, 3000.0, 9000.0)
    stems = {
        target: np.repeat(0.2 * np.sin(2 * np.pi * hertz * seconds), 2, axis=1).astype(np.float32)
        for target, hertz in zip(TARGETS, tones, strict=True)
    }
    masked = ideal_ratio_masked(np.sum(list(stems.values()), axis=0), stems)
    assert min(sdr_db(stems[t], masked[t]) for t in TARGETS) > 25


def test_silence_stays_silence():
    stems = {t: np.zeros((5000, 2), np.float32) for t in TARGETS}
    masked = ideal_ratio_masked(np.zeros((5000, 2), np.float32), stems)
    assert not any(audio.any() for audio in masked.values())
