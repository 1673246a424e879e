"""MPEG-4 files (M4A, MP4, MOV): the top-level boxes must all be there, with an index.

| size, "ftyp" | size, "moov" (the index) | size, "mdat" (the audio) |     in any order
"""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

from lasaft_core.audio.facts import ContainerFacts
from lasaft_core.errors import TruncatedAudio

REMEDY = "upload the source again"


def inspect(file: BinaryIO, start: int) -> ContainerFacts:
    held = file.seek(0, os.SEEK_END)
    names = set()
    for name, end in _boxes(file, start):
        names.add(name)
        if end > held:
            raise TruncatedAudio(
                f"MPEG-4 box {name.decode('ascii')!r} is cut",
                expected=f"{end} bytes",
                got=f"{held} bytes",
                remedy=REMEDY,
            )
    if not names & {b"moov", b"moof"}:
        raise TruncatedAudio(
            "MPEG-4 file without its index", expected="a moov box", got="none", remedy=REMEDY
        )
    return ContainerFacts()


def _boxes(file: BinaryIO, start: int) -> Iterator[tuple[bytes, int]]:
    """Name and end of each; stops at junk after the last."""
    offset = start
    while True:
        file.seek(offset)
        header = file.read(16)
        if len(header) < 8 or not header[4:8].isalnum():
            return
        size = struct.unpack(">I", header[:4])[0]
        if size == 1 and len(header) == 16:
            size = struct.unpack(">Q", header[8:])[0]
        if size < 8:  # 0: up to the end of the file
            yield header[4:8], offset
            return
        offset += size
        yield header[4:8], offset
