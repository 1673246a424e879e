"""The file rung of the API ladder: one song in, its stems as files out.

Streams in constant memory for any duration. Works with any separator of the protocol below,
so that it needs no torch of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lasaft_core.audio.formats import AudioInfo, OutputFormat
from lasaft_core.errors import InvalidOption

Block = NDArray[np.float32]


class SeparationStream(Protocol):
    """Takes stereo blocks [samples, 2]; total samples out equal total samples in."""

    def push(self, block: Block) -> Mapping[str, Block]: ...

    def finish(self) -> Mapping[str, Block]: ...


class SongSeparator(Protocol):
    """What `separate_song` needs of a separator."""

    @property
    def targets(self) -> tuple[str, ...]: ...

    @property
    def sample_rate(self) -> int: ...

    def select_targets(self, targets: tuple[str, ...] | None) -> tuple[str, ...]: ...

    def stream(self, targets: tuple[str, ...], *, overlap: float) -> SeparationStream: ...


@dataclass(frozen=True, slots=True)
class SongOptions:
    """`channels` says what becomes of more than two channels: "skip" or "downmix"."""

    targets: tuple[str, ...] | None = None
    overlap: float = 0.25
    codec: str = "flac"
    bit_depth: int = 24
    channels: str = "skip"
    residual: bool = False

    def __post_init__(self) -> None:
        OutputFormat(self.codec, self.bit_depth)
        if self.targets is not None and not self.targets:
            raise InvalidOption("targets", expected="at least one", got="none")
        if not 0.0 <= self.overlap <= 0.5:
            raise InvalidOption("overlap", expected="0 to 0.5", got=self.overlap)
        if self.channels not in ("skip", "downmix"):
            raise InvalidOption("channels", expected="skip or downmix", got=repr(self.channels))

    @property
    def output(self) -> OutputFormat:
        return OutputFormat(self.codec, self.bit_depth)


@dataclass(frozen=True, slots=True)
class StemFile:
    """One finished stem; decibel values are None for digital silence."""

    target: str
    path: Path
    sha256: str
    bytes: int
    frames: int
    sample_rate: int
    channels: int
    codec: str
    integrated_lufs: float | None
    true_peak_db: float | None
    rms_db: float | None
    silence_ratio: float
    clipped_samples: int
    bandwidth_hz: float | None
    active_intervals: tuple[tuple[float, float], ...]  # start and end in seconds


@dataclass(frozen=True, slots=True)
class SongResult:
    """`reconstruction_db` is the SDR of the stems' sum against the mixture, if all are there."""

    audio: AudioInfo
    stems: tuple[StemFile, ...]
    common_gain_db: float
    reconstruction_db: float | None
    seconds: Mapping[str, float]  # decode, separate, encode
    frames: int
