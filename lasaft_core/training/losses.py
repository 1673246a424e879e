"""What training makes small: distances of an estimate from the wanted source.

Legend: B batch, C audio channels, T frames, F bins. Spectrograms are complex as channels.
"""

from collections.abc import Callable
from typing import Final

from torch import Tensor, nn

from lasaft_core.spectral import ComplexAsChannels

Loss = Callable[[Tensor, Tensor, ComplexAsChannels], Tensor]
_WAVEFORM_WEIGHT, _SPECTROGRAM_WEIGHT = 5.0, 0.3


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


LOSSES: Final[dict[str, Loss]] = {
    "spectrogram-mse": spectrogram_mse,
    "waveform-and-spectrogram-l1": waveform_and_spectrogram_l1,
}
