"""How a network is trained: the papers' recipes, and a modern one.

Published (arXiv 1912.02591, section 4.1; arXiv 2010.11631, section 3.1, and both repositories):
each source is a random song at a random offset, their sum is the mixture, the target is drawn for
every item; Adam at a constant rate on the mean squared error of the spectrogram; the best of the
epochs by the L1 distance of the validation songs' waveforms; an end when that has not improved
for a number of epochs. An epoch is as many windows as the training songs hold, times the targets.
"""

from dataclasses import dataclass, replace
from typing import Final

from lasaft_core.errors import InvalidOption
from lasaft_core.models import PRESETS
from lasaft_core.training.augmentation import Augmentation, Balance, Mastering
from lasaft_core.training.losses import LOSSES
from lasaft_core.training.optimisers import OPTIMISERS

_CHOICES: Final = {
    "loss": tuple(LOSSES),
    "optimiser": OPTIMISERS,
    "rate": ("constant", "cosine"),
    "initialisation": ("kaiming", "torch"),
    "criterion": ("l1", "sdr_db"),
}


@dataclass(frozen=True, slots=True)
class Mixing:
    """How excerpts become mixtures.

    `weighs_length`: a song is drawn the more often the longer it is, up to `longest_seconds`: one
    of several minutes is still one singer in one room. `coherent_share` of the items keep the
    sources of one song and moment together, the others take each source from anywhere; with
    `draws_sounding` from songs that have it, as loops of drums or a lone guitar have one only, and
    the coherent ones are songs with two sources or more. Estimated stems are among those from
    anywhere only.
    `silent_share` of the sources fall silent, `voiceless_share` of the mixtures have no voice,
    `sparse_share` no drums, no bass or neither: a voice and a guitar are a mixture, too.
    `duet_share` of the voices sing with a second one from anywhere.
    `asks_all_targets`: every mixture is asked for all of the network's targets, instead of one
    that is drawn; a batch then holds so many mixtures fewer. `accompanied_share` of the mixtures
    are a voice and an accompaniment, where there are any. `speed_range`: playing speeds, which
    change pitch, formants and tempo alike. `balance`: of the items whose sources are from anywhere.
    """

    weighs_length: bool = False
    longest_seconds: float | None = None
    coherent_share: float = 0.0
    draws_sounding: bool = False
    silent_share: float = 0.0
    voiceless_share: float = 0.0
    sparse_share: float = 0.0
    duet_share: float = 0.0
    asks_all_targets: bool = False
    accompanied_share: float = 0.0
    speed_range: tuple[float, float] = (1.0, 1.0)
    balance: Balance | None = None
    augmentation: Augmentation | None = None
    mastering: Mastering | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a training's result depends on, beside network, songs and seed.

    `epoch_steps` None: as published. `max_steps` is also the length of a cosine rate. `patience`
    counts epochs without gain after `min_epochs`. `excerpt_frames` None: a whole window. `dropout`
    None: the network's own. `criterion`: which validation figure is kept best.
    """

    loss: str = "spectrogram-mse"
    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    rate: str = "constant"
    warmup_steps: int = 0
    batch_size: int = 8
    excerpt_frames: int | None = None
    mixing: Mixing = Mixing()
    initialisation: str = "kaiming"
    dropout: float | None = None
    clip_norm: float | None = None
    ema_decay: float | None = None
    epoch_steps: int | None = None
    min_epochs: int = 1
    patience: int = 10
    max_steps: int | None = None
    criterion: str = "l1"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise _refusal(name, " | ".join(choices), getattr(self, name))
        for name in ("batch_size", "epoch_steps", "max_steps", "patience", "excerpt_frames"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise _refusal(name, "at least 1", value)
        if self.learning_rate <= 0:
            raise _refusal("learning_rate", "more than 0", self.learning_rate)
        if self.warmup_steps < 0:
            raise _refusal("warmup_steps", "at least 0", self.warmup_steps)
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise _refusal("ema_decay", "between 0 and 1", self.ema_decay)
        if self.rate == "cosine" and self.max_steps is None:
            raise _refusal("max_steps", "a number, for the cosine rate to end", None)
        if self.batch_size < 2 and not self.mixing.asks_all_targets:
            raise _refusal("batch_size", "at least 2, for batch norms", self.batch_size)


def _refusal(name: str, expected: str, got: object) -> InvalidOption:
    return InvalidOption(f"training option {name}", expected=expected, got=got)


MODERN: Final = Recipe(
    loss="waveform-rms",
    optimiser="muon",
    learning_rate=1.5e-3,
    weight_decay=1e-3,
    rate="cosine",
    warmup_steps=500,
    mixing=Mixing(
        weighs_length=True,
        longest_seconds=90.0,
        coherent_share=0.5,
        draws_sounding=True,
        silent_share=0.08,
        voiceless_share=0.05,
        sparse_share=0.2,
        duet_share=0.15,
        asks_all_targets=True,
        accompanied_share=0.25,
        speed_range=(0.85, 1.18),
        balance=Balance(),
        augmentation=Augmentation(),
        mastering=Mastering(),
    ),
    initialisation="torch",
    dropout=0.0,
    clip_norm=5.0,
    ema_decay=0.999,
    epoch_steps=1000,
    patience=1000,
    max_steps=200_000,
    criterion="sdr_db",
)
_ISMIR: Final = Recipe(batch_size=12, min_epochs=1000, patience=100)
_ICASSP: Final = Recipe()
_PUBLISHED: Final = {
    "tfc-tdf-large": replace(_ISMIR, min_epochs=2000, patience=200),
    # On four devices, batches of four each, batch norms synchronised: one batch of sixteen.
    "lasaft-large": replace(_ICASSP, batch_size=16, learning_rate=1e-4),
}
RECIPES: Final = ("published", "modern")


def recipe_of(name: str, preset: str) -> Recipe:
    """`name` is one of `RECIPES`. Raises InvalidOption."""
    if name not in RECIPES:
        raise InvalidOption("recipe", expected=" | ".join(RECIPES), got=name)
    if name == "modern":
        return MODERN
    family = _ICASSP if PRESETS[preset].is_conditioned else _ISMIR
    return _PUBLISHED.get(preset, family)
