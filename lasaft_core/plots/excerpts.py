"""A few seconds of a song with what surrounds them, and the stems of those seconds alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lasaft_core.audio.blocks import Block
from lasaft_core.audio.channels import ChannelMap
from lasaft_core.audio.reader import open_audio
from lasaft_core.errors import InvalidOption
from lasaft_core.song_stream import SongInput, SongOutput, SongSeparator


@dataclass(frozen=True, slots=True)
class Span:
    """Where an excerpt lies in its song, and how much on each side is read with it, in seconds."""

    start: float = 0.0
    length: float = 10.0
    context: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and self.start >= 0):
            raise InvalidOption("--start", expected="0 or more seconds", got=self.start)
        if not (math.isfinite(self.length) and self.length > 0):
            raise InvalidOption("--seconds", expected="more than 0", got=self.length)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """`audio` [samples, 1 or 2]; of it, `shown` is what was asked for, the rest its context."""

    audio: Block
    sample_rate: int
    shown: slice

    @property
    def part(self) -> Block:
        """The samples that were asked for."""
        return self.audio[self.shown]


def read_excerpt(path: Path, span: Span) -> Excerpt:
    """What there is of `span`; more than two channels are mixed to stereo.

    Raises InvalidOption where the song ends before the span, and the errors of reading.
    """
    with open_audio(path) as reader:
        channels = ChannelMap(reader.info.channels, "downmix", reader.layout)
        rate = reader.info.sample_rate
        start, end = round(span.start * rate), round((span.start + span.length) * rate)
        context = math.ceil(span.context * rate)
        first = max(0, start - context)
        blocks = list(_between(reader.blocks(), first, max(end, start + 1) + context))
    audio = np.concatenate([np.zeros((0, reader.info.channels), np.float32), *blocks])
    if first + len(audio) <= start:
        raise InvalidOption(
            "--start", expected=f"a time within {path.name}", got=f"{span.start:g} s"
        )
    audio = channels.from_stereo(channels.to_stereo(audio))
    return Excerpt(audio, rate, slice(start - first, max(end, start + 1) - first))


def separate_excerpt(separator: SongSeparator, excerpt: Excerpt) -> dict[str, Block]:
    """Stems of the shown part, at the song's own rate and channels."""
    channels = ChannelMap(excerpt.audio.shape[1], "downmix")
    rates = {"source_hz": excerpt.sample_rate, "model_hz": separator.sample_rate}
    stream, output = (
        separator.stream(separator.targets, overlap=0.25),
        SongOutput(channels, **rates),
    )
    pieces = SongInput(channels, **rates).pieces([excerpt.audio])
    parts = [output.push(piece.mix, stream.push(piece.audio)).stems for piece in pieces]
    parts.append(output.finish(stream.finish()).stems)
    return {
        target: np.concatenate([part[target] for part in parts if target in part])[excerpt.shown]
        for target in separator.targets
    }


def _between(blocks: Iterator[Block], first: int, behind: int) -> Iterator[Block]:
    """Of a song in blocks, the samples from `first` to `behind`; reads no further."""
    position = 0
    for block in blocks:
        yield block[max(0, first - position) : behind - position]
        position += len(block)
        if position >= behind:
            return
