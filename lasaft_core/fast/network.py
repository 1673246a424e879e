"""A U-Net for given targets, computing what `UNet` computes with less work.

Embedding, attention, gammas and betas are constants; batch norms are folded into convolutions;
what comes before the target first matters is done once for all targets: the first convolution,
the first block up to its attention, or, where the encoder is blind to the target, all of it and
what the decoder's convolutions make of its skips.

Legend: N targets, B windows, C audio channels, T frames, F bins.
"""

import copy
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from lasaft_core.fast.folding import folded_all, folded_convolution
from lasaft_core.fast.parts import MODULATIONS, EachItem, specialised_block
from lasaft_core.models.estimation import Estimation
from lasaft_core.models.unet import UNet, modulated_blocks


class SpecialisedUNet(nn.Module):
    """Made from a `UNet` in evaluation mode, whose weights it copies."""

    @torch.no_grad()
    def __init__(self, network: UNet, targets: Sequence[str]) -> None:
        super().__init__()
        config = network.config
        for number in (len(targets), len(set(targets))):
            config.check_asked(number)
        self.config, self.targets = config, tuple(targets)
        indices = torch.tensor([config.targets.index(target) for target in targets])
        device = next(network.parameters()).device
        embedding = network.embed(indices.to(device))  # N, e
        modulations = iter(_modulations(network, embedding))
        constants = torch.empty(0, device=device) if embedding is None else embedding
        is_asked_for_several = config.is_conditioned and len(targets) > 1
        self.shares_skips = is_asked_for_several and config.has_blind_encoder
        self.first_conv = EachItem(folded_convolution(network.first_conv))
        self.encoders = nn.ModuleList(
            specialised_block(block, next(modulations), constants) for block in network.encoders
        )
        self.mid_block = specialised_block(network.mid_block, next(modulations), constants)
        self.decoders = nn.ModuleList(
            specialised_block(block, next(modulations), constants, shares_skip=self.shares_skips)
            for block in network.decoders
        )
        self.downsamplings = nn.ModuleList(map(EachItem, folded_all(network.downsamplings)))
        self.upsamplings = nn.ModuleList(map(EachItem, folded_all(network.upsamplings)))
        self.last_conv = copy.deepcopy(network.last_conv)
        self.estimation = Estimation(config)
        self.dtype = torch.float32

    def in_precision(self, dtype: torch.dtype) -> Self:
        """All but the last convolution, whose output would lose most by it: its weights are few,
        and rounding that output alone costs 10 dB."""
        for part in self.children():
            if part is not self.last_conv:
                part.to(dtype)
        self.dtype = dtype
        return self

    def forward(self, spectrogram: Tensor) -> Tensor:
        """[B, 2 C, T, F] -> [N, B, 2 C, T, F]; float32 at both ends, whatever lies between."""
        seen = self.estimation.seen(spectrogram).to(self.dtype)
        x = self.first_conv(seen[None])
        skips = []
        for encoder, down in zip(self.encoders, self.downsamplings, strict=True):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.mid_block(x)
        for up, decoder in zip(self.upsamplings, self.decoders, strict=True):
            x = decoder(*self._given(up(x), skips.pop()))
        count = len(self.targets)
        output = self.last_conv(x.float().expand(count, *x.shape[1:]).flatten(0, 1))
        mixtures = spectrogram.repeat(count, 1, 1, 1)
        estimates = self.estimation.estimate(output, mixtures).unflatten(0, (count, -1))
        return self.estimation.together(estimates, spectrogram)

    def _given(self, x: Tensor, skip: Tensor) -> tuple[Tensor, ...]:
        """What a decoder takes: both where all targets share the skip, elsewhere the two joined,
        so that neither is kept beside that."""
        return (x, skip) if self.shares_skips else (_joined(x, skip),)


def _modulations(network: UNet, embedding: Tensor | None) -> list[nn.Module | None]:
    """One for each block."""
    config = network.config
    if embedding is None:
        return [None] * config.num_blocks
    generated = iter(network.condition_generator(embedding))
    acts = modulated_blocks(config)
    make = MODULATIONS[config.modulation]
    return [make(*next(generated)) if i in acts else None for i in range(config.num_blocks)]


def _joined(x: Tensor, skip: Tensor) -> Tensor:
    """Along the channels, [N, B, 2 C, T, F], which stay innermost in memory; a skip that all
    targets share is laid beside each."""
    skip = skip.expand(len(x), *skip.shape[1:])
    return torch.cat((x.movedim(2, -1), skip.movedim(2, -1)), dim=-1).movedim(-1, 2)
