import numpy as np
import pytest

from lasaft_core.training.building import noises
from lasaft_core.training.building.noises import crackle, transitions
from lasaft_core.training.building.score import RATE

BARS = [2.0 * number for number in range(9)]


def middle_hertz(audio):
    power = np.abs(np.fft.rfft(audio[:, 0])) ** 2
    return (power * np.fft.rfftfreq(len(audio), 1 / RATE)).sum() / power.sum()


@pytest.mark.parametrize("is_rising", [True, False])
def test_noise_rises_to_bars_and_falls_from_them(is_rising, monkeypatch):
    monkeypatch.setattr(noises, "_EVERY_BARS", (4,))
    monkeypatch.setattr(noises, "_LENGTHS_BARS", (1,))
    monkeypatch.setattr(noises, "_RISES", float(is_rising))
    monkeypatch.setattr(noises, "_FALLS", float(not is_rising))
    for seed in range(5):
        heard = transitions(BARS, 18 * RATE, np.random.default_rng(seed))
        assert heard.shape == (18 * RATE, 2)
        for bar in (8 * RATE, 16 * RATE):
            first, second = (bar - 2 * RATE, bar) if is_rising else (bar, bar + 2 * RATE)
            noise = heard[first:second] if is_rising else heard[first:second][::-1]
            eighths = np.split(noise, 8)
            power = [np.square(eighth).mean() for eighth in eighths]
            assert power[7] > power[4] > power[1] > 0
            assert middle_hertz(eighths[7]) > middle_hertz(eighths[4]) > middle_hertz(eighths[1])
            heard[first:second] = 0
        assert not heard.any()


def test_most_songs_of_three_bars_and_more_have_transitions_that_leave_pauses():
    for bars in (BARS[:3], BARS):
        heard = [transitions(bars, 18 * RATE, np.random.default_rng(seed)) for seed in range(30)]
        sounding = np.array([(np.abs(audio) > 0).any(axis=1).mean() for audio in heard])
        assert (sounding > 0).mean() > 0.6
        assert np.median(sounding[sounding > 0]) < 0.6


def test_songs_of_two_bars_have_no_transition():
    assert not transitions([0.0, 2.0], 4 * RATE, np.random.default_rng(0)).any()
    assert not transitions([], RATE, np.random.default_rng(0)).any()


def test_a_record_crackles_in_clicks_all_along():
    for seed in range(5):
        heard = crackle(10 * RATE, np.random.default_rng(seed))
        tenths = np.abs(heard[:, 0]).reshape(10, -1)
        assert (tenths.max(axis=1) > 8 * np.sqrt(np.square(tenths).mean(axis=1))).all(), "clicks"
        assert np.abs(heard).max() == pytest.approx(1)
        assert np.abs(np.corrcoef(heard.T)[0, 1]) < 0.2
