"""Sources that libsndfile decodes: WAV, FLAC, Ogg, Opus, MP3, AIFF, CAF, AU ..."""

import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import soundfile

from lasaft_core.audio.blocks import Block
from lasaft_core.audio.formats import AudioInfo
from lasaft_core.audio.tags import CARRIED, normalise
from lasaft_core.errors import TruncatedAudio


class FileTail:
    """A file without its first bytes, for formats that libsndfile knows by their first bytes."""

    def __init__(self, file: FileIO, start: int) -> None:
        self._file, self._start = file, start
        file.seek(start)

    def read(self, count: int = -1) -> bytes:
        return self._file.read(count) or b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        shift = self._start if whence == os.SEEK_SET else 0
        return self._file.seek(offset + shift, whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start


class SndfileSource:
    """Raises soundfile.LibsndfileError where libsndfile does not know the format.

    The file is handed over opened, so that its name does not decide on its format.
    """

    def __init__(self, path: Path, start: int = 0) -> None:
        self._handle = path.open("rb", buffering=0)
        file = FileTail(self._handle, start) if start else self._handle.fileno()
        try:
            self._file = soundfile.SoundFile(file, closefd=False)
        except soundfile.LibsndfileError:
            self._handle.close()
            raise
        self.layout: tuple[str, ...] = ()
        self.info = self._describe()

    def blocks(self, frames: int) -> Iterator[Block]:
        decoded = 0
        while True:
            try:
                block: Block = self._file.read(frames, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise TruncatedAudio(
                    f"{self.info.container} stream breaks off",
                    expected=f"{self.info.frames} frames",
                    got=f"a break after frame {decoded}",
                    remedy="upload the source again",
                ) from error
            if not len(block):
                return
            decoded += len(block)
            yield block

    def close(self) -> None:
        self._file.close()
        self._handle.close()

    def _describe(self) -> AudioInfo:
        file = self._file
        return AudioInfo(
            container=file.format,
            codec=file.subtype,
            sample_rate=file.samplerate,
            channels=file.channels,
            frames=file.frames,
            duration_seconds=file.frames / file.samplerate,
            tags=normalise({name: getattr(file, name) for name in CARRIED}),
        )
