"""The parts of a specialised network, on tensors [N or 1, B, C, T, F].

The first axis is the target's: 1 as long as nothing has depended on the target, N from there on.
Convolutions take and give channels last in memory, where they are up to twice as fast; modulation
and frequency parts work on rows of bins.

Legend: N targets, B windows, C channels, T frames, F bins, I latent sources, u units.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lasaft_core.fast.folding import folded_tfc
from lasaft_core.fast.frequency import Widening, frequency_layers
from lasaft_core.models.blocks import Block, ResidualTDF, TDFBlock
from lasaft_core.modules.lasaft import LaSAFT
from lasaft_core.modules.lightsaft import LightSAFT
from lasaft_core.modules.rnn import RNN
from lasaft_core.modules.tfc import TFC


class EachItem(nn.Module):
    """A module of [B, C, T, F], on every target and window."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor) -> Tensor:
        """[N, B, C, T, F] -> [N, B, ...]."""
        return self.module(_channels_last(x)).unflatten(0, x.shape[:2])


def _channels_last(x: Tensor) -> Tensor:
    """[N, B, C, T, F] -> [N B, C, T, F], the channels innermost in memory."""
    return x.flatten(0, 1).contiguous(memory_format=torch.channels_last)


class Film(nn.Module):
    """FiLM with constants: gamma and beta [N, C] or [N, 1]."""

    gamma: Tensor
    beta: Tensor

    def __init__(self, gamma: Tensor, beta: Tensor) -> None:
        super().__init__()
        self.register_buffer("gamma", gamma[:, None, :, None, None])
        self.register_buffer("beta", beta[:, None, :, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """[N or 1, B, C, T, F] -> [N, B, C, T, F]."""
        return torch.addcmul(self.beta, x, self.gamma)


class Pocm(nn.Module):
    """PoCM with constants: gamma [N, C_in, C], beta [N, C]."""

    weight: Tensor
    beta: Tensor

    def __init__(self, gamma: Tensor, beta: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", gamma.transpose(1, 2)[:, None].contiguous())
        self.register_buffer("beta", beta[:, None, :, None])

    def forward(self, x: Tensor) -> Tensor:
        """[N or 1, B, C, T, F] -> [N, B, C, T, F]."""
        mixed = torch.matmul(self.weight, x.flatten(-2)) + self.beta  # N, B, C, T F
        return mixed.unflatten(-1, x.shape[-2:])


class Gpocm(Pocm):
    """x gated by its own PoCM."""

    def forward(self, x: Tensor) -> Tensor:
        """[N or 1, B, C, T, F] -> [N, B, C, T, F]."""
        return x * torch.sigmoid(super().forward(x))


MODULATIONS: dict[str, Callable[[Tensor, Tensor], nn.Module]] = {
    "film": Film, "film-simple": Film, "pocm": Pocm, "gpocm": Gpocm,
}  # fmt: skip


class SpecialisedLaSAFT(nn.Module):
    """LaSAFT whose attention is a constant; the latent sources are found once for all targets
    where x is still the same for all, one after the other, since all together are large."""

    attention: Tensor

    def __init__(self, lasaft: LaSAFT, embedding: Tensor) -> None:
        super().__init__()
        attention = lasaft.attention(embedding)  # N, I
        layers = lasaft.tdfs.tdf
        self.bottleneck = frequency_layers(layers[:-3])
        expansion = Widening(*layers[-3:].children())
        self.prepare = expansion.prepare
        self.latents = expansion.of_latents(attention.shape[1])
        self.register_buffer("attention", attention.T[..., None, None, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """[N or 1, B, C, T, F] -> [N, B, C, T, F]."""
        units = self.prepare(self.bottleneck(x))  # N or 1, B, C, T, u + 2
        first, *rest = zip(self.latents, self.attention, strict=True)
        x = torch.addcmul(x, first[0](units), first[1])
        for latent, weight in rest:
            x.addcmul_(latent(units), weight)
        return x


class SpecialisedLightSAFT(nn.Module):
    """LightSAFT whose attention is a constant."""

    attention: Tensor

    def __init__(self, lightsaft: LightSAFT, embedding: Tensor) -> None:
        super().__init__()
        self.bottleneck = frequency_layers(lightsaft.bottleneck)
        self.expansion = frequency_layers(lightsaft.expansion)
        attention = lightsaft.attention(embedding)  # N, I
        self.register_buffer("attention", attention[:, None, None, None, :, None])

    def forward(self, x: Tensor) -> Tensor:
        """[N or 1, B, C, T, F] -> [N, B, C, T, F]."""
        latents = self.bottleneck(x).unflatten(-1, (self.attention.shape[-2], -1))
        mixed = (latents * self.attention).sum(dim=-2)  # N, B, C, T, u
        return x + self.expansion(mixed)


class SharedSkipTFC(nn.Module):
    """A decoder's TFC where all targets have one skip, of as many channels as the block gives.

    Convolutions are linear: what each makes of the skip is found once for all targets, and added
    to what it makes of the rest.
    """

    def __init__(self, tfc: TFC) -> None:
        super().__init__()
        convolutions, activations = zip(*folded_tfc(tfc).H, strict=True)
        rest, skip = zip(*map(_weights_apart, convolutions), strict=True)
        bias = torch.cat([convolution.bias for convolution in convolutions])
        self.of_rest = nn.ModuleList(_convolution(w, None, convolutions[0]) for w in rest)
        self.of_skip = EachItem(_convolution(torch.cat(skip), bias, convolutions[0]))
        self.activations = nn.ModuleList(activations)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """[N, B, C, T, F] and [1, B, C, T, F] -> [N, B, C, T, F]."""
        shares = self.of_skip(skip).chunk(len(self.of_rest), dim=2)
        y = seen = _channels_last(x)
        for i, (of_rest, activation) in enumerate(zip(self.of_rest, self.activations, strict=True)):
            if i > 0:
                seen = torch.cat((y, seen), dim=1)
            y = of_rest(seen)
            y.unflatten(0, x.shape[:2]).add_(shares[i])
            y = activation(y)
        return y.unflatten(0, x.shape[:2])


class SpecialisedBlock(nn.Module):
    """Convolutions, modulation, frequency part."""

    def __init__(self, tfc: nn.Module, modulation: nn.Module | None, frequency: nn.Module) -> None:
        super().__init__()
        self.tfc, self.frequency = tfc, frequency
        self.modulation = modulation or nn.Identity()

    def forward(self, *inputs: Tensor) -> Tensor:
        """What the convolutions take -> [N or 1, B, C, T, F]."""
        rows = self.tfc(*inputs).contiguous()
        y = self.frequency(self.modulation(rows))
        return _channels_last(y).unflatten(0, y.shape[:2])


def specialised_block(
    block: nn.Module,
    modulation: nn.Module | None,
    embedding: Tensor,
    *,
    shares_skip: bool = False,
) -> nn.Module:
    """A block of any family for the targets of `embedding` [N, e]. With `shares_skip` it is a
    decoder's, which takes x and the one skip of all targets; only blocks with TFC can."""
    if isinstance(block, Block):
        assert isinstance(block.tfc, TFC)
        tfc = SharedSkipTFC(block.tfc) if shares_skip else EachItem(folded_tfc(block.tfc))
        return SpecialisedBlock(tfc, modulation, _frequency(block.frequency, embedding))
    assert isinstance(block, TDFBlock)
    assert not shares_skip
    return nn.Sequential(frequency_layers(block.tdf.tdf), EachItem(copy.deepcopy(block.narrowing)))


class SpecialisedRNN(nn.Module):
    """The recurrent block; its batch norm stays, since what it gives is also added at the end."""

    def __init__(self, part: RNN) -> None:
        super().__init__()
        self.bn, self.rnn = copy.deepcopy(part.bn), copy.deepcopy(part.rnn)
        self.tdf = frequency_layers(part.tdf.tdf)

    def forward(self, x: Tensor) -> Tensor:
        """[N or 1, B, C, T, F] -> the same shape."""
        normalised = self.bn(x.flatten(0, 1))  # N B, C, T, F
        sequence, _ = self.rnn(normalised.flatten(0, 1))  # N B C, T, hidden * directions
        y = normalised + self.tdf(sequence.unflatten(0, normalised.shape[:2]))
        return y.unflatten(0, x.shape[:2])


def _weights_apart(convolution: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Those on the rest of the inputs, and those on the skip, the last ones, as many as outputs."""
    growth = convolution.out_channels
    rest, skip = convolution.weight.split((convolution.in_channels - growth, growth), dim=1)
    return rest, skip


def _convolution(weight: Tensor, bias: Tensor | None, like: nn.Conv2d) -> nn.Conv2d:
    made = copy.deepcopy(like)
    made.out_channels, made.in_channels = weight.shape[:2]
    made.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last))
    made.bias = None if bias is None else nn.Parameter(bias)
    return made


class _Residual(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return x + self.module(x)


def _frequency(part: nn.Module | None, embedding: Tensor) -> nn.Module:
    if isinstance(part, LaSAFT):
        return SpecialisedLaSAFT(part, embedding)
    if isinstance(part, LightSAFT):
        return SpecialisedLightSAFT(part, embedding)
    if isinstance(part, ResidualTDF):
        return _Residual(frequency_layers(part.tdf.tdf))
    if isinstance(part, RNN):
        return SpecialisedRNN(part)
    assert part is None
    return nn.Identity()
