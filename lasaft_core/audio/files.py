"""Local files as parsers of untrusted headers need them."""

import io
import os
from pathlib import Path


class BoundedFile(io.BufferedReader):
    """Opened for reading; wherever a header sends it outside of the file, nothing is there."""

    def __init__(self, path: Path, buffer_bytes: int = io.DEFAULT_BUFFER_SIZE) -> None:
        super().__init__(io.FileIO(path), buffer_bytes)
        self._size = os.fstat(self.fileno()).st_size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """The position, which is the end for all that lies outside."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self._size}[whence]
        place = start + offset
        return super().seek(place if 0 <= place <= self._size else self._size)
