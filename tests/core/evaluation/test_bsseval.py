"""Equal to the package museval on the same arrays, silence and short songs included."""

import numpy as np
import pytest

from lasaft_core.evaluation.bsseval import METRICS, BssEval, museval_metrics
from lasaft_core.training.music import render_song

RATE = 8000


def sources(seconds, seed):
    return np.random.default_rng(seed).standard_normal((2, round(seconds * RATE), 2))


def leaky(references):
    """Estimates with a little of everything, filtered and noisy."""
    late = np.roll(references, 7, axis=1)
    noise = np.random.default_rng(9).standard_normal(references.shape)
    return 0.9 * references + 0.2 * late[::-1] + 0.05 * noise


def by_museval(references, estimates):
    return np.stack(museval_metrics().bss_eval(references, estimates, window=RATE, hop=RATE)[:4])


@pytest.mark.parametrize(
    ("seconds", "kind"),
    [(3.7, np.float64), (3.7, np.float32), (1.0, np.float64), (0.6, np.float64)],
)
def test_frames_equal_musevals(seconds, kind):
    references = sources(seconds, 1).astype(kind)
    estimates = leaky(references).astype(kind)
    expected, found = by_museval(references, estimates), BssEval(references, RATE)(estimates)
    assert found.shape == (len(METRICS), 2, max(1, int(seconds)))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("sides", ["stereo", "equal"])
def test_figures_of_music_are_musevals_to_the_last_bit(sides):
    """Where other roundings would show: narrow spectra, and channels without a difference."""
    song = render_song(3, 2.5)
    references = np.stack([song["vocals"], song["bass"]])
    if sides == "equal":
        references[1] = references[1].mean(axis=1, keepdims=True)
    noise = 0.01 * np.random.default_rng(0).standard_normal(references.shape)
    estimates = (0.8 * references + 0.1 * references[::-1] + noise).astype(np.float32)
    expected = museval_metrics().bss_eval(references, estimates, window=44100, hop=44100)[:4]
    np.testing.assert_array_equal(BssEval(references, 44100)(estimates), np.stack(expected))


def test_frames_with_a_silent_reference_or_estimate_are_nan_for_all():
    references = sources(4, 2)
    estimates = leaky(references)
    references[1, RATE : 2 * RATE] = 0.0
    estimates[0, 2 * RATE : 3 * RATE] = 0.0
    expected, found = by_museval(references, estimates), BssEval(references, RATE)(estimates)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.isnan(found).all(axis=(0, 1)).tolist() == [False, True, True, False]


def test_a_source_that_is_silent_throughout_leaves_no_number():
    references = sources(2, 3)
    silent = references.copy()
    silent[0] = 0.0
    assert np.isnan(BssEval(silent, RATE)(references)).all()
    assert np.isnan(BssEval(references, RATE)(silent)).all()


def test_one_songs_filters_serve_all_its_estimates():
    references = sources(2, 4)
    measure = BssEval(references, RATE)
    first, second = measure(leaky(references)), measure(0.5 * references)
    np.testing.assert_array_equal(first, measure(leaky(references)))
    np.testing.assert_allclose(second[0], 20 * np.log10(2.0), atol=1e-9)  # SDR of half a source
