"""From a target's embedding to the gammas and betas of all modulated blocks.

Legend: B batch, e width of the embedding.
"""

from collections.abc import Callable, Sequence
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
    """Embedding [B, e] -> (gamma, beta) of each block; `widths`: the blocks' channels."""

    def __init__(self, embedding_dim: int, widths: Sequence[int], options: ControlOptions) -> None:
        super().__init__()
        shapes = [MODULATIONS[options.modulation].shapes(channels) for channels in widths]
        self.gamma_shapes, self.beta_shapes = zip(*shapes, strict=True)
        width = embedding_dim * 2 ** (options.num_layers - 1)
        self.dense_control_block = DenseControl(embedding_dim, options.num_layers)
        self.linear_gamma = _head(
            width, sum(map(prod, self.gamma_shapes)), options.gamma_activation(), options.normalised
        )
        self.linear_beta = _head(
            width, sum(map(prod, self.beta_shapes)), options.beta_activation(), options.normalised
        )

    def forward(self, embedding: Tensor) -> list[tuple[Tensor, Tensor]]:
        """By block, each [B, ...] with the shapes of `MODULATIONS`."""
        control = self.dense_control_block(embedding)  # B, e * 2 ** (layers - 1)
        gammas = _parts(self.linear_gamma(control), self.gamma_shapes)
        betas = _parts(self.linear_beta(control), self.beta_shapes)
        return list(zip(gammas, betas, strict=True))


def _parts(flat: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """[B, all numbers] -> one [B, *shape] for each shape."""
    parts = flat.split([prod(shape) for shape in shapes], dim=-1)
    return [part.unflatten(-1, shape) for part, shape in zip(parts, shapes, strict=True)]


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
