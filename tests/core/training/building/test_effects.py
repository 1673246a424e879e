import numpy as np
import pytest
from scipy.signal import sosfreqz

from lasaft_core.metrics import sdr_db
from lasaft_core.training.building import effects, mixing

RATE = 44100


def noise(seconds, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal((int(seconds * RATE), 2))).astype(
        np.float32
    )


@pytest.mark.parametrize(
    ("section", "gains_db"),
    [
        (effects.peaking(1000, 6.0, 1.0), {20: 0.0, 1000: 6.0, 20000: 0.0}),
        (effects.shelf(1000, -6.0, high=True), {20: 0.0, 1000: -3.0, 20000: -6.0}),
        (effects.shelf(1000, 6.0, high=False), {20: 6.0, 1000: 3.0, 20000: 0.0}),
        (effects.high_pass(100), {100: -3.01, 5000: 0.0}),
        (effects.low_pass(1000), {20: 0.0, 1000: -3.01}),
    ],
)
def test_equaliser_sections_have_their_gains(section, gains_db):
    found = sosfreqz(np.array([section]), worN=list(gains_db), fs=RATE)[1]
    np.testing.assert_allclose(20 * np.log10(np.abs(found)), list(gains_db.values()), atol=0.05)


def test_a_compressor_lowers_what_is_loud_by_its_ratio():
    audio = noise(2.0)
    audio[RATE:] *= 10.0
    gain = 20 * np.log10(effects.compression(audio, over_db=-20, ratio=4))
    quiet, loud = gain[RATE - 2000], gain[-2000]
    assert (quiet - loud).item() == pytest.approx(20 * 3 / 4, abs=1.5)


def test_a_room_rings_and_an_echo_repeats():
    click = np.zeros((RATE, 2), np.float32)
    click[100] = 1.0
    rung = effects.reverberated(click, np.random.default_rng(0), seconds=0.8, gain=0.5)
    assert np.sqrt((rung[101:] ** 2).sum() / 2) == pytest.approx(0.5, rel=0.02)
    repeated = effects.echoed(click, seconds=0.25, feedback=0.5, gain=0.4)
    assert np.abs(repeated[100 + RATE // 4 :]).max() > 0.02
    assert not repeated[101 : 100 + RATE // 4 - 1].any()


def test_a_tremolo_sways_and_a_sweep_moves_its_resonance():
    tone = np.full((4 * RATE, 2), 0.5, np.float32)
    depths, apart = set(), 0
    for seed in range(12):
        swayed = effects.tremolo(tone, np.random.default_rng(seed))
        assert swayed.max() <= 0.5
        depths.add(round(float(1 - swayed.min() / swayed.max()), 2))
        apart += not np.array_equal(swayed[:, 0], swayed[:, 1])
    assert min(depths) < 0.5 < max(depths)
    assert 2 <= apart <= 10
    hiss = noise(4.0)
    swept = effects.swept(hiss, np.random.default_rng(1))
    assert swept.shape == hiss.shape
    middles = []
    for start in range(0, 4 * RATE, RATE // 8):
        power = np.abs(np.fft.rfft(swept[start : start + RATE // 8, 0])) ** 2
        middles.append((power * np.arange(len(power))).sum() / power.sum())
    assert max(middles) > 1.3 * min(middles)


def test_parts_keep_their_lowest_notes():
    time = np.arange(2 * RATE) / RATE
    low = np.repeat(np.sin(2 * np.pi * 50 * time)[:, None], 2, axis=1).astype(np.float32)
    cut = 0
    for seed in range(40):
        levels = [
            np.square(
                mixing.produced_part(
                    low, 0, 0.5, np.random.default_rng(seed), lowest_hertz=hertz, spread=0.0
                )
            ).mean()
            for hertz in (50.0, 400.0)
        ]
        cut += levels[0] > 2 * levels[1] > 0
        assert 10 * np.log10(levels[0] / np.square(low).mean()) > -26
    assert cut > 10


def test_a_voice_is_chopped_into_pieces_that_come_again():
    time = np.arange(8 * RATE) / RATE
    glide = np.sin(2 * np.pi * (200 * time + 50 * time**2))  # its pitch tells where it was cut out
    audio = np.repeat(glide[:, None], 2, axis=1).astype(np.float32)
    starts, step = [0.5, 1.5, 2.5, 3.5, 4.5], 0.125
    silent, octaves = 0, set()
    for seed in range(20):
        chops = effects.chopped(audio, starts, step, np.random.default_rng(seed))
        assert chops.shape == audio.shape
        period = 16 * round(step * RATE)
        np.testing.assert_allclose(chops[period : 2 * period], chops[:period], atol=1e-6)
        assert np.abs(np.diff(chops[:, 0])).max() < 0.35, "no click"
        silent += (chops[:, 0].reshape(-1, RATE // 100) == 0).all(axis=1).mean() > 0.1
        piece = chops[: round(step * RATE), 0]
        hertz = np.argmax(np.abs(np.fft.rfft(piece, 8 * RATE))) / 8
        cut_at = [200 + 100 * (start + step / 2) for start in starts]
        away = [round(12 * np.log2(hertz / at)) for at in cut_at]
        octaves |= {semitones for semitones in away if semitones in (-12, 0, 12)}
        assert any(semitones in (-12, 0, 12) for semitones in away)
    assert octaves == {-12, 0, 12}
    assert silent > 5


def test_a_codec_keeps_every_sample_in_its_place():
    audio = effects.equalised(noise(2.0), effects.low_pass(2000), effects.low_pass(2000))
    coded = effects.coded(audio, 0.8)
    assert coded.shape == audio.shape
    assert sdr_db(audio, coded) > 15
    assert not np.array_equal(audio, coded)


def test_the_bus_keeps_the_sum_below_full_scale_and_silence_silent():
    stems = {target: noise(2.0, seed) for seed, target in enumerate(("vocals", "drums", "bass"))}
    stems["other"] = np.zeros_like(stems["bass"])
    rng = np.random.default_rng(3)
    mastered = mixing.mastered(mixing.balanced(stems, rng), rng)
    assert 0.25 < np.abs(sum(mastered.values())).max() < 1.05
    assert np.abs(mastered["other"]).max() < 1e-3
    assert all(np.isfinite(audio).all() for audio in mastered.values())
