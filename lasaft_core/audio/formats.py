"""What a source file is, and which output formats there are.

Audio everywhere is float32 [samples, channels], full scale 1.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from lasaft_core.errors import InvalidOption

MAX_FLAC_RATE_HZ: Final = 655_350
MAX_FLAC_RATE_IN_HZ: Final = 65_535  # higher ones are written in tens
MAX_FLAC_CHANNELS: Final = 8


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """A source as its container describes it.

    `frames` is None where only decoding can tell; `tags` has lower-case names.
    """

    container: str
    codec: str
    sample_rate: int
    channels: int
    frames: int | None
    duration_seconds: float | None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """How stems are stored: `codec` is the file suffix, too."""

    codec: str = "flac"
    bit_depth: int = 24

    def __post_init__(self) -> None:
        if self.codec not in BIT_DEPTHS:
            raise InvalidOption("codec", expected=" or ".join(BIT_DEPTHS), got=repr(self.codec))
        depths = BIT_DEPTHS[self.codec]
        if self.bit_depth not in depths:
            raise InvalidOption(
                f"bit depth of {self.codec}",
                expected=" or ".join(map(str, depths)),
                got=self.bit_depth,
                remedy="32-bit float needs --codec wav" if self.bit_depth == 32 else "",
            )

    @property
    def is_float(self) -> bool:
        return self.bit_depth == 32

    @property
    def step(self) -> float:
        """One quantisation step at full scale 1.0; 0 for float."""
        return 0.0 if self.is_float else 2.0 ** (1 - self.bit_depth)


BIT_DEPTHS: Final = {"flac": (16, 24), "wav": (16, 24, 32)}
