"""What the pictures of weights and attention show, in numbers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lasaft_core.checkpoints import load_checkpoint
from lasaft_core.errors import InvalidOption
from lasaft_core.models import NetworkConfig, UNet
from lasaft_core.modules.tdf import TDF, TDFOptions
from lasaft_core.plots.attention import latent_attention
from lasaft_core.plots.blocks import named_blocks
from lasaft_core.plots.patterns import Cut, frequency_patterns, linear_map, linears

GOLDEN = Path(__file__).parents[2] / "golden"
TINY = NetworkConfig(
    n_fft=64, hop_samples=32, num_frames=8, num_blocks=3, internal_channels=4, num_conv_layers=2,
    embedding_dim=4, num_control_layers=2, num_latents=3, key_dim=4, bottleneck_factor=4,
    min_units=4, activation="identity",
)  # fmt: skip
NAMES = ["encoders.0", "mid_block", "decoders.0"]


def network_of(**changes):
    """In evaluation mode, its batch norms as if it had been trained."""
    torch.manual_seed(0)
    if not changes.get("block", "tfc-lasaft").endswith("saft"):
        changes |= {"modulation": "none", "targets": ("vocals",)}
    network = UNet(replace(TINY, **changes)).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 2.0)
            module.running_mean.normal_()
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 2.0)
    return network


def answers(block, channels, bins):
    """What a linear block makes of one bin at a time, without its constant: [out, in]."""
    with torch.no_grad():
        ones = torch.eye(bins)[:, None, None].expand(-1, channels, 1, -1)  # a bin each
        return (block(ones) - block(torch.zeros_like(ones))).mean(dim=1)[:, 0].T.numpy()


@pytest.mark.parametrize("changes", [{}, {"bottleneck_factor": None}, {"tdf_bias": True}])
def test_the_map_of_a_tdf_is_its_answer_to_single_bins(changes):
    network = network_of(block="tfc-tdf", **changes)
    (pattern,) = frequency_patterns(network)["mid_block"]
    expected = answers(network.mid_block.frequency.tdf, 4, 16)
    np.testing.assert_allclose(pattern.values, expected, atol=1e-5)


def test_an_identity_tdf_is_a_diagonal():
    tdf = TDF(2, 8, 8, TDFOptions(bottleneck_factor=None)).eval()
    nn.init.eye_(tdf.tdf[0].weight)
    np.testing.assert_allclose(linear_map(tdf.tdf).detach(), np.eye(8), atol=1e-4)


@pytest.mark.parametrize("block", ["tfc-lasaft", "tfc-lightsaft"])
def test_attended_maps_of_the_latent_sources_are_the_block_s_answer(block):
    network = network_of(block=block)
    patterns = frequency_patterns(network)["encoders.0"]
    attention = latent_attention(network)["encoders.0"][2]
    embedding = network.embed(torch.tensor([2]))
    assert [p.part for p in patterns] == ["latent 0", "latent 1", "latent 2"]
    expected = answers(lambda x: network.encoders[0].frequency(x, embedding) - x, 4, 32)
    attended = sum(a * p.values for a, p in zip(attention, patterns, strict=True))
    np.testing.assert_allclose(attended, expected, atol=1e-5)


@pytest.mark.parametrize("block", ["tfc-lasaft", "tfc-lightsaft"])
def test_attention_is_the_module_s_and_sums_to_one(block):
    network = network_of(block=block, condition="one-hot")
    attention = latent_attention(network)
    assert list(attention) == NAMES
    for name, part in named_blocks(network).items():
        expected = part.frequency.attention(torch.eye(4)).detach()
        np.testing.assert_allclose(attention[name], expected, rtol=1e-6)
        np.testing.assert_allclose(attention[name].sum(axis=1), 1.0, rtol=1e-5)


def test_layers_are_the_weights_with_their_units_ordered_by_frequency():
    network = network_of(block="tfc-lasaft")
    squeeze, *expands = frequency_patterns(network, view="layers")["decoders.0"]
    first, second = linears(network.decoders[0].frequency.tdfs.tdf)
    loudest = np.abs(squeeze.values).argmax(axis=0)
    assert (np.diff(loudest) >= 0).all()
    for latent, expand in enumerate(expands):
        assert expand.part == f"expand latent {latent}"
        product = (second[latent::3] @ first).detach()
        np.testing.assert_allclose(expand.values @ squeeze.values.T, product, atol=1e-5)
    light = frequency_patterns(network_of(block="tfc-lightsaft"), view="layers")["mid_block"]
    assert [p.part for p in light] == [*(f"squeeze latent {i}" for i in range(3)), "expand"]


def test_what_has_no_frequency_is_said_to_have_none():
    recurrent = network_of(block="tdc-rnn")
    (pattern,) = frequency_patterns(recurrent)["encoders.0"]
    assert (pattern.values.shape, pattern.columns) == ((32, 2 * 16), "recurrent units")
    (expand,) = frequency_patterns(recurrent, view="layers")["encoders.0"]
    assert (expand.values.shape, expand.columns) == ((32, 8), "units")
    for view in ("map", "layers"):
        single = network_of(block="tdf", bottleneck_factor=None)
        assert frequency_patterns(single, view=view)["decoders.0"][0].columns == "bins"


def test_bins_above_a_frequency_are_cut_and_many_are_averaged():
    network = network_of(block="tfc-tdf", n_fft=256)
    whole, half, means = (
        frequency_patterns(network, blocks=["0"], cut=cut)["encoders.0"][0]
        for cut in (None, Cut(11_000.0), Cut(11_000.0, 32))
    )
    assert whole.top_hz == pytest.approx(22_050)
    assert half.top_hz == pytest.approx(22_050 / 2)
    np.testing.assert_array_equal(half.values, whole.values[:64, :64])
    assert (means.top_hz, means.values.shape) == (half.top_hz, (32, 32))
    np.testing.assert_allclose(means.values[3, 5], half.values[6:8, 10:12].mean(), rtol=1e-4)


def test_frequencies_of_a_subband_network_are_those_within_a_subband():
    network = network_of(block="tfc-tdf", n_fft=256, num_subbands=2)
    (pattern,) = frequency_patterns(network, blocks=["0"])["encoders.0"]
    assert pattern.top_hz == pytest.approx(22_050 / 2)


def test_blocks_are_chosen_by_name_or_number_in_the_network_s_order():
    network = network_of()
    assert list(frequency_patterns(network)) == NAMES
    assert list(latent_attention(network, blocks=["2", "encoders.0"])) == NAMES[::2]
    with pytest.raises(InvalidOption, match=r"encoders.0 \| mid_block \| decoders.0, or 0 to 2"):
        frequency_patterns(network, blocks=["3"])


@pytest.mark.parametrize("name", ["tfc_net", "tdc_net", "tfc_film"])
def test_networks_of_convolutions_alone_are_refused(name):
    network = load_checkpoint(str(GOLDEN / f"{name}.ckpt")).build()
    with pytest.raises(InvalidOption, match="convolutions only"):
        frequency_patterns(network)
    with pytest.raises(InvalidOption, match="LaSAFT"):
        latent_attention(network)


def test_options_outside_their_range_are_refused():
    with pytest.raises(InvalidOption, match=r"map \| layers"):
        frequency_patterns(network_of(), view="side")
    for hertz in (0.0, float("nan")):
        with pytest.raises(InvalidOption, match="more than 0"):
            Cut(hertz)
