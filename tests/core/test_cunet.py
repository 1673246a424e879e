"""The network's own options; that it is the published one stands in test_separator.py."""

from dataclasses import replace

import pytest
import torch

from lasaft_core.errors import InvalidOption
from lasaft_core.models import CUNetConfig, GPoCMLaSAFTNet
from lasaft_core.modules.gpocm import gpocm
from lasaft_core.modules.lasaft import LaSAFT, LatentTDF
from lasaft_core.spectral import ComplexAsChannels

TINY = CUNetConfig(
    n_fft=64, hop_samples=32, num_frames=8, num_blocks=3, internal_channels=4,
    num_tfc_layers=2, embedding_dim=4, num_control_layers=2, num_latents=3, key_dim=4,
)  # fmt: skip


def as_complex(spectrogram):
    real, imaginary = spectrogram.chunk(2, dim=1)
    return torch.complex(real, imaginary)


def test_masking_multiplies_the_mixture_by_the_networks_output():
    torch.manual_seed(0)
    spectrogram, target = torch.randn(2, 4, 8, 33), torch.tensor([0, 3])
    mapping = GPoCMLaSAFTNet(TINY).eval()
    masking = GPoCMLaSAFTNet(replace(TINY, estimation="masking")).eval()
    masking.load_state_dict(mapping.state_dict())
    expected = as_complex(mapping(spectrogram, target)) * as_complex(spectrogram)
    torch.testing.assert_close(as_complex(masking(spectrogram, target)), expected)


def test_input_exponent_acts_on_magnitudes_and_keeps_phases():
    network = GPoCMLaSAFTNet(replace(TINY, input_exponent=0.5))
    spectrogram = torch.randn(1, 4, 8, 33) + 0.1
    before, after = (as_complex(s) for s in (spectrogram, network._compressed(spectrogram)))
    torch.testing.assert_close(after.abs(), before.abs() ** 0.5, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(after.angle(), before.angle(), rtol=1e-4, atol=1e-4)
    assert not network._compressed(torch.zeros(1, 4, 8, 33)).any()


def test_config_survives_json_and_refuses_what_no_network_has():
    assert CUNetConfig.from_dict(TINY.to_dict()) == TINY
    for change in (
        {"num_blocks": 4},
        {"n_fft": 66},
        {"num_frames": 7},
        {"estimation": "guessing"},
        {"input_exponent": 0.0},
        {"targets": ("vocals", "vocals")},
        {"kernel_size": (2, 3)},
    ):
        with pytest.raises(InvalidOption, match=next(iter(change))):
            replace(TINY, **change)


def test_lasaft_adds_its_latent_sources_by_attention():
    torch.manual_seed(1)
    block = LaSAFT(4, 5, LatentTDF(2, 16, num_latents=3, units=8)).eval()
    x, embedding = torch.randn(2, 2, 6, 16), torch.randn(2, 4)
    attention = block.attention(embedding)
    torch.testing.assert_close(attention.sum(dim=-1), torch.ones(2))
    flat = block.tdfs.tdf(x)  # frequency slow, latent source fast
    expected = x + sum(attention[:, i, None, None, None] * flat[..., i::3] for i in range(3))
    torch.testing.assert_close(block(x, embedding), expected)


def test_gpocm_gates_by_a_matrix_from_the_right():
    torch.manual_seed(2)
    x, gamma, beta = torch.randn(1, 3, 2, 2), torch.randn(1, 3, 3), torch.randn(1, 3)
    row = x[0, :, 1, 0]
    expected = row * torch.sigmoid(row @ gamma[0] + beta[0])
    torch.testing.assert_close(gpocm(x, gamma, beta)[0, :, 1, 0], expected)


def test_spectrogram_has_real_parts_first_and_inverts():
    spectral = ComplexAsChannels(64, 32)
    waveform = torch.randn(2, 2, 32 * 7)
    spectrogram = spectral(waveform)
    assert spectrogram.shape == (2, 4, 8, 33)
    left = torch.stft(waveform[0, 0], 64, 32, window=torch.hann_window(64), return_complex=True)
    torch.testing.assert_close(spectrogram[0, 0], left.real.T)
    torch.testing.assert_close(spectrogram[0, 2], left.imag.T)
    torch.testing.assert_close(spectral.inverse(spectrogram, 224), waveform, atol=1e-5, rtol=0)
