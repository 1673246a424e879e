"""From the mixture's spectrogram to what the network sees, and from its output to an estimate.

Legend: B batch, C audio channels, T frames, F bins. Spectrograms are complex as channels,
all real parts first: [B, 2 C, T, F].
"""

import torch
from torch import Tensor

from lasaft_core.models.config import NetworkConfig

_SMALLEST_MAGNITUDE = 1e-4


class Estimation:
    """The two ends of a network: `seen` before it, `estimate` behind it."""

    def __init__(self, config: NetworkConfig) -> None:
        self.config = config

    def seen(self, spectrogram: Tensor) -> Tensor:
        """[B, 2 C, T, F] -> [B, C or 2 C, T, F]."""
        if self.config.input_exponent != 1.0:
            spectrogram = _compressed(spectrogram, self.config.input_exponent)
        if self.config.spectrogram == "magnitude":
            return _magnitude(spectrogram)
        return self._ordered(spectrogram)

    def estimate(self, output: Tensor, spectrogram: Tensor) -> Tensor:
        """The network's output and the mixture -> the target's spectrogram [B, 2 C, T, F]."""
        result = self._estimate(output, spectrogram)
        if self.config.copies_dc:
            return torch.cat((spectrogram[..., :1], result[..., 1:]), dim=-1)
        return result

    def _estimate(self, output: Tensor, spectrogram: Tensor) -> Tensor:
        if self.config.spectrogram == "magnitude":
            return self._with_phase(output, spectrogram)
        if self.config.channel_order == "sides":
            output = _parts_first(output)
        if self.config.estimation == "masking":
            return output * spectrogram
        if self.config.estimation == "complex-masking":
            return _complex_product(output, spectrogram)
        return output

    def _with_phase(self, output: Tensor, spectrogram: Tensor) -> Tensor:
        """A mask scales the mixture; a magnitude takes the mixture's phase."""
        if self.config.estimation == "masking":
            return torch.cat((output, output), dim=1) * spectrogram
        real, imaginary = spectrogram.chunk(2, dim=1)
        phase = torch.atan2(imaginary, real)  # of silence: 0, as published
        return torch.cat((output * torch.cos(phase), output * torch.sin(phase)), dim=1)

    def _ordered(self, spectrogram: Tensor) -> Tensor:
        if self.config.channel_order == "sides":
            return _sides_first(spectrogram)
        return spectrogram


def _magnitude(spectrogram: Tensor) -> Tensor:
    real, imaginary = spectrogram.chunk(2, dim=1)
    return torch.sqrt(real**2 + imaginary**2)


def _compressed(spectrogram: Tensor, exponent: float) -> Tensor:
    """Magnitudes to the power of `exponent`, phases kept."""
    real, imaginary = spectrogram.chunk(2, dim=1)
    magnitude = torch.sqrt(real**2 + imaginary**2 + _SMALLEST_MAGNITUDE**2)
    return spectrogram * torch.cat((magnitude, magnitude), dim=1) ** (exponent - 1.0)


def _complex_product(x: Tensor, y: Tensor) -> Tensor:
    a, b = x.chunk(2, dim=1)
    c, d = y.chunk(2, dim=1)
    return torch.cat((a * c - b * d, a * d + b * c), dim=1)


def _sides_first(x: Tensor) -> Tensor:
    """[L re, R re, L im, R im] -> [L re, L im, R re, R im]."""
    return x.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)


def _parts_first(x: Tensor) -> Tensor:
    """[L re, L im, R re, R im] -> [L re, R re, L im, R im]."""
    return x.unflatten(1, (-1, 2)).transpose(1, 2).flatten(1, 2)
