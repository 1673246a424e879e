"""The conditioned U-Net with TFC blocks, LaSAFT and GPoCM: arXiv 2010.11631, sections 2 and 3.

Spectrogram in, spectrogram out, told by a target's index which source to extract. It knows no
waveforms: see `spectral.py`.

Legend: B batch, C channels, T frames, F bins.

    spectrogram -> first_conv -> (encoder -> down) x n -> mid_block
                                    | skips                |
         last_conv <- (decoder <- cat <- up) x n <---------+
                          ^
    target index -> embedding -> condition_generator: gammas, betas per decoder
"""

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from lasaft_core.errors import InvalidOption
from lasaft_core.modules.gpocm import GPoCMControl, gpocm
from lasaft_core.modules.lasaft import LaSAFT, LatentTDF
from lasaft_core.modules.tfc import TFC

FAMILY = "cunet-gpocm-lasaft"
ESTIMATIONS = ("mapping", "masking")
_SMALLEST_MAGNITUDE = 1e-4
_COUNTS = (
    "n_fft",
    "hop_samples",
    "num_frames",
    "num_blocks",
    "audio_channels",
    "internal_channels",
    "num_tfc_layers",
    "embedding_dim",
    "num_control_layers",
    "bottleneck_factor",
    "min_units",
    "num_latents",
    "key_dim",
    "sample_rate",
)


@dataclass(frozen=True, slots=True)
class CUNetConfig:
    """Hyper-parameters of one network; the defaults are the row 'GPoCM+LaSAFT' of Table 1.

    `estimation`: "mapping", the output is the target's spectrogram (as published), or
    "masking", it is a complex mask. `input_exponent` is applied to the magnitudes that the
    network sees, 1 as published; 0.5 lifts what is quiet.
    """

    n_fft: int = 2048
    hop_samples: int = 1024
    num_frames: int = 128
    num_blocks: int = 7
    audio_channels: int = 2
    internal_channels: int = 24
    num_tfc_layers: int = 5
    kernel_size: tuple[int, int] = (3, 3)
    embedding_dim: int = 32
    num_control_layers: int = 4
    bottleneck_factor: int = 16
    min_units: int = 16
    num_latents: int = 6
    key_dim: int = 32
    estimation: str = "mapping"
    input_exponent: float = 1.0
    targets: tuple[str, ...] = ("vocals", "drums", "bass", "other")
    sample_rate: int = 44100

    def __post_init__(self) -> None:
        for name in _COUNTS:
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise InvalidOption(f"network option {name}", expected="1 or more", got=value)
        levels = self.num_blocks // 2
        checks = {
            "num_blocks": (self.num_blocks % 2 == 1, "an odd number", self.num_blocks),
            "n_fft": (self.n_fft % 2 ** (levels + 1) == 0, f"n_fft / 2 / 2^{levels}", self.n_fft),
            "num_frames": (self.num_frames % 2**levels == 0, f"k * 2^{levels}", self.num_frames),
            "hop_samples": (0 < self.hop_samples <= self.n_fft, "1..n_fft", self.hop_samples),
            "targets": (len(set(self.targets)) == len(self.targets) > 0, "names", self.targets),
            "estimation": (self.estimation in ESTIMATIONS, ESTIMATIONS, self.estimation),
            "input_exponent": (0 < self.input_exponent <= 1, "0 to 1", self.input_exponent),
            "kernel_size": (all(k % 2 for k in self.kernel_size), "odd sizes", self.kernel_size),
        }
        for name, (ok, expected, got) in checks.items():
            if not ok:
                raise InvalidOption(f"network option {name}", expected=expected, got=got)

    def to_dict(self) -> dict[str, object]:
        """JSON-able; tuples become lists."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, object]) -> "CUNetConfig":
        """Back from `to_dict`."""
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})  # type: ignore[arg-type]


class TFCLaSAFT(nn.Module):
    """One block of the U-Net: TFC, then in the decoder GPoCM, then LaSAFT."""

    def __init__(self, in_channels: int, num_bins: int, config: CUNetConfig) -> None:
        super().__init__()
        channels, latents = config.internal_channels, config.num_latents
        units = max(num_bins * latents // config.bottleneck_factor, config.min_units)
        self.tfc = TFC(in_channels, channels, config.num_tfc_layers, kernel_size=config.kernel_size)
        tdfs = LatentTDF(channels, num_bins, num_latents=latents, units=units)
        self.lasaft = LaSAFT(config.embedding_dim, config.key_dim, tdfs)

    def forward(
        self, x: Tensor, embedding: Tensor, modulation: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """[B, C_in, T, F], [B, e] and (gamma, beta) -> [B, C, T, F]."""
        x = self.tfc(x)
        if modulation is not None:
            x = gpocm(x, *modulation)
        return self.lasaft(x, embedding)


class GPoCMLaSAFTNet(nn.Module):
    """The whole network, complex spectrogram mapping; `config` says its shape."""

    def __init__(self, config: CUNetConfig) -> None:
        super().__init__()
        self.config = config
        levels, width = config.num_blocks // 2, config.internal_channels
        spectral_channels = 2 * config.audio_channels
        bins = [config.n_fft // 2 ** (level + 1) for level in range(levels + 1)]
        self.first_conv = nn.Sequential(
            nn.Conv2d(spectral_channels, width, (1, 2)), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.encoders = nn.ModuleList(TFCLaSAFT(width, f, config) for f in bins[:-1])
        self.downsamplings = nn.ModuleList(_resampling(nn.Conv2d, width) for _ in range(levels))
        self.mid_block = TFCLaSAFT(width, bins[-1], config)
        self.upsamplings = nn.ModuleList(
            _resampling(nn.ConvTranspose2d, width) for _ in range(levels)
        )
        self.decoders = nn.ModuleList(TFCLaSAFT(2 * width, f, config) for f in bins[-2::-1])
        self.last_conv = nn.Sequential(nn.Conv2d(width, spectral_channels, (1, 2), padding=(0, 1)))
        self.embedding = nn.Embedding(len(config.targets), config.embedding_dim)
        self.condition_generator = GPoCMControl(
            config.embedding_dim,
            num_layers=config.num_control_layers,
            num_blocks=levels,
            channels=width,
        )

    def forward(self, spectrogram: Tensor, target: Tensor) -> Tensor:
        """[B, 2 * audio channels, T, n_fft / 2 + 1] and target indices [B] -> the same shape."""
        embedding = self.embedding(target)  # B, e
        gammas, betas = self.condition_generator(embedding)
        x = self.first_conv(self._compressed(spectrogram))  # B, C, T, n_fft / 2
        skips = []
        for encoder, down in zip(self.encoders, self.downsamplings, strict=True):
            x = encoder(x, embedding)
            skips.append(x)
            x = down(x)  # B, C, T / 2, F / 2
        x = self.mid_block(x, embedding)
        for i, (up, decoder) in enumerate(zip(self.upsamplings, self.decoders, strict=True)):
            x = torch.cat((up(x), skips.pop()), dim=1)  # B, 2 C, 2 T, 2 F
            x = decoder(x, embedding, (gammas[:, i], betas[:, i]))
        estimate = self.last_conv(x)
        if self.config.estimation == "masking":
            return _complex_product(estimate, spectrogram)
        return estimate

    def _compressed(self, spectrogram: Tensor) -> Tensor:
        if self.config.input_exponent == 1.0:
            return spectrogram
        real, imaginary = spectrogram.chunk(2, dim=1)
        magnitude = torch.sqrt(real**2 + imaginary**2 + _SMALLEST_MAGNITUDE**2)
        scale = magnitude ** (self.config.input_exponent - 1.0)
        return torch.cat((real * scale, imaginary * scale), dim=1)


def _complex_product(x: Tensor, y: Tensor) -> Tensor:
    """Of spectrograms as channels, real parts first."""
    a, b = x.chunk(2, dim=1)
    c, d = y.chunk(2, dim=1)
    return torch.cat((a * c - b * d, a * d + b * c), dim=1)


def _resampling(convolution: type[nn.Conv2d | nn.ConvTranspose2d], width: int) -> nn.Sequential:
    """Halves or doubles frames and bins; no activation."""
    return nn.Sequential(convolution(width, width, 2, stride=2), nn.BatchNorm2d(width))
