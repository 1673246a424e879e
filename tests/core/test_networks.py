"""Every network of the two papers against its published outputs and sizes."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from lasaft_core import Separator
from lasaft_core.errors import InvalidOption
from lasaft_core.models import PRESETS, NetworkConfig, UNet, build
from lasaft_core.models.config import BLOCKS, CONDITIONED_BLOCKS
from lasaft_core.models.estimation import Estimation, with_rest_shared
from lasaft_core.modules.gpocm import film, gpocm, pocm
from lasaft_core.modules.lasaft import LaSAFT
from lasaft_core.modules.lightsaft import LightSAFT
from lasaft_core.modules.tdf import TDFOptions
from lasaft_core.spectral import ComplexAsChannels

GOLDEN = Path(__file__).parent.parent / "golden"
WINDOWS = np.load(GOLDEN / "windows.npz")
# Parameters as published, networks.md of the papers' repositories.
PARAMETERS = {
    "tdc-17": 535_924,
    "tfc-17": 1_564_660,
    "tfc-tdf-17": 1_930_840,
    "tfc-tdf-7": 987_476,
    "tfc-tdf-large": 2_232_132,
    "cunet-film": 720_676,
    "cunet-film-tdf": 1_069_508,
    "cunet-film-lasaft": 7_998_436,
    "cunet-gpocm": 1_146_268,
    "cunet-gpocm-tdf": 1_495_100,
    "cunet-gpocm-lasaft": 8_424_028,
    "cunet-gpocm-lightsaft": 2_374_236,
    "lasaft-large": 31_541_908,
}
TINY = NetworkConfig(
    n_fft=64, hop_samples=32, num_frames=8, num_blocks=3, internal_channels=4,
    num_conv_layers=2, embedding_dim=4, num_control_layers=2, num_latents=3, key_dim=4,
)  # fmt: skip
ONE_TARGET = {"modulation": "none", "targets": ("vocals",)}


@pytest.mark.parametrize("key", [k for k in WINDOWS if not k.endswith("/mixture")])
def test_window_equals_the_published_one(key):
    repository, network, target = key.split("/")
    separator = Separator.load(str(GOLDEN / f"{network}.ckpt"), device="cpu")
    estimate = separator.separate_window(WINDOWS[f"{repository}/mixture"], target)
    assert np.abs(estimate - WINDOWS[key]).max() <= 1e-5


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_as_published(name):
    with torch.device("meta"):
        network = build(name)
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[name]


def test_presets_are_all_the_papers_systems_and_unknown_names_list_them():
    assert set(PRESETS) == {
        *PARAMETERS,
        "tdc-rnn-17",
        "lasaft-small",
        "lasaft-subband",
        "lasaft-tiny",
    }
    with pytest.raises(InvalidOption, match=r"tdc-17 \| tfc-17"):
        build("tdc-18")


VARIANTS = [
    *({**ONE_TARGET, "block": block} for block in BLOCKS if not block.endswith("saft")),
    *(
        {"block": block, "modulation": modulation, "condition_to": place}
        for block, modulation, place in product(
            CONDITIONED_BLOCKS, ("film", "film-simple", "pocm", "gpocm"), ("decoder", "full")
        )
    ),
    {"condition": "one-hot", "condition_to": "encoder", "normalises_modulation": False},
    {"halving_levels": (), "bottleneck_factor": None, "tdf_bias": True, "activation": "leaky_relu"},
    {"spectrogram": "magnitude", "estimation": "masking", "last_activation": "sigmoid"},
    {"spectrogram": "magnitude", "last_activation": "relu"},
    {"first_activation": "softmax", "last_activation": "softmax", "activation": "softmax"},
    {**ONE_TARGET, "block": "tfc-rnn", "num_rnn_layers": 2, "rnn_bias": False},
    {"num_control_layers": 1, "num_blocks": 1, "condition_to": "full"},
    {"channel_order": "sides", "copies_dc": True, "estimation": "masking"},
    {"estimation": "complex-masking", "input_exponent": 0.5, "input_rms": 4.0},
    {"encoder_block": "tfc-tdf", "channel_growth": 2, "num_subbands": 4},
    {"encoder_block": "tfc", "encoder_conv_layers": 3},
    {"encoder_block": "tfc", "condition_to": "full", "num_subbands": 2, "copies_dc": True},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_variant_maps_a_spectrogram_and_hears_its_condition(variant):
    torch.manual_seed(0)
    network = UNet(replace(TINY, **variant)).eval()
    spectrogram = torch.randn(2, 4, 8, 33)
    first = network(spectrogram, torch.tensor([0, 0]))
    assert first.shape == spectrogram.shape
    assert torch.isfinite(first).all()
    torch.testing.assert_close(first[:1], network(spectrogram[:1], torch.tensor([0])))
    if network.config.is_conditioned:
        assert not torch.allclose(first, network(spectrogram, torch.tensor([1, 1])))
    if network.config.copies_dc:
        assert torch.equal(first[..., 0], spectrogram[..., 0])


@pytest.mark.parametrize("encoder", ["tfc-tdf", None])
def test_targets_asked_together_are_answered_as_if_alone(encoder):
    torch.manual_seed(0)
    network = UNet(replace(TINY, encoder_block=encoder)).eval()
    assert network.config.has_blind_encoder == (encoder is not None)
    spectrogram = torch.randn(2, 4, 8, 33)
    together = network(spectrogram, torch.tensor([0, 2, 3, 1])).unflatten(0, (2, 2))
    alone = [network(spectrogram, torch.tensor(pair)) for pair in ([0, 3], [2, 1])]
    torch.testing.assert_close(together, torch.stack(alone, dim=1), rtol=1e-4, atol=1e-5)


def test_subbands_are_stacked_lowest_first_and_back_without_the_last_bin():
    ends = Estimation(replace(TINY, num_subbands=4))
    spectrogram = torch.randn(2, 4, 8, 33)
    seen = ends.seen(spectrogram)
    assert seen.shape == (2, 16, 8, 8)
    assert torch.equal(seen[:, 4:8], spectrogram[..., 8:16])
    back = ends.estimate(seen, spectrogram)
    assert torch.equal(back[..., :-1], spectrogram[..., :-1])
    assert not back[..., -1].any()


def as_complex(spectrogram):
    real, imaginary = spectrogram.chunk(2, dim=1)
    return torch.complex(real, imaginary)


def test_masking_multiplies_the_mixture_by_the_networks_output():
    torch.manual_seed(0)
    spectrogram, target = torch.randn(2, 4, 8, 33), torch.tensor([0, 3])
    mapping = UNet(TINY).eval()
    masking = UNet(replace(TINY, estimation="complex-masking")).eval()
    masking.load_state_dict(mapping.state_dict())
    expected = as_complex(mapping(spectrogram, target)) * as_complex(spectrogram)
    torch.testing.assert_close(as_complex(masking(spectrogram, target)), expected)


def test_input_exponent_acts_on_magnitudes_and_keeps_phases():
    ends = Estimation(replace(TINY, input_exponent=0.5))
    spectrogram = torch.randn(1, 4, 8, 33) + 0.1
    before, after = as_complex(spectrogram), as_complex(ends.seen(spectrogram))
    torch.testing.assert_close(after.abs(), before.abs() ** 0.5, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(after.angle(), before.angle(), rtol=1e-4, atol=1e-4)
    assert not ends.seen(torch.zeros(1, 4, 8, 33)).any()


def test_a_levelled_input_is_as_loud_however_loud_the_window_is():
    levelled = Estimation(replace(TINY, input_rms=4.0, estimation="masking"))
    loud, quiet = 5 * torch.randn(1, 4, 8, 33), 0.01 * torch.randn(1, 4, 8, 33)
    seen = levelled.seen(torch.cat((loud, 10 * loud, quiet)))
    rms = as_complex(seen).abs().square().mean(dim=(1, 2, 3)).sqrt()
    torch.testing.assert_close(rms[:2], torch.tensor([4.0, 4.0]))
    torch.testing.assert_close(seen[2:], 16 * quiet)  # faint noise stays faint
    assert not levelled.seen(torch.zeros(1, 4, 8, 33)).any()


def test_a_levelled_network_s_estimates_are_as_loud_as_the_mixture():
    torch.manual_seed(0)
    network = UNet(replace(TINY, input_rms=4.0, estimation="complex-masking")).eval()
    spectrogram, target = torch.randn(1, 4, 8, 33), torch.tensor([1])
    torch.testing.assert_close(
        network(8 * spectrogram, target), 8 * network(spectrogram, target), rtol=1e-4, atol=1e-5
    )


def test_what_estimates_leave_is_shared_in_proportion_to_their_powers():
    """In each bin of each channel, as complex numbers; the published formula with weights."""
    torch.manual_seed(0)
    mixture, estimates = torch.randn(2, 4, 3, 5), torch.randn(3, 2, 4, 3, 5)
    whole, parts = as_complex(mixture), torch.stack([as_complex(part) for part in estimates])
    shares = parts.abs() ** 2 / (parts.abs() ** 2).sum(dim=0)
    expected = parts + shares * (whole - parts.sum(dim=0))
    shared = with_rest_shared(estimates, mixture)
    torch.testing.assert_close(
        torch.stack([as_complex(part) for part in shared]), expected, atol=2e-3, rtol=0
    )
    torch.testing.assert_close(shared.sum(dim=0), mixture, atol=1e-5, rtol=0)


def test_where_no_estimate_sounds_all_share_alike():
    mixture = torch.randn(1, 4, 3, 5)
    nearly_silent = torch.stack((0.0001 * mixture, 0.0002 * mixture, 0 * mixture))
    shared = with_rest_shared(nearly_silent, mixture)
    torch.testing.assert_close(shared, (mixture / 3).expand_as(shared), atol=1e-3, rtol=0)


def test_silence_is_shared_as_silence_and_can_be_learnt_from():
    estimates = torch.zeros(3, 1, 4, 3, 5, requires_grad=True)
    shared = with_rest_shared(estimates, torch.zeros(1, 4, 3, 5))
    shared.square().sum().backward()
    assert not shared.any()
    assert torch.isfinite(estimates.grad).all()


def test_bfloat16_estimates_add_up_in_float32():
    torch.manual_seed(0)
    mixture, estimates = torch.randn(1, 4, 3, 5), torch.randn(3, 1, 4, 3, 5)
    shared = with_rest_shared(estimates.bfloat16(), mixture)
    torch.testing.assert_close(shared.sum(dim=0), mixture, atol=1e-5, rtol=0)


def test_a_mixture_consistent_network_s_estimates_add_up_and_are_those_of_each_mixture():
    torch.manual_seed(0)
    config = replace(TINY, estimation="complex-masking", num_subbands=4, mixture_consistent=True)
    network, plain = UNet(config).eval(), UNet(replace(config, mixture_consistent=False)).eval()
    plain.load_state_dict(network.state_dict())
    spectrogram, targets = torch.randn(2, 4, 8, 33), torch.arange(4).repeat(2)
    together = network(spectrogram, targets).unflatten(0, (2, 4))
    torch.testing.assert_close(together.sum(dim=1), spectrogram)
    alone = plain(spectrogram[1:], torch.arange(4))
    expected = with_rest_shared(alone[:, None], spectrogram[1:])[:, 0]
    torch.testing.assert_close(together[1], expected)
    with pytest.raises(InvalidOption, match=r"all 4 at once.*got 1"):
        network(spectrogram, torch.tensor([0, 2]))


def test_magnitudes_take_the_mixtures_phase_or_scale_it():
    spectrogram, output = torch.randn(1, 4, 8, 33), torch.rand(1, 2, 8, 33)
    mapped = Estimation(replace(TINY, spectrogram="magnitude")).estimate(output, spectrogram)
    torch.testing.assert_close(as_complex(mapped).abs(), output)
    torch.testing.assert_close(as_complex(mapped).angle(), as_complex(spectrogram).angle())
    masks = Estimation(replace(TINY, spectrogram="magnitude", estimation="masking"))
    masked = as_complex(masks.estimate(output, spectrogram))
    torch.testing.assert_close(masked, as_complex(spectrogram) * output)


def test_magnitudes_of_silence_take_the_phase_zero():
    silence, output = torch.zeros(1, 4, 2, 33), torch.rand(1, 2, 2, 33)
    ends = Estimation(replace(TINY, spectrogram="magnitude"))
    torch.testing.assert_close(as_complex(ends.estimate(output, silence)), output + 0j)


def test_softmax_shares_out_over_channels():
    network = UNet(replace(TINY, last_activation="softmax")).eval()
    shares = network(torch.randn(1, 4, 8, 33), torch.tensor([0]))
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(1, 8, 33))


def test_one_control_layer_is_the_embedding_itself():
    generator = UNet(replace(TINY, num_control_layers=1)).condition_generator
    assert len(generator.dense_control_block.linear) == 0
    assert generator.linear_gamma[0].in_features == TINY.embedding_dim


def test_recurrent_layers_are_as_many_as_told_with_or_without_biases():
    rnn = replace(TINY, **ONE_TARGET, block="tdc-rnn", num_rnn_layers=2, rnn_bias=False)
    names = set(UNet(rnn).state_dict())
    assert "mid_block.frequency.rnn.weight_hh_l1_reverse" in names
    assert not any("rnn.bias" in name for name in names)


def test_no_preset_touches_the_lowest_bin():
    """The published code has such a step, but none of its networks comes by it."""
    assert not any(config.copies_dc for config in PRESETS.values())


def test_sides_order_keeps_each_sides_parts_together():
    ends = Estimation(replace(TINY, channel_order="sides"))
    spectrogram = torch.arange(4.0)[None, :, None, None].expand(1, 4, 2, 3)
    assert ends.seen(spectrogram)[0, :, 0, 0].tolist() == [0, 2, 1, 3]
    assert torch.equal(ends.estimate(ends.seen(spectrogram), spectrogram), spectrogram)


def test_config_survives_json_and_refuses_what_no_network_has():
    assert NetworkConfig.from_dict(TINY.to_dict()) == TINY
    for change in (
        {"num_blocks": 4},
        {"encoder_conv_layers": 0},
        {"encoder_conv_layers": True},
        {"n_fft": 66},
        {"num_frames": 7},
        {"estimation": "guessing"},
        {"input_exponent": 0.0},
        {"input_rms": 0.0, "estimation": "masking"},
        {"input_rms": 4.0, "estimation": "mapping"},
        {"targets": ("vocals", "vocals")},
        {"mixture_consistent": True, "copies_dc": True},
        {"mixture_consistent": True, "spectrogram": "magnitude"},
        {"mixture_consistent": True, "block": "tfc", **ONE_TARGET},
        {"mixture_consistent": True, "targets": ("vocals",)},
        {"kernel_size": (2, 3)},
        {"last_activation": "magic"},
        {"block": "tfc-lasaft", "modulation": "none"},
        {"block": "tdc-rnn", "modulation": "gpocm"},
        {"activation": "softmax", "block": "tdc", **ONE_TARGET},
    ):
        with pytest.raises(InvalidOption, match=next(iter(change))):
            replace(TINY, **change)


def test_lasaft_adds_its_latent_sources_by_attention():
    torch.manual_seed(1)
    block = LaSAFT(2, 16, TDFOptions(bottleneck_factor=4, min_units=2), (4, 5, 3)).eval()
    x, embedding = torch.randn(2, 2, 6, 16), torch.randn(2, 4)
    attention = block.attention(embedding)
    torch.testing.assert_close(attention.sum(dim=-1), torch.ones(2))
    flat = block.tdfs(x)  # frequency slow, latent source fast
    expected = x + sum(attention[:, i, None, None, None] * flat[..., i::3] for i in range(3))
    torch.testing.assert_close(block(x, embedding), expected)


def test_lightsaft_attends_in_the_bottleneck():
    torch.manual_seed(1)
    block = LightSAFT(2, 16, TDFOptions(bottleneck_factor=4, min_units=2), (4, 5, 3)).eval()
    x, embedding = torch.randn(2, 2, 6, 16), torch.randn(2, 4)
    attention = block.attention(embedding)
    flat = block.bottleneck(x)  # latent source slow, unit fast
    mixed = sum(attention[:, i, None, None, None] * flat[..., 4 * i : 4 * i + 4] for i in range(3))
    torch.testing.assert_close(block(x, embedding), x + block.expansion(mixed))


def test_gpocm_gates_by_a_matrix_from_the_right():
    torch.manual_seed(2)
    x, gamma, beta = torch.randn(1, 3, 2, 2), torch.randn(1, 3, 3), torch.randn(1, 3)
    row = x[0, :, 1, 0]
    expected = row * torch.sigmoid(row @ gamma[0] + beta[0])
    torch.testing.assert_close(gpocm(x, gamma, beta)[0, :, 1, 0], expected)


def test_film_scales_and_shifts_and_pocm_is_gpocm_without_its_gate():
    torch.manual_seed(3)
    x, gamma, beta = torch.randn(1, 3, 2, 2), torch.randn(1, 3, 3), torch.randn(1, 3)
    torch.testing.assert_close(film(x, beta, beta)[0, :, 1, 0], x[0, :, 1, 0] * beta[0] + beta[0])
    torch.testing.assert_close(gpocm(x, gamma, beta), x * torch.sigmoid(pocm(x, gamma, beta)))


def test_spectrogram_has_real_parts_first_and_inverts():
    spectral = ComplexAsChannels(64, 32)
    waveform = torch.randn(2, 2, 32 * 7)
    spectrogram = spectral(waveform)
    assert spectrogram.shape == (2, 4, 8, 33)
    left = torch.stft(waveform[0, 0], 64, 32, window=torch.hann_window(64), return_complex=True)
    torch.testing.assert_close(spectrogram[0, 0], left.real.T)
    torch.testing.assert_close(spectrogram[0, 2], left.imag.T)
    torch.testing.assert_close(spectral.inverse(spectrogram, 224), waveform, atol=1e-5, rtol=0)


def test_spectrogram_without_centring_inverts_where_a_window_reaches():
    spectral = ComplexAsChannels(64, 16, is_centered=False)
    waveform = torch.randn(2, 2, 64 + 16 * 9)
    spectrogram = spectral(waveform)
    assert spectrogram.shape == (2, 4, 10, 33)
    back = spectral.inverse(spectrogram, waveform.shape[-1])
    torch.testing.assert_close(back[..., 1:], waveform[..., 1:], atol=1e-4, rtol=0)
    assert not back[..., 0].any(), "the first sample's weight is zero, as in librosa"


def test_windows_and_contexts_as_published():
    assert (TINY.window_samples, TINY.context_samples) == (32 * 7, 5024)
    notebook = replace(PRESETS["tdc-17"], is_centered=False)
    assert (notebook.window_samples, notebook.context_samples) == (2048 + 1024 * 63, 5000)
