"""The frequency patterns that linear layers on the frequency axis have learned, as matrices.

A TDF (arXiv 1912.02591) turns each frame's F bins into F others, a LaSAFT block (arXiv 2010.11631)
once per latent source. What stands between its two linears, batch norm and activation, is left
out but for the batch norms' scales, averaged over channels: in evaluation and without activation,
a map is what the block answers to one bin at a time, apart from a constant.

Legend: I latent sources (1 for a plain TDF), F bins, U units of the bottleneck.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lasaft_core.errors import InvalidOption
from lasaft_core.models import UNet
from lasaft_core.modules.lasaft import LaSAFT
from lasaft_core.modules.lightsaft import LightSAFT
from lasaft_core.modules.rnn import RNN
from lasaft_core.modules.tdf import TDF
from lasaft_core.plots.blocks import choose, frequency_parts

VIEWS: Final = ("map", "layers")
MOST_BINS: Final = 512  # on each axis: more than a picture of many panels can show

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pattern:
    """One matrix of a block. Rows are what comes out of it or, in a squeeze, what goes in."""

    part: str  # which matrix of its block
    values: Matrix  # [F, F], or [F, U]
    top_hz: float  # rows, and columns over bins, reach from 0 to here
    columns: str  # "bins"; "units", ordered by the bin that each sees most; "recurrent units"


@dataclass(frozen=True, slots=True)
class Cut:
    """What of the frequency axis is kept: bins up to `max_hz`, means of neighbours where many."""

    max_hz: float | None = None
    most_bins: int = MOST_BINS

    def __post_init__(self) -> None:
        if self.max_hz is not None and not self.max_hz > 0:
            raise InvalidOption("max Hz", expected="more than 0", got=self.max_hz)

    def __call__(self, values: Tensor, bin_hz: float) -> Tensor:
        """[F, anything] -> [fewer bins, anything]."""
        if self.max_hz is not None:
            values = values[: max(1, math.ceil(min(self.max_hz / bin_hz, len(values))))]
        if len(values) <= self.most_bins:
            return values
        step = -(-len(values) // self.most_bins)
        return torch.stack([group.mean(dim=0) for group in values.split(step)])


def frequency_patterns(
    network: UNet, *, blocks: Sequence[str] = (), view: str = "map", cut: Cut | None = None
) -> dict[str, tuple[Pattern, ...]]:
    """By block: "map", from input bins to output bins; "layers", each linear by itself.

    Frequencies of a network on subbands are those within one, from 0 to its width. Raises
    InvalidOption for a network without such layers and for blocks that it has not.
    """
    if view not in VIEWS:
        raise InvalidOption("view", expected=" | ".join(VIEWS), got=view)
    parts = frequency_parts(network)
    if not parts:
        raise InvalidOption(
            "network",
            expected="frequency layers (blocks TDF, TFC-TDF, RNN, LaSAFT or LightSAFT)",
            got=f"{network.config.block} blocks, which have convolutions only",
            remedy="give a checkpoint of another block",
        )
    config, reader = network.config, _Reader(view, cut or Cut())
    top_hz = config.sample_rate / 2 / config.num_subbands
    with torch.inference_mode():
        return {name: reader(parts[name], top_hz) for name in choose([*parts], blocks)}


def linear_map(layers: nn.Sequential) -> Tensor:
    """(Linear, batch norm, activation) x n -> [outputs, inputs], the norms' scales averaged."""
    product, *weights = linears(layers)
    for weight in weights:
        product = weight @ product
    return product * _scale(layers).mean()


def _scale(layers: nn.Sequential) -> Tensor:
    """What the batch norms multiply each channel by, [channels]."""
    scales = []
    for norm in list(layers)[1::3]:
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_var is not None
        deviation = torch.sqrt(norm.running_var + norm.eps)
        scales.append((1.0 if norm.weight is None else norm.weight) / deviation)
    return torch.stack(scales).prod(dim=0)


def linears(layers: nn.Sequential) -> list[Tensor]:
    """The weights alone, each [outputs, inputs]."""
    return [layer.weight for layer in list(layers)[::3] if isinstance(layer, nn.Linear)]


@dataclass(frozen=True, slots=True)
class _Reader:
    view: str
    cut: Cut

    def __call__(self, part: nn.Module, top_hz: float) -> tuple[Pattern, ...]:
        if self.view == "layers" and _has_bottleneck(part):
            columns, matrices = "units", _layers(part)
        else:
            columns = "recurrent units" if isinstance(part, RNN) else "bins"
            matrices = _maps(part)
        return tuple(self._pattern(label, values, top_hz, columns) for label, values in matrices)

    def _pattern(self, label: str, values: Tensor, top_hz: float, columns: str) -> Pattern:
        bin_hz = top_hz / len(values)
        whole = Cut(self.cut.max_hz, len(values))(values, bin_hz)
        shown = self.cut(values, bin_hz)
        if columns == "bins":
            shown = self.cut(shown.T, bin_hz).T
        return Pattern(label, np.ascontiguousarray(shown.numpy()), len(whole) * bin_hz, columns)


def _maps(part: nn.Module) -> list[tuple[str, Tensor]]:
    if isinstance(part, LightSAFT):
        squeezes = _squeezes(part)
        scale = (_scale(part.bottleneck) * _scale(part.expansion)).mean()
        return _numbered("", linears(part.expansion)[0] @ squeezes * scale)
    return _numbered("", _by_latent(linear_map(_tdf(part).tdf), part))


def _layers(part: nn.Module) -> list[tuple[str, Tensor]]:
    if isinstance(part, LightSAFT):
        (expand,) = linears(part.expansion)
        order = expand.abs().argmax(dim=0).argsort()
        squeezes = _numbered("squeeze", _squeezes(part).mT[..., order])  # I, F, U
        return [*squeezes, ("expand", expand[:, order])]
    squeeze, expand = linears(_tdf(part).tdf)
    if isinstance(part, RNN):  # what enters its squeeze is no bin
        return [("expand", expand[:, expand.abs().argmax(dim=0).argsort()])]
    order = squeeze.abs().argmax(dim=1).argsort()
    expands = _by_latent(expand, part)[..., order]  # I, F, U
    return [("squeeze", squeeze.T[:, order]), *_numbered("expand", expands)]


def _has_bottleneck(part: nn.Module) -> bool:
    return isinstance(part, LightSAFT) or len(linears(_tdf(part).tdf)) > 1


def _squeezes(part: LightSAFT) -> Tensor:
    """[I, U, F]: the latent sources stand one behind the other."""
    return linears(part.bottleneck)[0].unflatten(0, (part.keys.shape[1], -1))


def _tdf(part: nn.Module) -> TDF:
    if isinstance(part, LaSAFT):
        return part.tdfs
    inner = part if isinstance(part, TDF) else part.tdf
    assert isinstance(inner, TDF)
    return inner


def _by_latent(values: Tensor, part: nn.Module) -> Tensor:
    """[F * I, inputs], latent sources fast -> [I, F, inputs]."""
    latents = part.keys.shape[1] if isinstance(part, LaSAFT) else 1
    return values.unflatten(0, (-1, latents)).transpose(0, 1)


def _numbered(label: str, values: Tensor) -> list[tuple[str, Tensor]]:
    if len(values) == 1:
        return [(label, values[0])]
    return [(f"{label} latent {i}".strip(), matrix) for i, matrix in enumerate(values)]
