"""What a container promises, found from its headers before anything is decoded.

Decoders are lenient: they return what is there and stay silent about the rest. Each inspector
reads one family's own book-keeping (sizes, counts, end marks) and raises TruncatedAudio where
the file is too short for it. What only decoding can show is left to the reader, which compares
the decoded frames with `ContainerFacts.frames`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from lasaft_core.audio import chunks, flac, matroska, mp4, mpeg, ogg
from lasaft_core.audio.facts import ContainerFacts
from lasaft_core.audio.files import BoundedFile
from lasaft_core.audio.tag_blocks import skip_tags

HEAD_BYTES: Final = 64
BUFFER_BYTES: Final = 1 << 20  # headers lie close together


def inspect_container(path: Path) -> ContainerFacts:
    """Raises TruncatedAudio; an unknown container has no facts and is left to the decoders."""
    with BoundedFile(path, BUFFER_BYTES) as file:
        start = skip_tags(file)
        file.seek(start)
        head = file.read(HEAD_BYTES)
        for matches, inspect in INSPECTORS:
            if matches(head):
                return inspect(file, start)
    return ContainerFacts(is_known=False)


def inspect_mpeg(path: Path) -> ContainerFacts:
    """As `inspect_container`, of a file that a decoder takes for MPEG audio behind junk."""
    with BoundedFile(path, BUFFER_BYTES) as file:
        return mpeg.inspect_behind_junk(file)


Matcher = Callable[[bytes], bool]
Inspector = Callable[[BinaryIO, int], ContainerFacts]

INSPECTORS: Final[tuple[tuple[Matcher, Inspector], ...]] = (
    (lambda head: head.startswith(b"fLaC"), flac.inspect),
    (lambda head: head.startswith(b"OggS"), ogg.inspect),
    (chunks.is_chunked, chunks.inspect),
    (lambda head: head.startswith(b".snd"), chunks.inspect_au),
    (lambda head: head[4:8] == b"ftyp", mp4.inspect),
    (lambda head: head.startswith(matroska.EBML_ID), matroska.inspect),
    (mpeg.is_frame, mpeg.inspect),
)
