"""MPEG audio (MP3): a walk over the frame headers, against the count in the Xing or VBRI header.

    | ID3v2, APE, junk | frame with Xing/Info/VBRI | frame | frame | ... | APE, Lyrics3, ID3v1 |

Each frame's header gives its length, so a walk needs no decoding. Files that hold more than
their count (joined, or badly cut) are left to libav, which does not stop at the count.
"""

import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from lasaft_core.audio.facts import ContainerFacts
from lasaft_core.audio.tag_blocks import skip_tags
from lasaft_core.errors import NotAudio, TruncatedAudio

WINDOW_BYTES: Final = 1 << 17
LEADING_JUNK_BYTES: Final = 1 << 17
NEAR_BYTES: Final = 1 << 14
MARK: Final = re.compile(rb"\xff(?=[\xe2-\xff][\x10-\xef])")  # how a frame may begin
RUN_FRAMES: Final = 4  # so many in a row are no chance
REMEDY: Final = "upload the source again"
SLACK_FRAMES: Final = 2 * 1152  # decoders differ in what they do with the first and last frame

# kbit/s by (is MPEG-1, layer)
BIT_RATES: Final = {
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
SAMPLE_RATES: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


@dataclass(frozen=True, slots=True)
class FrameHeader:
    bytes: int
    samples: int
    kind: int  # the header's bits that every frame of one stream shares
    side_bytes: int  # header and side information, before which no Xing mark stands


@dataclass(frozen=True, slots=True)
class StreamCount:
    """`frames` from a Xing or VBRI header; exact where the encoder is known to count rightly."""

    frames: int
    is_xing: bool
    is_exact: bool


def is_frame(head: bytes) -> bool:
    return parse_header(head) is not None


def parse_header(head: bytes) -> FrameHeader | None:
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    rate_index, bit_rate_index = head[2] >> 2 & 3, head[2] >> 4
    if version == 1 or layer == 4 or rate_index == 3 or bit_rate_index in (0, 15):
        return None
    is_mpeg1, rate = version == 3, SAMPLE_RATES[version][rate_index]
    bit_rate = BIT_RATES[is_mpeg1, layer][bit_rate_index] * 1000
    padding = head[2] >> 1 & 1
    samples = {1: 384, 2: 1152, 3: 1152 if is_mpeg1 else 576}[layer]
    slot = 4 if layer == 1 else 1
    size = (samples // 8 // slot * bit_rate // rate + padding) * slot
    is_mono = head[3] >> 6 == 3
    side = (17 if is_mono else 32) if is_mpeg1 else (9 if is_mono else 17)
    return FrameHeader(size, samples, head[1] << 8 & 0xFE00 | head[2] & 0x0C, 4 + side)


def inspect_behind_junk(file: BinaryIO) -> ContainerFacts:
    """For what a decoder takes for MPEG audio though it does not begin with a frame."""
    start = skip_tags(file)
    found = _find_run(file, start, RUN_FRAMES)
    if found is None or found > start + LEADING_JUNK_BYTES:
        return ContainerFacts(is_known=False)
    return inspect(file, found)


def inspect(file: BinaryIO, start: int) -> ContainerFacts:
    first = parse_header(_read_at(file, start, 4))
    if first is None:
        return ContainerFacts()
    count = _stream_count(_read_at(file, start, first.bytes), first)
    held = _whole_frames(file, start, first)
    promised = count.frames if count else 0
    # Some encoders count the header's own frame, too.
    counted = held - 1 if count and count.is_exact else held
    if counted < promised:
        raise TruncatedAudio(
            "MPEG audio ends before its header says",
            expected=f"{promised} frames",
            got=f"{counted} frames",
            remedy=REMEDY,
        )
    if count and count.is_xing and held - 1 <= promised:
        return ContainerFacts(slack_frames=SLACK_FRAMES, start=start)
    frames = (held - (1 if count else 0)) * first.samples
    return ContainerFacts(needs_libav=True, frames=frames, slack_frames=SLACK_FRAMES)


def _stream_count(frame: bytes, header: FrameHeader) -> StreamCount | None:
    mark = frame[header.side_bytes :]
    if mark[:4] in (b"Xing", b"Info") and len(mark) >= 12:
        flags, frames = struct.unpack_from(">II", mark, 4)
        known = any(name in mark for name in (b"LAME", b"Lavc", b"Lavf"))
        return StreamCount(frames, is_xing=True, is_exact=known) if flags & 1 else None
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        return StreamCount(struct.unpack_from(">I", frame, 50)[0], is_xing=False, is_exact=False)
    return None


def _whole_frames(file: BinaryIO, start: int, first: FrameHeader) -> int:
    """Raises TruncatedAudio if the last frame is cut, NotAudio if other frames follow."""
    length = file.seek(0, os.SEEK_END)
    held, end = 0, start
    for offset, size in _frames(file, start, first.kind):
        end = offset + size
        if end > length:
            raise TruncatedAudio(
                "last MPEG frame is cut",
                expected=f"{size} bytes",
                got=f"{length - offset} bytes",
                remedy=REMEDY,
            )
        held += 1
    if (other := _find_run(file, end, RUN_FRAMES)) is not None:
        raise NotAudio(
            "MPEG audio of several kinds in a row",
            expected="one sample rate and layer",
            got=f"others from byte {other}",
            remedy="split it first",
        )
    return held


def _frames(file: BinaryIO, start: int, kind: int) -> Iterator[tuple[int, int]]:
    """Offset and size of each frame, over junk and up to trailing tags."""
    sizes: dict[bytes, int] = {}
    offset: int | None = start
    while offset is not None:
        head = _read_at(file, offset, 4)
        size = sizes.get(head)
        if size is None:
            header = parse_header(head)
            if header is None or header.kind != kind:
                offset = _resync(file, skip_tags(file, offset), kind)
                continue
            size = sizes[head] = header.bytes
        yield offset, size
        offset += size


def _resync(file: BinaryIO, offset: int, kind: int) -> int | None:
    """Two frames in a row will do after a little junk, but may be chance in a large picture."""
    found = _find_run(file, offset, 2, kind)
    if found is None or found - offset < NEAR_BYTES:
        return found
    return _find_run(file, offset, RUN_FRAMES, kind)


def _find_run(file: BinaryIO, offset: int, frames: int, kind: int | None = None) -> int | None:
    """Where the next so many frames of one kind stand in a row."""
    while len(window := _read_at(file, offset, WINDOW_BYTES + 2)) > 2:
        for mark in MARK.finditer(window):
            if _is_run(file, offset + mark.start(), frames, kind):
                return offset + mark.start()
        offset += len(window) - 2
    return None


def _is_run(file: BinaryIO, offset: int, frames: int, kind: int | None) -> bool:
    for _ in range(frames):
        header = parse_header(_read_at(file, offset, 4))
        if header is None or header.kind != (kind or header.kind):
            return False
        kind, offset = header.kind, offset + header.bytes
    return True


def _read_at(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)
