import math

import numpy as np
import pytest

from lasaft_core.metrics import SdrMeter, sdr_db, si_sdr_db


def tone(frames=1000):
    return np.sin(np.arange(2 * frames)).reshape(-1, 2).astype(np.float32)


@pytest.mark.parametrize("error", [0.5, 0.1, 1e-4])
def test_sdr_is_the_energy_ratio(error):
    assert sdr_db(tone(), tone() * (1 - error)) == pytest.approx(-20 * math.log10(error), abs=0.02)


def test_silence_as_estimate_is_zero_decibels():
    assert sdr_db(tone(), 0 * tone()) == pytest.approx(0)


def test_exact_estimates_are_infinite():
    assert sdr_db(tone(), tone()) == math.inf
    assert sdr_db(0 * tone(), tone()) == -math.inf


def test_streaming_equals_the_whole():
    meter = SdrMeter()
    estimate = tone() + 0.01
    for start in range(0, 1000, 300):
        meter.push(tone()[start : start + 300], estimate[start : start + 300])
    assert meter.sdr_db() == pytest.approx(sdr_db(tone(), estimate))


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="shapes differ"):
        sdr_db(tone(), tone()[:, :1])


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_scale_invariant_sdr_does_not_hear_the_scale(scale):
    noisy = tone() + 0.1 * np.random.default_rng(0).standard_normal((1000, 2))
    assert si_sdr_db(tone(), scale * noisy) == pytest.approx(si_sdr_db(tone(), noisy))
    assert si_sdr_db(tone(), noisy) == pytest.approx(sdr_db(tone(), noisy), abs=0.3)


def test_scale_invariant_sdr_of_nothing_and_of_everything():
    assert si_sdr_db(tone(), 0.5 * tone()) > 120
    assert si_sdr_db(tone(), 0 * tone()) == -math.inf
    assert si_sdr_db(0 * tone(), tone()) == -math.inf
