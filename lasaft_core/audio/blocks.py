"""Float32 [samples, channels] blocks: the currency of all audio streams here."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]

BLOCK_FRAMES = 65536


def regroup(pieces: Iterable[Block], frames: int) -> Iterator[Block]:
    """Blocks of exactly `frames` (the last one shorter) from pieces of any length."""
    waiting: list[Block] = []
    held = 0
    for piece in pieces:
        waiting.append(piece)
        held += len(piece)
        if held < frames:
            continue
        joined = np.concatenate(waiting)
        whole = held - held % frames
        yield from np.split(joined[:whole], range(frames, whole, frames))
        waiting, held = [joined[whole:]], held % frames
    if held:
        yield np.concatenate(waiting)


class BlockQueue:
    """First in, first out, by samples: put blocks of any length, take any number of samples."""

    def __init__(self, channels: int) -> None:
        self._blocks: list[Block] = []
        self._empty = np.zeros((0, channels), np.float32)

    def put(self, block: Block) -> None:
        self._blocks.append(block)

    def take(self, frames: int) -> Block:
        """Fewer than `frames` only if there are no more."""
        taken: list[Block] = [self._empty]
        while frames > 0 and self._blocks:
            block = self._blocks[0]
            taken.append(block[:frames])
            if len(block) > frames:
                self._blocks[0] = block[frames:]
            else:
                self._blocks.pop(0)
            frames -= len(taken[-1])
        return np.concatenate(taken)
