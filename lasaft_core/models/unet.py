"""The U-Net of both papers, one-target or conditioned; `NetworkConfig` says which.

arXiv 1912.02591, section 3, and arXiv 2010.11631, sections 2 and 3. Spectrogram in, spectrogram
out; it knows no waveforms: see `spectral.py`.

Legend: B batch, C channels, T frames, F bins.

    spectrogram -> first_conv -> (encoder -> down) x n -> mid_block
                                    | skips                |
         last_conv <- (decoder <- cat <- up) x n <---------+
                          ^
    target index -> embedding -> condition_generator: gammas, betas per modulated block
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor, nn

from lasaft_core.models.blocks import Modulate, build_block
from lasaft_core.models.config import NetworkConfig
from lasaft_core.models.estimation import Estimation
from lasaft_core.modules.activations import ACTIVATIONS
from lasaft_core.modules.conditioning import MODULATIONS, ConditionGenerator, ControlOptions


class UNet(nn.Module):
    """The whole network; forward takes and gives complex spectrograms as channels."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        levels = config.num_levels
        widths = [config.level_channels(level) for level in range(levels + 1)]
        bins = [config.level_bins(level) for level in range(levels + 1)]
        ends = config.spectral_channels * config.num_subbands
        kernel = 2 if config.num_subbands == 1 else 1
        self.first_conv = nn.Sequential(
            nn.Conv2d(ends, widths[0], (1, kernel)),
            nn.BatchNorm2d(widths[0]),
            ACTIVATIONS[config.first_activation](),
        )
        encoder = replace(config, num_conv_layers=config.encoder_depth)
        self.encoders = nn.ModuleList(
            build_block(config.encoder_block or config.block, width, width, f, encoder)
            for width, f in zip(widths[:-1], bins[:-1], strict=True)
        )
        self.mid_block = build_block(config.block, widths[-1], widths[-1], bins[-1], config)
        self.decoders = nn.ModuleList(
            build_block(config.block, 2 * width, width, f, config)
            for width, f in zip(widths[-2::-1], bins[-2::-1], strict=True)
        )
        halves = [config.halves_frames(level) for level in range(levels)]
        self.downsamplings = nn.ModuleList(
            _resampling(nn.Conv2d, *pair, h)
            for pair, h in zip(pairwise(widths), halves, strict=True)
        )
        self.upsamplings = nn.ModuleList(
            _resampling(nn.ConvTranspose2d, *pair, h)
            for pair, h in zip(pairwise(widths[::-1]), reversed(halves), strict=True)
        )
        self.last_conv = nn.Sequential(
            nn.Conv2d(widths[0], ends, (1, kernel), padding=(0, kernel - 1)),
            ACTIVATIONS[config.last_activation](),
        )
        if config.is_conditioned:
            self._add_condition()
        self.estimation = Estimation(config)

    def _add_condition(self) -> None:
        config = self.config
        if config.condition == "embedding":
            self.embedding = nn.Embedding(len(config.targets), config.embedding_dim)
        levels = config.num_levels
        self.condition_generator = ConditionGenerator(
            config.condition_dim,
            [config.level_channels(min(b, 2 * levels - b)) for b in modulated_blocks(config)],
            ControlOptions(
                modulation=config.modulation,
                num_layers=config.num_control_layers,
                normalised=config.normalises_modulation,
                gamma_activation=ACTIVATIONS[config.gamma_activation],
                beta_activation=ACTIVATIONS[config.beta_activation],
            ),
        )

    def embed(self, target: Tensor) -> Tensor | None:
        """Indices [B] -> what tells the target, [B, e]; None for a one-target network."""
        if not self.config.is_conditioned:
            return None
        if self.config.condition == "embedding":
            return self.embedding(target)
        return nn.functional.one_hot(target, len(self.config.targets)).float()

    def modulations(self, embedding: Tensor | None) -> Iterator[Modulate | None]:
        """One for each block in the order of their work; None where the condition does not act."""
        if embedding is None:
            yield from [None] * self.config.num_blocks
            return
        apply = MODULATIONS[self.config.modulation].apply
        generated = iter(self.condition_generator(embedding))
        acts = modulated_blocks(self.config)
        for block in range(self.config.num_blocks):
            yield _bound(apply, *next(generated)) if block in acts else None

    def forward(self, spectrogram: Tensor, target: Tensor) -> Tensor:
        """[B, 2 * audio channels, T, n_fft / 2 + 1] and targets [B * N], N for each spectrogram
        side by side -> [B * N, 2 * audio channels, T, n_fft / 2 + 1].

        Where the encoder is blind to the target, it works once for all N. A
        `mixture_consistent` network has to be asked for all of its targets, each once;
        only their number is checked.
        """
        repeats = len(target) // len(spectrogram)
        self.config.check_asked(repeats)
        embedding = self.embed(target)
        modulation = self.modulations(embedding)
        mixture = spectrogram.repeat_interleave(repeats, dim=0)  # B N
        is_shared = self.config.has_blind_encoder
        x = self.first_conv(self.estimation.seen(spectrogram if is_shared else mixture))
        skips = []  # each B or B N, C, T, F
        for encoder, down in zip(self.encoders, self.downsamplings, strict=True):
            x = encoder(x, embedding, next(modulation))
            skips.append(x)
            x = down(x)  # B, C, T / 2, F / 2
        if is_shared:
            x, *skips = (part.repeat_interleave(repeats, dim=0) for part in (x, *skips))
        x = self.mid_block(x, embedding, next(modulation))
        for up, decoder in zip(self.upsamplings, self.decoders, strict=True):
            x = torch.cat((up(x), skips.pop()), dim=1)  # B N, 2 C, 2 T, 2 F
            x = decoder(x, embedding, next(modulation))
        estimates = self.estimation.estimate(self.last_conv(x), mixture)
        of_targets = estimates.unflatten(0, (-1, repeats)).transpose(0, 1)  # N, B, 2 C, T, F
        return self.estimation.together(of_targets, spectrogram).transpose(0, 1).flatten(0, 1)


def modulated_blocks(config: NetworkConfig) -> range:
    """Numbers of the blocks on which the condition acts, encoders first."""
    levels = config.num_levels
    return {
        "encoder": range(levels),
        "decoder": range(levels + 1, config.num_blocks),
        "full": range(config.num_blocks),
    }[config.condition_to]


def _bound(
    apply: Callable[[Tensor, Tensor, Tensor], Tensor], gamma: Tensor, beta: Tensor
) -> Modulate:
    return lambda x: apply(x, gamma, beta)


def _resampling(
    convolution: type[nn.Conv2d | nn.ConvTranspose2d],
    width: int,
    next_width: int,
    halves_frames: bool,
) -> nn.Sequential:
    """Halves or doubles bins, and frames where told; no activation."""
    size = (2, 2) if halves_frames else (1, 2)
    return nn.Sequential(
        convolution(width, next_width, size, stride=size), nn.BatchNorm2d(next_width)
    )
