"""Streaming sample-rate conversion (soxr, HQ), delay-compensated, with an exact final length."""

import math

import numpy as np
import soxr

from lasaft_core.audio.blocks import Block


class Resampler:
    """Push blocks, then `finish`; equal rates pass through untouched."""

    def __init__(self, from_hz: int, to_hz: int, channels: int) -> None:
        self._from_hz, self._to_hz, self._channels = from_hz, to_hz, channels
        self._pushed = self._given = 0
        self._stream = (
            None
            if from_hz == to_hz
            else soxr.ResampleStream(from_hz, to_hz, channels, dtype="float32", quality="HQ")
        )

    def push(self, block: Block) -> Block:
        self._pushed += len(block)
        if self._stream is None:
            self._given += len(block)
            return block
        out: Block = self._stream.resample_chunk(np.ascontiguousarray(block), last=False)
        self._given += len(out)
        return out

    def finish(self, frames: int | None = None) -> Block:
        """The rest, cut or filled with silence so that `frames` were given out in all.

        By default as many as the pushed samples last, rounded up.
        """
        if frames is None:
            frames = math.ceil(self._pushed * self._to_hz / self._from_hz)
        rest = np.zeros((0, self._channels), np.float32)
        if self._stream is not None:
            rest = self._stream.resample_chunk(rest, last=True)
        missing = frames - self._given
        assert missing >= 0, "more was given out than the stream lasts"
        self._given = frames
        return np.pad(rest[:missing], ((0, max(0, missing - len(rest))), (0, 0)))
