import math

import numpy as np
import pytest

from lasaft_core.metrics import SdrMeter, sdr_db


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
