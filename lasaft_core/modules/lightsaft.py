"""LightSAFT, LaSAFT's attention within the bottleneck: the repository of arXiv 2010.11631.

The latent sources share the way back to the bins, which saves most of LaSAFT's weights.
Legend: B batch, C channels, T frames, F bins, I latent sources, u units of the bottleneck.
"""

import torch
from torch import Tensor, nn

from lasaft_core.modules.lasaft import LatentAttention
from lasaft_core.modules.tdf import TDFOptions


class LightSAFT(LatentAttention):
    """The attention stands in the bottleneck, before one linear back to all bins."""

    def __init__(
        self, channels: int, num_bins: int, options: TDFOptions, sizes: tuple[int, int, int]
    ) -> None:
        embedding_dim, key_dim, num_latents = sizes
        super().__init__(embedding_dim, key_dim, num_latents)
        units = options.units(num_bins)
        self.bottleneck = nn.Sequential(*options.layer(channels, num_bins, units * num_latents))
        self.expansion = nn.Sequential(*options.layer(channels, units, num_bins))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """[B, C, T, F] and [B, embedding] -> [B, C, T, F]."""
        attention = self.attention(embedding)[:, None, None, None]  # B, 1, 1, 1, I
        latents = self.bottleneck(x).unflatten(-1, (attention.shape[-1], -1))  # B, C, T, I, u
        mixed = torch.matmul(attention, latents).squeeze(-2)  # B, C, T, u
        return x + self.expansion(mixed)
