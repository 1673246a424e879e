"""LaSAFT, the latent source attentive frequency transformation: arXiv 2010.11631, section 2.2.

Not the TFC that stands before it: see `tfc.py`.
Legend: B batch, C channels, T frames, F bins, I latent sources.
"""

import math

import torch
from torch import Tensor, nn


class LatentTDF(nn.Module):
    """A time-distributed fully-connected network per latent source: [B, C, T, F] -> [.., F, I].

    Both linears act on the frequency axis and are shared by channels and frames. The
    bottleneck is shared by all latent sources; the outputs interleave them (latent fastest).
    """

    def __init__(self, channels: int, num_bins: int, *, num_latents: int, units: int) -> None:
        super().__init__()
        self.num_latents = num_latents
        self.tdf = nn.Sequential(
            nn.Linear(num_bins, units, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Linear(units, num_bins * num_latents, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T, F] -> [B, C, T, F, I]."""
        return self.tdf(x).unflatten(-1, (-1, self.num_latents))


class LaSAFT(nn.Module):
    """x + sum_i a_i V_i(x), with a = softmax(W_q z_e K / sqrt(d_k)): equation 4."""

    def __init__(self, embedding_dim: int, key_dim: int, tdfs: LatentTDF) -> None:
        super().__init__()
        self.tdfs = tdfs
        self.keys = nn.Parameter(torch.randn(key_dim, tdfs.num_latents))
        self.linear_query = nn.Linear(embedding_dim, key_dim)

    def attention(self, embedding: Tensor) -> Tensor:
        """Weights of the latent sources, [B, embedding] -> [B, I]; each row sums to 1."""
        query = self.linear_query(embedding)  # B, d_k
        return torch.softmax(query @ self.keys / math.sqrt(self.keys.shape[0]), dim=-1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """[B, C, T, F] and [B, embedding] -> [B, C, T, F]."""
        values = self.tdfs(x)  # B, C, T, F, I
        weights = self.attention(embedding)[:, None, None, :, None]  # B, 1, 1, I, 1
        return x + torch.matmul(values, weights).squeeze(-1)  # B, C, T, F
