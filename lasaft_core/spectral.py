"""STFT and its inverse, with the complex spectrogram laid out as channels.

Hann window (periodic), centred, reflected at the borders, one-sided, not normalised: as
published with arXiv 2010.11631. A window of `hop_samples * (num_frames - 1)` samples gives
`num_frames` frames. Channels of the spectrogram: all real parts, then all imaginary parts,
[left re, right re, left im, right im].

Legend: B batch, C audio channels, T frames, F bins.
"""

import torch
from torch import Tensor, nn


class ComplexAsChannels(nn.Module):
    """Waveform [B, C, samples] <-> spectrogram [B, 2 C, T, F], float32."""

    window: Tensor

    def __init__(self, n_fft: int, hop_samples: int) -> None:
        super().__init__()
        self.n_fft, self.hop_samples = n_fft, hop_samples
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """[B, C, samples] -> [B, 2 C, T, F]."""
        batch, _, samples = waveform.shape
        spectrum = torch.stft(
            waveform.reshape(-1, samples),
            self.n_fft,
            self.hop_samples,
            window=self.window,
            center=True,
            pad_mode="reflect",
            return_complex=True,
        )  # B * C, F, T
        spectrum = spectrum.unflatten(0, (batch, -1)).transpose(2, 3)  # B, C, T, F
        return torch.cat((spectrum.real, spectrum.imag), dim=1)  # B, 2 C, T, F

    def inverse(self, spectrogram: Tensor, num_samples: int) -> Tensor:
        """[B, 2 C, T, F] -> [B, C, num_samples]."""
        real, imaginary = spectrogram.transpose(2, 3).chunk(2, dim=1)  # B, C, F, T
        spectrum = torch.complex(real.contiguous(), imaginary.contiguous())
        waveform = torch.istft(
            spectrum.flatten(0, 1),
            self.n_fft,
            self.hop_samples,
            window=self.window,
            center=True,
            length=num_samples,
        )  # B * C, samples
        return waveform.unflatten(0, spectrum.shape[:2])  # B, C, samples
