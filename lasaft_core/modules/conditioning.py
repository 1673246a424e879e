"""From a target's embedding to the gammas and betas of all modulated blocks.

Legend: B batch, N modulated blocks, C channels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from torch import Tensor, nn

from lasaft_core.modules.gpocm import film, gpocm, pocm


class Modulation(NamedTuple):
    """What is done to a block's channels, and the shapes of gamma and beta for C channels."""

    apply: Callable[[Tensor, Tensor, Tensor], Tensor]
    shapes: Callable[[int], tuple[tuple[int, ...], tuple[int, ...]]]


MODULATIONS = {
    "film": Modulation(film, lambda c: ((c,), (c,))),
    "film-simple": Modulation(film, lambda _: ((1,), (1,))),
    "pocm": Modulation(pocm, lambda c: ((c, c), (c,))),
    "gpocm": Modulation(gpocm, lambda c: ((c, c), (c,))),
}


@dataclass(frozen=True, slots=True)
class ControlOptions:
    """`normalised`: gammas and betas pass a batch norm without scale and shift."""

    modulation: str
    num_layers: int
    normalised: bool
    gamma_activation: Callable[[], nn.Module] = nn.Identity
    beta_activation: Callable[[], nn.Module] = nn.Identity


class ConditionGenerator(nn.Module):
    """Embedding [B, e] -> gammas [B, N, ...] and betas [B, N, ...]."""

    def __init__(
        self, embedding_dim: int, num_blocks: int, channels: int, options: ControlOptions
    ) -> None:
        super().__init__()
        gamma, beta = MODULATIONS[options.modulation].shapes(channels)
        self.gamma_shape, self.beta_shape = (num_blocks, *gamma), (num_blocks, *beta)
        width = embedding_dim * 2 ** (options.num_layers - 1)
        self.dense_control_block = DenseControl(embedding_dim, options.num_layers)
        self.linear_gamma = _head(
            width, prod(self.gamma_shape), options.gamma_activation(), options.normalised
        )
        self.linear_beta = _head(
            width, prod(self.beta_shape), options.beta_activation(), options.normalised
        )

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Shapes of one block as in `MODULATIONS`, the blocks on axis 1."""
        control = self.dense_control_block(embedding)  # B, e * 2 ** (layers - 1)
        gammas = self.linear_gamma(control).unflatten(-1, self.gamma_shape)
        return gammas, self.linear_beta(control).unflatten(-1, self.beta_shape)


class DenseControl(nn.Module):
    """Widths e, 2 e, 4 e ...: Linear, ReLU, then [Linear, ReLU, Dropout, BatchNorm1d]."""

    def __init__(self, embedding_dim: int, num_layers: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(num_layers - 1):
            width = embedding_dim * 2**i
            layers += [nn.Linear(width, 2 * width), nn.ReLU()]
            if i > 0:
                layers += [nn.Dropout(), nn.BatchNorm1d(2 * width)]
        self.linear = nn.Sequential(*layers)

    def forward(self, embedding: Tensor) -> Tensor:
        """[B, e] -> [B, e * 2 ** (layers - 1)]."""
        return self.linear(embedding)


def _head(width: int, outputs: int, activation: nn.Module, normalised: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Linear(width, outputs), activation]
    if normalised:
        layers.append(nn.BatchNorm1d(outputs, affine=False))
    return nn.Sequential(*layers)
