"""FLAC: the total in STREAMINFO against what the frames hold.

    | "fLaC" | STREAMINFO: ... 36 bits of total samples, MD5 | blocks | frame | frame | ... |

Decoders stop at the total. Fewer frames are found by decoding, more of them only here.
"""

import re
from typing import BinaryIO, Final

from lasaft_core.audio.facts import ContainerFacts
from lasaft_core.audio.libav import count_packet_frames
from lasaft_core.errors import NotAudio

STREAM_MARK: Final = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")  # with STREAMINFO's header
WINDOW_BYTES: Final = 1 << 20


def inspect(file: BinaryIO, start: int) -> ContainerFacts:
    """A total of 0 is "unknown". Raises NotAudio where audio goes on behind the total."""
    file.seek(start + 18)
    total = int.from_bytes(file.read(8), "big") & (1 << 36) - 1
    if (second := _find_stream(file, start + 4)) is not None:
        raise NotAudio(
            "FLAC file of several songs in a row",
            expected="one stream",
            got=f"another from byte {second}",
            remedy="split it first",
        )
    held = count_packet_frames(file) if total else None
    if held is not None and held > total:
        raise NotAudio(
            "FLAC file holds more than its header says",
            expected=f"{total} frames",
            got=f"{held} frames",
            remedy="encode it again",
        )
    return ContainerFacts(needs_libav=total == 0, frames=total or None)


def _find_stream(file: BinaryIO, offset: int) -> int | None:
    file.seek(offset)
    window = b""
    while data := file.read(WINDOW_BYTES):
        base, window = offset - len(window), window + data
        if (mark := STREAM_MARK.search(window)) is not None:
            return base + mark.start()
        offset, window = offset + len(data), window[-7:]
    return None
