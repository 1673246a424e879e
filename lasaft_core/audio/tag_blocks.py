"""Tags in front of audio that is no container of its own: ID3v2 and APEv2, one after another.

| "ID3", version, flags, size | frames | ...      | "APETAGEX", version, size, flags | items | ...
"""

import struct
from typing import BinaryIO, Final

ID3_HEADER_BYTES: Final = 10
ID3_HAS_FOOTER: Final = 0x10
APE_HEADER: Final = struct.Struct("<8sIIII8x")
APE_IS_HEADER: Final = 1 << 29  # the same block may end a tag, too


def skip_tags(file: BinaryIO, offset: int = 0) -> int:
    """Offset of what follows the tags at `offset`, if there are any."""
    while size := _id3v2_bytes(file, offset) or _ape_bytes(file, offset):
        offset += size
    return offset


def _id3v2_bytes(file: BinaryIO, offset: int) -> int:
    file.seek(offset)
    head = file.read(ID3_HEADER_BYTES)
    if len(head) < ID3_HEADER_BYTES or not head.startswith(b"ID3") or max(head[6:]) > 127:
        return 0
    size = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    return ID3_HEADER_BYTES * (2 if head[5] & ID3_HAS_FOOTER else 1) + size


def _ape_bytes(file: BinaryIO, offset: int) -> int:
    """The size that the header states leaves out the header itself."""
    file.seek(offset)
    head = file.read(APE_HEADER.size)
    if len(head) < APE_HEADER.size or not head.startswith(b"APETAGEX"):
        return 0
    _, _, size, _, flags = APE_HEADER.unpack(head)
    return int(APE_HEADER.size + size) if flags & APE_IS_HEADER else 0
