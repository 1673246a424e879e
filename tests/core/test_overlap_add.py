"""The streaming accumulator with models that need no network."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lasaft_core.errors import InvalidOption
from lasaft_core.overlap_add import OverlapAdd, WindowPlan

TARGETS = ("vocals", "bass")


def identity(windows):
    return dict.fromkeys(TARGETS, windows)


def run(audio, plan, *, blocks=None, estimate=identity, batch_size=3):
    stream = OverlapAdd(plan, estimate, TARGETS, batch_size=batch_size)
    parts = [stream.push(block) for block in (blocks or [audio])] + [stream.finish()]
    return {t: np.concatenate([p[t] for p in parts]) for t in TARGETS}


def noise(samples, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (samples, 2)).astype(np.float32)


plans = st.builds(
    WindowPlan,
    window_samples=st.integers(60, 130),
    context_samples=st.integers(0, 25),
    overlap=st.floats(0, 0.5),
)


@given(plan=plans, samples=st.integers(1, 700), batch_size=st.integers(1, 5))
@settings(deadline=None, max_examples=200)
def test_identity_reconstructs_every_length_at_every_overlap(plan, samples, batch_size):
    audio = noise(samples)
    for stem in run(audio, plan, batch_size=batch_size).values():
        assert stem.shape == audio.shape
        assert np.abs(stem - audio).max() <= 1e-6


@given(plan=plans, cuts=st.lists(st.integers(0, 200), min_size=1, max_size=12))
@settings(deadline=None, max_examples=100)
def test_blocks_of_any_size_equal_the_whole(plan, cuts):
    audio = noise(sum(cuts))
    edges = np.cumsum([0, *cuts])
    blocks = [audio[a:b] for a, b in itertools.pairwise(edges)]

    def position_dependent(windows):
        ramp = np.arange(windows.shape[1], dtype=np.float32)[None, :, None]
        return {"vocals": windows * ramp, "bass": windows - ramp}

    whole = run(audio, plan, estimate=position_dependent)
    streamed = run(audio, plan, estimate=position_dependent, blocks=blocks)
    for target in TARGETS:
        np.testing.assert_array_equal(whole[target], streamed[target])


def test_neighbours_fade_linearly_and_their_weights_sum_to_one():
    plan = WindowPlan(window_samples=40, context_samples=5, overlap=0.5)
    calls = []

    def count(windows):
        first = len(calls)
        calls.extend(windows)
        values = np.arange(first, first + len(windows), dtype=np.float32)
        out = np.broadcast_to(values[:, None, None], windows.shape)
        return dict.fromkeys(TARGETS, out)

    stem = run(noise(60), plan, estimate=count)["bass"][:, 0]
    assert np.all(stem[:15] == 0)
    np.testing.assert_allclose(stem[15:30], (np.arange(15) + 0.5) / 15, atol=1e-6)
    np.testing.assert_allclose(stem[30:45], 1 + (np.arange(15) + 0.5) / 15, atol=1e-6)
    assert np.all(stem[45:60] == 2)


def test_digital_silence_is_not_estimated_and_stays_silence():
    plan = WindowPlan(window_samples=50, context_samples=5, overlap=0.25)
    seen = []

    def biased(windows):
        seen.append(len(windows))
        return dict.fromkeys(TARGETS, windows + 1)

    silent = run(np.zeros((900, 2), np.float32), plan, estimate=biased)
    assert not seen
    assert all(not stem.any() for stem in silent.values())
    late = np.zeros((900, 2), np.float32)
    late[600:] = 0.5
    stem = run(late, plan, estimate=biased)["vocals"]
    assert seen
    assert not stem[:500].any()


def test_no_samples_give_no_samples():
    plan = WindowPlan(window_samples=50, context_samples=5, overlap=0.25)
    assert all(stem.shape == (0, 2) for stem in run(noise(0), plan).values())


@pytest.mark.parametrize(
    ("window", "context", "overlap"), [(50, 5, 0.6), (50, 5, -0.1), (10, 5, 0)]
)
def test_impossible_plans_are_refused(window, context, overlap):
    with pytest.raises(InvalidOption):
        WindowPlan(window, context, overlap)
