"""What moves the weights: AdamW alone, or Muon for all that is a matrix and AdamW for the rest.

Muon (K. Jordan and others, 2024, "Muon: an optimizer for hidden layers in neural networks"; its
step as large as AdamW's after J. Liu and others, arXiv 2502.16982, section 2.2) makes a step's
matrix orthogonal, so that all of its directions are learnt alike. `torch.optim.Muon` takes
matrices alone, while most of these weights are filters: those are matrices of output channels by
all that they read.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

import torch
from torch import Tensor, nn

from lasaft_core.models import UNet

OPTIMISERS: Final = ("adamw", "muon")
_QUINTIC: Final = (3.4445, -4.7750, 2.0315)  # K. Jordan's coefficients
_ITERATIONS: Final = 5
_ADAM_STEP: Final = 0.2  # RMS of AdamW's steps in units of the rate, arXiv 2502.16982


class Muon(torch.optim.Optimizer):
    """Steps with momentum, made orthogonal, for parameters of two axes and more.

    The first axis is that of the outputs, of `are_transposed` ones the second.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        are_transposed: Iterable[Tensor] = (),
        *,
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
    ) -> None:
        groups = [
            {"params": list(parameters), "output_axis": 0},
            {"params": list(are_transposed), "output_axis": 1},
        ]
        defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__([group for group in groups if group["params"]], defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Moves every parameter that has a gradient; a closure is not called."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group)

    def _move(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        mean = state["momentum"].lerp_(gradient, 1 - group["momentum"])
        wanted = gradient.lerp(mean, group["momentum"])  # Nesterov's
        by_output = wanted.transpose(0, group["output_axis"])
        matrix = by_output.flatten(1)
        step = orthogonalised(matrix).view_as(by_output).transpose(0, group["output_axis"])
        size = _ADAM_STEP * math.sqrt(max(matrix.shape))
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(step, alpha=-group["lr"] * size)


def orthogonalised(matrix: Tensor) -> Tensor:
    """[rows, columns] -> the same shape, singular values between about 0.7 and 1.2.

    Five Newton-Schulz iterations of a quintic polynomial.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonalised(matrix.T).T
    a, b, c = _QUINTIC
    x = matrix / (matrix.norm() + 1e-7)
    for _ in range(_ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x


def optimisers_for(
    network: UNet, name: str, *, rate: float, weight_decay: float
) -> list[torch.optim.Optimizer]:
    """`name` is one of `OPTIMISERS`. Muon leaves the two ends, the condition's path and all
    vectors to AdamW."""
    filters, transposed = _matrices(network) if name == "muon" else ([], [])
    taken = {id(parameter) for parameter in (*filters, *transposed)}
    rest = [parameter for parameter in network.parameters() if id(parameter) not in taken]
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(rest, lr=rate, weight_decay=weight_decay)
    ]
    if taken:
        optimisers.append(Muon(filters, transposed, lr=rate, weight_decay=weight_decay))
    return optimisers


def _matrices(network: UNet) -> tuple[list[Tensor], list[Tensor]]:
    """Weights of convolutions and linears between the two ends, and of transposed convolutions."""
    filters, transposed = [], []
    inner = (
        network.encoders,
        network.mid_block,
        network.decoders,
        network.downsamplings,
        network.upsamplings,
    )
    for name, module in (named for part in inner for named in part.named_modules()):
        if isinstance(module, nn.ConvTranspose2d):
            transposed.append(module.weight)
        elif isinstance(module, nn.Conv2d | nn.Linear) and not name.endswith("linear_query"):
            filters.append(module.weight)
    return filters, transposed
