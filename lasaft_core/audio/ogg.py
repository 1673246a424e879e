"""Ogg pages: the last page of the audio stream must say that it is the last, and none may lack.

    | "OggS", version, flags, granule, serial, sequence, crc, n, n segment sizes | body | ...

What the pages hold is for the decoder; its count is compared with the granules by the reader.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from lasaft_core.audio.facts import ContainerFacts
from lasaft_core.errors import NotAudio, TruncatedAudio

PAGE: Final = struct.Struct("<4sBBqIIIB")
FIRST, LAST = 2, 4  # flags
AUDIO_MARKS: Final = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")
RESYNC_BYTES: Final = 1 << 16
CRC = slice(22, 26)
REVERSED_BITS: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class Page:
    flags: int
    serial: int
    sequence: int
    start: int
    body: int
    end: int


def inspect(file: BinaryIO, start: int) -> ContainerFacts:
    held = file.seek(0, os.SEEK_END)
    last: Page | None = None
    for page in _pages(file, start):
        if page.flags & FIRST and _is_audio(file, page):
            if last is not None:
                raise NotAudio(
                    "Ogg file of several songs in a row",
                    expected="one audio stream",
                    remedy="split it first",
                )
            last = page
        elif last is not None and page.serial == last.serial:
            _check_follows(last, page)
            last = page
        _check_whole(file, page, held)
    if last is not None and not last.flags & LAST:
        raise _truncated("an end-of-stream mark", f"none up to page {last.sequence}")
    return ContainerFacts()


def _check_follows(last: Page, page: Page) -> None:
    if page.sequence != last.sequence + 1:
        raise _truncated(f"page {last.sequence + 1}", f"page {page.sequence}")


def _check_whole(file: BinaryIO, page: Page, held: int) -> None:
    """Decoders drop a page whose checksum is wrong, without a word."""
    if page.end > held:
        raise _truncated(f"page {page.sequence} whole", "half of it")
    file.seek(page.start)
    data = bytearray(file.read(page.end - page.start))
    stored, data[CRC] = bytes(data[CRC]), bytes(4)
    if _checksum(data) != stored:
        raise _truncated(f"page {page.sequence} intact", "a wrong checksum")


def _checksum(data: bytearray) -> bytes:
    """CRC-32 with the polynomial 04c11db7, most significant bit first, from 0, not inverted.

    zlib's runs the other way round, so bits are reversed before and after.
    """
    crc = zlib.crc32(data.translate(REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return crc.to_bytes(4, "big").translate(REVERSED_BITS)


def _is_audio(file: BinaryIO, page: Page) -> bool:
    file.seek(page.body)
    return file.read(8).startswith(AUDIO_MARKS)


def _pages(file: BinaryIO, start: int) -> Iterator[Page]:
    offset: int | None = start
    while offset is not None:
        file.seek(offset)
        header = file.read(PAGE.size)
        if len(header) < PAGE.size or not header.startswith(b"OggS"):
            offset = _find_page(file, offset + 1)
            continue
        _, _, flags, _, serial, sequence, _, segments = PAGE.unpack(header)
        body = offset + PAGE.size + segments
        sizes = file.read(segments)
        offset = body + sum(sizes) + (segments - len(sizes))
        yield Page(flags, serial, sequence, body - PAGE.size - segments, body, offset)


def _find_page(file: BinaryIO, offset: int) -> int | None:
    """The next page after junk, such as a tag of another kind at the end."""
    file.seek(offset)
    found = file.read(RESYNC_BYTES).find(b"OggS")
    return None if found < 0 else offset + found


def _truncated(expected: str, got: str) -> TruncatedAudio:
    return TruncatedAudio(
        "Ogg stream breaks off", expected=expected, got=got, remedy="upload the source again"
    )
