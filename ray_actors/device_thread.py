"""The one thread of a worker that computes with the network, whichever track's thread asks.

Each thread that computes would have a pool of compute threads and scratch memory of its own.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from lasaft_core.audio.blocks import Block
from lasaft_core.song_stream import SeparationStream, SongSeparator

Answer = TypeVar("Answer")


class DeviceThread:
    """Lives as long as its process."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="device")

    def call(self, function: Callable[[], Answer]) -> Answer:
        return self._thread.submit(function).result()

    def separator(self, separator: SongSeparator) -> SongSeparator:
        """The same, its streams computing in this thread."""
        return _ThreadSeparator(self, separator)


class _ThreadSeparator:
    def __init__(self, thread: DeviceThread, separator: SongSeparator) -> None:
        self._thread, self._separator = thread, separator
        self.targets, self.sample_rate = separator.targets, separator.sample_rate
        self.select_targets = separator.select_targets

    def stream(self, targets: tuple[str, ...], *, overlap: float) -> SeparationStream:
        return _ThreadStream(self._thread, self._separator.stream(targets, overlap=overlap))


class _ThreadStream:
    def __init__(self, thread: DeviceThread, stream: SeparationStream) -> None:
        self._thread, self._stream = thread, stream

    def push(self, block: Block) -> Mapping[str, Block]:
        return self._thread.call(lambda: self._stream.push(block))

    def finish(self) -> Mapping[str, Block]:
        return self._thread.call(self._stream.finish)
