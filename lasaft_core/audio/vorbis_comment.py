"""The VORBIS_COMMENT block of a FLAC file (RFC 9639, section 8.6): tags of any name.

    | length, vendor | count | length, "NAME=value" | length, "NAME=value" | ...   little-endian

libsndfile writes ten names only, but leaves a block of the length that its tags need. So a
stand-in of the right length is given to it, and the block is filled in once the file is closed.
"""

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

from lasaft_core.errors import ScratchFull

MAX_VALUE_CHARACTERS: Final = 65_536
MAX_BYTES: Final = 1 << 20  # of all tags; a metadata block holds 16 MiB
BLOCK_TYPE: Final = 4
LENGTH: Final = struct.Struct("<I")
STAND_IN: Final = b"title="


def comment_fields(tags: Mapping[str, str]) -> list[bytes]:
    """As many as fit, under upper-case names of the characters that the format allows."""
    fields, room = [], MAX_BYTES
    for name, value in tags.items():
        field = f"{name.upper()}={value[:MAX_VALUE_CHARACTERS]}".encode(errors="replace")
        if is_field_name(name) and LENGTH.size + len(field) <= room:
            fields.append(field)
            room -= LENGTH.size + len(field)
    return fields


def is_field_name(name: str) -> bool:
    return bool(name) and all(" " <= character <= "}" and character != "=" for character in name)


def stand_in_title(fields: list[bytes]) -> str:
    """A title that takes as much room as these fields, or a little more."""
    needed = sum(LENGTH.size + len(field) for field in fields)
    return "-" * max(1, needed - LENGTH.size - len(STAND_IN))


def fill_in(path: Path, fields: list[bytes]) -> None:
    """Write the fields over the stand-in; the vendor string takes up what room is left.

    Raises ScratchFull if the block isn't there: libsndfile does not tell when it can't write.
    """
    with path.open("r+b") as file:
        size = _seek_block(file)
        start = file.tell()
        vendor = file.read(LENGTH.unpack(file.read(LENGTH.size))[0])
        body = b"".join(LENGTH.pack(len(field)) + field for field in fields)
        vendor = vendor.ljust(size - 2 * LENGTH.size - len(body))
        block = LENGTH.pack(len(vendor)) + vendor + LENGTH.pack(len(fields)) + body
        assert len(block) == size, "the stand-in has another length than the tags"
        file.seek(start)
        file.write(block)


def _seek_block(file: BinaryIO) -> int:
    """Go to the body of the block and return its size."""
    is_last = file.read(4) != b"fLaC"
    while not is_last:
        head = file.read(4)
        size = int.from_bytes(head[1:], "big")
        if head and head[0] & 0x7F == BLOCK_TYPE:
            return size
        is_last = not head or head[0] >= 0x80
        file.seek(size, os.SEEK_CUR)
    raise ScratchFull("stem can't be written", got="no tags", remedy="is the disk full?")
