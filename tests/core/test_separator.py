"""The separator against the published implementation, and its own laws."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lasaft_core import Separator
from lasaft_core.checkpoints import Checkpoint
from lasaft_core.errors import InvalidOption, UnknownTarget
from lasaft_core.estimator import full_float32, resolve_device, resolve_precision
from lasaft_core.models import PRESETS, UNet
from lasaft_core.transfers import CudaTransfers

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(scope="module")
def separator():
    return Separator.load(str(GOLDEN / "tfc_gpocm_lasaft.ckpt"))


@pytest.fixture(scope="module")
def golden():
    return np.load(GOLDEN / "tfc_gpocm_lasaft.npz")


@pytest.mark.parametrize("target", ["vocals", "drums"])
def test_window_equals_the_published_one(separator, golden, target):
    window = golden["mixture"][: separator.window_samples]
    estimate = separator.separate_window(window, target)
    assert estimate.dtype == np.float32
    assert np.abs(estimate - golden[f"window_{target}"]).max() <= 1e-5


def test_track_equals_the_published_one_without_overlap(separator, golden):
    stem = separator.separate(golden["mixture"], targets=("bass",), overlap=0.0)["bass"]
    plan = separator.stream(("bass",), overlap=0.0).plan
    compared = (plan.num_windows(len(stem)) - 2) * plan.kept_samples
    published = golden["track_bass_overlap0"]
    assert stem.shape == golden["mixture"].shape
    assert np.abs(stem[:compared] - published[:compared]).max() <= 2e-4


@pytest.mark.parametrize("samples", [1, 3, 5887, 5888, 5889, 30000])
def test_any_length_in_is_the_length_out(separator, golden, samples):
    stems = separator.separate(golden["mixture"][:samples])
    assert tuple(stems) == separator.targets
    assert all(stem.shape == (samples, 2) for stem in stems.values())


def test_streaming_in_blocks_equals_the_whole(separator, golden):
    mix = golden["mixture"][:40000]
    whole = separator.separate(mix, ("drums",), overlap=0.25)["drums"]
    stream = separator.stream(("drums",), overlap=0.25)
    parts = [stream.push(mix[i : i + 7001])["drums"] for i in range(0, len(mix), 7001)]
    np.testing.assert_array_equal(np.concatenate([*parts, stream.finish()["drums"]]), whole)


def test_a_stream_refuses_what_the_whole_refuses(separator, golden):
    mix = golden["mixture"][:20000]
    spoilt = mix.copy()
    spoilt[1000, 1] = np.nan
    for block in (mix[:, 0], mix[:, :1], (mix * 32767).astype(np.int16), spoilt):
        with pytest.raises(InvalidOption, match="block"):
            separator.stream(("bass",)).push(block)
    stream = separator.stream(("bass",))
    parts = [stream.push(mix.astype(np.float64))["bass"], stream.finish()["bass"]]
    assert {part.dtype for part in parts} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(np.concatenate(parts), separator.separate(mix, "bass")["bass"])
    for more in (lambda: stream.push(mix), stream.finish):
        with pytest.raises(InvalidOption, match="another one"):
            more()


def test_one_network_serves_the_targets_in_any_order(golden):
    separator = Separator.load(str(GOLDEN / "tfc_gpocm_lasaft.ckpt"))
    mix = golden["mixture"][:12000]
    first = separator.separate(mix, ("drums", "vocals"))
    second = separator.separate(mix, ("vocals", "drums"))
    assert (tuple(first), tuple(second)) == (("drums", "vocals"), ("vocals", "drums"))
    for target, stem in first.items():
        np.testing.assert_array_equal(second[target], stem)
    assert list(separator._estimator._specialised) == [("vocals", "drums")]


def test_a_mixture_consistent_network_gives_the_same_stem_whatever_else_is_asked():
    torch.manual_seed(0)
    config = replace(PRESETS["lasaft-tiny"], mixture_consistent=True)
    tensors = UNet(config).state_dict()
    made = Checkpoint(name="made", sha256="", licence=None, config=config, tensors=tensors)
    separator = Separator(made, device="cpu", precision="float32")
    samples = 3 * separator.window_samples
    mix = np.random.default_rng(0).normal(0, 0.1, (samples, 2)).astype(np.float32)
    stems = separator.separate(mix)
    assert min(np.abs(stem).max() for stem in stems.values()) > 1e-3
    np.testing.assert_allclose(sum(stems.values()), mix, atol=1e-5)
    before = separator.windows_computed
    alone = separator.separate(mix, ("drums",))
    assert separator.windows_computed == 2 * before, "all four are estimated for one, too"
    assert tuple(alone) == ("drums",)
    np.testing.assert_array_equal(alone["drums"], stems["drums"])
    windows = np.stack([mix[i : i + separator.window_samples] for i in (0, 9000)])
    together = separator._estimator(windows, ("other",))["other"]
    for window, estimate in zip(windows, together, strict=True):
        assert np.abs(separator.separate_window(window, "other") - estimate).max() <= 1e-6


def test_a_batch_equals_its_items_to_rounding(separator, golden):
    length = separator.window_samples
    windows = np.stack([golden["mixture"][i : i + length] for i in (0, 9000, 20000)])
    together = separator._estimator(windows, ("other",))["other"]
    for window, estimate in zip(windows, together, strict=True):
        assert np.abs(separator.separate_window(window, "other") - estimate).max() <= 1e-6


def test_one_window_at_a_time_differs_by_rounding_alone(separator, golden, monkeypatch):
    frugal, batches = separator.one_window_at_a_time(), []
    mix = golden["mixture"][: 3 * separator.window_samples]
    usual = separator.separate(mix, ("drums",))["drums"]
    estimate = type(separator._estimator).__call__

    def noted(self, windows, targets):
        batches.append(len(windows))
        return estimate(self, windows, targets)

    monkeypatch.setattr(type(separator._estimator), "__call__", noted)
    assert np.abs(frugal.separate(mix, ("drums",))["drums"] - usual).max() <= 1e-6
    assert set(batches) == {1}
    batches.clear()
    separator.separate(mix, ("drums",))
    assert max(batches) == 2, "the separator itself goes on as before"


def test_digital_silence_skips_the_network_and_stays_silence(separator):
    before = separator.windows_computed
    stems = separator.separate(np.zeros((50000, 2), np.float32))
    assert separator.windows_computed == before
    assert all(not stem.any() for stem in stems.values())
    window = np.zeros((separator.window_samples, 2), np.float32)
    assert separator.separate_window(window, "vocals").any(), "the bare network is not gated"


def test_mono_is_two_equal_channels_folded_back(separator, golden):
    mono = golden["mixture"][:20000, :1]
    stem = separator.separate(mono, ("vocals",))["vocals"]
    twice = separator.separate(np.repeat(mono, 2, axis=1), ("vocals",))["vocals"]
    np.testing.assert_allclose(stem[:, 0], twice.mean(axis=1), atol=1e-7)


def test_bfloat16_stays_near_float32_and_separate_window_stays_exact(golden):
    path = str(GOLDEN / "tfc_gpocm_lasaft.ckpt")
    exact, fast = Separator.load(path), Separator.load(path, precision="bfloat16")
    mix = golden["mixture"][:20000]
    reference, estimate = (s.separate(mix, ("bass",))["bass"] for s in (exact, fast))
    error_db = 10 * np.log10(np.sum((reference - estimate) ** 2) / np.sum(reference**2))
    assert -90 < error_db < -30
    window = mix[: exact.window_samples]
    np.testing.assert_array_equal(
        exact.separate_window(window, "bass"), fast.separate_window(window, "bass")
    )


@pytest.fixture
def windows(separator, golden):
    """Five."""
    length = separator.window_samples
    return np.stack([golden["mixture"][i : i + length] for i in range(0, 5000, 1000)])


def small_memory(forward, sizes):
    """For two windows; notes what it is asked for."""

    def forward_if_it_fits(batch, target):
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.cuda.OutOfMemoryError("too much")
        return forward(batch, target)

    return forward_if_it_fits


def test_out_of_memory_halves_the_batch_and_goes_on(separator, windows, monkeypatch):
    estimator = separator._estimator
    expected = estimator(windows, ("bass",))["bass"]
    sizes = []
    monkeypatch.setattr(estimator, "_forward", small_memory(estimator._forward, sizes))
    monkeypatch.setattr(estimator, "batch_limit", None)
    np.testing.assert_allclose(estimator(windows, ("bass",))["bass"], expected, atol=1e-6)
    assert sizes == [5, 2, 2, 1]


class TwoParts:
    """What a GPU's transfers do, on the host: stems are whole only after `finish`."""

    parts = 2

    def __init__(self):
        self.waiting = []

    def upload(self, windows):
        return windows

    def download(self, stems):
        here = torch.full_like(stems, torch.nan)
        self.waiting.append((here, stems))
        return here

    def finish(self):
        with torch.inference_mode():
            for here, stems in self.waiting:
                here.copy_(stems)
        self.waiting.clear()


def test_stems_are_read_when_their_transfers_are_finished(separator, windows, monkeypatch):
    estimator, transfers = separator._estimator, TwoParts()
    expected = estimator(windows, ("bass",))["bass"]
    sizes = []
    monkeypatch.setattr(estimator, "_transfers", transfers)
    np.testing.assert_allclose(estimator(windows, ("bass",))["bass"], expected, atol=1e-6)
    monkeypatch.setattr(estimator, "_forward", small_memory(estimator._forward, sizes))
    monkeypatch.setattr(estimator, "batch_limit", None)
    np.testing.assert_allclose(estimator(windows, ("bass",))["bass"], expected, atol=1e-6)
    assert sizes == [3, 1, 1, 1, 2]
    assert not transfers.waiting


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")
def test_what_goes_to_a_gpu_comes_back():
    transfers = CudaTransfers("cuda")
    windows = torch.randn(8, 2, 65_536)
    back = [transfers.download(transfers.upload(part) * 2) for part in windows.split(4)]
    transfers.finish()
    torch.testing.assert_close(torch.cat(back), windows * 2)


def test_wrong_use_lists_the_choices(separator):
    with pytest.raises(UnknownTarget, match=r"vocals \| drums \| bass \| other"):
        separator.separate(np.zeros((10, 2), np.float32), targets=("piano",))
    with pytest.raises(InvalidOption, match=r"0 to 0\.5"):
        separator.separate(np.zeros((10, 2), np.float32), overlap=0.9)
    with pytest.raises(InvalidOption, match="1 or 2"):
        separator.separate(np.zeros((10, 6), np.float32))
    with pytest.raises(InvalidOption, match="NaN"):
        separator.separate(np.full((10, 2), np.nan, np.float32))
    with pytest.raises(InvalidOption, match="int16"):
        separator.separate(np.zeros((10, 2), np.int16))
    with pytest.raises(InvalidOption, match="1 or 2"):
        separator.separate([0.0, 0.1])
    with pytest.raises(InvalidOption, match="16128"):
        separator.separate_window(np.zeros((10, 2), np.float32), "bass")


def test_one_target_may_stand_alone(separator):
    assert separator.select_targets("bass") == ("bass",)
    assert set(separator.separate(np.zeros((10, 2)), targets="bass")) == {"bass"}


def test_device_and_precision_are_resolved_at_run_time(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == "cpu"
    with pytest.raises(InvalidOption, match="CUDA"):
        resolve_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    for name in ("cpu:0", "auto:1", "cuda:x", "cuda:1", "tpu"):
        with pytest.raises(InvalidOption, match="device"):
            resolve_device(name)
    assert resolve_device("cuda:0") == "cuda:0"
    assert resolve_device("auto") == "cuda"
    assert resolve_precision("auto", "cuda") == "bfloat16"
    assert resolve_precision("float32", "cuda") == "float32"
    for flags, expected in (({"amx_bf16": True}, "bfloat16"), ({}, "float32")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda flags=flags: flags)
        assert resolve_precision("auto", "cpu") == expected
    monkeypatch.setattr(torch, "cpu", SimpleNamespace())  # a release that tells nothing
    assert resolve_precision("auto", "cpu") == "float32"
    with pytest.raises(InvalidOption, match="bfloat16"):
        resolve_precision("int4", "cpu")


def test_float32_is_whole_on_a_gpu_and_left_as_it_was():
    before = torch.backends.cudnn.allow_tf32
    with full_float32():
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32 == before
