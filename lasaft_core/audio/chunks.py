"""Chunked containers: RIFF/WAVE, RIFX, RF64, BW64, AIFF, CAF, Wave64; and Sun AU.

    | magic, size, form | id, size, body | id, size, body | ...      sizes promise, the file holds

A writer that can't seek back leaves a placeholder as size: 0 or nearly 2 or 4 GiB.
Those files are healthy, and all that follows the data header is audio.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from lasaft_core.audio.facts import ContainerFacts
from lasaft_core.errors import TruncatedAudio

SIZE_SLACK_BYTES: Final = 8  # some writers put the whole file's size where 8 less is right
MAX_CHUNKS: Final = 100_000
LARGE_SIZES: Final = struct.Struct("<QQ")  # of the file and of the audio
WAVE_FORMAT: Final = struct.Struct("<HHIIHH")
PLAIN_WAVE_TAGS: Final = (1, 3, 6, 7, 0xFFFE)  # PCM, float, A-law, u-law, extensible
AIFF_COMMON: Final = struct.Struct(">hI")  # channels, frames


@dataclass(frozen=True, slots=True)
class ChunkLayout:
    header: struct.Struct  # of one chunk: id, size
    first: int  # offset of the first chunk
    audio: bytes  # what the audio chunk's id starts with
    align: int = 1
    counts_header: bool = False  # sizes include the header
    has_total: bool = True  # the first header's size promises the whole file


RIFF: Final = ChunkLayout(struct.Struct("<4sI"), 12, b"data", align=2)
BIG_ENDIAN: Final = struct.Struct(">4sI")
LAYOUTS: Final = {
    b"RIFF": RIFF,
    b"RF64": RIFF,
    b"BW64": RIFF,
    b"RIFX": ChunkLayout(BIG_ENDIAN, 12, b"data", align=2),
    b"FORM": ChunkLayout(BIG_ENDIAN, 12, b"SSND", align=2),
    b"caff": ChunkLayout(struct.Struct(">4sq"), 8, b"data", has_total=False),
    b"riff": ChunkLayout(struct.Struct("<16sQ"), 40, b"data", align=8, counts_header=True),
}


def is_chunked(head: bytes) -> bool:
    return head[:4] in LAYOUTS


def inspect(file: BinaryIO, start: int) -> ContainerFacts:
    file.seek(0, os.SEEK_END)
    held = file.tell()
    file.seek(start)
    layout = LAYOUTS[file.read(4)]
    total = _total_end(file, start, layout)
    large_sizes: tuple[int, int] | None = None
    frames = SampleCount()
    facts: ContainerFacts | None = None
    for name, body, size in _chunks(file, start, layout):
        if name == b"ds64":
            file.seek(body)
            large_sizes = LARGE_SIZES.unpack(_exactly(file, LARGE_SIZES.size))
        elif name.startswith((b"fmt ", b"COMM")):
            file.seek(body)
            frames.learn(name, file.read(min(max(size, 0), WAVE_FORMAT.size)))
        elif name.startswith(layout.audio) and facts is None:
            if large_sizes and size == 0xFFFFFFFF:
                total, size = start + 8 + large_sizes[0], large_sizes[1]  # noqa: PLW2901
            facts = _judge(layout, Promise(total=total, body=body, size=size, held=held))
            if facts.needs_libav or _is_placeholder(size):
                return facts
            frames.audio_bytes = size
        if facts is not None and frames.is_known:  # an AIFF may have its count behind the audio
            break
    return replace(facts or ContainerFacts(), frames=frames.promised)


@dataclass(slots=True)
class SampleCount:
    """What the format chunk and the audio's size say together: of plain samples only."""

    audio_bytes: int | None = None
    frame_bytes: int | None = None  # None: compressed, or nothing to rely on
    total: int | None = None
    is_known: bool = False

    def learn(self, name: bytes, body: bytes) -> None:
        self.is_known = True
        if name == b"COMM" and len(body) >= AIFF_COMMON.size:
            _, self.total = AIFF_COMMON.unpack_from(body)
        elif name != b"COMM" and len(body) == WAVE_FORMAT.size:
            tag, channels, _, _, frame_bytes, bits = WAVE_FORMAT.unpack(body)
            if tag in PLAIN_WAVE_TAGS and frame_bytes == channels * -(-bits // 8):
                self.frame_bytes = frame_bytes

    @property
    def promised(self) -> int | None:
        if self.audio_bytes is None:
            return None
        if self.frame_bytes:
            return self.audio_bytes // self.frame_bytes
        return self.total


@dataclass(frozen=True, slots=True)
class Promise:
    """Offsets in the file: where all ends, where the audio starts, its size, and what is there."""

    total: int
    body: int
    size: int
    held: int


def _judge(layout: ChunkLayout, promise: Promise) -> ContainerFacts:
    if promise.size == 0 and (promise.total <= promise.body or _is_placeholder(promise.total)):
        return ContainerFacts(needs_libav=promise.held > promise.body)
    if _is_placeholder(promise.size):
        return ContainerFacts()
    audio_end = promise.body + promise.size
    if audio_end > promise.held:
        raise _truncated("audio data", audio_end, promise.held)
    overrun = promise.total - promise.held
    if layout.has_total and overrun > SIZE_SLACK_BYTES and not _is_placeholder(promise.total):
        raise _truncated("file", promise.total, promise.held)
    return ContainerFacts()


def inspect_au(file: BinaryIO, start: int) -> ContainerFacts:
    """Sun AU: offset and size of the data follow the magic; all ones is "unknown"."""
    held = file.seek(0, os.SEEK_END)
    file.seek(start + 4)
    body, size = struct.unpack(">II", _exactly(file, 8))
    if size != 0xFFFFFFFF and start + body + size > held:
        raise _truncated("audio data", start + body + size, held)
    return ContainerFacts()


def _total_end(file: BinaryIO, start: int, layout: ChunkLayout) -> int:
    file.seek(start)
    _, size = layout.header.unpack(_exactly(file, layout.header.size))
    return int(start + size + (0 if layout.counts_header else layout.header.size))


def _chunks(file: BinaryIO, start: int, layout: ChunkLayout) -> Iterator[tuple[bytes, int, int]]:
    """Id, offset of the body, size of the body."""
    offset = start + layout.first
    for _ in range(MAX_CHUNKS):
        file.seek(offset)
        header = file.read(layout.header.size)
        if len(header) < layout.header.size:
            return
        name, size = layout.header.unpack(header)
        body = offset + layout.header.size
        size -= layout.header.size if layout.counts_header else 0
        yield name, body, size
        offset = body + max(size, 0)
        offset += -(offset - start) % layout.align


def _is_placeholder(size: int) -> bool:
    """Streaming writers: all ones, less at most a header; sox: 2 GiB less at most a page."""
    return size < 0 or size >= 0xFFFFFF00 or 0x7FFFF000 <= size <= 0x7FFFFFFF + 64


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise TruncatedAudio(
            "file ends inside its header",
            expected=f"{count} bytes more",
            got=len(data),
            remedy="upload the source again",
        )
    return data


def _truncated(part: str, promised: int, held: int) -> TruncatedAudio:
    return TruncatedAudio(
        f"{part} ends before its header says",
        expected=f"{promised} bytes",
        got=f"{held} bytes",
        remedy="upload the source again",
    )
