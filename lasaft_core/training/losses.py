"""What training makes small: distances of an estimate from the wanted source.

Legend: B batch, C audio channels, T frames, F bins. Spectrograms are complex as channels.
"""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn

from lasaft_core.spectral import ComplexAsChannels

Loss = Callable[[Tensor, Tensor, ComplexAsChannels], Tensor]
_WAVEFORM_WEIGHT, _SPECTROGRAM_WEIGHT = 5.0, 0.3
_QUIET_POWER = 1e-5  # -50 dB of full scale


def spectrogram_mse(estimate: Tensor, wanted: Tensor, spectral: ComplexAsChannels) -> Tensor:
    """Spectrogram [B, 2 C, T, F] against waveform [B, C, samples]; both papers' loss."""
    return nn.functional.mse_loss(estimate, spectral(wanted))


def waveform_and_spectrogram_l1(
    estimate: Tensor, wanted: Tensor, spectral: ComplexAsChannels
) -> Tensor:
    """5 x L1 of the waveform + 0.3 x L1 of the complex spectrogram; shapes as above."""
    waveform = spectral.inverse(estimate, wanted.shape[-1])
    on_waveform = nn.functional.l1_loss(waveform, wanted)
    on_spectrogram = nn.functional.l1_loss(estimate, spectral(wanted))
    return _WAVEFORM_WEIGHT * on_waveform + _SPECTROGRAM_WEIGHT * on_spectrogram


def waveform_rms(estimate: Tensor, wanted: Tensor, spectral: ComplexAsChannels) -> Tensor:
    """Root mean square of each item's waveform error, averaged: between L1, which rewards the
    silence of quiet sources, and the mean square, which hears the loudest items only."""
    return torch.sqrt(_mean_square_error(estimate, wanted, spectral) + _QUIET_POWER).mean()


def waveform_log_mse(estimate: Tensor, wanted: Tensor, spectral: ComplexAsChannels) -> Tensor:
    """Power of each item's waveform error in dB, averaged: the SDR but for a constant, with a
    floor at which an item is good enough."""
    error = _mean_square_error(estimate, wanted, spectral) + _QUIET_POWER
    return 10 * torch.log10(error).mean()


def _mean_square_error(estimate: Tensor, wanted: Tensor, spectral: ComplexAsChannels) -> Tensor:
    """[B]."""
    error = spectral.inverse(estimate, wanted.shape[-1]) - wanted
    return error.square().mean(dim=(1, 2))


LOSSES: Final[dict[str, Loss]] = {
    "spectrogram-mse": spectrogram_mse,
    "waveform-and-spectrogram-l1": waveform_and_spectrogram_l1,
    "waveform-rms": waveform_rms,
    "waveform-log-mse": waveform_log_mse,
}
