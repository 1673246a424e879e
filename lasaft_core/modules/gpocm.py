"""GPoCM, the gated point-wise convolutional modulation: arXiv 2010.11631, equations 6 and 7.

Legend: B batch, C channels, T frames, F bins.
"""

import torch
from torch import Tensor, nn


def pocm(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """A 1 x 1 convolution whose weights the condition generates: equation 6.

    x [B, C, T, F], gamma [B, C_in, C_out], beta [B, C_out]. As published, gamma multiplies
    from the right: out_c = beta_c + sum_j x_j gamma_jc.
    """
    return torch.einsum("bjtf,bjc->bctf", x, gamma) + beta[:, :, None, None]  # B, C, T, F


def gpocm(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """x gated by its own modulation: equation 7. Shapes as in `pocm`."""
    return x * torch.sigmoid(pocm(x, gamma, beta))


class GPoCMControl(nn.Module):
    """Makes gammas and betas of all modulated blocks from a target's embedding.

    The dense stack doubles its width at every layer: e, 2e, 4e, 8e for four control layers.
    The batch norms have no affine part: they keep gammas and betas at unit variance.
    """

    def __init__(
        self, embedding_dim: int, *, num_layers: int, num_blocks: int, channels: int
    ) -> None:
        super().__init__()
        self.num_blocks, self.channels = num_blocks, channels
        width = embedding_dim * 2 ** (num_layers - 1)
        self.dense_control_block = DenseControl(embedding_dim, num_layers)
        self.linear_gamma = _normalised_linear(width, num_blocks * channels**2)
        self.linear_beta = _normalised_linear(width, num_blocks * channels)

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """[B, e] -> gammas [B, blocks, C, C] and betas [B, blocks, C]."""
        control = self.dense_control_block(embedding)  # B, e * 2 ** (layers - 1)
        shape = (self.num_blocks, self.channels)
        gammas = self.linear_gamma(control).unflatten(-1, (*shape, self.channels))
        return gammas, self.linear_beta(control).unflatten(-1, shape)


class DenseControl(nn.Module):
    """Linear, ReLU, then per layer Linear, ReLU, Dropout, BatchNorm1d."""

    def __init__(self, embedding_dim: int, num_layers: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(embedding_dim, 2 * embedding_dim), nn.ReLU()]
        for i in range(1, num_layers - 1):
            width = embedding_dim * 2**i
            layers += [nn.Linear(width, 2 * width), nn.ReLU(), nn.Dropout()]
            layers += [nn.BatchNorm1d(2 * width)]
        self.linear = nn.Sequential(*layers)

    def forward(self, embedding: Tensor) -> Tensor:
        """[B, e] -> [B, e * 2 ** (layers - 1)]."""
        return self.linear(embedding)


def _normalised_linear(width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, outputs), nn.Identity(), nn.BatchNorm1d(outputs, affine=False)
    )
