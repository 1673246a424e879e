"""Matroska and WebM: the segment element must be as long as it says.

| EBML header: id, size, body | Segment: id, size, body |    an unknown size is all ones
"""

import os
from typing import BinaryIO, Final

from lasaft_core.audio.facts import ContainerFacts
from lasaft_core.errors import TruncatedAudio

EBML_ID: Final = b"\x1a\x45\xdf\xa3"
SEGMENT_ID: Final = b"\x18\x53\x80\x67"


def inspect(file: BinaryIO, start: int) -> ContainerFacts:
    held = file.seek(0, os.SEEK_END)
    file.seek(start + 4)
    header_size = _size(file)
    if header_size is not None:
        file.seek(header_size, os.SEEK_CUR)
    if file.read(4) == SEGMENT_ID:
        size = _size(file)
        end = file.tell() + (size or 0)
        if end > held:
            raise TruncatedAudio(
                "Matroska segment is cut",
                expected=f"{end} bytes",
                got=f"{held} bytes",
                remedy="upload the source again",
            )
    return ContainerFacts()


def _size(file: BinaryIO) -> int | None:
    """An EBML number: the first byte's leading zeros say how many bytes follow; None: unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    extra = 8 - first[0].bit_length()
    bits = 7 * (extra + 1)
    value = int.from_bytes(first + file.read(extra), "big") & (1 << bits) - 1
    return None if value == (1 << bits) - 1 else value
