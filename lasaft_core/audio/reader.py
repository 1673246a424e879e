"""Local audio files as float32 blocks: libsndfile first, PyAV for what it doesn't read.

Objects in a store are fetched whole first: decoders swallow failing reads and return noise.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import soundfile

from lasaft_core.audio.blocks import BLOCK_FRAMES, Block
from lasaft_core.audio.facts import ContainerFacts
from lasaft_core.audio.formats import AudioInfo
from lasaft_core.audio.integrity import inspect_container, inspect_mpeg
from lasaft_core.audio.libav import LibavSource, read_tags
from lasaft_core.audio.libsndfile import SndfileSource
from lasaft_core.errors import EmptySource, NonFiniteAudio, TruncatedAudio


class Source(Protocol):
    """`layout` names the channels ("FL", "FR", "LFE" ...); it is empty where nobody knows."""

    info: AudioInfo
    layout: tuple[str, ...]

    def blocks(self, frames: int) -> Iterator[Block]: ...

    def close(self) -> None: ...


def open_audio(path: Path) -> "AudioReader":
    """Raises EmptySource, NotAudio, TruncatedAudio."""
    if path.stat().st_size == 0:
        raise EmptySource("file of zero bytes", remedy="upload the source again")
    facts = inspect_container(path)
    source = _open_source(path, facts)
    if facts.is_known or source.info.container.lower() != "mp3":
        return AudioReader(source, facts)
    source.close()
    facts = inspect_mpeg(path)
    return AudioReader(_open_source(path, facts), facts)


class AudioReader:
    """A context manager over one source, read once from start to end."""

    def __init__(self, source: Source, facts: ContainerFacts) -> None:
        self._source, self._facts = source, facts
        self.info = source.info
        self.layout = source.layout

    def blocks(self, frames: int = BLOCK_FRAMES) -> Iterator[Block]:
        """[samples, channels]; raises TruncatedAudio at the end, NonFiniteAudio where it is."""
        decoded = 0
        for block in self._source.blocks(frames):
            if not np.isfinite(block).all():
                raise self._non_finite(decoded, block)
            decoded += len(block)
            yield block
        self._check_count(decoded)

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _check_count(self, decoded: int) -> None:
        promised = self._facts.frames or self.info.frames or 0
        if decoded < promised - self._facts.slack_frames:
            raise TruncatedAudio(
                f"{self.info.container} holds less than its header says",
                expected=f"{promised} frames",
                got=f"{decoded} frames",
                remedy="upload the source again",
            )
        if decoded == 0:
            raise EmptySource("audio of zero frames", remedy="upload the source again")

    def _non_finite(self, decoded: int, block: Block) -> NonFiniteAudio:
        first = decoded + int(np.argmin(np.isfinite(block).all(axis=1)))
        return NonFiniteAudio(
            "NaN or infinite samples",
            expected="finite samples",
            got=f"the first at {first / self.info.sample_rate:.3f} s",
            remedy="export the source again",
        )


def _open_source(path: Path, facts: ContainerFacts) -> Source:
    source = None if facts.needs_libav else _open_sndfile(path, facts)
    if source is None:
        return LibavSource(path)
    # libsndfile does not name channels, and guesses the length of MPEG audio without a count.
    is_counted = source.info.container == "MP3" and facts.is_known
    is_guess = source.info.codec.startswith("MPEG") and not is_counted
    if source.info.channels > 2 or is_guess:
        source.close()
        return LibavSource(path)
    source.info = replace(source.info, tags={**source.info.tags, **read_tags(path)})
    return source


def _open_sndfile(path: Path, facts: ContainerFacts) -> SndfileSource | None:
    """Past what stands in front only if it must: tags of some kinds are libsndfile's own."""
    for start in sorted({0, facts.start}):
        try:
            return SndfileSource(path, start)
        except soundfile.LibsndfileError:
            continue
    return None
