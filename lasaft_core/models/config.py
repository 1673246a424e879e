"""What a network is made of: one frozen description for all networks of the two papers."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import inf
from typing import Final

from lasaft_core.errors import InvalidOption
from lasaft_core.modules.activations import ACTIVATIONS
from lasaft_core.modules.conditioning import MODULATIONS

BLOCKS: Final = (
    "tfc", "tdc", "tdf", "tfc-tdf", "tfc-rnn", "tdc-rnn", "tfc-lasaft", "tfc-lightsaft"
)  # fmt: skip
CONDITIONED_BLOCKS: Final = ("tfc", "tfc-tdf", "tfc-lasaft", "tfc-lightsaft")
CHOICES: Final = {
    "block": BLOCKS,
    "encoder_block": (None, *BLOCKS),
    "modulation": ("none", *MODULATIONS),
    "condition_to": ("encoder", "decoder", "full"),
    "condition": ("embedding", "one-hot"),
    "spectrogram": ("complex", "magnitude"),
    "channel_order": ("parts", "sides"),
    "estimation": ("mapping", "masking", "complex-masking"),
}
_ACTIVATION_FIELDS: Final = (
    "first_activation", "last_activation", "activation", "gamma_activation", "beta_activation"
)  # fmt: skip
_CONTEXT_SAMPLES: Final = 5000
_TARGET: Final = re.compile(r"\w[\w .+-]{0,63}")  # names files, so that it must lead nowhere else
_COUNTS: Final = (
    "n_fft",
    "hop_samples",
    "num_frames",
    "num_blocks",
    "audio_channels",
    "internal_channels",
    "num_subbands",
    "num_conv_layers",
    "embedding_dim",
    "num_control_layers",
    "min_units",
    "min_rnn_units",
    "rnn_bottleneck_factor",
    "num_rnn_layers",
    "num_latents",
    "key_dim",
    "sample_rate",
)


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Hyper-parameters; the defaults are the row 'GPoCM+LaSAFT' of Table 1, arXiv 2010.11631.

    `encoder_block`, `encoder_conv_layers`: another block for the encoder, another number of
    convolutions in its blocks; None: the same. `num_subbands` parts of the spectrum, equally wide,
    are stacked as channels (arXiv 2306.09382, section 4.1), without the bin of the Nyquist
    frequency. `channel_growth` is added to `internal_channels` with each level (arXiv 2111.12203,
    section 3). `halving_levels`: the levels at which frames are halved too; None: all.
    `channel_order`: "parts" puts all real parts before all imaginary ones, "sides" keeps each
    side's two together. `estimation`: the output is the target's spectrogram ("mapping"), or
    multiplies the mixture's element by element ("masking") or as complex numbers
    ("complex-masking").
    `input_rms`: that of the magnitudes that the network sees, however loud the window is; None:
    as they are. `input_exponent` acts on these. `copies_dc`: the lowest bin of the estimate is the
    mixture's. `mixture_consistent`: what the estimates of all targets leave of the mixture is
    shared among them (see `estimation.py`); all are asked together, and they make up the mixture.
    """

    block: str = "tfc-lasaft"
    encoder_block: str | None = None
    modulation: str = "gpocm"
    n_fft: int = 2048
    hop_samples: int = 1024
    num_frames: int = 128
    is_centered: bool = True
    num_blocks: int = 7
    audio_channels: int = 2
    internal_channels: int = 24
    channel_growth: int = 0
    num_subbands: int = 1
    num_conv_layers: int = 5
    encoder_conv_layers: int | None = None
    kernel_size: tuple[int, int] = (3, 3)
    halving_levels: tuple[int, ...] | None = None
    bottleneck_factor: int | None = 16
    min_units: int = 16
    tdf_bias: bool = False
    tdf_affine: bool = True
    rnn_bottleneck_factor: int = 16
    min_rnn_units: int = 16
    num_rnn_layers: int = 1
    rnn_bias: bool = True
    is_bidirectional: bool = True
    num_latents: int = 6
    key_dim: int = 32
    condition: str = "embedding"
    condition_to: str = "decoder"
    embedding_dim: int = 32
    num_control_layers: int = 4
    normalises_modulation: bool = True
    gamma_activation: str = "identity"
    beta_activation: str = "identity"
    first_activation: str = "relu"
    activation: str = "relu"
    last_activation: str = "identity"
    spectrogram: str = "complex"
    channel_order: str = "parts"
    estimation: str = "mapping"
    input_rms: float | None = None
    input_exponent: float = 1.0
    copies_dc: bool = False
    mixture_consistent: bool = False
    targets: tuple[str, ...] = ("vocals", "drums", "bass", "other")
    sample_rate: int = 44100

    def __post_init__(self) -> None:
        for name in _COUNTS:
            _check_count(name, getattr(self, name))
        if self.encoder_conv_layers is not None:
            _check_count("encoder_conv_layers", self.encoder_conv_layers)
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise _refusal(name, " | ".join(map(str, choices)), getattr(self, name))
        for name in _ACTIVATION_FIELDS:
            if getattr(self, name) not in ACTIVATIONS:
                raise _refusal(name, " | ".join(ACTIVATIONS), getattr(self, name))
        self._check_sizes()

    def _check_sizes(self) -> None:
        levels, names = self.num_levels, self.targets
        halvings = sum(self.halves_frames(level) for level in range(levels))
        smallest = self.num_subbands * 2 ** (levels + 1)
        checks = {
            "num_blocks": (self.num_blocks % 2 == 1, "an odd number"),
            "n_fft": (self.n_fft % smallest == 0, f"a multiple of {smallest}"),
            "channel_growth": (self.channel_growth >= 0, "0 or more"),
            "num_frames": (self.num_frames % 2**halvings == 0, f"a multiple of {2**halvings}"),
            "hop_samples": (self.hop_samples < self.n_fft, "less than n_fft"),
            "kernel_size": (all(size % 2 for size in self.kernel_size), "odd sizes"),
            "input_rms": (
                self.input_rms is None
                or (0 < self.input_rms < inf and self.estimation.endswith("masking")),
                "more than 0, for a network that estimates masks",
            ),
            "input_exponent": (0 < self.input_exponent <= 1, "0 to 1"),
            "activation": (
                self.activation != "softmax" or not self.block.startswith("tdc"),
                "another with TDC, whose published softmax is taken over frames",
            ),
            "mixture_consistent": (
                self._can_share_mixture or not self.mixture_consistent,
                "false, where one target is estimated, a magnitude, or the lowest bin is copied",
            ),
            "targets": (
                len(set(names)) == len(names) > 0 and all(map(_TARGET.fullmatch, names)),
                "different names of letters, digits, spaces, - . _ +",
            ),
            "block": (self.block in self._possible_blocks, " | ".join(self._possible_blocks)),
            "encoder_block": (
                self.encoder_block in (None, *self._possible_blocks),
                " | ".join(self._possible_blocks),
            ),
        }
        for name, (is_fine, expected) in checks.items():
            if not is_fine:
                raise _refusal(name, expected, getattr(self, name))

    @property
    def _possible_blocks(self) -> tuple[str, ...]:
        """Attention needs a condition, and only some blocks have a place for one."""
        if self.is_conditioned:
            return CONDITIONED_BLOCKS
        return tuple(block for block in BLOCKS if not block.endswith("saft"))

    @property
    def _can_share_mixture(self) -> bool:
        """Several complex estimates can add up to the mixture, if none holds a copy of a bin."""
        is_several = self.is_conditioned and len(self.targets) > 1
        return is_several and self.spectrogram == "complex" and not self.copies_dc

    @property
    def num_levels(self) -> int:
        """Down- and upsamplings."""
        return self.num_blocks // 2

    @property
    def window_samples(self) -> int:
        """Samples of one pass through the network."""
        inner = self.hop_samples * (self.num_frames - 1)
        return inner if self.is_centered else self.n_fft + inner

    @property
    def context_samples(self) -> int:
        """Unused samples at each end of a window: as published, whole hops where centred."""
        if not self.is_centered:
            return _CONTEXT_SAMPLES
        return max(2, -(-_CONTEXT_SAMPLES // self.hop_samples)) * self.hop_samples

    @property
    def is_conditioned(self) -> bool:
        """One network for all targets."""
        return self.modulation != "none"

    @property
    def has_blind_encoder(self) -> bool:
        """The encoder does the same for all targets."""
        acts = self.is_conditioned and self.condition_to != "decoder"
        return not acts and "saft" not in (self.encoder_block or self.block)

    def asked_for(self, targets: Sequence[str]) -> tuple[str, ...]:
        """What the network estimates at once to give these targets, in its own order."""
        return tuple(t for t in self.targets if self.mixture_consistent or t in targets)

    def check_asked(self, number: int) -> None:
        """Raises InvalidOption where so many targets can't be asked at once."""
        if self.mixture_consistent and number != len(self.targets):
            raise InvalidOption(
                "targets of a mixture-consistent network",
                expected=f"all {len(self.targets)} at once",
                got=number,
            )

    @property
    def encoder_depth(self) -> int:
        """Convolutions in each block of the encoder."""
        return self.encoder_conv_layers or self.num_conv_layers

    @property
    def condition_dim(self) -> int:
        """Width of what tells the target."""
        return self.embedding_dim if self.condition == "embedding" else len(self.targets)

    @property
    def spectral_channels(self) -> int:
        """Channels of the spectrogram that the network sees."""
        return self.audio_channels * (2 if self.spectrogram == "complex" else 1)

    def level_channels(self, level: int) -> int:
        """Width of the blocks of a level; the middle block's is that of `num_levels`."""
        return self.internal_channels + self.channel_growth * level

    def level_bins(self, level: int) -> int:
        """Bins that the blocks of a level see."""
        return self.n_fft // (self.num_subbands * 2 ** (level + 1))

    def halves_frames(self, level: int) -> bool:
        """Whether a level's downsampling halves the frames, beside the bins."""
        return self.halving_levels is None or level in self.halving_levels

    def to_dict(self) -> dict[str, object]:
        """JSON-able, what differs from the defaults; tuples become lists."""
        default = asdict(NetworkConfig())
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value != default[name]
        }

    @classmethod
    def from_dict(cls, values: dict[str, object]) -> "NetworkConfig":
        """Back from `to_dict`."""
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})  # type: ignore[arg-type]


def _check_count(name: str, value: object) -> None:
    if type(value) is not int or value < 1:
        raise _refusal(name, "1 or more", value)


def _refusal(name: str, expected: object, got: object) -> InvalidOption:
    return InvalidOption(f"network option {name}", expected=expected, got=got)
