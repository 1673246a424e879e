"""LaSAFT, attention over latent sources: arXiv 2010.11631, section 2.2.

Not the TFC that stands before it: see `tfc.py`. Its lighter successor: `lightsaft.py`.
Legend: B batch, C channels, T frames, F bins, I latent sources.
"""

import math

import torch
from torch import Tensor, nn

from lasaft_core.modules.tdf import TDF, TDFOptions


class LatentAttention(nn.Module):
    """a = softmax(W_q z_e K / sqrt(d_k)), one weight per latent source: equation 4."""

    def __init__(self, embedding_dim: int, key_dim: int, num_latents: int) -> None:
        super().__init__()
        self.keys = nn.Parameter(torch.randn(key_dim, num_latents))
        self.linear_query = nn.Linear(embedding_dim, key_dim)

    def attention(self, embedding: Tensor) -> Tensor:
        """[B, embedding] -> [B, I]; each row sums to 1."""
        query = self.linear_query(embedding)  # B, d_k
        return torch.softmax(query @ self.keys / math.sqrt(self.keys.shape[0]), dim=-1)


class LaSAFT(LatentAttention):
    """x + sum_i a_i V_i(x): a TDF per latent source, their bottleneck shared."""

    def __init__(
        self, channels: int, num_bins: int, options: TDFOptions, sizes: tuple[int, int, int]
    ) -> None:
        embedding_dim, key_dim, num_latents = sizes
        super().__init__(embedding_dim, key_dim, num_latents)
        self.tdfs = TDF(channels, num_bins, num_bins, options, latents=num_latents)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """[B, C, T, F] and [B, embedding] -> [B, C, T, F]."""
        values = self.tdfs(x).unflatten(-1, (x.shape[-1], -1))  # B, C, T, F, I
        weights = self.attention(embedding)[:, None, None, :, None]  # B, 1, 1, I, 1
        return x + torch.matmul(values, weights).squeeze(-1)  # B, C, T, F
