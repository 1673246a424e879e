"""TDF, the time-distributed fully-connected network: arXiv 1912.02591, section 3.1.2.

Legend: B batch, C channels, T frames, F bins.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class TDFOptions:
    """`bottleneck_factor` None: a single linear. `affine`: the batch norms scale and shift."""

    bottleneck_factor: int | None = 16
    min_units: int = 16
    bias: bool = False
    affine: bool = True
    activation: Callable[[], nn.Module] = nn.ReLU

    def units(self, width: int) -> int:
        """Of the bottleneck before an output of `width`."""
        return max(width // (self.bottleneck_factor or 1), self.min_units)

    def layer(self, channels: int, width: int, next_width: int) -> tuple[nn.Module, ...]:
        """Linear on the frequency axis, batch norm over channels, activation."""
        return (
            nn.Linear(width, next_width, bias=self.bias),
            nn.BatchNorm2d(channels, affine=self.affine),
            self.activation(),
        )


class TDF(nn.Module):
    """The same linears on the frequency axis of every channel and frame: equation 2."""

    def __init__(
        self, channels: int, in_bins: int, out_bins: int, options: TDFOptions, *, latents: int = 1
    ) -> None:
        super().__init__()
        widths = [in_bins, out_bins * latents]
        if options.bottleneck_factor is not None:
            widths.insert(1, options.units(out_bins * latents))
        layers = (layer for a, b in pairwise(widths) for layer in options.layer(channels, a, b))
        self.tdf = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T, in_bins] -> [B, C, T, out_bins * latents]."""
        return self.tdf(x)
