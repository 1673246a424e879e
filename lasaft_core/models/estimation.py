"""From the mixture's spectrogram to what the network sees, and from its output to an estimate.

Legend: B batch, C audio channels, T frames, F bins, S subbands. Spectrograms are complex as
channels, all real parts first: [B, 2 C, T, F]; N targets.
"""

import torch
from torch import Tensor, nn

from lasaft_core.models.config import NetworkConfig

_SMALLEST_MAGNITUDE = 1e-4
_MOST_GAIN, _FAINT = 16.0, 1e-12
_LEAST_SHARE = 1e-4  # of the mixture's power: where no estimate sounds, all share alike


class Estimation:
    """The two ends of a network: `seen` before it, `estimate` and `together` behind it."""

    def __init__(self, config: NetworkConfig) -> None:
        self.config = config

    def seen(self, spectrogram: Tensor) -> Tensor:
        """[B, 2 C, T, F] -> [B, C or 2 C, T, F], or [B, S C or 2 S C, T, (F - 1) / S]."""
        if self.config.input_rms is not None:
            spectrogram = _levelled(spectrogram, self.config.input_rms)
        if self.config.input_exponent != 1.0:
            spectrogram = _compressed(spectrogram, self.config.input_exponent)
        if self.config.spectrogram == "magnitude":
            seen = _magnitude(spectrogram)
        else:
            seen = self._ordered(spectrogram)
        return _stacked(seen, self.config.num_subbands)

    def estimate(self, output: Tensor, spectrogram: Tensor) -> Tensor:
        """The network's output and the mixture -> the target's spectrogram [B, 2 C, T, F]."""
        result = self._estimate(_unstacked(output, self.config.num_subbands), spectrogram)
        if self.config.copies_dc:
            return torch.cat((spectrogram[..., :1], result[..., 1:]), dim=-1)
        return result

    def together(self, estimates: Tensor, mixture: Tensor) -> Tensor:
        """Estimates [N, B, 2 C, T, F] of the targets that were asked, and the mixture [B, ...] ->
        as the network answers."""
        if self.config.mixture_consistent:
            return with_rest_shared(estimates, mixture)
        return estimates

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


def with_rest_shared(estimates: Tensor, mixture: Tensor) -> Tensor:
    """[N, B, 2 C, T, F] of all targets, [B, 2 C, T, F] -> estimates that add up to the mixture.

    What they leave of it, in each bin of each channel, is shared in proportion to their powers:
    mixture consistency with weights (Wisdom et al., ICASSP 2019, arXiv 1811.08521).
    """
    estimates = estimates.float()  # a sum in bfloat16 would miss the mixture
    powers = _power(estimates) + _LEAST_SHARE * _power(mixture) + _FAINT
    shares = powers / powers.sum(dim=0)  # N, B, C, T, F
    return estimates + torch.cat((shares, shares), dim=2) * (mixture - estimates.sum(dim=0))


def _power(spectrogram: Tensor) -> Tensor:
    """[..., 2 C, T, F] -> [..., C, T, F]."""
    real, imaginary = spectrogram.chunk(2, dim=-3)
    return real**2 + imaginary**2


def _levelled(spectrogram: Tensor, rms: float) -> Tensor:
    """Each item's magnitudes at this RMS; gains up to `_MOST_GAIN`: faint noise stays faint."""
    found = torch.sqrt(2 * spectrogram.square().mean(dim=(1, 2, 3), keepdim=True) + _FAINT)
    return spectrogram * (rms / found).clamp(max=_MOST_GAIN)


def _magnitude(spectrogram: Tensor) -> Tensor:
    return torch.sqrt(_power(spectrogram))


def _compressed(spectrogram: Tensor, exponent: float) -> Tensor:
    """Magnitudes to the power of `exponent`, phases kept."""
    magnitude = torch.sqrt(_power(spectrogram) + _SMALLEST_MAGNITUDE**2)
    return spectrogram * torch.cat((magnitude, magnitude), dim=1) ** (exponent - 1.0)


def _complex_product(x: Tensor, y: Tensor) -> Tensor:
    a, b = x.chunk(2, dim=1)
    c, d = y.chunk(2, dim=1)
    return torch.cat((a * c - b * d, a * d + b * c), dim=1)


def _stacked(x: Tensor, subbands: int) -> Tensor:
    """[B, C, T, F] -> [B, S C, T, (F - 1) / S], the lowest subband first, without the last bin."""
    if subbands == 1:
        return x
    parts = x[..., :-1].unflatten(-1, (subbands, -1))  # B, C, T, S, (F - 1) / S
    return parts.permute(0, 3, 1, 2, 4).flatten(1, 2)


def _unstacked(x: Tensor, subbands: int) -> Tensor:
    """Back from `_stacked`, the last bin zero."""
    if subbands == 1:
        return x
    parts = x.unflatten(1, (subbands, -1)).permute(0, 2, 3, 1, 4)  # B, C, T, S, (F - 1) / S
    return nn.functional.pad(parts.flatten(-2), (0, 1))


def _sides_first(x: Tensor) -> Tensor:
    """[L re, R re, L im, R im] -> [L re, L im, R re, R im]."""
    return x.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)


def _parts_first(x: Tensor) -> Tensor:
    """[L re, L im, R re, R im] -> [L re, R re, L im, R im]."""
    return x.unflatten(1, (-1, 2)).transpose(1, 2).flatten(1, 2)
