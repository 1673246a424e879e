"""Stems as FLAC or WAV files.

Samples are quantised here, to the nearest step: libsndfile's own conversion from float scales
by one step less than full scale, which costs up to half a step more.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from lasaft_core.audio.blocks import Block
from lasaft_core.audio.formats import (
    MAX_FLAC_CHANNELS,
    MAX_FLAC_RATE_HZ,
    MAX_FLAC_RATE_IN_HZ,
    OutputFormat,
)
from lasaft_core.audio.tags import CARRIED
from lasaft_core.audio.vorbis_comment import comment_fields, fill_in, stand_in_title
from lasaft_core.errors import InvalidOption, ScratchFull, UnsupportedRate

MAX_WAV_BYTES: Final = 2**32 - 2**16  # a 32-bit size, less room for headers and tags
MAX_TAG_CHARACTERS: Final = 4000  # longer ones hide the tags after them from readers of WAV
SUBTYPES: Final = {16: "PCM_16", 24: "PCM_24", 32: "FLOAT"}


@dataclass(frozen=True, slots=True)
class StemLayout:
    """`frames` is the expected length: it decides between WAV and RF64."""

    output: OutputFormat
    sample_rate: int
    channels: int
    frames: int
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.output.codec != "flac":
            return
        remedy = "use --codec wav"
        in_tens = self.sample_rate > MAX_FLAC_RATE_IN_HZ
        if self.sample_rate > MAX_FLAC_RATE_HZ or (in_tens and self.sample_rate % 10):
            expected = f"at most {MAX_FLAC_RATE_HZ}, above {MAX_FLAC_RATE_IN_HZ} a multiple of ten"
            raise UnsupportedRate(
                "sample rate of FLAC", expected=expected, got=self.sample_rate, remedy=remedy
            )
        if self.channels > MAX_FLAC_CHANNELS:
            expected = f"at most {MAX_FLAC_CHANNELS}"
            raise InvalidOption(
                "channels of FLAC", expected=expected, got=self.channels, remedy=remedy
            )

    @property
    def pcm_bytes(self) -> int:
        return self.frames * self.channels * self.output.bit_depth // 8

    @property
    def container(self) -> str:
        if self.output.codec == "flac":
            return "FLAC"
        return "RF64" if self.pcm_bytes > MAX_WAV_BYTES else "WAV"


class StemWriter:
    """A context manager over one file; the file is whole once it is closed."""

    def __init__(self, path: Path, layout: StemLayout) -> None:
        self._path, self._output = path, layout.output
        self._comment: list[bytes] = []
        with _naming_failures():
            self._file = soundfile.SoundFile(
                str(path),
                "w",
                samplerate=layout.sample_rate,
                channels=layout.channels,
                format=layout.container,
                subtype=SUBTYPES[layout.output.bit_depth],
            )
        if layout.output.codec == "flac":
            self._comment = comment_fields(layout.tags)
            if self._comment:
                self._file.title = stand_in_title(self._comment)
            return
        for name in CARRIED:
            if name in layout.tags:
                setattr(self._file, name, layout.tags[name][:MAX_TAG_CHARACTERS])

    def write(self, block: Block) -> None:
        """[samples, channels]; integer formats clip at full scale."""
        samples = block if self._output.is_float else quantise(block, self._output)
        with _naming_failures():
            self._file.write(samples)

    def close(self) -> None:
        self._file.close()
        if self._comment:
            fill_in(self._path, self._comment)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._comment = []  # the file is lost anyway
        self.close()


@contextmanager
def _naming_failures() -> Iterator[None]:
    """libsndfile says "System error" for a full disk, and other things still less to the point."""
    try:
        yield
    except soundfile.LibsndfileError as error:
        got = str(error).rstrip(".")
        raise ScratchFull("stem can't be written", got=got, remedy="is the disk full?") from error


def quantise(block: Block, output: OutputFormat) -> NDArray[Any]:
    """Int16, or int32 with the sample in its upper 24 bits."""
    scale = 2.0 ** (output.bit_depth - 1)
    steps = np.clip(np.rint(block * np.float32(scale)), -scale, scale - 1)
    if output.bit_depth == 16:
        narrow: NDArray[np.int16] = steps.astype(np.int16)
        return narrow
    wide: NDArray[np.int32] = steps.astype(np.int32) << 8
    return wide
