"""TFC and TDC, the densely connected convolution blocks of arXiv 1912.02591, section 3.1.

Legend: B batch, C channels, T frames, F bins.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Activation = Callable[[], nn.Module]


class TFC(nn.Module):
    """Densely connected convolutions; maps [B, C, T, F] to [B, growth, T, F].

    Layer i sees the newest output first, then the older ones, the block's input last:

        x -> H0 -> cat(y0, x) -> H1 -> cat(y1, y0, x) -> H2 -> ... -> the last layer's output

    With a kernel of one frame it is the TDC block, which treats every frame alone.
    """

    def __init__(
        self,
        in_channels: int,
        growth: int,
        num_layers: int,
        *,
        kernel_size: tuple[int, int],
        activation: Activation = nn.ReLU,
    ) -> None:
        super().__init__()
        padding = (kernel_size[0] // 2, kernel_size[1] // 2)
        self.H = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(in_channels + i * growth, growth, kernel_size, padding=padding),
                nn.BatchNorm2d(growth),
                activation(),
            )
            for i in range(num_layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T, F] -> [B, growth, T, F]."""
        seen = x
        for layer in self.H[:-1]:
            seen = torch.cat((layer(seen), seen), dim=1)  # B, C + growth, T, F
        return self.H[-1](seen)
