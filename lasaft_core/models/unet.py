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
        levels, width = config.num_levels, config.internal_channels
        bins = [config.n_fft // 2 ** (level + 1) for level in range(levels + 1)]
        self.first_conv = nn.Sequential(
            nn.Conv2d(config.spectral_channels, width, (1, 2)),
            nn.BatchNorm2d(width),
            ACTIVATIONS[config.first_activation](),
        )
        self.encoders = nn.ModuleList(build_block(width, f, config) for f in bins[:-1])
        self.mid_block = build_block(width, bins[-1], config)
        self.decoders = nn.ModuleList(build_block(2 * width, f, config) for f in bins[-2::-1])
        halves = [config.halves_frames(level) for level in range(levels)]
        self.downsamplings = nn.ModuleList(_resampling(nn.Conv2d, width, h) for h in halves)
        self.upsamplings = nn.ModuleList(
            _resampling(nn.ConvTranspose2d, width, h) for h in reversed(halves)
        )
        self.last_conv = nn.Sequential(
            nn.Conv2d(width, config.spectral_channels, (1, 2), padding=(0, 1)),
            ACTIVATIONS[config.last_activation](),
        )
        if config.is_conditioned:
            self._add_condition()
        self.estimation = Estimation(config)

    def _add_condition(self) -> None:
        config = self.config
        if config.condition == "embedding":
            self.embedding = nn.Embedding(len(config.targets), config.embedding_dim)
        self.condition_generator = ConditionGenerator(
            config.condition_dim,
            len(modulated_blocks(config)),
            config.internal_channels,
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
        gammas, betas = self.condition_generator(embedding)
        apply = MODULATIONS[self.config.modulation].apply
        acts = modulated_blocks(self.config)
        for block in range(self.config.num_blocks):
            place = block - acts.start
            yield _bound(apply, gammas[:, place], betas[:, place]) if block in acts else None

    def forward(self, spectrogram: Tensor, target: Tensor) -> Tensor:
        """[B, 2 * audio channels, T, n_fft / 2 + 1] and target indices [B] -> the same shape."""
        embedding = self.embed(target)
        modulation = self.modulations(embedding)
        x = self.first_conv(self.estimation.seen(spectrogram))  # B, C, T, n_fft / 2
        skips = []
        for encoder, down in zip(self.encoders, self.downsamplings, strict=True):
            x = encoder(x, embedding, next(modulation))
            skips.append(x)
            x = down(x)  # B, C, T / 2, F / 2
        x = self.mid_block(x, embedding, next(modulation))
        for up, decoder in zip(self.upsamplings, self.decoders, strict=True):
            x = torch.cat((up(x), skips.pop()), dim=1)  # B, 2 C, 2 T, 2 F
            x = decoder(x, embedding, next(modulation))
        return self.estimation.estimate(self.last_conv(x), spectrogram)


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
    halves_frames: bool,
) -> nn.Sequential:
    """Halves or doubles bins, and frames where told; no activation."""
    size = (2, 2) if halves_frames else (1, 2)
    return nn.Sequential(convolution(width, width, size, stride=size), nn.BatchNorm2d(width))
