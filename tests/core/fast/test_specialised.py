"""The specialised network computes what the plain one does."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from lasaft_core.errors import InvalidOption
from lasaft_core.fast import SpecialisedUNet
from lasaft_core.models import PRESETS, UNet

SMALL = {
    "n_fft": 256, "hop_samples": 64, "num_frames": 16, "num_blocks": 5, "internal_channels": 6,
    "num_conv_layers": 2, "halving_levels": None, "min_units": 4, "embedding_dim": 4, "key_dim": 4,
}  # fmt: skip


def trained(config):
    """A network whose batch norms are anything but the identity."""
    torch.manual_seed(1)
    network = UNet(config).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            if module.affine:
                nn.init.uniform_(module.weight, -1.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.3)
    return network


def both(config, targets=None):
    network, names = trained(config), targets or config.targets
    spectrogram = torch.randn(2, 4, config.num_frames, config.n_fft // 2 + 1)
    indices = torch.tensor([config.targets.index(name) for name in names])
    with torch.inference_mode():
        plain = network(spectrogram, indices.repeat(2)).unflatten(0, (2, -1)).transpose(0, 1)
        fast = SpecialisedUNet(network, names)(spectrogram)
    return plain, fast


@pytest.mark.parametrize("name", PRESETS)
def test_every_family_gives_the_same(name):
    config = replace(PRESETS[name], **SMALL)
    plain, fast = both(config)
    assert fast.shape == (len(config.targets), 2, 4, 16, 129)
    assert plain.std() > 1e-3
    torch.testing.assert_close(fast, plain, atol=1e-5 * float(plain.abs().max()), rtol=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"condition_to": "encoder"},
        {"condition_to": "full", "modulation": "pocm"},
        {"condition_to": "full", "modulation": "film", "block": "tfc"},
        {"modulation": "film-simple", "block": "tfc-tdf"},
        {"condition": "one-hot", "tdf_bias": True},
        {"block": "tfc-lightsaft", "activation": "leaky_relu"},
        {"activation": "softmax"},
        {"block": "tfc-lightsaft", "activation": "softmax"},
        {"block": "tfc-tdf", "activation": "softmax"},
        {"bottleneck_factor": None, "tdf_affine": False, "normalises_modulation": False},
        {"encoder_block": "tfc-tdf", "num_subbands": 2, "channel_growth": 3},
        {"encoder_block": "tfc-tdf", "encoder_conv_layers": 3},
        {"encoder_block": "tfc-tdf", "num_conv_layers": 1},
        {"block": "tfc-lightsaft", "encoder_block": "tfc-tdf", "activation": "softmax"},
        {"estimation": "complex-masking", "input_rms": 4.0, "input_exponent": 0.5},
        {"estimation": "complex-masking", "mixture_consistent": True},
    ],
)
def test_every_setting_gives_the_same(changes):
    config = replace(PRESETS["cunet-gpocm-lasaft"], **SMALL | changes)
    plain, fast = both(config)
    torch.testing.assert_close(fast, plain, atol=1e-5 * float(plain.abs().max()), rtol=0)


def test_a_mixture_consistent_network_s_estimates_add_up_in_bfloat16_too():
    config = replace(PRESETS["lasaft-subband"], **SMALL, mixture_consistent=True)
    network = SpecialisedUNet(trained(config), config.targets).in_precision(torch.bfloat16)
    spectrogram = torch.randn(2, 4, config.num_frames, config.n_fft // 2 + 1)
    with torch.inference_mode():
        estimates = network(spectrogram)
    torch.testing.assert_close(estimates.sum(dim=0), spectrogram, atol=1e-5, rtol=0)


def test_a_mixture_consistent_network_is_made_for_all_its_targets_alone():
    config = replace(PRESETS["lasaft-subband"], **SMALL, mixture_consistent=True)
    for targets in (
        ("vocals",),
        ("vocals", "vocals", "drums", "bass"),
        ("vocals", *config.targets),
    ):
        with pytest.raises(InvalidOption, match="all 4 at once"):
            SpecialisedUNet(trained(config), targets)


@pytest.mark.parametrize("encoder_block", [None, "tfc-tdf"])
@pytest.mark.parametrize("targets", [("other", "vocals"), ("bass",)])
def test_some_targets_are_as_all_of_them(encoder_block, targets):
    config = replace(PRESETS["cunet-gpocm-lasaft"], **SMALL, encoder_block=encoder_block)
    plain, fast = both(config, targets)
    torch.testing.assert_close(fast, plain, atol=1e-5 * float(plain.abs().max()), rtol=0)


@pytest.mark.parametrize("name", PRESETS)
def test_the_plain_network_stays_as_it_was(name):
    network = trained(replace(PRESETS[name], **SMALL))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    asked = network.config.asked_for(network.config.targets[:1])
    SpecialisedUNet(network, asked).in_precision(torch.bfloat16)
    torch.testing.assert_close(dict(network.state_dict()), before, atol=0, rtol=0)
