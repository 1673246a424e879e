"""Stems as raw float32 on local disk until the song's peak, hence its common gain, is known."""

import errno
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np

from lasaft_core.audio.blocks import BLOCK_FRAMES, Block
from lasaft_core.audio.peaks import peak_of
from lasaft_core.errors import NonFiniteAudio, ScratchFull
from lasaft_core.metrics import SdrMeter

RESIDUAL: Final = "residual"
CHECK_BYTES: Final = 256 << 20
RESERVE_BYTES: Final = 1 << 30
DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class Draft:
    """One stem: append blocks, then read them back."""

    def __init__(self, name: str, path: Path, channels: int) -> None:
        self._name, self._path, self._channels = name, path, channels
        self._file = path.open("wb", buffering=0)  # closing must not write, hence not fail
        self.peak = 0.0

    def append(self, block: Block) -> None:
        peak = peak_of(block)
        if not math.isfinite(peak):
            raise NonFiniteAudio(f"network output for {self._name!r} is not finite")
        self.peak = max(self.peak, peak)
        try:
            rest = np.ascontiguousarray(block, dtype=np.float32).reshape(-1).view(np.uint8)
            while len(rest):
                rest = rest[self._file.write(rest.data) :]
        except OSError as error:
            if error.errno in DISK_FULL:
                raise _full(f"room for {self._name!r}", "a full disk") from error
            raise

    def blocks(self) -> Iterator[Block]:
        with self._path.open("rb") as file:
            count = BLOCK_FRAMES * self._channels
            while (samples := np.fromfile(file, np.float32, count)).size:
                yield samples.reshape(-1, self._channels)

    def close(self) -> None:
        self._file.close()


class SongDrafts:
    """All stems of one song, and how well they add up to the mixture."""

    def __init__(
        self, folder: Path, targets: tuple[str, ...], channels: int, *, residual: bool
    ) -> None:
        names = (*targets, RESIDUAL) if residual else targets
        self.by_name = {
            name: Draft(name, folder / f"{i}.f32", channels) for i, name in enumerate(names)
        }
        self.sdr = SdrMeter()
        self.frames = 0
        self._folder, self._frame_bytes = folder, 4 * channels * len(names)
        self._checked_frames = 0

    def append(self, mix: Block, stems: Mapping[str, Block]) -> None:
        """All blocks [samples, channels] of one length."""
        if not stems:
            return
        total = np.sum(list(stems.values()), axis=0)
        self.sdr.push(mix, total)
        for name, stem in stems.items():
            self.by_name[name].append(stem)
        if RESIDUAL in self.by_name:
            self.by_name[RESIDUAL].append(mix - total)
        self.frames += len(mix)
        self._check_rest_of_disk()

    def _check_rest_of_disk(self) -> None:
        """A song whose length nobody knew must not take what others on this disk need."""
        if (self.frames - self._checked_frames) * self._frame_bytes >= CHECK_BYTES:
            self._checked_frames = self.frames
            check_room([(self._folder, RESERVE_BYTES)])

    @property
    def peak(self) -> float:
        return max(draft.peak for draft in self.by_name.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for draft in self.by_name.values():
            draft.close()


def check_room(needs: Iterable[tuple[Path, int]]) -> None:
    """Raises ScratchFull if the disks of these folders lack the bytes; needs on one disk add up."""
    by_device: dict[int, tuple[Path, int]] = {}
    for folder, count in needs:
        existing = next(f for f in (folder, *folder.absolute().parents) if f.exists())
        device = existing.stat().st_dev
        by_device[device] = existing, by_device.get(device, (existing, 0))[1] + count
    for existing, count in by_device.values():
        free = shutil.disk_usage(existing).free
        if free < count:
            raise _full(f"{count} bytes free", f"{free} bytes")


def _full(expected: str, got: str) -> ScratchFull:
    return ScratchFull(
        "local disk too small for the stems",
        expected=expected,
        got=got,
        remedy="free some space or set TMPDIR to a larger disk",
    )
