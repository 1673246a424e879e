"""STFT and its inverse, with the complex spectrogram laid out as channels.

Hann window (periodic), one-sided, not normalised. Centred and reflected at the borders, as
published with arXiv 2010.11631, `hop * (frames - 1)` samples give `frames` frames; without
centring, as in the first notebooks of arXiv 1912.02591 (and librosa's `center=False`),
`n_fft + hop * (frames - 1)` samples do. Channels of the spectrogram: all real parts, then all
imaginary parts, [left re, right re, left im, right im].

Legend: B batch, C audio channels, T frames, F bins.
"""

from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from lasaft_core.models import NetworkConfig

_SMALLEST_WEIGHT = 1e-10


class ComplexAsChannels(nn.Module):
    """Waveform [B, C, samples] <-> spectrogram [B, 2 C, T, F], float32."""

    window: Tensor

    def __init__(self, n_fft: int, hop_samples: int, *, is_centered: bool = True) -> None:
        super().__init__()
        self.n_fft, self.hop_samples, self.is_centered = n_fft, hop_samples, is_centered
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    @classmethod
    def of(cls, config: "NetworkConfig") -> Self:
        """The transform that a network was made for."""
        return cls(config.n_fft, config.hop_samples, is_centered=config.is_centered)

    def forward(self, waveform: Tensor) -> Tensor:
        """[B, C, samples] -> [B, 2 C, T, F]."""
        batch, _, samples = waveform.shape
        spectrum = torch.stft(
            waveform.reshape(-1, samples),
            self.n_fft,
            self.hop_samples,
            window=self.window,
            center=self.is_centered,
            pad_mode="reflect",
            return_complex=True,
        )  # B * C, F, T
        spectrum = spectrum.unflatten(0, (batch, -1)).transpose(2, 3)  # B, C, T, F
        return torch.cat((spectrum.real, spectrum.imag), dim=1)  # B, 2 C, T, F

    def inverse(self, spectrogram: Tensor, num_samples: int) -> Tensor:
        """[B, 2 C, T, F] -> [B, C, num_samples]."""
        real, imaginary = spectrogram.transpose(2, 3).chunk(2, dim=1)  # B, C, F, T
        spectrum = torch.complex(real.contiguous(), imaginary.contiguous())
        shape = spectrum.shape[:2]
        spectrum = spectrum.flatten(0, 1)  # B * C, F, T
        if not self.is_centered:
            return self._overlap_added(spectrum, num_samples).unflatten(0, shape)
        waveform = torch.istft(
            spectrum,
            self.n_fft,
            self.hop_samples,
            window=self.window,
            center=True,
            length=num_samples,
        )  # B * C, samples
        return waveform.unflatten(0, shape)  # B, C, samples

    def _overlap_added(self, spectrum: Tensor, num_samples: int) -> Tensor:
        """torch.istft refuses windows that begin with zero unless centred; librosa leaves them."""
        frames = torch.fft.irfft(spectrum, self.n_fft, dim=1) * self.window[:, None]
        weights = (self.window**2)[None, :, None].expand(1, -1, frames.shape[-1])
        total, weight = (self._folded(x, num_samples) for x in (frames, weights))
        return total / torch.where(weight > _SMALLEST_WEIGHT, weight, 1.0)

    def _folded(self, frames: Tensor, num_samples: int) -> Tensor:
        """[B, n_fft, T] -> [B, num_samples], frames added a hop apart."""
        folded = nn.functional.fold(
            frames.contiguous(),
            (1, num_samples),
            (1, self.n_fft),
            stride=(1, self.hop_samples),
        )
        return folded[:, 0, 0]
